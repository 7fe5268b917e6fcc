"""`polis`: the root of the command, from its arguments to its exit code."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from chronopolis.cli import (
    backup,
    bisecting,
    causes,
    checking,
    database,
    debugging,
    demo,
    diffing,
    doctor,
    dropping,
    events,
    export,
    forking,
    importing,
    measuring,
    memory,
    minds,
    refreshing,
    running,
    runs,
    sql,
    standard_io,
    state,
    stopping,
    surveying,
    sweeping,
    thinking,
    watching,
    worker,
)
from chronopolis.cli.errors import (
    ENVIRONMENT,
    GOOD,
    NOBODY_READS,
    OUR_MISTAKE,
    STOPPED,
    NobodyReads,
    Stopped,
    StoppedAtOnce,
    exit_code_of,
    meant,
    report,
)
from chronopolis.cli.garbage import collect_seldom

EPILOG = """[bold]Begin with[/bold]

  [cyan]polis demo[/cyan]  [dim]# a society of 500 agents, run and verified[/dim]

  [cyan]polis run --agents 200 --ticks 500 --seed 7[/cyan]

  [cyan]polis state RUN --map[/cyan]

Exit codes: 0 good, 1 the check failed or the run ended degraded, 2 wrong usage, 3 environment, 130 stopped.
POLIS_HOME names the folder of everything embedded, POLIS_DATABASE_URL a Postgres of your own,
POLIS_BROKER_URL a Redis or Valkey."""


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
sweeping.register(app)
runs.register(app)
state.register(app)
events.register(app)
checking.register(app)
diffing.register(app)
causes.register(app)
thinking.register(app)
surveying.register(app)
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
backup.register(database.app)
export.register(app)
importing.register(app)
dropping.register(app)


def main() -> NoReturn:
    """Run `polis` and leave with its exit code."""
    code = OUR_MISTAKE
    standard_io.take_up()
    collect_seldom()
    try:
        signal.signal(signal.SIGTERM, stopping.terminate)
        code = run(sys.argv[1:])
        code = _flush(code)
    except KeyboardInterrupt:
        code = STOPPED
    if code == STOPPED:
        stopping.leave_stopped()
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
            report(error, code, as_json=False)
            standard_io.flush()
    return code


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
    except SystemExit:
        if standard_io.nobody_reads():  # rich and click leave with 1 where that is so for their help
            return _nobody_reads()
        raise
    except Exception as failed:
        error = meant(failed, arguments)
        code = exit_code_of(error)
        if isinstance(error, StoppedAtOnce):
            stopping.hear_no_more()  # a third Ctrl-C would say the same once more; a timer ends us if this takes long
        try:
            report(error, code, as_json=as_json)
        except BrokenPipeError:
            return _nobody_reads()
        except OSError:
            pass  # standard output fails, which standard error was told
        return code


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
