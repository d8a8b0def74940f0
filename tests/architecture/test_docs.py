"""The documents name everything that there is, and nothing that there is not."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

import pytest

from agent.cli.main import COMMANDS as AGENT_COMMANDS
from agent.enforce import ACTIONS
from agent.inventory import SOURCES
from agent.settings import SETTINGS, Settings
from console.cli import _parser as console_parser
from policy_schema.authoring.catalogue_page import catalogue_page
from policy_schema.authoring.cli.main import COMMANDS as AUTHOR_COMMANDS
from policy_schema.document.catalogue import load_catalogue
from tests.architecture.source import ROOT, project_files

PAGES = tuple(name for name in project_files() if name.endswith(".md") and not name.startswith("tests/"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
OPTION = r"--[a-z][a-z0-9-]*"
DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _first_cells(page: str, heading: str = "") -> list[str]:
    """The code in the first cell of each row of the page's tables, below a heading if one is given."""
    text = _page(page)
    if heading:
        text = re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


COMMANDS = (
    ("interdict", AGENT_COMMANDS),
    ("interdict-policy", AUTHOR_COMMANDS),
)
BY_COMMAND = [
    pytest.param(program, name, module, id=f"{program} {name}")
    for program, table in COMMANDS
    for name, module in table.items()
]


def _synopses(program: str) -> dict[str, str]:
    """Command to everything its rows of the commands page show."""
    found: dict[str, str] = {}
    for row in _first_cells("docs/commands.md", program):
        words = row.replace("\\|", "|").split()
        if len(words) > 1:
            found[words[1]] = f"{found.get(words[1], '')} {' '.join(words)}"
    return found


@pytest.mark.parametrize(("program", "table"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_commands_page_lists_just_the_commands(program: str, table: dict[str, str]) -> None:
    assert set(_synopses(program)) == set(table)


def _options(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found |= _options(sub)
        elif action.help != argparse.SUPPRESS:
            found |= {option for option in action.option_strings if option.startswith("--")}
    return found - {"--help", "--version"}


@pytest.mark.parametrize(("program", "name", "module"), BY_COMMAND)
def test_the_commands_page_shows_just_the_options(program: str, name: str, module: str) -> None:
    parser = argparse.ArgumentParser()
    import_module(module).add_arguments(parser)
    assert set(re.findall(OPTION, _synopses(program)[name])) == _options(parser)


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: sub for action in actions for name, sub in action.choices.items()}


def test_the_commands_page_shows_just_the_commands_and_options_of_the_console() -> None:
    real = {name: _options(parser) for name, parser in _verbs(console_parser()).items()}
    shown = {name: set(re.findall(OPTION, text)) for name, text in _synopses("interdict-console").items()}
    assert shown == real


def test_every_setting_is_on_the_settings_page() -> None:
    assert set(_first_cells("docs/settings.md")) == SETTINGS


def _default(text: str) -> object:
    if text == "not set":
        return None
    literal = text.strip("`")
    if duration := re.fullmatch(r'"(\d+)([smhd])"', literal):
        return int(duration[1]) * DURATIONS[duration[2]]
    return {"[]": (), "true": True, "false": False}.get(literal, literal.strip('"'))


def test_the_settings_page_gives_the_real_defaults() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", _page("docs/settings.md"), re.MULTILINE))
    real = {name: default for name, default in Settings._field_defaults.items() if name in rows}
    written = {name: _default(text) for name, text in rows.items()}
    assert {name: str(value) for name, value in written.items()} == {name: str(value) for name, value in real.items()}


def test_every_source_is_on_the_sources_page() -> None:
    assert set(_first_cells("docs/sources.md")) == set(SOURCES)


def test_every_action_is_on_the_actions_page() -> None:
    assert set(_first_cells("docs/actions.md", "What is done")) == set(ACTIONS)


def test_the_catalogue_page_is_that_of_the_catalogue() -> None:
    page = catalogue_page(load_catalogue().tools.values())
    assert _page("docs/catalogue.md") == page, "run .venv/bin/python scripts/catalogue_page"


def test_every_decision_is_in_the_index() -> None:
    pages = {name.rsplit("/", 1)[1] for name in PAGES if name.startswith("docs/adr/0")}
    assert set(LINK.findall(_page("docs/adr/README.md"))) == pages


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in LINK.findall(FENCE.sub("", _page(name))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and anchor not in _anchors(place)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_make_targets_in_the_pages_exist(name: str) -> None:
    makefile = _page("Makefile")
    named = set(re.findall(r"\bmake ([a-z]+)\b(?=`| ARGS| PYTHON|\s+#)", _page(name)))
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()
