"""The children as real processes: what they carry, what bounds them, what rights they keep."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agent.errors import TooBig, ToolFailed
from agent.host.child import MOST_BYTES, choose_user, own_command, run_child, weaknesses
from agent.host.confine import Cage, Limits
from agent.policy import children, courier
from agent.policy.refresh import Place, Status, refresh, restore
from agent.policy.store import Store
from tests.fakes.policy_server import PolicyRepository, PolicyServer

COURIER, ADOPTER = "interdict-courier", "interdict-adopter"
as_root = pytest.mark.root
LONG_LIST = b"[" + b"0.5," * 500_000 + b"0]"


@pytest.fixture
def repository() -> PolicyRepository:
    made = PolicyRepository()
    made.publish("first")
    return made


@pytest.fixture
def server(repository: PolicyRepository) -> Iterator[PolicyServer]:
    with PolicyServer(lambda: repository.files) as made:
        yield made


def _request(server: PolicyServer, path: str = "report", **more: object) -> Mapping[str, object]:
    question = {
        "op": "request",
        "method": "POST",
        "url": server.url + path,
        "headers": {"Signature": "x"},
        "body": base64.b64encode(b"a report").decode(),
        "access": {"pause": 2.0, "deadline": 1.0},
    }
    return {**question, **more}


# ---- through real processes ----------------------------------------------------------------------------------------


def test_a_policy_goes_through_both_children_and_survives_a_restart(
    repository: PolicyRepository, server: PolicyServer, tmp_path: Path
) -> None:
    place, store = Place(server.url, repository.trust), Store(str(tmp_path))
    ask, adopt = children.courier(COURIER), children.adopter(ADOPTER)
    first = refresh(place, store, courier=ask, adopter=adopt, now=repository.now, seen={}, in_force=None)
    assert first.status is Status.ADOPTED
    assert first.adopted is not None
    again = refresh(place, store, courier=ask, adopter=adopt, now=repository.now, seen={}, in_force=first.adopted)
    assert again.status is Status.UNCHANGED
    offline = restore(place, store, adopter=adopt, seen=first.adopted.highest)
    assert offline.adopted == first.adopted
    assert offline.adopted is not None
    assert offline.adopted.rulebook["policy"] == {"id": offline.adopted.rulebook["policy"]["id"], "version": 1}  # type: ignore[index]


def test_a_child_that_fails_is_a_status_and_no_exception(
    repository: PolicyRepository, server: PolicyServer, tmp_path: Path
) -> None:
    def broken(question: Mapping[str, object]) -> Mapping[str, object]:
        return json.loads(run_child("_courier", b"{}", limits=Limits(), user=COURIER, deadline=20))

    place = Place(server.url, repository.trust)
    looked = refresh(
        place,
        Store(str(tmp_path)),
        courier=broken,
        adopter=children.adopter(ADOPTER),
        now=repository.now,
        seen={},
        in_force=None,
    )
    assert (looked.status, looked.adopted) == (Status.CHILD_FAILED, None)


def test_a_device_key_is_made_and_signs_without_the_daemon_loading_cryptography() -> None:
    sign = children.signer(ADOPTER)
    key = sign({"op": "new-key"})
    question = {"op": "sign", "key": key["private"], "device": "d-1", "method": "POST", "path": "/v1/report"}
    body = base64.b64encode(b"a report").decode()
    signed = sign({**question, "sequence": 7, "body": body, "now": repository_time()})
    headers = signed["headers"]
    assert isinstance(headers, dict)
    assert {"Interdict-Sequence", "Signature", "Signature-Input", "Content-Digest"} <= set(headers)
    _check_signature(headers, base64.b64decode(str(key["public"])))


def repository_time() -> int:
    """Any instant: signer and verifier are told the same."""
    return 1_783_645_200


def _check_signature(headers: Mapping[str, str], public: bytes) -> None:
    from policy_schema.messages.signature import verify

    found = verify(
        method="POST",
        path="/v1/report",
        headers=headers.items(),
        body=b"a report",
        find_key=lambda device: public,
        now=repository_time(),
    )
    assert (found.device, found.sequence) == ("d-1", 7)


@pytest.mark.parametrize(
    ("payload", "limits", "deadline", "shown"),
    [
        pytest.param(b"not json", Limits(), 20, "it is not JSON", id="a question that is no JSON"),
        pytest.param(
            b"[" + b"0.5," * 500_000 + b"0]", Limits(memory=1 << 20), 20, "MemoryError", id="too little memory"
        ),
        pytest.param(b"{}", Limits(files=3), 20, "Too many open files", id="too few files"),
        pytest.param(b"{}", Limits(), 0.001, "did not end within 0.001 s", id="too little time"),
    ],
)
def test_a_child_that_cannot_answer_says_why(payload: bytes, limits: Limits, deadline: float, shown: str) -> None:
    with pytest.raises(ToolFailed, match=shown):
        run_child("_probe", payload, limits=limits, user=None, deadline=deadline)


def test_a_question_beyond_the_bound_is_not_asked() -> None:
    with pytest.raises(ToolFailed, match=f"{MOST_BYTES + 1} bytes"):
        run_child("_probe", b" " * (MOST_BYTES + 1), limits=Limits(), user=None, deadline=20)


def test_a_hidden_verb_by_hand_is_refused_in_one_line() -> None:
    done = subprocess.run(
        [*own_command("_courier")], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "for the agent's own use" in done.stderr


def test_a_cage_survives_the_command_line() -> None:
    cage = Cage(12, 34, False, Limits(5, 6, 7))
    assert Cage.from_argument(cage.to_argument()) == cage


def test_the_environment_and_the_working_directory_do_not_choose_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent.py").write_text("raise SystemExit('taken from the working directory')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "agent.py"))
    assert json.loads(run_child("_probe", b"{}", limits=Limits(), user=None, deadline=20))["uid"] == os.geteuid()


def test_a_child_without_network_has_none_where_the_system_can_take_it_away() -> None:
    shown = json.loads(run_child("_probe", b"{}", limits=Limits(), user=None, deadline=20, network=False))
    assert shown["network"] is not _can_leave_network()


def _can_leave_network() -> bool:
    """Linux, as root or where users may make namespaces; elsewhere the probe says that it is there, as doctor does."""
    if sys.platform != "linux":
        return False
    options = ["-n"] if os.geteuid() == 0 else ["-U", "-n"]
    return subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode == 0


@as_root
@pytest.mark.parametrize("user", [COURIER, ADOPTER])
def test_as_root_a_child_keeps_no_right(user: str) -> None:
    shown = json.loads(run_child("_probe", b"{}", limits=Limits(), user=user, deadline=20))
    assert shown["uid"] == choose_user(user).uid > 0
    assert (shown["groups"], shown["capabilities"], shown["no_new_privs"]) == ([], False, True)


@as_root
def test_a_missing_user_is_replaced_by_nobody_and_said_aloud() -> None:
    found = weaknesses("interdict-there-is-no-such-user")
    assert found
    assert {one.code for one in found} <= {"child-user-missing", "child-code-unreadable"}
    assert all(one.message and one.advice for one in found)


# ---- the courier's own bounds, in this process over real HTTP -----------------------------------------------------


def test_an_upload_arrives_as_it_was_signed(server: PolicyServer) -> None:
    answer = courier.answer(_request(server))
    assert (answer["result"], answer["status"]) == ("answered", 200)
    assert base64.b64decode(str(answer["body"])) == b'{"stored_up_to":1}'
    assert set(answer["headers"]) <= courier.SHOWN_HEADERS  # type: ignore[call-overload]
    path, headers, body = server.uploads[0]
    assert (path, headers["signature"], body) == ("/interdict/report", "x", b"a report")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(500, {}, id="an error of the console"),
        pytest.param(401, {"Date": "Sat, 04 Jul 2026 01:00:00 GMT"}, id="a clock that is off"),
        pytest.param(302, {"Location": "http://127.0.0.2:1/"}, id="a redirect, which no upload follows"),
    ],
)
def test_an_upload_brings_back_what_the_console_says(
    server: PolicyServer, status: int, headers: dict[str, str]
) -> None:
    server.answer("report", status, b"", headers)
    answer = courier.answer(_request(server))
    assert (answer["result"], answer["status"]) == ("answered", status)
    assert len(server.uploads) == 1


@pytest.mark.parametrize(
    ("misbehave", "code"),
    [
        pytest.param("endless", "too-big", id="an answer that never ends"),
        pytest.param("slow", "unreachable", id="an answer a byte at a time"),
        pytest.param("cut_off", "unreachable", id="an answer that breaks off"),
    ],
)
def test_an_upload_whose_answer_misbehaves_is_refused(server: PolicyServer, misbehave: str, code: str) -> None:
    getattr(server, misbehave)("report")
    if misbehave == "cut_off":
        server.misbehave["report"] = lambda handler, _: handler.begin(200, 100)
    assert courier.answer(_request(server))["code"] == code


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "file:///etc/passwd", "http://", "http://[::1", "https://example.com:99999/"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    question = {"op": "refresh", "url": url, "root": 1, "stored": {}, "held": [], "access": {}}
    assert courier.answer(question)["code"] == "unreachable"


def test_a_proxy_of_the_settings_is_used(server: PolicyServer, repository: PolicyRepository) -> None:
    question = {
        "op": "refresh",
        "url": "http://policy.invalid/interdict/",
        "root": 1,
        "stored": {},
        "held": [],
    }
    answer = courier.answer({**question, "access": {"proxy": server.url}})
    assert answer["result"] == "changed"


def test_a_proxy_of_the_environment_is_not_used(server: PolicyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    question = {"op": "refresh", "url": server.url, "root": 1, "stored": {}, "held": [], "access": {}}
    assert courier.answer(question)["result"] == "changed"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company's own certificate, key included."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(("known", "result"), [(True, "changed"), (False, "refused")])
def test_a_company_s_own_certificate_counts_when_the_settings_name_it(
    repository: PolicyRepository, certificate: Path, known: bool, result: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with PolicyServer(lambda: repository.files, tls=context) as server:
        question = {"op": "refresh", "url": server.url, "root": 1, "stored": {}, "held": []}
        answer = courier.answer({**question, "access": {"ca_file": str(certificate) if known else ""}})
    assert answer["result"] == result
    if not known:
        assert "certificate" in str(answer["detail"]).lower()


def test_a_certificate_file_that_is_not_there_is_named(server: PolicyServer) -> None:
    url = server.url.replace("http:", "https:")
    question = {"op": "refresh", "url": url, "root": 1, "stored": {}, "held": []}
    answer = courier.answer({**question, "access": {"ca_file": "/no/such/file.pem"}})
    assert "/no/such/file.pem" in str(answer["detail"])


def test_a_child_that_writes_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.host import child

    monkeypatch.setattr(child, "own_command", lambda verb: ["/usr/bin/yes"])
    with pytest.raises(TooBig):
        run_child("_probe", b"", limits=Limits(), user=None, deadline=20)
