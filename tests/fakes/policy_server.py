"""A real policy repository behind a real HTTP server, and every attack on it as one call.

`PolicyRepository` is made by `policy_schema.trust` with real keys, so what an attacker needs to have stolen is plain in
each method. `PolicyServer` serves its files on the loopback, unchanged or misbehaving.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from policy_schema.document.canonical import encode
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.load import parse_policy
from policy_schema.trust.keys import PublicKeys, make_key
from policy_schema.trust.layout import POLICY_LIMIT, TIMESTAMP_PATH, Role, digest, metadata_path
from policy_schema.trust.library import CryptoSigner, Key, Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from policy_schema.trust.metadata import Lifetimes, dated, moment, root_of, sign, write
from policy_schema.trust.repository import grant, initialise, publish, renew
from policy_schema.trust.roots import next_root, replace_online, replace_person
from policy_schema.trust.staging import add_signature, stage_policy, stage_root
from policy_schema.trust.state import published_policy, published_snapshot, published_targets, published_timestamp

NAMES = ("Li Wei", "Wang Fang", "Zhao Lei")
START = 1_783_126_800
DAY = 86_400

POLICY_TEXT = """\
schema: 1
organisation:
  name: "Example Group"
  time_zone: "Asia/Shanghai"
  default_language: "en"
  contacts: {help: "https://help.example.com/ai"}
