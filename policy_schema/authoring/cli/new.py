"""`interdict-policy new`: asks for what a policy needs and writes one with comments, which lints clean."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from policy_schema.authoring.policy_template import Answers, write_policy
from policy_schema.document.catalogue import Catalogue, load_catalogue
from policy_schema.document.lint import lint_text
from policy_schema.document.problems import Level
from policy_schema.document.scalars import Day, Label, Language, Line, Link, Wrong, Zone
from policy_schema.document.source import read_document
from policy_schema.document.targets import known_id
from policy_schema.errors import BadCommand, BadDocument, BadFile

NAME = "new"
HELP = "Asks a few questions and writes a policy to begin with."


class Question(NamedTuple):
    """One thing to ask. `check` returns the answer in its right form, or raises ValueError."""

    name: str
    text: str
    default: Callable[[Mapping[str, str]], str]
    check: Callable[[str], object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `new` takes."""
    parser.add_argument("file", type=Path, nargs="?", default=Path("policy.yaml"), metavar="FILE", help="policy.yaml")
    parser.add_argument("--answers", type=Path, metavar="JSON", help="a JSON object with answers, instead of asking")
    parser.add_argument("--yes", action="store_true", help="take the default of every question that has no answer")


def run(args: argparse.Namespace) -> int:
    """Writes the policy; never over a file that is there.

    Raises:
        BadFile: the file is there already, or cannot be written.
        BadCommand: an answer is wrong, or nobody is there to be asked.
    """
    file: Path = args.file
    if os.path.lexists(file):
        raise BadFile(f"{file}: is there already", "name a new file; nothing is overwritten")
    catalogue = load_catalogue()
    given = read_answers(args.answers) if args.answers is not None else {}
    today = date.today()
    answers = ask_all(questions(catalogue, today), given, ask=None if args.yes or given else ask)
    text = write_policy(Answers(**answers), catalogue, today)
    problems = [problem for problem in lint_text(text, str(file), catalogue) if problem.level is Level.ERROR]
    if problems:
        raise BadDocument(problems)
    write_new(file, text)
    print(f"{file}: written. Read it, then: interdict-policy lint {file}; interdict-policy preview {file}")
    return 0


def questions(catalogue: Catalogue, today: date) -> tuple[Question, ...]:
    """What is asked, in order. A default may rest on the answers before it."""

    def after(name: str, days: int) -> Callable[[Mapping[str, str]], str]:
        return lambda answers: (date.fromisoformat(answers[name]) + timedelta(days=days)).isoformat()

    def tool(text: str) -> str:
        return known_id(text, catalogue)

    def always(text: str) -> Callable[[Mapping[str, str]], str]:
        return lambda _: text

    soon = (today + timedelta(days=3)).isoformat()
    return (
        Question("organisation", "Name of your organisation", always("Example Group"), _like(Line)),
        Question("time_zone", "Its time zone (all times are local to it)", always(local_zone()), _like(Zone)),
        Question("language", "Language of the texts, such as en or zh-Hans", always("en"), _like(Language)),
        Question("help", "Where people can ask (https or mailto)", always("https://help.example.com"), _like(Link)),
        Question("decided_by", "Who decided the ban", always("Information Security"), _like(Line)),
        Question("tool", "Tool to ban (its id in `interdict-policy catalogue list`)", always("claude-code"), tool),
        Question("reason", "Why, in a sentence", always("Assessed as not allowed on company devices."), _like(Line)),
        Question("alternative", "Tool to use instead", always("qoder"), tool),
        Question("alternative_url", "Its address", always("https://qoder.com"), _like(Link)),
        Question("notify", "Tell people from (day, 09:00)", always(soon), _like(Day)),
        Question("block", "Refuse to start it from (day, 09:00)", after("notify", 7), _like(Day)),
        Question("remove", "Put it aside from (day, 09:00)", after("block", 14), _like(Day)),
        Question("group", "A group that goes first, such as it", always("it"), _like(Label)),
    )


def ask_all(
    asked: tuple[Question, ...], given: Mapping[str, str], ask: Callable[[Question, str], str] | None
) -> dict[str, str]:
    """An answer to each question: the given one, the person's, or the default when nobody is asked.

    Raises:
        BadCommand: a given answer is wrong or answers no question.
    """
    unknown = sorted(set(given) - {question.name for question in asked})
    if unknown:
        raise BadCommand(f"{unknown[0]!r} is no question", f"answer {', '.join(question.name for question in asked)}")
    answers: dict[str, str] = {}
    for question in asked:
        default = question.default(answers)
        if question.name in given or ask is None:
            answers[question.name] = _checked(question, given.get(question.name, default))
        else:
            answers[question.name] = ask(question, default)
    return answers


def ask(question: Question, default: str) -> str:
    """Asks on the terminal until the answer is right; an empty one takes the default.

    Raises:
        BadCommand: nobody answers.
    """
    while True:
        try:
            print(f"{question.text} [{default}]: ", end="", file=sys.stderr, flush=True)
            line = input().strip() or default
        except EOFError:
            print(file=sys.stderr)
            raise BadCommand("nobody is here to answer", "use --yes, or --answers FILE") from None
        try:
            return _checked(question, line)
        except BadCommand as error:
            print(f"  {error}; {error.advice()}", file=sys.stderr)


def read_answers(path: Path) -> dict[str, str]:
    """The answers in a JSON file.

    Raises:
        BadFile, BadCommand: it cannot be read, or is no object of texts.
    """
    try:
        answers = json.loads(read_document(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadCommand(f"{path}: is not JSON: {error}", 'write an object such as {"tool": "claude-code"}') from error
    if not isinstance(answers, dict) or not all(isinstance(value, str) for value in answers.values()):
        raise BadCommand(f"{path}: is not an object of texts", 'write an object such as {"tool": "claude-code"}')
    return answers


def write_new(path: Path, text: str) -> None:
    """Writes a file that is not there yet.

    Raises:
        BadFile: it is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise BadFile(f"{path}: is there already", "name a new file; nothing is overwritten") from None
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror}", "check the folder and its permissions") from error


def local_zone() -> str:
    """The time zone of this machine as an IANA name, else UTC."""
    name = os.environ.get("TZ", "") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    try:
        return TypeAdapter(Zone).validate_python(name.removeprefix(":"))
    except ValidationError:
        return "UTC"


def _like(kind: Any) -> Callable[[str], object]:
    """The check of one of the types of `document.scalars`."""
    return TypeAdapter[object](kind).validate_python


def _checked(question: Question, text: str) -> str:
    try:
        value = question.check(text)
    except ValidationError as error:
        wrong = error.errors()[0].get("ctx", {}).get("error")
        message, mend = (wrong.message, wrong.mend) if isinstance(wrong, Wrong) else (str(wrong), "answer again")
        raise BadCommand(f"{question.name}: {message}", mend) from error
    except Wrong as wrong:
        raise BadCommand(f"{question.name}: {wrong.message}", wrong.mend) from wrong
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
