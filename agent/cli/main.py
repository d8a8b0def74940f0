"""The command `interdict`: a table of commands, one file each, loaded when called.

Exit codes: 0 nothing banned; 1 banned software found, or a check failed; 2 could not do it (one line on stderr: what
is wrong, what to do); 3 could not look everywhere, with `--require-complete`.
"""

from __future__ import annotations

import gc
import os
import sys

from agent.cli.output import plain
from agent.errors import InterdictError

COMMANDS: dict[str, str] = {
    "doctor": "agent.cli.doctor",
    "enroll": "agent.cli.enroll",
    "explain": "agent.cli.explain",
    "inventory": "agent.cli.inventory",
    "later": "agent.cli.later",
    "leave": "agent.cli.leave",
    "move": "agent.cli.move",
    "notifier": "agent.cli.notifier",
    "pause": "agent.cli.pause",
    "preset": "agent.cli.preset",
    "quarantine": "agent.cli.quarantine",
    "release": "agent.cli.release",
    "report-wrong": "agent.cli.report_wrong",
    "request-exception": "agent.cli.request_exception",
    "run": "agent.cli.run",
    "scan": "agent.cli.scan",
    "sent": "agent.cli.sent",
    "status": "agent.cli.status",
}
"""Every command: name to module. A module has NAME, HELP, add_arguments(parser) and run(args) -> exit code."""


def main(argv: list[str] | None = None) -> int:
    """Runs one command and answers with its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _run(arguments)
        sys.stdout.flush()
        if argv is None and arguments[:1] == ["status"]:
            # The interpreter's own end would only free what goes with the process, in a tenth of the whole time.
            os._exit(code)
        return code
    except InterdictError as error:
        print(f"interdict: {plain(str(error))}. {error.advice()}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (`| head`): not an error of ours, and nothing more can be said.
        _finish_output()
        return 2
    except OSError as error:
        _finish_output()
        where = f"{plain(str(error.filename))}: " if error.filename else ""
        reason = error.strerror or error
        print(
            f"interdict: {where}{reason}. Check the path, its permissions and the room on the disk.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130


def _finish_output() -> None:
    """Writes what is still buffered; where that cannot be, drops it, so that the interpreter's end is silent."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["status"]:
        code = _quick_status(arguments[1:])
        if code is not None:
            return code
    from agent.cli.parser import run_command

    return run_command(arguments, COMMANDS)


def _quick_status(words: list[str]) -> int | None:
    """The plain forms of `status`, asked by prompts and panels all day: without argparse, and without looking for
    garbage in the few milliseconds that they live. None for every other form."""
    gc.disable()
    try:
        if words[:1] == ["--login"] and (len(words) == 1 or (words[1:2] == ["--config"] and len(words) == 3)):
            from agent.cli.login_line import show_login

            return show_login(words[2] if len(words) == 3 else "")
        from agent.cli.status import plain_form, show

        form = plain_form(words)
        return None if form is None else show(*form)
    finally:
        gc.enable()
