"""A repository whose server, or the thief of whose key, wants harm: bounded, refused, said by `interdict status`.

Real HTTP and TLS servers and the real courier as a process of its own, with less memory than any of these answers
would fill and a deadline that ends the test when it is not kept: what takes too long or too much is `child-failed`
here, which no row expects.
"""

from __future__ import annotations

import gzip
import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agent.cli.main import main as interdict
from agent.host.child import run_child
from agent.host.confine import Limits
from agent.policy import adopter
from agent.policy.refresh import Adopted, Place, Refresh, Status, refresh
from agent.policy.store import Store
from agent.report.views import Views
from policy_schema.network.troubles import Trouble
from policy_schema.rules.relief import PAUSES
from policy_schema.trust.keys import make_key
from policy_schema.trust.layout import MOST_ROLES, ROTATIONS, TIMESTAMP_PATH, Role, digest, metadata_path
from policy_schema.trust.library import DelegatedRole, Delegations, MetaFile, Snapshot, TargetFile, Targets
from policy_schema.trust.metadata import dated, moment, root_of, sign
from policy_schema.trust.refusal import ADVICE, SENTENCES, Refusal
from policy_schema.trust.repository import publish
from policy_schema.trust.roots import next_root
from policy_schema.trust.staging import add_signature, stage_root
from policy_schema.trust.state import published_snapshot
from tests.fakes.policy_server import DAY, START, PolicyRepository, PolicyServer

MEMORY = 448 << 20
"""Bytes of address space of the courier: Python, TLS and their shared libraries have three quarters of that."""
PATIENCE = {"pause": 1.5, "deadline": 1.5}
UNHURRIED = {"deadline": 25.0}
"""Where it is the number of requests that is bounded."""
TOO_LONG = 30.0
MOST_SENT = 4 << 20
"""Bytes that a server can get rid of: the largest file that is read at that place, and the buffers in between."""
BREATH = 0.02
"""Seconds between two pieces of an endless answer, or the kernel alone takes megabytes that nobody reads."""


def courier(question: Mapping[str, object]) -> Mapping[str, object]:
    """The real child."""
    payload = json.dumps(question).encode()
    answer = run_child("_courier", payload, limits=Limits(memory=MEMORY), user=None, deadline=TOO_LONG)
    made = json.loads(answer)
    assert isinstance(made, dict)
    return made


class World:
    """A repository, its server, and one device on which its second policy is in force."""

    def __init__(self, state: Path, tls: ssl.SSLContext | None = None) -> None:
        self.repository = PolicyRepository()
        self.repository.publish("first")
        self.repository.now += DAY
        self.repository.publish("first", "second")
        self.server = PolicyServer(lambda: self.repository.files, tls)
        self.state = state
        self.sent = 0
        self.in_force: Adopted | None = None
        self.access: dict[str, object] = dict(PATIENCE)

    def poll(self) -> Refresh:
        looked = refresh(
            Place(self.server.url, self.repository.trust, self.access, "d-1"),
            Store(str(self.state)),
            courier=courier,
            adopter=adopter.answer,
            now=self.repository.now,
            seen=self.in_force.highest if self.in_force else {},
            in_force=self.in_force,
        )
        self.in_force = looked.adopted or self.in_force
        return looked

    def answers(self, ending: str, do: Callable[[World, Callable[[bytes], None], Callable[..., None]], None]) -> None:
        """How files that end so are answered from now on: with what is written, counted."""

        def misbehave(handler: object, content: bytes) -> None:
            def write(data: bytes) -> None:
                self.sent += len(data)
                handler.wfile.write(data)  # type: ignore[attr-defined]

            handler.close_connection = True  # type: ignore[attr-defined]
            do(self, write, handler.begin)  # type: ignore[attr-defined]

        self.server.misbehave[ending] = misbehave


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    with made.server:
        assert made.poll().status is Status.ADOPTED
        made.repository.now += 60
        yield made


# ------------------------------------------------------------------------------------------------ what a server can do


