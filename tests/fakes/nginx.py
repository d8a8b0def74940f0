"""The real nginx with the example's own configuration, but for port, certificate and folder."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from signal import SIGTERM
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Served(NamedTuple):
    """Where it answers, and the certificate to believe."""

    url: str
    certificate: Path

    def context(self) -> ssl.SSLContext:
        """Believes this certificate alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def nginx(example: Path, root: Path, work: Path) -> Iterator[Served]:
    """Serves `root` by the configuration `example`."""
    certificate, key = _certificate(work)
    port = _free_port()
    text = example.read_text(encoding="utf-8")
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/policy.example.com.pem", str(certificate)),
        ("/etc/ssl/private/policy.example.com.key", str(key)),
        ("root /srv/policy;", f"root {root};"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (work / "site.conf").write_text(text, encoding="utf-8")
    places = "".join(f"{kind}_temp_path {work}/{kind};" for kind in TEMPORARY)
    user = "user root;" if os.geteuid() == 0 else ""
    pid = work / "nginx.pid"
    http = f"http {{ access_log off; {places} include {work}/site.conf; }}"
    whole = f"{user} pid {pid}; error_log {work}/error.log; events {{}}\n{http}\n"
    (work / "nginx.conf").write_text(whole, encoding="utf-8")
    # It goes into the background when it listens, so that nothing has to be waited for.
    started = subprocess.run(
        ["nginx", "-c", str(work / "nginx.conf"), "-e", str(work / "error.log")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    try:
        yield Served(f"https://127.0.0.1:{port}/", certificate)
    finally:
        os.kill(int(pid.read_text()), SIGTERM)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
