"""`polis`: the root of the command, its errors and exit codes.

==== ==============================================================================
code meaning
==== ==============================================================================
0    good
1    the check failed, or the run ended degraded or failed
2    wrong usage: unknown run, a tick beyond the head, a value out of bounds
3    environment: database, schema, disk, or another runner
70   a mistake of ours; POLIS_DEBUG=1 shows where
130  stopped by SIGINT or SIGTERM; a run can be resumed
141  whoever read our output went away, as `polis events … | head` does
==== ==============================================================================
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
import traceback
import warnings
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from chronopolis.cli import (
    bisecting,
    causes,
    checking,
    database,
    debugging,
    demo,
    diffing,
    doctor,
    dropping,
    export,
    forking,
    looking,
    measuring,
    memory,
    minds,
    refreshing,
    running,
    sql,
    standard_io,
    thinking,
    watching,
    worker,
)
from chronopolis.cli.garbage import collect_seldom
from chronopolis.cli.output import error_json, error_lines
from chronopolis.driver_errors import is_refusal, words_of
from chronopolis.errors import WrongUsage

GOOD, CHECK_FAILED, WRONG_USAGE, ENVIRONMENT, OUR_MISTAKE, STOPPED, NOBODY_READS = 0, 1, 2, 3, 70, 130, 141

_USAGE = (
    "InvalidConfiguration", "UnknownRun", "RunDropped", "RunExists", "BeyondHead", "WrongUsage", "UnknownAgent",
    "NoTicksYet", "NothingFound", "TickHasBegun", "UnknownEvent", "BadQuery", "ExportRefused",
    "UnknownMeasure", "InvalidExpression", "ReadByFork",
)  # fmt: skip
_CHECK = ("CorruptHistory", "MissingAnswer", "MissingInput", "InvalidInput", "RandomnessForbidden")

EPILOG = """[bold]Begin with[/bold]

  [cyan]polis demo[/cyan]  [dim]# a society of 500 agents, run and verified[/dim]

  [cyan]polis run --agents 200 --ticks 500 --seed 7[/cyan]

  [cyan]polis state RUN --map[/cyan]

Exit codes: 0 good, 1 the check failed or the run ended degraded, 2 wrong usage, 3 environment, 130 stopped.
POLIS_HOME names the folder of everything embedded, POLIS_DATABASE_URL a Postgres of your own,
POLIS_BROKER_URL a Redis or Valkey."""


class Stopped(Exception):
    """Ctrl-C or SIGTERM, where no command had more to say about it."""


class NobodyReads(Exception):
    """Whoever read our output went away."""


class _Polis(TyperGroup):
    """The root command; typer would swallow these two on their way out."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped("stopped") from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise NobodyReads from None
            raise


app = typer.Typer(
    name="polis",
    cls=_Polis,
    help="Run societies whose whole history is data: replay them, step through them, question them.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from domain.configuration import HASHING_VERSION, RELEASE, RULES_VERSION, STATE_VERSION

        print(f"polis {RELEASE} (rules {RULES_VERSION}, state {STATE_VERSION}, hashing {HASHING_VERSION})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    pass


running.register(app)
looking.register(app)
checking.register(app)
diffing.register(app)
causes.register(app)
thinking.register(app)
forking.register(app)
measuring.register(app)
bisecting.register(app)
watching.register(app)
demo.register(app)
debugging.register(app)
app.add_typer(database.app, name="db")
app.add_typer(memory.app, name="memory")
app.add_typer(minds.app, name="minds")
worker.register(app)
doctor.register(app)
sql.register(app)
refreshing.register(database.app)
export.register(app)
dropping.register(app)


class Terminated(KeyboardInterrupt):
    """SIGTERM, on its way out as Ctrl-C is."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def main() -> NoReturn:
    """Run `polis` and leave with its exit code."""
    code = OUR_MISTAKE
    standard_io.take_up()
    collect_seldom()
    try:
        signal.signal(signal.SIGTERM, _terminate)
        code = run(sys.argv[1:])
        code = _flush(code)
    except KeyboardInterrupt:
        code = STOPPED
    if code == STOPPED:
        _leave_stopped()
    sys.exit(code)


def _flush(code: int) -> int:
    """Write what is left to be written, and return the exit code: `code`, unless that fails."""
    try:
        standard_io.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        standard_io.give_up(sys.stdout)
        if code == GOOD:  # else it was said already, or something worse was
            code = ENVIRONMENT
            _report(error, code, as_json=False)
            standard_io.flush()
    return code


def _hear_no_more() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _leave_stopped() -> NoReturn:
    """Leave with 130, however impatiently somebody goes on pressing Ctrl-C while the interpreter ends."""
    _hear_no_more()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(STOPPED)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error becomes a line."""
    as_json = "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)
    try:
        _log_to_stderr()
        code = typer.main.get_command(app).main(args=arguments, prog_name="polis", standalone_mode=False)
        return code if isinstance(code, int) else GOOD
    except KeyboardInterrupt:
        return STOPPED
    except NobodyReads:
        return _nobody_reads()
    except Exception as failed:
        error = _of_arguments(failed, arguments)
        code = exit_code_of(error)
        if isinstance(error, running.StoppedAtOnce):
            _hear_no_more()  # a third Ctrl-C would say the same once more; a timer ends us if this takes long
        try:
            _report(error, code, as_json=as_json)
        except BrokenPipeError:
            return _nobody_reads()
        except OSError:
            pass  # standard output fails, which standard error was told
        return code


def _of_arguments(error: Exception, arguments: list[str]) -> Exception:
    """Return what to say of an error: wrong usage, if it is an argument that is no text."""
    if isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":
        for argument in arguments:
            if error.object[error.start] in argument:
                return WrongUsage(f"{argument!r} is not UTF-8 text")
    return error


def exit_code_of(error: Exception) -> int:
    """Return what a failed command leaves with."""
    from domain.errors import PolisError

    if isinstance(error, PolisError):
        name = type(error).__name__
        return WRONG_USAGE if name in _USAGE else CHECK_FAILED if name in _CHECK else ENVIRONMENT
    if isinstance(error, Stopped | running.StoppedAtOnce):
        return STOPPED
    if isinstance(error, TyperException):
        return WRONG_USAGE
    if _is_environment(error):
        return ENVIRONMENT
    return OUR_MISTAKE


def _is_environment(error: Exception) -> bool:
    """Whether a foreign error says that a disk or a server failed, not that we did."""
    if isinstance(error, standard_io.OutputFailed):
        return True
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
    return is_refusal(error)


def _report(error: Exception, code: int, *, as_json: bool) -> None:
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
    if _is_environment(error) and not isinstance(error, standard_io.OutputFailed):
        said = words_of(error).splitlines()
        return said[0] if said else type(error).__name__
    return str(error)


def _nobody_reads() -> int:
    standard_io.give_up(sys.stdout)
    return NOBODY_READS


class _ToStderr(logging.Handler):
    """Writes to what standard error is now: a live display stands in for it while it lasts."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            sys.stderr.write(self.format(record) + "\n")


def _log_to_stderr() -> None:
    level = logging.INFO if os.environ.get("POLIS_DEBUG") else logging.WARNING
    logging.basicConfig(level=level, handlers=[_ToStderr()], format="%(levelname)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.addLevelName(logging.WARNING, "warning")
    if not os.environ.get("POLIS_DEBUG"):
        # Not for people who run a society: how mesa-frames calls polars, for one.
        warnings.filterwarnings("ignore", module=r"(mesa_frames|polars|numba)\b")


if __name__ == "__main__":
    main()
