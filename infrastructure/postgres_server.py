"""Find the server of a home, or start it: also after it was killed, or while it recovers or stops.

Nothing here locks: the caller, `embedded_postgres`, holds the start lock.
"""

from __future__ import annotations

import logging
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from infrastructure import postgres_process as processes
from infrastructure.errors import EmbeddedPostgresFailed
from infrastructure.files import disk_full, says_disk_full, write_file
from infrastructure.postgres_account import Account, find_binaries, open_programs, server_account
from infrastructure.postgres_cluster import Cluster
from infrastructure.postgres_tuning import as_conf, fit_to_machine, machine_memory_bytes
from infrastructure.server_files import remove_socket_folder

STOP_TIMEOUT_S = 120.0  # a shutdown checkpoint writes at most shared_buffers
PORTS_TRIED_MAX = 5
ORPHANS_TIMEOUT_S = 20.0
SAY_AFTER_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A server that we have logged in to."""

    process: psutil.Process
    port: int
    socket_folder: str
    version: str
    passwords: Mapping[str, str]

    def answers(self) -> bool:
        """Return whether it still lives and takes connections."""
        return processes.is_alive(self.process) and takes_connections(self)


class Server:
    """The server of one cluster.

    Parameters
    ----------
    cluster : Cluster
    settings : mapping of str to str
        For when we start it.
    say : callable
        Is told what takes longer than a second.
    start_timeout_s : float
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: Mapping[str, str],
        *,
        say: Callable[[str], None],
        start_timeout_s: float,
    ) -> None:
        self._cluster = cluster
        self._settings = dict(settings)
        self._say = say
        self._start_timeout_s = start_timeout_s

    def find_or_start(self) -> Running:
        """Return the server that is there, once it answers, or start one.

        Raises
        ------
        DataFolderUnusable, EmbeddedPostgresFailed
        """
        cluster = self._cluster
        process = processes.postmaster(cluster.data, cluster.name)
        known = processes.PidFile.read(cluster.data)
        if process is not None and known is not None and known.status == "stopping":
            self._say("waiting for the database to stop, to start it again")
            processes.wait_until_gone([process], timeout_s=STOP_TIMEOUT_S)
        if process is None and known is not None and takes_connections(known):
            detail = f"something answers at {known.socket_folder}, port {known.port}, and has no process here\n"
            if known.data != str(cluster.data):
                detail += (
                    f"If this folder is a copy of {known.data}, it was made while a server wrote there, and is not "
                    "whole: stop every polis there and copy it again, or take a dump.\n"
                )
            raise EmbeddedPostgresFailed(
                "be shared: it runs where we can't see it, perhaps in another container",
                cluster.log,
                f"{detail}Run this polis where that server runs, or stop every polis there.",
            )
        if process is None or not self._wait(process, since=cluster.log_size):
            process = self._start()
            running = self._meet(process)
            make_wal_ahead(running, say=self._say)
            return running
        return self._meet(process)

    def stop(self) -> None:
        """Stop whatever server runs."""
        cluster = self._cluster
        process, known = processes.postmaster(cluster.data, cluster.name), processes.PidFile.read(cluster.data)
        if process is not None and not processes.stop_fast(process, timeout_s=STOP_TIMEOUT_S):
            _log.warning("the embedded Postgres (pid %d) is still stopping, and ends by itself", process.pid)
            return
        # Whoever started it may have had another TMPDIR.
        remove_socket_folder(cluster.socket_folder if known is None else Path(known.socket_folder), cluster.name)

    def _start(self) -> psutil.Process:
        cluster = self._cluster
        account = server_account(cluster.data)
        binaries = find_binaries()
        open_programs(binaries, account)
        version = account.run([binaries / "postgres", "--version"]).split()[-1]
        cluster.check(version.split(".")[0])
        cluster.make_socket_folder(account)
        processes.clear_up_after(cluster.data, cluster.name, cluster.socket_folder)
        if not cluster.data.exists():
            self._say("making the database folder")
        cluster.make_data(binaries, account)
        account.let_through(cluster.data)
        self._write_settings(binaries, account)
        cluster.rotate_log()
        until = time.monotonic() + ORPHANS_TIMEOUT_S
        process, said = self._launch(binaries, account)
        while process is None and "pre-existing shared memory block" in said and time.monotonic() < until:
            # A process that the kernel is still taking down: it has no title any more, and memory still.
            time.sleep(0.1)
            processes.clear_up_after(cluster.data, cluster.name, cluster.socket_folder)
            process, said = self._launch(binaries, account)
        if process is not None:
            return process
        if says_disk_full(said):
            raise disk_full(cluster.data, "its disk is full")
        raise EmbeddedPostgresFailed("start", cluster.log, said)

    def _launch(self, binaries: Path, account: Account) -> tuple[psutil.Process | None, str]:
        """Start a server on the first port that it gets; return it, or None and what it said before it died."""
        cluster = self._cluster
        said = "no port is free on 127.0.0.1"
        for port in self._ports():
            since = cluster.log_size
            where = ["-D", str(cluster.data), "-k", str(cluster.socket_folder), "-p", str(port)]
            own = ["-c", "listen_addresses=127.0.0.1", "-c", f"cluster_name={cluster.name}"]
            pid = account.spawn([binaries / "postgres", *where, *own], log=cluster.log)
            try:
                process = psutil.Process(pid)
                if self._wait(process, since=since):
                    cluster.remember_port(port)
                    return process, ""
            except psutil.NoSuchProcess:
                pass  # dead already
            said = cluster.log_since(since)
            if "Address already in use" not in said:
                break
        return None, said

    def _wait(self, process: psutil.Process, *, since: int) -> bool:
        """Wait until `process` answers and return True, or False if it dies; the log began at `since`."""
        cluster = self._cluster

        def answers() -> bool:
            known = processes.PidFile.read(cluster.data)
            if known is None or known.pid != process.pid or known.status != "ready":
                return False  # to ask before that would be a FATAL line in the log each time
            return takes_connections(known)

        def progress(seconds: float) -> None:
            recovering = recovers(cluster.log_since(0, lines=500))
            doing = "recovering what was committed before a crash" if recovering else "starting"
            self._say(f"the database is {doing} ({seconds:.0f} s)")

        limit_s = self._start_timeout_s
        try:
            return processes.wait_until_ready(process, answers, timeout_s=limit_s, progress=progress)
        except TimeoutError:
            raise EmbeddedPostgresFailed(
                f"answer within {limit_s:.0f} s (it goes on by itself, so try again later)",
                cluster.log,
                cluster.log_since(since),
            ) from None

    def _meet(self, process: psutil.Process) -> Running:
        """Log in, to be sure that what answers is our server and takes our passwords."""
        cluster = self._cluster
        known = processes.PidFile.read(cluster.data)
        passwords = cluster.passwords()
        try:
            if known is None:
                raise psycopg.OperationalError("it ended just after it had started")
            with psycopg.connect(
                host=known.socket_folder,
                port=known.port,
                user="postgres",
                password=passwords["postgres"],
                dbname="postgres",
                connect_timeout=10,
            ) as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
                version = str(connection.info.parameter_status("server_version"))
        except psycopg.OperationalError as error:
            raise EmbeddedPostgresFailed("be logged in to", cluster.log, str(error)) from None
        if row is None or Path(str(row[0])) != cluster.data:
            raise EmbeddedPostgresFailed("be reached", cluster.log, f"the server of {row} answers in its place")
        return Running(process, known.port, known.socket_folder, version, passwords)

    def _write_settings(self, binaries: Path, account: Account) -> None:
        settings = fit_to_machine(
            self._settings,
            memory_bytes=machine_memory_bytes(),
            disk_free_bytes=shutil.disk_usage(self._cluster.data).free,
            build_flags=account.run([binaries / "pg_config", "--configure"]),
        )
        write_file(self._cluster.data / "polis.conf", as_conf(settings), account)

    def _ports(self) -> Iterator[int]:
        """Yield free ports, that of the last start first."""
        first = self._cluster.remembered_port() or self._cluster.port_default
        candidates = (1024 + (first - 1024 + step) % 64_000 for step in range(200))
        free = (port for port in candidates if _is_free(port))
        for _, port in zip(range(PORTS_TRIED_MAX), free, strict=False):
            yield port


