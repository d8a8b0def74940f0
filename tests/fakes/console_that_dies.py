"""A console that is killed by SIGKILL at one moment: `python -m tests.fakes.console_that_dies DATA MOMENT`.

MOMENT is `before-commit`, `after-commit` (and before the answer), or `never`. It counts once a report is in the batch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from console import app, server
from console.ingest.writer import Writer
from console.settings import Settings
from tests.fakes.running_console import prepared


def die() -> None:
    """Without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


class DiesAfterCommit(Writer):
    """Dies where answers would begin."""

    def answer(self, jobs: list[Any], results: list[Any]) -> None:
        """A batch is committed."""
        if any(is_of_a_report(result) for result, _ in results):
            die()
        super().answer(jobs, results)


class DiesBeforeCommit(Writer):
    """Dies with everything written and the transaction open."""

    def submit(self, work: Callable[[Connection], Any]) -> Future[Any]:
        """A job that dies at its end, if it stored a report."""

        def dying(connection: Connection) -> Any:
            result = work(connection)
            if is_of_a_report(result):
                die()
            return result

        return super().submit(dying)


def is_of_a_report(result: Response | None) -> bool:
    """Tells the answer to a report from that to an enrolment."""
    return result is not None and b"stored_up_to" in bytes(result.body)


WRITERS = {"after-commit": DiesAfterCommit, "before-commit": DiesBeforeCommit, "never": Writer}


def main(data: Path, moment: str) -> None:
    """Serves until it dies or is told to end."""
    database = prepared(data)
    settings = Settings(data=data, port=0, trial=True)
    writer = WRITERS[moment](database)
    with server.bind(settings) as bound:
        address = server.address(bound)
        serving = server.server(app.build(settings, database, writer=writer), lambda: print(address, flush=True))
        serving.run([bound])
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
