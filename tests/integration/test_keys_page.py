"""Every command on the page about keys, run from the page itself, by three people on three machines."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from policy_schema.trust import keyfile
from tests.architecture.source import ROOT
from tests.fakes.office import LI, WANG, ZHAO, Office, two_of_three

PAGE = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
PROMPTS = {"li": LI, "wang": WANG, "zhao": ZHAO}
BLOCKS = {
    section.partition("\n")[0]: block.splitlines()
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL)
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An office with a published policy; copied for each block."""
    base = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "ROUNDS", (1 << 10, 8, 1))
        office = two_of_three(base, None)
        office[LI].signs(str(office[LI].policy))
        office[WANG].signs()
        office[LI].publishes()
    return base


@pytest.fixture
def office(prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """The checkouts know each other by absolute paths, so the same folder is put back as it was."""
    monkeypatch.setattr(keyfile, "ROUNDS", (1 << 10, 8, 1))
    saved = prepared.with_name(prepared.name + "-saved")
    if saved.exists():
        shutil.rmtree(prepared)
        shutil.copytree(saved, prepared, symlinks=True)
    else:
        shutil.copytree(prepared, saved, symlinks=True)
    return Office(prepared, capsys, LI, WANG, ZHAO)


@pytest.mark.parametrize("title", BLOCKS)
def test_each_command_does_what_the_page_says(office: Office, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in BLOCKS[title]:
        prompt, _, command = line.partition("$ ")
        person = office[PROMPTS[prompt]]
        program, verb, *words = shlex.split(command)
        assert program == "interdict-policy"
        person.pull()
        monkeypatch.chdir(person.dir)
        own = () if verb == "verify" else person.own()
        ran = person.run(verb, *words, *own, *(("--yes",) if verb == "sign" else ()))
        assert (ran.code, ran.err) == (0, ""), f"{title}: {line}: {ran.err}"
        person.push()
    last = office[LI].run("verify", ".", "--trust-root", "root.json")
    assert last.out.startswith("GOOD"), last.out


def test_the_page_has_a_block_for_each_case() -> None:
    assert len(BLOCKS) == 6
    assert not re.search(r"^\w+\$ (?!interdict-policy )", PAGE, re.MULTILINE)
