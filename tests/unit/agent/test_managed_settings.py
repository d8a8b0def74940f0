"""Settings from a configuration profile and from the policy key, tested on every system."""

from __future__ import annotations

import contextlib
import os
import plistlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent import configured
from agent.configured import load_settings
from agent.errors import BadSettings
from agent.host.managed_settings import read_preferences
from agent.managed import from_policy_key, from_preferences
from agent.settings import DEFAULT_FILES, Settings, parse_settings

MANAGED = {
    "policy_url": "https://policy.example.com/interdict/",
    "server": "https://interdict.example.com/",
    "secret": "a-secret-of-four-hundred-machines",
    "groups": ["engineering", "berlin"],
    "region": "DE",
    "ownership": "company",
    "kind": "workstation",
    "poll_interval": "10m",
    "process_poll": 0.5,
    "system": True,
}
EXPECTED = Settings(
    policy_url="https://policy.example.com/interdict/",
    server="https://interdict.example.com/",
    secret="a-secret-of-four-hundred-machines",
    groups=("engineering", "berlin"),
    region="DE",
    poll_interval=600,
    process_poll=0.5,
)
IN_THE_REGISTRY: Mapping[str, str | int | list[str]] = {
    **{key: str(value) for key, value in MANAGED.items() if key not in ("groups", "system")},
    "groups": ["engineering", "berlin", ""],
    "system": 1,
}


@pytest.mark.parametrize(
    "values",
    [
        from_preferences(plistlib.dumps(MANAGED), "p"),
        from_preferences(plistlib.dumps(MANAGED, fmt=plistlib.FMT_BINARY), "p"),
        from_preferences(plistlib.dumps({**MANAGED, "PayloadUUID": "5A3C", "PayloadType": "x"}), "p"),
        from_policy_key(IN_THE_REGISTRY),
        from_policy_key({**IN_THE_REGISTRY, "groups": "engineering, berlin,"}),
    ],
    ids=[
        "XML preferences",
        "binary preferences",
        "preferences with what a profile leaves there",
        "the policy key",
        "a list with commas, as an installer writes it",
    ],
)
def test_every_form_is_the_same_settings(values: Mapping[str, object]) -> None:
    assert parse_settings(values, "") == EXPECTED


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"servr": "https://x/"}, "servr: there is no such setting"),
        ({"ownership": "mine"}, "ownership: 'mine' is not known"),
        ({"system": "yes"}, "system: true or false is expected"),
        ({"process_poll": "fast"}, "process_poll: a number of seconds"),
        ({"groups": 7}, "groups: a list of texts is expected"),
        ({"poll_interval": 5}, "poll_interval:"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_with_its_place(values: Mapping[str, str | int | list[str]], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        parse_settings(from_policy_key(values), r"HKLM\SOFTWARE\Policies\Interdict")


@given(some.binary(max_size=400))
def test_any_bytes_are_a_dictionary_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadSettings):
        assert isinstance(from_preferences(data, "p"), dict)


class TestPreferencesFile:
    def test_there_is_none(self, tmp_path: Path) -> None:
        assert read_preferences(os.fspath(tmp_path / "none.plist")) == {}

    @pytest.mark.parametrize("how", ["writable by others", "a link", "no property list", "endless", "a list"])
    def test_it_is_not_believed_when(self, tmp_path: Path, how: str) -> None:
        path = tmp_path / "p.plist"
        path.write_bytes(plistlib.dumps(MANAGED))
        if how == "writable by others":
            path.chmod(0o666)
        elif how == "a link":
            path = path.rename(tmp_path / "elsewhere")
            (tmp_path / "p.plist").symlink_to(path)
            path = tmp_path / "p.plist"
        else:
            made = {"no property list": b"<plist", "endless": b" " * 300_000, "a list": plistlib.dumps(["x"])}
            path.write_bytes(made[how])
        with pytest.raises(BadSettings):
            read_preferences(os.fspath(path))


class TestOverTheFile:
    @pytest.fixture
    def file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        file = tmp_path / "settings.toml"
        monkeypatch.setattr(configured, "managed_values", lambda: MANAGED)
        monkeypatch.setattr(configured, "default_file", lambda: os.fspath(file))
        monkeypatch.setitem(DEFAULT_FILES, sys.platform, os.fspath(file))
        return file

    def test_management_wins_and_the_rest_of_the_file_holds(self, file: Path) -> None:
        file.write_text('server = "https://old.example.com/"\nlanguage = "zh_CN"\n')
        assert load_settings() == EXPECTED._replace(language="zh_CN", file=os.fspath(file))

    def test_there_need_not_be_a_file(self, file: Path) -> None:
        assert load_settings() == EXPECTED._replace(file=os.fspath(file))

    def test_a_secret_in_the_file_is_refused(self, file: Path) -> None:
        file.write_text('secret = "for everybody to read"\n')
        with pytest.raises(BadSettings, match="secret: does not belong here"):
            load_settings()


def test_a_file_that_is_named_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("")
    assert load_settings(os.fspath(file)) == Settings(file=os.fspath(file))


@pytest.mark.parametrize("how", ["in a file", "in the setting itself", "not at all"])
def test_the_first_trust_is_given(tmp_path: Path, how: str) -> None:
    file = tmp_path / "root.json"
    file.write_text('{"signed": {}}')
    given = {"in a file": os.fspath(file), "in the setting itself": ' {"signed": {}}', "not at all": ""}[how]
    assert configured.first_trust(Settings(trust_root=given)).strip() == (b'{"signed": {}}' if given else b"")
