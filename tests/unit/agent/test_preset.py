"""A preset becomes settings: what is taken over, what is refused, and that no value becomes another on its way."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.main import main
from agent.cli.preset import read_preset, settings_text
from agent.errors import BadCommand, BadSettings
from agent.settings import SETTINGS, Settings, load_file, parse_settings
from tests.architecture.source import ROOT

FULL = b"""\xef\xbb\xbf[interdict]
# as an installation is given it
policy_url = https://policy.example.com/interdict/
server: https://interdict.example.com/?a=%b
secret = s3cret
groups = engineering, shanghai ,
system = no
process_poll = 0.5
poll_interval = 1m
region =
"""
LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40).map(str.strip)


def test_every_kind_of_value_is_taken_over() -> None:
    values, secret = read_preset(FULL, "preset.ini")
    made = parse_settings(tomllib.loads(settings_text(values)), "settings.toml")
    assert secret == "s3cret" and "s3cret" not in settings_text(values)
    assert made == Settings(
        policy_url="https://policy.example.com/interdict/",
        server="https://interdict.example.com/?a=%b",
        groups=("engineering", "shanghai"),
        system=False,
        process_poll=0.5,
        poll_interval=60,
        file="settings.toml",
    ), "an empty line sets nothing"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("[interdict]\nserver = x\nserver = y\n", "server", id="one name twice"),
        pytest.param("server = x\n", "no section headers", id="no section"),
        pytest.param("[interdict]\n[other]\n", "[other]", id="a section nobody knows"),
        pytest.param("[interdict]\nsrever = x\n", "srever", id="a name nobody knows"),
        pytest.param("[interdict]\nkind = phone\n", "kind", id="a kind that there is not"),
        pytest.param("[interdict]\npoll_interval = soon\n", "poll_interval", id="no duration"),
        pytest.param("[interdict]\nsystem = perhaps\n", "system", id="neither yes nor no"),
        pytest.param("[interdict]\nprocess_poll = often\n", "process_poll", id="no number"),
        pytest.param("[interdict]\nsecret = " + "x" * 201, "secret", id="a secret that is none"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, names: str) -> None:
    with pytest.raises((BadCommand, BadSettings)) as refused:
        read_preset(text.encode(), "preset.ini")
    assert names in str(refused.value) and "\n" not in str(refused.value)


def test_the_example_that_is_installed_is_one() -> None:
    values, secret = read_preset((ROOT / "packaging/linux/preset.ini").read_bytes(), "preset.ini")
    assert values["groups"] == ["engineering", "shanghai"] and secret == "" and set(values) <= SETTINGS


@given(LINE, LINE)
def test_no_value_becomes_another_one_on_its_way(region: str, url: str) -> None:
    text = f"[interdict]\nregion = {region}\npolicy_url = {url}\n"
    values, _ = read_preset(text.encode(), "preset.ini")
    made = parse_settings(tomllib.loads(settings_text(values)), "x")
    assert (made.region or "", made.policy_url) == (region, url)


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=30))
def test_a_settings_file_reads_back_whatever_a_text_holds(text: str) -> None:
    assert tomllib.loads(settings_text({"region": text})) == {"region": text}


def test_what_is_there_stays_and_a_secret_is_roots_alone(tmp_path: Path) -> None:
    preset, target = tmp_path / "preset.ini", tmp_path / "etc" / "settings.toml"
    preset.write_bytes(FULL)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "root.json").write_text("{}")
    command = ["preset", str(preset), "--config", str(target)]
    assert main(command) == 0
    first = load_file(str(target))
    assert first.trust_root == str(tmp_path / "etc" / "root.json"), "one that lies there is taken"
    assert Path(first.secret_file).read_text() == "s3cret\n" and Path(first.secret_file).stat().st_mode & 0o777 == 0o600
    preset.write_text("[interdict]\nregion = DE\n")
    assert main(command) == 0 and load_file(str(target)) == first
    assert main([*command, "--replace"]) == 0 and load_file(str(target)).region == "DE"