def _endless(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    begin(200, None)
    while not world.server.over.wait(BREATH):
        write(b" " * 65_536)


def _endless_and_announced(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    begin(200, 1 << 40)
    while not world.server.over.wait(BREATH):
        write(b" " * 65_536)


def _drip(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    begin(200, 100_000)
    while not world.server.over.wait(0.02):
        write(b" ")


def _silent(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    world.server.over.wait(TOO_LONG)


def _bomb(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    packed = gzip.compress(bytes(64 << 20))
    begin(200, len(packed), {"Content-Encoding": "gzip"})
    write(packed)


def _unnamed_bomb(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    packed = gzip.compress(bytes(8 << 20))
    begin(200, len(packed))
    write(packed)


def _too_long(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    begin(200, 100_000)
    write(world.repository.files[TIMESTAMP_PATH])


def _too_short(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    begin(200, 20)
    write(world.repository.files[TIMESTAMP_PATH])


def _headers(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    write(b"HTTP/1.1 200 OK\r\nX: ")
    while not world.server.over.wait(BREATH):
        write(b"x" * 65_536)


def _no_http(world: World, write: Callable[[bytes], None], begin: Callable[..., None]) -> None:
    write(os.urandom(4096))


def _sends_to(target: str) -> Callable[[World], None]:
    return lambda world: world.server.redirect("timestamp.json", target)


def _file(ending: str, do: Callable[..., None]) -> Callable[[World], None]:
    """Something new was published, and files that end so are answered like this."""

    def attack(world: World) -> None:
        world.repository.renew()
        world.answers(ending, do)

    return attack


# ------------------------------------------------------------------------------------- what thieves of keys can publish


def _strange_roots(world: World) -> None:
    world.access |= UNHURRIED
    world.repository.files |= {
        metadata_path(Role.ROOT, number): b'{"signed":{"_type":"root","version":%d},"signatures":[]}' % number
        for number in range(2, 10_002)
    }


def _delegating(world: World, rows: Mapping[str, tuple[str, ...]], policy: bool = True) -> None:
    """Enough people sign a targets file that delegates pauses to these roles, which delegate to others."""
    repository = world.repository
    key = make_key("roles")

    def delegations(names: tuple[str, ...]) -> Delegations | None:
        made = {name: DelegatedRole(name, [key.public_key.keyid], 1, False, ["*"]) for name in names}
        return Delegations({key.public_key.keyid: key.public_key}, made) if made else None

    targets = repository._targets_metadata().signed
    targets.version += 1
    targets.delegations = delegations(rows["targets"])
    if not policy:
        del targets.targets["policy.json"]
    meta: dict[str, MetaFile] = {}
    for name in {role for roles in rows.values() for role in roles}:
        made = Targets(1, expires=moment(START + 400 * DAY), targets={})
        made.delegations = delegations(rows.get(name, ()))
        made.targets["policy.json"] = TargetFile(len(repository.policy), {"sha256": digest(repository.policy)}, "x")
        content = sign(dated(made, repository.now), [key])
        repository.files[f"metadata/1.{name}.json"] = content
        meta[f"{name}.json"] = MetaFile(1, len(content), {"sha256": digest(content)})
    repository._seal(sign(targets, list(repository.policies.values())), version=targets.version)
    snapshot = published_snapshot(repository.files)
    assert snapshot is not None
    again = Snapshot(snapshot.version + 1, expires=snapshot.expires, meta={**snapshot.meta, **meta})
    repository._seal_snapshot(sign(dated(again, repository.now), [repository.online]), again.version)


class Attack(NamedTuple):
    """What is done, how the device calls it, and what the reason names."""

    do: Callable[[World], object]
    code: Refusal
    names: str = ""


ATTACKS = {
    "endless data": Attack(_file(".snapshot.json", _endless), Refusal.TOO_BIG, "more than 256000 bytes"),
    "a terabyte, announced": Attack(_file("timestamp.json", _endless_and_announced), Refusal.TOO_BIG, "16384 bytes"),
    "a slow drip": Attack(_file(".snapshot.json", _drip), Refusal.UNREACHABLE, "did not end within 1.5 s"),
    "a server that says nothing": Attack(_file("timestamp.json", _silent), Refusal.UNREACHABLE, Trouble.SLOW),
    "headers without end": Attack(_file("timestamp.json", _headers), Refusal.UNREACHABLE),
    "no HTTP at all": Attack(_file("timestamp.json", _no_http), Refusal.UNREACHABLE),
    "a gzip bomb": Attack(_file(".snapshot.json", _bomb), Refusal.NOT_A_REPOSITORY, "compressed"),
    "a gzip bomb that is not called one": Attack(_file("timestamp.json", _unnamed_bomb), Refusal.NOT_A_REPOSITORY),
    "a length that is too long": Attack(_file("timestamp.json", _too_long), Refusal.UNREACHABLE),
    "a length that is too short": Attack(_file("timestamp.json", _too_short), Refusal.NOT_A_REPOSITORY),
    "a redirect to a file": Attack(_sends_to("file:///etc/passwd"), Refusal.UNREACHABLE, "begins with https://"),
    "a redirect to a folder of this machine": Attack(_sends_to("//127.0.0.2/x"), Refusal.UNREACHABLE, "another host"),
    "a redirect in a circle": Attack(_sends_to("timestamp.json"), Refusal.UNREACHABLE, "circles"),
    "10,000 root versions": Attack(_strange_roots, Refusal.TAMPERED, "2.root.json"),
    "a policy that only a delegated role names": Attack(
        lambda world: _delegating(world, {"targets": ("a",)}, policy=False), Refusal.BAD_DOCUMENT, "no policy.json"
    ),
    "yesterday's files": Attack(lambda world: world.repository.roll_back(), Refusal.OLDER, "timestamp.json"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_it_is_bounded_refused_and_said(world: World, attack: Attack, capsys: pytest.CaptureFixture[str]) -> None:
    good = world.in_force
    attack.do(world)
    world.server.requests.clear()
    looked = world.poll()

    assert (looked.status, looked.adopted) == (Status(attack.code.value), None), looked.message
    assert world.in_force == good
    assert world.sent < MOST_SENT
    assert len(world.server.requests) <= ROTATIONS + MOST_ROLES
    said = _status(world.state, looked, capsys)
    assert SENTENCES[attack.code] in said
    assert attack.names in said
    assert looked.advice == ADVICE[attack.code]


def _status(state: Path, looked: Refresh, capsys: pytest.CaptureFixture[str]) -> str:
    """What `interdict status` prints of it."""
    policy = {"trust": "last-good", "problem": looked.status.value, "message": looked.message, "advice": looked.advice}
    Views(str(state)).machine({"policy": policy, "gate": {}, "coverage": []})
    settings = state / "settings.toml"
    settings.write_text(f'state_dir = "{state}"\n')
    settings.chmod(0o600)
    interdict(["status", "--config", str(settings)])
    return capsys.readouterr().out


def test_a_redirect_never_reaches_another_host(world: World) -> None:
    with PolicyServer(lambda: world.repository.files) as other:
        world.server.redirect("timestamp.json", f"{other.url}{TIMESTAMP_PATH}")
        assert world.poll().status is Status.UNREACHABLE
        assert other.requests == []


CHAIN = {"targets": ("r0",), **{f"r{number}": (f"r{number + 1}",) for number in range(200)}}
GRAPHS: dict[str, tuple[Mapping[str, tuple[str, ...]], int]] = {
    "a circle": ({"targets": ("a",), "a": ("b",), "b": ("c",), "c": ("a",)}, 3),
    "a role that delegates to itself": ({"targets": ("a",), "a": ("a",)}, 1),
    "a diamond": ({"targets": ("a", "b"), "a": ("c",), "b": ("c",)}, 3),
    "a chain of 200": (CHAIN, MOST_ROLES),
    "200 side by side": ({"targets": tuple(f"r{number}" for number in range(200))}, MOST_ROLES),
}


@pytest.mark.parametrize(("graph", "most"), GRAPHS.values(), ids=GRAPHS.keys())
def test_delegations_that_go_astray_cost_little_and_give_nothing(
    world: World, graph: Mapping[str, tuple[str, ...]], most: int
) -> None:
    """Each role is asked for once and 32 at most. The policy is what its signers signed, and the rest is said."""
    before = world.in_force
    world.access |= UNHURRIED
    _delegating(world, graph)
    world.server.requests.clear()
    looked = world.poll()
    assert looked.status is Status.ADOPTED, looked.message
    assert world.in_force is not None and before is not None
    assert world.in_force.policy == before.policy
    roles = [path for path in world.server.requests if path.startswith("metadata/1.")]
    assert len(roles) == len(set(roles)) == most
    assert "delegates something else than exceptions" in str(world.in_force.relief["trouble"])
    assert PAUSES not in str(world.in_force.relief["pauses"])


def test_seventy_roots_are_followed_in_two_polls(world: World) -> None:
    """A device that slept through more rotations than are followed in one go catches up."""
    repository = world.repository
    world.access |= UNHURRIED
    for _ in range(ROTATIONS + 6):
        staged = stage_root({}, next_root(root_of(repository.files), repository.now, repository.lifetimes))
        for signer in repository.roots.values():
            staged = add_signature(repository.files, staged, signer)
        repository.files |= publish(
            repository.files, staged, repository.online, now=repository.now, lifetimes=repository.lifetimes
        )
    roots = []
    for _ in range(2):
        assert world.poll().status is Status.ADOPTED
        assert world.in_force is not None
        roots.append(world.in_force.versions.root)
    assert roots == [1 + ROTATIONS, 7 + ROTATIONS]


# ------------------------------------------------------------------------------------------------------------------ TLS


class Certificate(NamedTuple):
    """For whom a certificate is, and until when."""

    name: x509.GeneralName
    days: int
    known: bool


CERTIFICATES = {
    "the right name": (Certificate(x509.IPAddress(IPv4Address("127.0.0.1")), 1, True), Status.ADOPTED),
    "a wrong name": (Certificate(x509.DNSName("policy.example.com"), 1, True), Status.UNREACHABLE),
    "the address of another": (Certificate(x509.IPAddress(IPv4Address("127.0.0.2")), 1, True), Status.UNREACHABLE),
    "a date that has passed": (Certificate(x509.IPAddress(IPv4Address("127.0.0.1")), -1, True), Status.UNREACHABLE),
    "nobody who vouches": (Certificate(x509.IPAddress(IPv4Address("127.0.0.1")), 1, False), Status.UNREACHABLE),
}


@pytest.mark.parametrize(("certificate", "status"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_tls_with_a_certificate_of(tmp_path: Path, certificate: Certificate, status: Status) -> None:
    file = _written(tmp_path / "server.pem", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    world = World(tmp_path / "state", context)
    world.access |= {"ca_file": str(file) if certificate.known else ""}
    with world.server:
        looked = world.poll()
    assert looked.status is status, looked.message
    if status is Status.UNREACHABLE:
        assert "certificate" in looked.message.lower()
        assert world.server.requests == []


def _written(path: Path, wanted: Certificate) -> Path:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "policy")])
    begin = datetime.now(UTC) - timedelta(days=3)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3 + wanted.days))
        .add_extension(x509.SubjectAlternativeName([wanted.name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path
