"""What stands in the place of a command: its words, and that nothing but words can be in it."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.notices.signpost import MAX_BYTES, is_signpost, signpost

NOW = 1_800_000_000


def made(organisation: str = "Example Group", tool: str = "Claude Code", language: str = "en") -> str:
    group = {"name": organisation, "default_language": language, "contacts": {"help": "https://help.example.com"}}
    instead = [{"name": "Qoder", "url": "https://qoder.com"}]
    return signpost(
        group, {"id": "b", "reason": {"en": "No."}, "stages": [], "alternatives": instead}, {"name": tool}, NOW
    )


@pytest.mark.parametrize(
    ("environment", "default", "word"),
    [
        pytest.param({"LANG": "zh_CN.UTF-8"}, "en", "请使用", id="Chinese by LANG"),
        pytest.param({"LANG": "en_US.UTF-8"}, "zh-Hans", "Use Qoder", id="English by LANG"),
        pytest.param({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "zh-Hans", "Use Qoder", id="LC_ALL wins"),
        pytest.param({}, "zh-Hans", "请使用", id="the organisation's own without any"),
        pytest.param({"LANG": "fr_FR.UTF-8"}, "en", "Use Qoder", id="the organisation's own for another"),
    ],
)
def test_it_speaks_the_language_of_whoever_starts_it(environment: dict[str, str], default: str, word: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-s", "--", "-p", "hello"],
        input=made(language=default).encode(),
        env=environment,
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (126, b"")
    assert word in said and "https://qoder.com" in said and "https://help.example.com" in said


@given(organisation=st.text(max_size=60), tool=st.text(max_size=60))
def test_whatever_the_names_are_it_is_known_again_and_runs_nothing(organisation: str, tool: str) -> None:
    text = made(organisation.encode("utf-8", "ignore").decode(), tool.encode("utf-8", "ignore").decode())
    assert is_signpost(text.encode())
    assert len(text.encode()) <= MAX_BYTES


@pytest.mark.parametrize("name", ["'; touch /tmp/x; '", "$(id)", "`id`", "a\nexit 0\n", "\\", "%s%n", "'\\''"])
def test_a_name_is_never_a_command(name: str) -> None:
    done = subprocess.run(["/bin/sh", "-s"], input=made(name, name).encode(), capture_output=True, check=False)
    assert done.returncode == 126
    assert name.split("\n")[0].encode() in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "id\n", id="a line behind it"),
        pytest.param(lambda text: text.replace("exit 126", "exec evil"), id="another end"),
        pytest.param(lambda text: text.replace(") printf", ") id; printf", 1), id="a command in a branch"),
        pytest.param(lambda text: text.replace("' ;;", "' $(id) ;;", 1), id="a substitution"),
        pytest.param(lambda text: text.replace("#!/bin/sh", "#!/bin/bash"), id="another interpreter"),
        pytest.param(lambda text: text.replace("in\n", "in\n'\n", 1), id="an open quote"),
        pytest.param(lambda text: "", id="nothing"),
        pytest.param(lambda text: text + "#" * MAX_BYTES, id="too long"),
    ],
)
def test_what_could_do_anything_else_is_none(change: object) -> None:
    assert callable(change)
    assert not is_signpost(change(made()).encode())
