"""A company's own certificate authority, real certificates of it, and a real proxy that looks into TLS with them."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates. `file` holds its root (PEM)."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), None)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(self.root.public_bytes(Encoding.PEM))
        # The courier is another user.
        self.file.chmod(0o644)

    def server(self, host: str) -> ssl.SSLContext:
        """A server's side of TLS for this address."""
        key = generate_private_key(SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._sign(subject, key, x509.BasicConstraints(ca=False, path_length=None), host)
        file = self._folder / f"server-{made.serial_number:x}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + made.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, basic: x509.BasicConstraints, host: str | None
    ) -> x509.Certificate:
        begin = datetime.now(UTC) - timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=90))
            .add_extension(basic, critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, SHA256())


@contextlib.contextmanager
def inspecting_proxy(authority: Authority, upstream: Authority) -> Iterator[str]:
    """A proxy that answers CONNECT itself, with a certificate of the authority; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours = authority.server("127.0.0.1")
    theirs = ssl.create_default_context(cafile=str(upstream.file))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_inspect, args=(client, ours, theirs), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _inspect(client: socket.socket, ours: ssl.SSLContext, theirs: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), client:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            if not (piece := client.recv(4096)):
                return
            asked += piece
        host, _, port = asked.split()[1].decode().rpartition(":")
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with (
            ours.wrap_socket(client, server_side=True) as inner,
            socket.create_connection((host, int(port))) as outer,
            theirs.wrap_socket(outer, server_hostname=host) as server,
        ):
            _relay(inner, server)


def _relay(one: ssl.SSLSocket, other: ssl.SSLSocket) -> None:
    """Carries bytes both ways until one side ends. One thread: a TLS connection bears no two at once."""
    while True:
        ready = [end for end in (one, other) if end.pending()] or select.select([one, other], [], [], 20)[0]
        if not ready:
            return
        for end in ready:
            end.settimeout(0.05)
            try:
                piece = end.recv(65536)
            except TimeoutError:  # a record of TLS' own, without content
                continue
            if not piece:
                return
            into = other if end is one else one
            into.settimeout(10)
            into.sendall(piece)
