"""Keep the embedded database up for other programs: a small process that holds a share in it.

The embedded server stops when the last polis leaves, so a URL of it would be dead as soon as
`polis db url` has printed it. This process stays, and leaves by itself once nobody has been connected
for a while. ``python -m chronopolis.hold`` is how it runs; `start_holder` and `stop_holder` are for
commands.

It writes ``<home>/postgres/hold.json``, and holds a lock on ``hold.lock`` beside it for as long as it
lives: whether a holder lives is asked of the lock, which can't be stale.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chronopolis.errors import HolderFailed

IDLE_MINUTES = 60.0
_LOOK_EVERY_S = 15.0
READING_LIMIT_S = 3_660.0
"""How long a transaction of the reading role may last: a minute longer than `polis sql` lets any query take."""
_START_TIMEOUT_S = 150.0  # recovery included
_STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Holder:
    """The process that holds the database up."""

    pid: int
    since: float
    idle_minutes: float


def _files(home: Path) -> tuple[Path, Path]:
    folder = home.expanduser().resolve() / "postgres"
    return folder / "hold.json", folder / "hold.lock"


def find_holder(home: Path) -> Holder | None:
    """Return the holder that lives, or None."""
    about, lock = _files(home)
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody has it
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
    try:
        return Holder(**json.loads(about.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # it is just coming up, or going


def start_holder(home: Path, *, idle_minutes: float = IDLE_MINUTES) -> tuple[Holder, bool]:
    """Return the holder, and whether it had to be started.

    Raises
    ------
    HolderFailed
        With what it said.
    """
    found = find_holder(home)
    if found is not None:
        return found, False
    log = _files(home)[0].with_name("hold.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "chronopolis.hold", "--home", str(home), "--idle-minutes", str(idle_minutes)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True, cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )  # fmt: skip
    until = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < until:
        found = find_holder(home)
        if found is not None:
            return found, found.pid == process.pid
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip().splitlines()
            raise HolderFailed(said[-1] if said else f"exit code {process.returncode}")
        time.sleep(0.05)
    process.terminate()
    raise HolderFailed(f"it was not ready after {_START_TIMEOUT_S:.0f} s; see {log}")


def stop_holder(home: Path) -> Holder | None:
    """End the holder and wait until it is gone; return what it was, or None."""
    found = find_holder(home)
    if found is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_TIMEOUT_S
    while find_holder(home) is not None and time.monotonic() < until:
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def announced(home: Path, *, idle_minutes: float) -> Iterator[bool]:
    """Be the holder while this lasts; False if there is one already. Attach to the database first."""
    about, lock = _files(home)
    descriptor = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        fresh = about.with_name(f"hold.json.{os.getpid()}")
        fresh.write_text(json.dumps(asdict(Holder(os.getpid(), time.time(), idle_minutes))))
        fresh.replace(about)
        try:
            yield True
        finally:
            about.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def hold(database: Any, *, idle_minutes: float, stop: threading.Event) -> str:
    """Keep a share in the server until told to stop, or until nobody was connected for a while.

    Parameters
    ----------
    database : Database, open and embedded
    idle_minutes : float, 0 for never
    stop : Event

    Returns
    -------
    str, why it ended
    """
    busy = time.monotonic()
    look_every_s = min(_LOOK_EVERY_S, max(0.2, idle_minutes * 60 / 4)) if idle_minutes else _LOOK_EVERY_S
    while not stop.wait(look_every_s):
        database.ensure_running()
        end_long_readings(database)
        if _others(database):
            busy = time.monotonic()
        elif idle_minutes and time.monotonic() - busy >= idle_minutes * 60:
            return f"nobody was connected for {idle_minutes:g} minutes"
    return "it was told to stop"


def end_long_readings(database: Any, *, limit_s: float = READING_LIMIT_S) -> int:
    """End the sessions of the reading role that are at one transaction for too long, and return how many there were.

    A session can choose its own `statement_timeout`; nobody who only reads needs a database for more than an hour.
    """
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'polis_read' "
        "AND datname = current_database() AND xact_start < clock_timestamp() - make_interval(secs => %s)"
    )
    with database.connect_as_owner() as connection:
        return int(connection.execute(query, (limit_s,)).fetchone()[0])


def _others(database: Any) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with database.connect_as_owner() as connection:
        return int(connection.execute(query).fetchone()[0])


def main(arguments: list[str] | None = None) -> int:
    """Be the holder."""
    parser = argparse.ArgumentParser(prog="python -m chronopolis.hold", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle-minutes", type=float, default=IDLE_MINUTES)
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: stop.set())

    from domain.errors import PolisError
    from workers.bootstrap import Settings, open_database

    try:
        with (
            open_database(Settings(home=given.home.absolute())) as database,
            announced(given.home, idle_minutes=given.idle_minutes) as mine,
        ):
            why = hold(database, idle_minutes=given.idle_minutes, stop=stop) if mine else "there is a holder already"
    except PolisError as error:
        print(f"error: {error}".splitlines()[0], file=sys.stderr)
        return 3
    print(f"left: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