approved: ["qoder"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
      - {from: "2026-07-10 09:00", action: "block", let_finish: "4h", kill_after: "30s"}
"""


@cache
def closed_policy(*bans: str) -> bytes:
    """A real closed policy with bans of these ids, each of Claude Code."""
    document = dict(close_policy(parse_policy(POLICY_TEXT, "policy.yaml"), load_catalogue()).document)
    first = json.loads(encode(document))["bans"][0]
    return encode({**document, "bans": [{**first, "id": name} for name in bans]})


class PolicyRepository:
    """A repository with everybody's keys at hand: 2 of 3 people, one on-line key."""

    def __init__(self, names: Sequence[str] = NAMES, threshold: int = 2, now: int = START) -> None:
        self.now = now
        self.lifetimes = Lifetimes()
        self.roots = {name: make_key(name) for name in names}
        self.policies = {name: make_key(name) for name in names}
        self.online = make_key("on-line")
        people = [PublicKeys(n, self.roots[n].public_key, self.policies[n].public_key) for n in names]
        self.files = initialise(
            people,
            list(self.roots.values()),
            self.online.public_key,
            threshold=threshold,
            now=now,
            lifetimes=self.lifetimes,
        )
        self.trust = self.files[metadata_path(Role.ROOT, 1)]
        self.history: list[dict[str, bytes]] = []

    def publish(self, *bans: str, signers: Sequence[str] = ()) -> bytes:
        """Signs a policy with these bans with enough people (or with `signers`) and publishes it; answers with it."""
        policy = closed_policy(*bans)
        self.publish_bytes(policy, signers)
        return policy

    def publish_bytes(self, policy: bytes, signers: Sequence[str] = ()) -> None:
        """Publishes these bytes as the policy."""
        staged = stage_policy(self.files, {}, policy, now=self.now, lifetimes=self.lifetimes)
        for name in signers or list(self.policies)[:2]:
            staged = add_signature(self.files, staged, self.policies[name])
        self.history.append(dict(self.files))
        self.files |= publish(self.files, staged, self.online, now=self.now, lifetimes=self.lifetimes)

    def publish_document(self, document: Mapping[str, Any], exceptions: Key | None = None) -> None:
        """Enough people sign this document, and say whose key signs exceptions."""
        policy = encode(dict(document))
        staged = stage_policy(self.files, {}, policy, now=self.now, lifetimes=self.lifetimes, exceptions=exceptions)
        for name in list(self.policies)[:2]:
            staged = add_signature(self.files, staged, self.policies[name])
        self.files |= publish(self.files, staged, self.online, now=self.now, lifetimes=self.lifetimes)

    def publish_something_new(self) -> None:
        """The policy in force with one more approved tool."""
        policy = json.loads(self.policy)
        policy["approved"] = [*policy["approved"], f"tool-{len(self.history)}"]
        self.publish_bytes(encode(policy))

    def delegate(self, key: CryptoSigner | None) -> None:
        """Enough people let this key sign exceptions (None: take the role away), with the policy in force."""
        public = key.public_key if key else None
        staged = stage_policy(self.files, {}, self.policy, now=self.now, lifetimes=self.lifetimes, exceptions=public)
        for signer in list(self.policies.values())[:2]:
            staged = add_signature(self.files, staged, signer)
        self.files |= publish(self.files, staged, self.online, now=self.now, lifetimes=self.lifetimes)

    def grant(self, key: CryptoSigner, documents: Mapping[str, bytes]) -> None:
        """The holder of the role publishes exceptions and pauses."""
        root = root_of(self.files)
        self.history.append(dict(self.files))
        self.files |= grant(self.files, documents, key, self.online, root=root, now=self.now, lifetimes=self.lifetimes)

    def force_exceptions(self, content: bytes, version: int, more: Mapping[str, bytes]) -> None:
        """Who holds the on-line key too publishes any bytes as the file of the role that signs exceptions."""
        snapshot, timestamp = published_snapshot(self.files), published_timestamp(self.files)
        assert snapshot is not None and timestamp is not None
        self.files |= {f"metadata/{version}.exceptions.json": content, **more}
        snapshot.version += 1
        snapshot.meta["exceptions.json"] = MetaFile(version, len(content), {"sha256": digest(content)})
        made = sign(dated(snapshot, self.now), [self.online])
        self.files[metadata_path(Role.SNAPSHOT, snapshot.version)] = made
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile(snapshot.version, len(made), {"sha256": digest(made)})
        self.files[TIMESTAMP_PATH] = sign(dated(timestamp, self.now), [self.online])

    def renew(self) -> None:
        """A new snapshot and timestamp over the same policy."""
        self.history.append(dict(self.files))
        self.files |= renew(self.files, root_of(self.files), self.online, now=self.now, lifetimes=self.lifetimes)

    @property
    def policy(self) -> bytes:
        """The closed policy in force."""
        policy = published_policy(self.files)
        assert policy is not None
        return policy

    # ---- attacks ----------------------------------------------------------------------------------------------

    def tamper_policy(self) -> None:
        """Who writes to the web server changes the policy: one more letter, the same length."""
        self.files[self._policy_path()] = self.policy.replace(b"block", b"blocc")

    def tamper_metadata(self, role: Role) -> None:
        """Who writes to the web server moves the date of a signed file."""
        path = self._path(role)
        text = json.loads(self.files[path])
        text["signed"]["expires"] = "2039-01-01T00:00:00Z"
        self.files[path] = json.dumps(text).encode()

    def tamper_targets_with_online_key(self) -> None:
        """Who holds the on-line key puts a policy of their own into the targets file and keeps its signatures."""
        metadata = self._targets_metadata()
        metadata.signed.targets["policy.json"].length += 1
        self._seal(write(metadata))

    def roll_back(self) -> None:
        """The server is restored from a backup that has not expired."""
        self.files = dict(self.history[-1])

    def roll_back_policy_with_online_key(self) -> None:
        """Who holds the on-line key serves the first policy again, under a new timestamp."""
        first = self.files[metadata_path(Role.TARGETS, 1)]
        self._seal(first, version=1)

    def expire(self) -> int:
        """Nobody renews: answers with a time at which the on-line signatures are over."""
        return self.now + self.lifetimes.online + 1

    def half_upload_without_snapshot(self) -> None:
        """The upload of a new version began with the timestamp and broke off."""
        self.renew()
        snapshot = published_timestamp(self.files)
        assert snapshot is not None
        del self.files[metadata_path(Role.SNAPSHOT, snapshot.snapshot_meta.version)]

    def half_upload_without_targets(self) -> None:
        """The targets file was forgotten."""
        self.publish_something_new()
        del self.files[self._path(Role.TARGETS)]

    def half_upload_without_policy(self) -> None:
        """The policy itself was forgotten."""
        self.publish_something_new()
        del self.files[self._policy_path()]

    def half_upload_policy(self) -> None:
        """The policy was uploaded up to its middle."""
        self.publish_something_new()
        path = self._policy_path()
        self.files[path] = self.files[path][: len(self.files[path]) // 2]

    def mix_and_match(self) -> None:
        """The targets file of the version before lies under the name of the new one."""
        before = self.files[self._path(Role.TARGETS)]
        self.publish_something_new()
        self.files[self._path(Role.TARGETS)] = before

    def strip_signatures(self, role: Role) -> None:
        """A file without any signature; everything above it is sealed again where the on-line key allows."""
        self._resign(role, [])

    def sign_with_wrong_key(self, role: Role) -> None:
        """A file that strangers signed."""
        self._resign(role, [make_key("Mallory"), make_key("Mallory too")])

    def below_threshold(self) -> None:
        """One of two signers and the on-line key are in the hands of a thief."""
        self._resign(Role.TARGETS, [self.policies[NAMES[0]]])

    def same_person_twice(self) -> None:
        """One signer's key and a stranger's: two signatures, one that counts."""
        self._resign(Role.TARGETS, [self.policies[NAMES[0]], make_key(NAMES[1])])

    def drop_ban(self) -> None:
        """Enough people sign a policy from which a ban is simply gone."""
        policy = json.loads(self.policy)
        policy["bans"] = []
        self._force(encode(policy))

    def sign_rubbish(self, content: bytes) -> None:
        """Enough people sign something that is no policy."""
        self._force(content)

    def fill(self) -> None:
        """Enough people sign a policy that is larger than any device reads."""
        self._force(encode({**json.loads(self.policy), "padding": "x" * POLICY_LIMIT}))

    # ---- roots ------------------------------------------------------------------------------------------------

    def replace_signer(self, name: str, signers: Sequence[str]) -> None:
        """Gives a person new keys; `signers` sign the new root."""
        root = next_root(root_of(self.files), self.now, self.lifetimes)
        self.roots[name], self.policies[name] = make_key(name), make_key(name)
        replace_person(root, name, PublicKeys(name, self.roots[name].public_key, self.policies[name].public_key))
        self._publish_root(root, [self.roots[who] for who in signers])

    def replace_online_key(self) -> None:
        """Gives the publishing machine a new key, as after a theft."""
        root = next_root(root_of(self.files), self.now, self.lifetimes)
        self.online = make_key("on-line")
        replace_online(root, self.online.public_key)
        self._publish_root(root, list(self.roots.values()))

    def drive_up_versions(self) -> None:
        """Who holds the on-line key signs a huge version, so that the owner's next one looks older."""
        self._seal(self.files[self._path(Role.TARGETS)], add=1_000_000)

    def take_over_root(self, *, signed_by_owner: bool) -> None:
        """A new root with only the attacker's keys, signed by them (and by one owner)."""
        root = next_root(root_of(self.files), self.now, self.lifetimes)
        thief = {name: (make_key(name), make_key(name)) for name in NAMES}
        for name, (root_key, policy_key) in thief.items():
            replace_person(root, name, PublicKeys(name, root_key.public_key, policy_key.public_key))
        signers = [root_key for root_key, _ in thief.values()]
        signers += [self.roots[NAMES[0]]] if signed_by_owner else []
        self.files[metadata_path(Role.ROOT, root.version)] = sign(root, signers)

    def skip_root(self) -> None:
        """The next root says that it is the one after the next."""
        root = next_root(root_of(self.files), self.now, self.lifetimes)
        root.version += 1
        self.files[metadata_path(Role.ROOT, root.version - 1)] = sign(root, list(self.roots.values()))

    def _publish_root(self, root: Root, signers: Sequence[CryptoSigner]) -> None:
        staged = stage_root({}, root)
        if published_targets(self.files) is not None:
            staged = stage_policy(self.files, staged, self.policy, now=self.now, lifetimes=self.lifetimes)
            for key in self.policies.values():
                staged = add_signature(self.files, staged, key)
        for key in signers:
            staged = add_signature(self.files, staged, key)
        self.history.append(dict(self.files))
        self.files |= publish(self.files, staged, self.online, now=self.now, lifetimes=self.lifetimes)

    # ---- tools of the attacks ---------------------------------------------------------------------------------

    def _path(self, role: Role) -> str:
        timestamp, snapshot = published_timestamp(self.files), published_snapshot(self.files)
        assert timestamp is not None and snapshot is not None
        versions = {
            Role.TIMESTAMP: 0,
            Role.SNAPSHOT: timestamp.snapshot_meta.version,
            Role.TARGETS: snapshot.meta["targets.json"].version,
        }
        return metadata_path(role, versions[role])

    def _policy_path(self) -> str:
        return f"targets/{digest(self.policy)}.policy.json"

    def _targets_metadata(self) -> Metadata[Targets]:
        return Metadata[Targets].from_bytes(self.files[self._path(Role.TARGETS)])

    def _force(self, policy: bytes) -> None:
        """Signs and publishes what our own tools refuse to."""
        targets = self._targets_metadata().signed
        targets.version += 1
        file = targets.targets["policy.json"]
        file.length, file.hashes = len(policy), {"sha256": digest(policy)}
        self.files[f"targets/{digest(policy)}.policy.json"] = policy
        self._seal(sign(targets, list(self.policies.values())), version=targets.version)

    def _resign(self, role: Role, signers: Sequence[CryptoSigner]) -> None:
        content = json.loads(self.files[self._path(role)])
        metadata: Metadata[Any] = Metadata.from_dict({**content, "signatures": []})
        for signer in signers:
            metadata.sign(signer, append=True)
        if role is Role.TARGETS:
            self._seal(write(metadata))
        elif role is Role.SNAPSHOT:
            self._seal_snapshot(write(metadata), metadata.signed.version)
        else:
            self.files[TIMESTAMP_PATH] = write(metadata)

    def _seal(self, targets: bytes, *, version: int | None = None, add: int = 1) -> None:
        """A snapshot and a timestamp, signed with the on-line key, over this targets file."""
        old = published_snapshot(self.files)
        assert old is not None
        number = version or old.meta["targets.json"].version
        self.files[metadata_path(Role.TARGETS, number)] = targets
        snapshot = Snapshot(old.version + add, expires=moment(self.now + self.lifetimes.online))
        snapshot.meta["targets.json"] = MetaFile(number, len(targets), {"sha256": digest(targets)})
        self._seal_snapshot(sign(dated(snapshot, self.now), [self.online]), snapshot.version, add)

    def _seal_snapshot(self, content: bytes, version: int, add: int = 1) -> None:
        old = published_timestamp(self.files)
        assert old is not None
        self.files[metadata_path(Role.SNAPSHOT, version)] = content
        timestamp = Timestamp(
            old.version + add,
            expires=moment(self.now + self.lifetimes.online),
            snapshot_meta=MetaFile(version, len(content), {"sha256": digest(content)}),
        )
        self.files[TIMESTAMP_PATH] = sign(dated(timestamp, self.now), [self.online])


Misbehaviour = Callable[["_Handler", bytes], None]


class PolicyServer:
    """Serves a mapping of files over HTTP or TLS; a context manager. `requests` are the paths asked for.

    It also takes uploads, and serves whoever takes it for a proxy.
    """

    def __init__(self, files: Callable[[], Mapping[str, bytes]], tls: ssl.SSLContext | None = None) -> None:
        self.files = files
        self.uploads: list[tuple[str, Mapping[str, str], bytes]] = []
        self.scheme = "https" if tls else "http"
        self.requests: list[str] = []
        self.connections = 0
        self.misbehave: dict[str, Misbehaviour] = {}
        self.date = ""
        """What its clock shows (an HTTP date); empty: the time."""
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """The address of the repository."""
        return f"{self.scheme}://127.0.0.1:{self._server.server_address[1]}/interdict/"

    def __enter__(self) -> PolicyServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def cut_off(self, ending: str) -> None:
        """Answers of files that end so break off in the middle."""

        def half(handler: _Handler, content: bytes) -> None:
            handler.begin(200, len(content))
            handler.wfile.write(content[: len(content) // 2])
            handler.close_connection = True

        self.misbehave[ending] = half

    def endless(self, ending: str) -> None:
        """Answers of files that end so never stop."""

        def forever(handler: _Handler, content: bytes) -> None:
            handler.begin(200, None)
            while not self.over.is_set():
                handler.wfile.write(b" " * 65_536)

        self.misbehave[ending] = forever

    def slow(self, ending: str) -> None:
        """Answers of files that end so come a byte at a time, and never wholly."""

        def drip(handler: _Handler, content: bytes) -> None:
            handler.begin(200, len(content) + 1_000_000)
            while not self.over.wait(0.02):
                handler.wfile.write(b" ")

        self.misbehave[ending] = drip

    def redirect(self, ending: str, target: str) -> None:
        """Sends whoever asks for such files elsewhere."""

        def elsewhere(handler: _Handler, content: bytes) -> None:
            handler.begin(302, 0, {"Location": target})

        self.misbehave[ending] = elsewhere

    def answer(self, ending: str, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answers something else: an error, a sign-in page, a compressed body."""

        def other(handler: _Handler, _: bytes) -> None:
            handler.begin(status, len(content), headers or {})
            handler.wfile.write(content)

        self.misbehave[ending] = other

    def behave(self) -> None:
        """Serves the files as they are again."""
        self.misbehave.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: PolicyServer

    def setup(self) -> None:
        super().setup()
        self.server_of.connections += 1

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server_of.date or super().date_time_string(timestamp)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/interdict/")
        self.server_of.requests.append(path)
        content = self.server_of.files().get(path)
        for ending, misbehaviour in self.server_of.misbehave.items():
            if path.endswith(ending):
                self._try(misbehaviour, content or b"")
                return
        if content is None:
            self.begin(404, 0)
            return
        self.begin(200, len(content))
        self.wfile.write(content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server_of.uploads.append((self.path, headers, body))
        for ending, misbehaviour in self.server_of.misbehave.items():
            if self.path.endswith(ending):
                self._try(misbehaviour, b"")
                return
        content = b'{"stored_up_to":1}'
        self.begin(200, len(content), {"Content-Type": "application/json", "Set-Cookie": "a=b"})
        self.wfile.write(content)

    def begin(self, status: int, length: int | None, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def handle(self) -> None:
        # A client that goes away in the middle, or refuses our certificate, is part of what is tried.
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _try(self, misbehaviour: Misbehaviour, content: bytes) -> None:
        try:
            misbehaviour(self, content)
        except OSError:
            self.close_connection = True


def _handler(server: PolicyServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"server_of": server})
