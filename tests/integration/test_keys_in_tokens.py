"""Keys in PKCS#11 tokens (SoftHSM): made there, used there, replaced; and what a token that refuses says.

The real commands and a real PKCS#11 library. Its tokens are made once, before it is loaded: it lists them then.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.author import PHRASE, Author, Ran

pytestmark = pytest.mark.managers

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")
PIN, TOKENS = "246813", ("li", "wang", "li-new", "server", "console")
LI, WANG = "Li Wei", "Wang Fang"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The PKCS#11 library with some empty tokens."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))
        for label in TOKENS:
            words = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN]
            subprocess.run(words, check=True, capture_output=True, timeout=30)
        yield next(path for path in MODULES if Path(path).exists())


class Office(Author):
    """One folder; each signer has a PIN, and no key lies in a file but the on-line one."""

    def __init__(self, base: Path, module: str, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(base, capsys)
        self.module = module
        self.pin = base / "pin"
        self.pin.write_text(f"{PIN}\n")
        self.pin.chmod(0o600)

    def uri(self, token: str) -> str:
        return f"pkcs11:token={token}?module-path={self.module}"

    def with_pin(self, command: str, *words: str) -> Ran:
        return self.run(command, *words, "--dir", str(self.dir), "--passphrase-file", str(self.pin))

    def new(self, name: str, *tokens: str) -> Path:
        """`keys new --pkcs11`; answers with the public file."""
        folder = self.base / tokens[0]
        folder.mkdir()
        uris = [word for token in tokens for word in ("--pkcs11", self.uri(token))]
        place = ("--dir", str(folder), "--keys", str(self.dir / "keys"), "--passphrase-file", str(self.pin))
        ran = self.run("keys", "new", name, *uris, *place)
        assert (ran.code, ran.err) == (0, "")
        return next(folder.glob("*.pub.json"))

    def signs(self, name: str, *words: str) -> None:
        ran = self.with_pin("sign", *words, "--yes", "--as", name)
        assert ran.code == 0, ran.err


@pytest.fixture
def office(tmp_path: Path, module: str, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, module, capsys)


def test_keys_in_tokens_sign_and_are_replaced(office: Office) -> None:
    """From nothing to a published policy with 2 of 2 signers whose keys never were in a file, then three rotations."""
    li, wang = office.new(LI, "li"), office.new(WANG, "wang")
    begun = office.init("--signer-key", str(li), "--signer-key", str(wang), "--threshold", "2")
    assert begun.code == 0, begun.err
    for name in (LI, WANG):
        office.signs(name, str(office.policy))
    assert office.do("publish").code == 0
    kept = sorted(path.name for path in (office.dir / "keys").iterdir())
    assert [name.rpartition(".")[2] for name in kept if name.startswith(("li-", "wang-"))] == ["pkcs11"] * 4
    assert all(PIN.encode() not in path.read_bytes() for path in (office.dir / "keys").iterdir() if path.is_file())
    shown = office.run("verify", str(office.dir / "repository"), "--trust-root", str(office.dir / "root.json"))
    assert (shown.code, "Signed    Li Wei, Wang Fang (2 needed)" in shown.out) == (0, True)

    replaced = office.do("keys", "replace", LI, "--with", str(office.new(LI, "li-new")))
    assert replaced.code == 0, replaced.err
    assert office.with_pin("keys", "replace", "on-line", "--pkcs11", office.uri("server")).code == 0
    assert office.with_pin("keys", "delegate", "console", "--pkcs11", office.uri("console")).code == 0
    office.signs(LI, str(office.policy), "--restart")
    office.signs(WANG)
    published = office.with_pin("publish")
    assert published.code == 0, published.err
    assert office.with_pin("renew").code == 0, "the on-line key is in a token now"
    paused = office.with_pin("pause", "claude-code", "--for", "24h", "--reason", "x", "--approved-by", "Wu Min")
    assert paused.code == 0, paused.err
    shown = office.run("verify", str(office.dir / "repository"), "--trust-root", str(office.dir / "root.json"))
    assert (shown.code, "version 2" in shown.out) == (0, True)


def _key_of(office: Office) -> Path:
    return next((office.dir / "keys").glob("li-wei.policy.*.pkcs11"))


REFUSED = {
    "a wrong PIN": (lambda office: office.pin.write_text("999999\n"), "the PIN of the token li is wrong"),
    "a token that is not there": (
        lambda office: _key_of(office).write_text(office.uri("away").replace("?", ";id=%01?")),
        "there is no token away",
    ),
    "another token's key file": (
        lambda office: _key_of(office).write_text(office.uri("wang").replace("?", ";id=%01?")),
        "the token wang does not hold this key",
    ),
    "the key of somebody else": (
        lambda office: _key_of(office).write_text(next((office.dir / "keys").glob("wang*policy*")).read_text()),
        "is not that of Li Wei",
    ),
    "a module that is none": (
        lambda office: _key_of(office).write_text("pkcs11:token=li;id=%01?module-path=/etc/hostname\n"),
        "refuses",
    ),
    "a file that is no URI": (lambda office: _key_of(office).write_text("li\n"), "names no PKCS#11 token"),
}


@pytest.mark.parametrize(("spoil", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_refuses_is_one_line(office: Office, spoil: object, said: str) -> None:
    li, wang = office.new(LI, "li"), office.new(WANG, "wang")
    assert office.init("--signer-key", str(li), "--signer-key", str(wang), "--threshold", "2").code == 0
    spoil(office)  # type: ignore[operator]
    ran = office.with_pin("sign", str(office.policy), "--yes", "--as", LI)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert said in ran.err


URIS = {
    "a file name": ("/etc/key.pem", "names no PKCS#11 token"),
    "no module": ("pkcs11:token=li", "names no PKCS#11 token"),
    "no token": ("pkcs11:?module-path=/x.so", "names no PKCS#11 token"),
    "a PIN inside": ("pkcs11:token=li?module-path=/x.so&pin-value=1234", "holds a PIN"),
}


@pytest.mark.parametrize(("uri", "said"), URIS.values(), ids=URIS.keys())
def test_a_uri_that_is_none_is_one_line(office: Office, uri: str, said: str) -> None:
    ran = office.run(
        "keys", "new", LI, "--pkcs11", uri, "--dir", str(office.base), "--passphrase-file", str(office.pin)
    )
    assert (ran.code, len(ran.err.splitlines()), said in ran.err) == (2, 1, True), ran.err
    assert PHRASE not in ran.err
