"""Key files: locked with a passphrase, readable by others' tools, and only by the right passphrase."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from policy_schema.trust.keyfile import ROUNDS
from policy_schema.trust.keys import BadKey, lock, make_key, owner, unlock

PHRASE = "correct horse battery"


@pytest.mark.parametrize("phrase", [PHRASE, "пароль с пробелами", "密码密码密码密码密码密码", "x" * 500])
def test_a_locked_key_opens_with_its_passphrase(phrase: str) -> None:
    signer = make_key("Li Wei")
    opened = unlock(lock(signer, phrase), phrase, signer.public_key)
    signer.public_key.verify_signature(opened.sign(b"a policy"), b"a policy")


def test_the_same_key_locked_twice_shows_nothing_in_common() -> None:
    signer = make_key("Li Wei")
    first, second = (lock(signer, PHRASE).splitlines()[1:-1] for _ in range(2))
    assert first[-1] != second[-1]


def test_openssl_reads_it_and_sees_scrypt(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(lock(make_key("Li Wei"), PHRASE))
    shown = subprocess.run(
        ["openssl", "pkey", "-in", str(file), "-passin", f"pass:{PHRASE}", "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ED25519" in shown.stdout.upper()
    parsed = subprocess.run(
        ["openssl", "asn1parse", "-in", str(file)], capture_output=True, text=True, check=True
    ).stdout
    assert "scrypt" in parsed
    assert f"INTEGER           :{ROUNDS[0]:X}" in parsed


def _rsa() -> bytes:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PHRASE.encode()))


@pytest.mark.parametrize(
    ("content", "phrase", "shown"),
    [
        pytest.param(lambda: lock(make_key("Li"), PHRASE), "another one", "passphrase is wrong", id="wrong passphrase"),
        pytest.param(lambda: lock(make_key("Li"), PHRASE), PHRASE, "not that of Wang", id="somebody else's key"),
        pytest.param(lambda: make_key("Li").private_bytes, PHRASE, "not encrypted", id="a key without a lock"),
        pytest.param(lambda: b"", PHRASE, "not a key file", id="an empty file"),
        pytest.param(lambda: b"\xff\x00" * 50, PHRASE, "not a key file", id="any bytes"),
        pytest.param(_rsa, PHRASE, "not an Ed25519 key", id="an RSA key"),
        pytest.param(lambda: lock(make_key("Li"), PHRASE)[:-60], PHRASE, "not a key file", id="half a key file"),
    ],
)
def test_what_does_not_open_says_why(content: object, phrase: str, shown: str) -> None:
    assert callable(content)
    with pytest.raises(BadKey, match=shown) as error:
        unlock(content(), phrase, make_key("Wang").public_key)
    assert error.value.advice()


def test_a_short_passphrase_is_none() -> None:
    with pytest.raises(BadKey, match="fewer than 12"):
        lock(make_key("Li"), "short")


def test_a_key_says_whose_it_is() -> None:
    key = make_key("王芳").public_key
    assert owner(key) == "王芳"
    key.unrecognized_fields.clear()
    assert owner(key) == f"key {key.keyid[:8]}"
