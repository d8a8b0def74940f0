"""Runs the TUF conformance suite against our own client: `make conformance`, `make conformance SUITE=folder`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
GET = "git clone https://github.com/theupdateframework/tuf-conformance"


def command(suite: Path, client: Path, more: list[str]) -> list[str]:
    """The suite's own pytest, away from this project's settings and fixtures."""
    own = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(suite), "--confcutdir", str(suite)]
    plugins = ["-p", "no:cacheprovider", "-p", "tests.conformance.patient", "-n", "2"]
    return [*own, *plugins, *more, str(suite / "tuf_conformance"), "--entrypoint", str(client)]


def main() -> int:
    """pytest's exit code; 2 when something is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="?", type=Path, default=HERE / "suite", help="a copy of the suite")
    args, more = parser.parse_known_args()
    suite = args.suite.resolve()
    if not (suite / "tuf_conformance").is_dir():
        print(f"conformance: {suite} holds no tuf_conformance: {GET}, then SUITE=tuf-conformance", file=sys.stderr)
        return 2
    if shutil.which("faketime") is None:
        print("conformance: the suite moves the clock with faketime: apt install faketime", file=sys.stderr)
        return 2
    paths = {"PYTHONPATH": os.pathsep.join([str(suite), str(PROJECT)]), "INTERDICT_PYTHON": sys.executable}
    return subprocess.run(command(suite, HERE / "client", more), env={**os.environ, **paths}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
