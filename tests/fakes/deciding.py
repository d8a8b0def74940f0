"""A console that decides, without its pages: a real repository in a folder, real keys in files, devices that report."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import Connection

from console import app, server
from console.access import Role, Viewer
from console.deciding import Deciding
from console.decisions import Brake, Decisions, Publish, Publishing
from console.exceptions.decide import Asked, Wish
from console.exceptions.words import STATEMENT
from console.ingest.apply import Result, store_report
from console.ingest.enrol import secret_digest, store_enrolment
from console.ingest.verify import Accepted, AcceptedEnrolment
from console.policy.follow import Source
from console.settings import Settings
from console.store.db import Database
from console.store.migrate import migrate
from console.store.queries import access
from policy_schema.messages import signature
from policy_schema.messages.enrol import EnrolRequest
from policy_schema.messages.wire import encode
from policy_schema.rules.instant import Instant
from policy_schema.rules.relief import Limits, Relief, relief_for
from policy_schema.trust.keys import Use, make_key
from policy_schema.trust.library import CryptoSigner
from policy_schema.trust.verify import Verified, verify
from tests.fakes.policy_server import START, PolicyRepository
from tests.fakes.reporting_device import ReportingDevice, facts, request

PASSPHRASE = "four words that open it"
SECRET = "a-secret-of-these-tests"
DAY = 86_400
APPROVER = Viewer("chen", "token", Role.APPROVER)
ADMIN = Viewer("wu", "token", Role.ADMIN)
__all__ = ["ADMIN", "APPROVER", "DAY", "STATEMENT", "Asked", "DecidingConsole", "Wish"]


def new_sqlite(folder: Path) -> str:
    """The address of an empty database in a file, for what need not be tried on both kinds."""
    address = f"sqlite:///{folder / 'console.sqlite3'}"
    database = Database(address)
    migrate(database)
    database.close()
    return address


class DecidingConsole:
    """Everything but HTTP. `now` is the time of the console and of the repository's signers."""

    def __init__(
        self, folder: Path, store: str, *, brake: Brake | None = None, how: Publish = Publish.DIRECTLY
    ) -> None:
        self.folder = folder
        self.repository = PolicyRepository()
        self.key = make_key("console")
        self.repository.publish("claude-code", "cursor")
        self.repository.delegate(self.key)
        self.files = folder / "repository"
        self.write()
        (folder / "root.json").write_bytes(self.repository.trust)
        self.key_file = self._key_file(self.key, Use.EXCEPTIONS)
        phrase = folder / "phrase"
        phrase.write_text(PASSPHRASE + "\n")
        phrase.chmod(0o600)
        publishing = Publishing(
            how=how,
            folder=self.files if how is Publish.DIRECTLY else folder,
            key=self.key_file,
            key_passphrase=phrase,
            online_key=self._key_file(self.repository.online, Use.ONLINE),
            online_passphrase=phrase,
            trust_root=folder / "root.json",
        )
        source = Source(str(self.files), folder / "root.json", bins=how is Publish.STAGED)
        self.decisions = Decisions(source, publishing, brake or Brake())
        self.database = Database(store)
        self._batch: Connection | None = None
        self.now = Instant(START + DAY)
        self.repository.now = self.now
        self.deciding = self.process()
        with self.database.write() as connection:
            digest = secret_digest(SECRET)
            secret = access.add_secret(digest=digest, uses=10_000, expires_at=2**40, now=0, who="a test")
            connection.execute(secret)
        assert self.deciding.follower.look() == ""

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """The pages, as an admin of a trial sees them over HTTP. Nothing is followed or published by itself."""
        settings = Settings(data=self.folder, port=0, trial=True)
        quiet = self.decisions._replace(source=Source(), publishing=Publishing(how=Publish.OFF))
        application = app.build(settings, self.database, clock=lambda: self.now, decisions=quiet)
        with server.bind(settings) as bound:
            ready = threading.Event()
            serving = server.server(application, ready.set)
            thread = threading.Thread(target=serving.run, args=([bound],), name="console-under-test")
            thread.start()
            try:
                assert ready.wait(30), "the console did not begin to listen"
                with httpx.Client(base_url=server.address(bound), timeout=30, trust_env=False) as client:
                    yield client
            finally:
                serving.should_exit = True
                thread.join(30)

    def process(self) -> Deciding:
        """Another process of the same console."""
        return Deciding(database=self.database, decisions=self.decisions, clock=lambda: self.now)

    def pass_time(self, seconds: int) -> None:
        """Moves the time of everybody."""
        self.now = Instant(self.now + seconds)
        self.repository.now = self.now

    def _key_file(self, key: CryptoSigner, use: Use) -> Path:
        """A locked key as `openssl pkcs8` writes one: ours take longer to open, on purpose."""
        private = load_pem_private_key(key.private_bytes, None)
        locked = BestAvailableEncryption(PASSPHRASE.encode())
        path = self.folder / f"{use}.pem"
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        path.chmod(0o600)
        return path

    def write(self) -> None:
        """Puts what the signers hold into the folder."""
        for path, content in self.repository.files.items():
            (self.files / path).parent.mkdir(parents=True, exist_ok=True)
            (self.files / path).write_bytes(content)

    def read(self) -> dict[str, bytes]:
        """Every file of the folder."""
        found = (path for part in ("metadata", "targets") for path in (self.files / part).glob("*.json"))
        return {path.relative_to(self.files).as_posix(): path.read_bytes() for path in found}

    def publish_policy(self, **changes: object) -> None:
        """The signers publish the policy in force with other fields, and the console sees it."""
        self.repository.files = self.read()
        document = json.loads(self.repository.policy) | changes
        self.repository.publish_document(document, self.key.public_key)
        self.write()
        assert self.deciding.follower.look() == ""

    def verified(self) -> Verified:
        """What an agent makes of the folder."""
        return verify(self.read(), self.repository.trust, now=self.now)

    def relief(self, device: str) -> Relief:
        """What holds on a device."""
        found = self.verified()
        assert found.granted.trouble == ""
        limits = Limits(90 * DAY, 72 * 3600, Instant(found.signed_at))
        return relief_for(device, found.granted.documents, limits, found.granted.absent)

    def enrol(self, name: str = "li-laptop", groups: Sequence[str] = ("engineering",)) -> ReportingDevice:
        """A device that has enrolled and has reported once."""
        device = ReportingDevice(now=self.now)
        told = facts(name).__class__(**{**_fields(facts(name)), "groups": tuple(groups)})
        public = signature.encode_public_key(device.raw_key)
        enrolment = EnrolRequest(secret=SECRET, public_key=public, epoch=device.epoch, facts=told)
        with self._writing() as connection:
            store_enrolment(connection, AcceptedEnrolment(enrolment, device.id, device.raw_key), self.now)
        self.report(device)
        return device

    @contextmanager
    def together(self) -> Iterator[None]:
        """What devices send meanwhile is committed at once, as the console's writer does it."""
        with self.database.write() as self._batch:
            yield
        self._batch = None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._batch is not None:
            yield self._batch
            return
        with self.database.write() as connection:
            yield connection

    def report(self, device: ReportingDevice, **changes: object) -> Result:
        """The next report of a device."""
        device.now = self.now
        report = device.report(**changes)
        text = encode(report)
        with self._writing() as connection:
            accepted = Accepted(report, gzip.compress(text, mtime=0), sha256(text).hexdigest())
            return store_report(connection, accepted, self.now)

    def ask(self, device: ReportingDevice, name: str = "r-00c0ffee", **changes: object) -> Asked:
        """Somebody at a device asks for something."""
        self.report(device, requests=(request(id=name, **changes),))
        return Asked(device.id, name)


def _fields(struct: object) -> dict[str, object]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}  # type: ignore[attr-defined]