def make_wal_ahead(server: Running, *, say: Callable[[str], None]) -> None:
    """Make the WAL segments that `min_wal_size` keeps, once, before a tick has to; say so if it takes a while.

    A segment that is not there yet is written full of zeros first, and synced, by whoever comes to its edge: with
    2,500 agents that was one tick in a hundred, 5 to 10 ms longer. Made now it takes 20 to 100 ms each, as busy as
    the machine is (each is written twice); from then on segments are recycled. A home that has half
    of them, from a release that kept fewer, leaves the others to its ticks.
    """
    began, said = time.monotonic(), False
    with psycopg.connect(
        host=server.socket_folder,
        port=server.port,
        user="postgres",
        password=server.passwords["postgres"],
        dbname="postgres",
        autocommit=True,
        connect_timeout=10,
    ) as connection:
        row = connection.execute(
            "SELECT pg_size_bytes(current_setting('min_wal_size')) / "
            "pg_size_bytes(current_setting('wal_segment_size')), (SELECT count(*) FROM pg_ls_waldir())"
        ).fetchone()
        assert row is not None
        missing = int(row[0]) - int(row[1])
        if missing < int(row[0]) // 2:
            return
        try:
            for _ in range(missing):
                if not said and time.monotonic() - began > SAY_AFTER_S:
                    say("making files for the database's log, this once")
                    said = True
                connection.execute("SELECT pg_logical_emit_message(false, 'polis', ''), pg_switch_wal()")
            connection.execute("CHECKPOINT")
        except psycopg.Error as error:  # a convenience: ticks will make them, each its own
            _log.info("could not make WAL segments ahead: %s", error)


def recovers(log: str) -> bool:
    """Return whether a server that is not ready yet recovers, by the end of its log.

    Not by what it logged since we wait: it may have begun before that. Nor by the line that says that it
    recovers, which comes only once all files are synced.
    """
    return "database system was interrupted" in log.rpartition("ready to accept connections")[2]


def takes_connections(server: Running | processes.PidFile) -> bool:
    """Return whether the server takes connections, without a login."""
    return processes.takes_connections(server.socket_folder, server.port)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
