"""The command's own errors, and what every error is told as and leaves with.

==== ==============================================================================
code meaning
==== ==============================================================================
0    good
1    the check failed, or the run ended degraded or failed
2    wrong usage: unknown run, a tick beyond the head, a value out of bounds
3    environment: database, schema, disk, or another runner
70   a mistake of ours; POLIS_DEBUG=1 shows where
130  stopped by a signal, a breakpoint, or a pause that was asked for; resumable
141  whoever read our output went away, as `polis events … | head` does
==== ==============================================================================
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback

from typer.exceptions import TyperException

from chronopolis.cli.output import error_json, error_lines
from chronopolis.cli.standard_io import OutputFailed
from chronopolis.driver_errors import is_refusal, words_of
from chronopolis.errors import WrongUsage
from domain.errors import PolisError

GOOD, CHECK_FAILED, WRONG_USAGE, ENVIRONMENT, OUR_MISTAKE, STOPPED, NOBODY_READS = 0, 1, 2, 3, 70, 130, 141

_USAGE = (
    "InvalidConfiguration", "UnknownRun", "RunDropped", "RunExists", "BeyondHead", "WrongUsage", "NobodyToAsk",
    "UnknownAgent", "NoTicksYet", "NothingFound", "TickHasBegun", "UnknownEvent", "BadQuery", "ExportRefused",
    "UnknownMeasure", "InvalidExpression", "ReadByFork", "BackupRefused", "ArchiveRefused",
)  # fmt: skip
_CHECK = ("CorruptHistory", "MissingAnswer", "MissingInput", "InvalidInput", "RandomnessForbidden")
_OF_THE_MACHINE = (
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EFBIG,
)  # fmt: skip


class Stopped(Exception):
    """Ctrl-C or SIGTERM, where no command had more to say about it."""


class NobodyReads(Exception):
    """Whoever read our output went away."""


class StoppedAtOnce(Exception):
    """A run was left in the middle of a tick; what is durable is safe."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        return f"stopped at once; `polis resume {self.run}` goes on from its newest durable tick"


def meant(error: Exception, arguments: list[str]) -> Exception:
    """Return what to say of an error: wrong usage, if it is an argument that is no text."""
    if isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":
        for argument in arguments:
            if error.object[error.start] in argument:
                return WrongUsage(f"{argument!r} is not UTF-8 text")
    return error


def exit_code_of(error: Exception) -> int:
    """Return what a failed command leaves with."""
    if isinstance(error, PolisError):
        name = type(error).__name__
        return WRONG_USAGE if name in _USAGE else CHECK_FAILED if name in _CHECK else ENVIRONMENT
    if isinstance(error, Stopped | StoppedAtOnce):
        return STOPPED
    if isinstance(error, TyperException):
        return WRONG_USAGE
    if _is_environment(error):
        return ENVIRONMENT
    return OUR_MISTAKE


def _is_environment(error: Exception) -> bool:
    """Whether a foreign error says that a disk or a server failed, not that we did."""
    if isinstance(error, OutputFailed):
        return True
    if isinstance(error, OSError):
        return error.errno in _OF_THE_MACHINE
    # A limit of this user's, as `ulimit -u` and `ulimit -v` set it: Python has no type for that of threads.
    return isinstance(error, MemoryError) or str(error) == "can't start new thread" or is_refusal(error)


def report(error: Exception, code: int, *, as_json: bool) -> None:
    """Say on standard error what happened, and with --json also as the last line of standard output."""
    message = _message(error, code).encode("utf-8", "backslashreplace").decode()  # it may quote what is no text
    if not message:  # `polis` alone: its help was shown
        return
    kind = type(error).__name__
    with contextlib.suppress(OSError):  # that nobody can be told makes it no other error
        print(error_lines(kind, message), file=sys.stderr, flush=True)
        if os.environ.get("POLIS_DEBUG"):
            traceback.print_exception(error, file=sys.stderr)
    if as_json:
        print(error_json(kind, message, code), flush=True)


def _message(error: Exception, code: int) -> str:
    if isinstance(error, TyperException):
        if not error.format_message():
            return ""
        context = getattr(error, "ctx", None)
        hint = f"\nTry '{context.command_path} --help'." if context is not None else ""
        return error.format_message().replace("Value error, ", "", 1) + hint  # pydantic's words, of no use here
    if code == OUR_MISTAKE:
        said = str(error).strip().splitlines()
        return (
            f"{type(error).__name__}: {said[0] if said else 'no more is known'}\n"
            "This is a mistake of ours. POLIS_DEBUG=1 shows where. Nothing that was recorded was changed; "
            "`polis verify RUN` tells whether a history is sound."
        )
    if _is_environment(error) and not isinstance(error, OutputFailed):
        said = words_of(error).splitlines()
        return said[0] if said else type(error).__name__
    return words_of(error)
