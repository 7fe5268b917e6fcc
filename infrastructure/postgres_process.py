"""One Postgres server as a process: is it there, whose is it, wait for it, stop it, clear up after it.

A pid in a file proves nothing: it may have been given to another program since. A process counts as part of a
server only if it is called postgres and its title has the server's name, which every home has its own of and
Postgres puts into the titles of postmaster and backends alike. So orphans whose postmaster was killed are
found too. (Their working directory would say the same, but root in a container may not read it.)
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import psycopg.conninfo

POLL_S = 0.02
ORPHANS_LEAVE_S = 1.0  # idle backends notice at once that their postmaster is gone; busy ones never do

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PidFile:
    """What a running server says of itself in postmaster.pid."""

    pid: int
    data: str  # where it has its data, as it sees the disk
    port: int
    socket_folder: str
    status: str  # starting, ready or stopping

    @classmethod
    def read(cls, data: Path) -> PidFile | None:
        """Return the file of `data`, None if there is none or it is not whole yet."""
        try:
            lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
            return cls(int(lines[0]), lines[1], int(lines[3]), lines[4], lines[7].strip())
        except (OSError, IndexError, ValueError):
            return None


@dataclass(frozen=True)
class Birth:
    """When a process was started, by no clock that anybody sets: it tells it from who gets its number later.

    The time of day does not, though psutil tells it: set forward or back, as after a laptop slept or a virtual machine
    was paused, it makes a process that goes on look like another one.
    """

    boot: str  # the system's own name for the time since it was booted
    ticks: int  # of the kernel's clock since then

    @classmethod
    def of(cls, pid: int) -> Birth:
        """Return that of a process.

        Raises
        ------
        OSError
            If there is none of that number.
        """
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]
        return cls(cls.this_boot(), int(after_name.split()[19]))

    @staticmethod
    def this_boot() -> str:
        """Return how the system calls the time since it was booted."""
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(process: psutil.Process) -> bool:
    """Return whether this very process (not another with its pid) is there, and is not a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to this very process; to one that has just gone, none."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def postmaster(data: Path, name: str) -> psutil.Process | None:
    """Return the process that postmaster.pid names, if it lives and belongs to the server `name`."""
    try:
        pid = int((data / "postmaster.pid").read_text(errors="surrogateescape").split("\n", 1)[0])
        process = psutil.Process(abs(pid))  # negative: somebody's single-user session
        return process if _belongs(process, name) else None
    except (OSError, ValueError, psutil.Error):
        return None


def processes_of(name: str) -> Iterator[psutil.Process]:
    """Yield every live process of the server `name`: postmaster, backends, orphans."""
    for process in psutil.process_iter():
        try:
            if _belongs(process, name):
                yield process
        except psutil.Error:
            continue


def clear_up_after(data: Path, name: str, socket_folder: Path) -> None:
    """Make a data folder whose postmaster is dead startable; the caller holds the start lock.

    Orphaned backends hold the old shared memory, and no server starts while they do. They can't commit any
    more than a killed server could, so ending them costs nothing that recovery does not restore.
    Files that name dead pids go too: Postgres refuses to start where such a pid has gone to another
    process of the same user, or to a zombie that nobody buries (a container without an init).
    """
    orphans = list(processes_of(name))
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None and orphans:
            _log.info("%s: sending %s to orphaned backends %s", data, number.name, [p.pid for p in orphans])
        for process in orphans:
            if number is not None:
                send(process, number)
        orphans = wait_until_gone(orphans, timeout_s=ORPHANS_LEAVE_S)
    (data / "postmaster.pid").unlink(missing_ok=True)
    for path in socket_folder.glob(".s.PGSQL.*"):
        path.unlink(missing_ok=True)


def wait_until_gone(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Wait for `processes` to end and return those that have not; a zombie has."""
    until = time.monotonic() + timeout_s
    while (alive := [p for p in processes if is_alive(p)]) and time.monotonic() < until:
        time.sleep(POLL_S)
    return alive


def takes_connections(socket_folder: Path | str, port: int) -> bool:
    """Ask the server whether it takes connections, without logging in: about a millisecond."""
    where = psycopg.conninfo.make_conninfo(host=str(socket_folder), port=port, connect_timeout=2)
    return bool(psycopg.pq.PGconn.ping(os.fsencode(where)) == psycopg.pq.Ping.OK)


def wait_until_ready(
    process: psutil.Process,
    answers: Callable[[], bool],
    *,
    timeout_s: float,
    progress: Callable[[float], None],
) -> bool:
    """Wait until `answers()`; return False if `process` dies first.

    Raises
    ------
    TimeoutError
        After `timeout_s`; the process is left to go on.
    """
    began = told = time.monotonic()
    while is_alive(process):
        if answers():
            return True
        now = time.monotonic()
        if now - began > timeout_s:
            raise TimeoutError
        if now - told >= 1:
            told = now
            progress(now - began)
        time.sleep(POLL_S if now - began < 1 else 5 * POLL_S)
    return False


def stop_fast(process: psutil.Process, *, timeout_s: float) -> bool:
    """Ask for a fast shutdown (sessions end, a checkpoint is written); return whether it was done in time."""
    try:
        process.send_signal(signal.SIGINT)
    except psutil.NoSuchProcess:
        return True
    return not wait_until_gone([process], timeout_s=timeout_s)


def _belongs(process: psutil.Process, name: str) -> bool:
    is_postgres = process.name() == "postgres"  # first, since most are not
    return bool(is_postgres and name in " ".join(process.cmdline()) and is_alive(process))
