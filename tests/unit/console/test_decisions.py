"""The settings of who follows, publishes and brakes: what is misspelt or half is refused in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from console.config import Config
from console.decisions import Brake, Decisions, Publish, decisions_of, read_passphrase
from console.errors import BadFile

POLICY = '[policy]\nsource = "https://policy.example.com/"\ntrust_root = "/etc/root.json"\n'
KEYS = 'folder = "/srv/policy"\nkey = "/k"\nkey_passphrase = "/p"\nonline_key = "/o"\n'


def read(text: str) -> Decisions:
    return decisions_of(Config("console.toml", tomllib.loads(text), {}))


def test_nothing_is_set_up_by_itself() -> None:
    assert read("") == Decisions()
    assert read("").publishing.how is Publish.OFF


def test_everything_is_read() -> None:
    found = read(
        POLICY
        + f'every = "2m"\n[exceptions]\npublish = "directly"\nonline_passphrase = "/q"\nonline_valid = "1d"\n{KEYS}'
        + '[brake]\nleast = 50\npercent = 1\ntimes = 5\nsettle = "12h"\nsettle_percent = 10\nwrong = 9\n'
    )
    assert (found.source.where, found.source.every) == ("https://policy.example.com/", 120)
    assert (found.publishing.how, found.publishing.online_valid) == (Publish.DIRECTLY, 86_400)
    assert found.publishing.trust_root == Path("/etc/root.json")
    assert found.brake == Brake(50, 1, 5, 43_200, 10, 9)
    staged = read(POLICY + '[exceptions]\npublish = "staged"\nfolder = "/srv/staged"\n')
    assert staged.source.bins and staged.publishing.how is Publish.STAGED


REFUSED = {
    "a policy without a root": ('[policy]\nsource = "/srv"\n', "needs source and trust_root"),
    "a setting that there is not": (POLICY + 'sourec = "x"\n', "sourec"),
    "a way that there is not": (POLICY + '[exceptions]\npublish = "later"\n', "none of off, directly, staged"),
    "directly without a key": (POLICY + '[exceptions]\npublish = "directly"\nfolder = "/srv"\n', "needs key"),
    "directly, half": (POLICY + f'[exceptions]\npublish = "directly"\n{KEYS}', "needs online_passphrase"),
    "exceptions without a policy": ('[exceptions]\npublish = "staged"\nfolder = "/srv"\n', "policy. that is followed"),
    "a share of 101 percent": ("[brake]\npercent = 101\n", "no number from 0 to 100"),
    "a threshold of nothing": ("[brake]\nwrong = 0\n", "no number from 1"),
    "a time without a unit": ('[brake]\nsettle = "soon"\n', "no duration"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadFile, match=said) as refused:
        read(text)
    assert "console.toml" in str(refused.value)


PASSPHRASES = {
    "one that others may read": (b"four words", 0o644, "others may read"),
    "an empty one": (b"\n", 0o600, "holds no passphrase"),
    "one that is no text": (b"\xff\xfe", 0o600, "not UTF-8"),
}


@pytest.mark.parametrize(("content", "mode", "said"), PASSPHRASES.values(), ids=PASSPHRASES.keys())
def test_a_passphrase_that_is_none(content: bytes, mode: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "phrase"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(BadFile, match=said):
        read_passphrase(path)


def test_a_passphrase_is_the_first_line_also_of_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "phrase"
    path.write_text("four words that open it\nanother line\n")
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_passphrase(path) == "four words that open it"
    with pytest.raises(BadFile, match="cannot be read"):
        read_passphrase(tmp_path / "no")
