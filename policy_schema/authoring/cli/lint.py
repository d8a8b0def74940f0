"""`interdict-policy lint`: what is wrong with a policy, a line each."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.lint import lint_file
from policy_schema.document.problems import Level, Problem

NAME = "lint"
HELP = "Checks a policy and names every problem with its line and its cure."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `lint` takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, in YAML")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 if anything must be mended, 0 otherwise; warnings alone are 0.

    Raises:
        BadFile: the file cannot be read.
    """
    file: Path = args.file
    problems = lint_file(file, load_catalogue())
    if args.json:
        print(json.dumps({"problems": [problem.as_json() for problem in problems]}, ensure_ascii=False, indent=2))
    else:
        show(problems, str(file))
    return 2 if any(problem.level is Level.ERROR for problem in problems) else 0


def show(problems: list[Problem], name: str) -> None:
    """Errors and warnings to stderr, so that stdout stays empty for programs; a word of praise if there are none."""
    for problem in problems:
        print(problem.line_of_text(), file=sys.stderr)
    if not problems:
        print(f"{name}: nothing to mend")
