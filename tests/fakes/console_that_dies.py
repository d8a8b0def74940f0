"""A console that is killed by SIGKILL at one moment: `python -m tests.fakes.console_that_dies DATA MOMENT`.

MOMENT is `before-commit`, `after-commit` (and before the answer), or `never`. It counts once a report is in the batch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from console import app, server
from console.ingest.apply import Result
from console.ingest.together import store_reports
from console.ingest.writer import Together, Writer
from console.settings import Settings
from tests.fakes.running_console import prepared


def die() -> None:
    """Without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


class DiesAfterCommit(Writer):
    """Dies where answers would begin."""

    def answer(self, jobs: list[Any], results: list[Any]) -> None:
        """A batch is committed."""
        if any(isinstance(result, Result) for result, _ in results):
            die()
        super().answer(jobs, results)


class DiesBeforeCommit(Writer):
    """Dies with everything written and the transaction open."""

    def submit_item(self, together: Together, item: object) -> Future[Any]:
        """Reports are stored together; the first batch of them is the last."""
        return super().submit_item(_dying, item)


def _dying(connection: Connection, items: Sequence[Any]) -> Sequence[Any]:
    store_reports(connection, items)
    die()
    return ()


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
