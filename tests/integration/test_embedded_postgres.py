"""The embedded server for real: shared, killed, interrupted, refused."""

from __future__ import annotations

import errno
import os
import pickle
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from domain.errors import PolisError
from infrastructure import postgres_cluster
from infrastructure import postgres_server as serving
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.errors import DatabaseUnreachable, DataFolderUnusable, EmbeddedPostgresFailed
from infrastructure.files import says_disk_full, usable
from infrastructure.postgres_account import Account, find_binaries, server_account, user_name
from infrastructure.postgres_cluster import Cluster
from infrastructure.postgres_process import PidFile, is_alive, processes_of
from infrastructure.postgres_server import recovers
from infrastructure.postgres_tuning import TUNED, as_conf, fit_to_machine, size_bytes
from infrastructure.settings import Settings
from tests.support.folders import short_lived_folder
from tests.support.homes import make_home
from tests.support.postgres import FreshDatabase, TestServer, database, postgres_server  # noqa: F401

pytestmark = pytest.mark.integration

SMALL = {**TUNED, "shared_buffers": "64MB", "min_wal_size": "64MB"}
ROOT = Path(__file__).parents[2]
OTHER_POLIS = """
import sys
from pathlib import Path
from infrastructure.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), settings=eval(sys.argv[2]))
server.attach()
print(server.postmaster_pid, flush=True)
sys.stdin.read()  # until the test closes it
server.leave()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A short one, and not below pytest's own folder, which each session of pytest closes to other users."""
    with short_lived_folder("polis-t-") as folder:
        yield folder
        for process in list(processes_of(Cluster(folder).name)):  # a failed test's
            process.kill()


@pytest.fixture
def made_home(home: Path) -> Path:
    """A home that had a server before: what most tests are not about is its making."""
    make_home(home)
    return home


@pytest.fixture
def server(made_home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(made_home, settings=SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def new_server() -> Iterator[EmbeddedPostgres]:
    """A server in a home that it made itself, for tests that leave it as it is."""
    with short_lived_folder("polis-t-") as folder, EmbeddedPostgres(folder, settings=SMALL) as running:
        yield running


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def other_polis(home: Path) -> subprocess.Popen[str]:
    """Start another process that attaches to `home`, and leaves when its standard input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_POLIS, str(home), repr(SMALL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,  # from where -c imports
        start_new_session=True,
        # Where the tests run as a background job they ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def pid_seen_by(polis: subprocess.Popen[str]) -> int:
    assert polis.stdout is not None
    return int(polis.stdout.readline())


def leave(polis: subprocess.Popen[str]) -> None:
    polis.communicate(timeout=60)
    assert polis.returncode == 0


def eventually(true: Callable[[], bool], *, within_s: float = 10) -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def kill_server(server: EmbeddedPostgres) -> int:
    pid = server.postmaster_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


# --- one server ---


def test_it_answers_over_tcp_and_over_the_socket(new_server: EmbeddedPostgres) -> None:
    assert new_server.is_running
    assert new_server.version.startswith("18.")
    for url in (new_server.admin_url, new_server.url("postgres", over="socket")):
        assert ask(url, "SELECT current_database() || ' ' || current_user") == "polis postgres"


def test_a_password_is_needed_whichever_way_one_comes(new_server: EmbeddedPostgres) -> None:
    for over in ("tcp", "socket"):
        right = new_server.url("polis_app", over=over)
        login, rest = right.split("@")
        with pytest.raises(psycopg.OperationalError, match="password"):
            ask(f"postgresql://polis_app:wrong@{rest}", "SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="no password"):
            ask(f"postgresql://polis_app@{rest}", "SELECT 1")
        assert login and ask(right, "SELECT current_user") == "polis_app"


def test_the_passwords_are_for_their_owner_alone(new_server: EmbeddedPostgres) -> None:
    kept = new_server.cluster.passwords()
    assert new_server.cluster.passwords_file.stat().st_mode & 0o777 == 0o600
    assert len(set(kept.values())) == 3


def test_it_listens_on_loopback_alone(new_server: EmbeddedPostgres) -> None:
    pid = new_server.postmaster_pid
    listening = [c for c in psutil.net_connections("inet") if c.pid == pid and c.status == "LISTEN"]
    assert [c.laddr.ip for c in listening] == ["127.0.0.1"]


def test_its_roles_may_connect_and_no_more(new_server: EmbeddedPostgres) -> None:
    for url in (new_server.app_url, new_server.read_url):
        for refused in ("CREATE TABLE t (n int)", "CREATE TEMP TABLE t (n int)", "CREATE TABLE public.t (n int)"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)):
                ask(url, refused)
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            ask(url.removesuffix("/polis") + "/postgres", "SELECT 1")
    login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'polis_maintenance'"
    assert ask(new_server.admin_url, login) is False


def test_it_sorts_by_bytes_and_checks_its_pages(new_server: EmbeddedPostgres) -> None:
    locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'polis'"
    assert ask(new_server.admin_url, locale) == "bC.UTF-8"
    assert ask(new_server.admin_url, "SHOW server_encoding") == "UTF8"
    assert ask(new_server.admin_url, "SHOW data_checksums") == "on"


def test_its_settings_are_ours_until_somebody_alters_the_system(made_home: Path) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        assert ask(server.admin_url, "SHOW shared_buffers") == "64MB"
        assert ask(server.admin_url, "SHOW max_wal_size") == "2GB"
        ask(server.admin_url, "ALTER SYSTEM SET max_wal_size = '5GB'")
    with EmbeddedPostgres(made_home, settings={**SMALL, "work_mem": "5MB"}) as server:
        assert ask(server.admin_url, "SHOW work_mem") == "5MB"
        assert ask(server.admin_url, "SHOW max_wal_size") == "5GB"


def test_its_wal_is_made_ahead_once_and_whoever_waits_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SAY_AFTER_S", 0)
    starts: list[list[str]] = [[], []]
    for told in starts:
        with EmbeddedPostgres(home, settings=SMALL, progress=told.append) as server:
            assert ask(server.admin_url, "SELECT count(*) FROM pg_ls_waldir()") == 4, "segments of 16 MB"
    assert ["making files for the database's log, this once" in told for told in starts] == [True, False]


def test_its_url_stays_the_same_unless_somebody_took_the_port(made_home: Path) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        first = server.admin_url
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        assert server.admin_url == first
    port = int((made_home / "postgres" / "port").read_text())
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        with EmbeddedPostgres(made_home, settings=SMALL) as server:
            assert server.admin_url != first
            assert ask(server.admin_url, "SELECT 1") == 1


def test_a_long_home_gets_a_short_socket(home: Path) -> None:
    long = home / ("long-" * 12) / ("longer-" * 12)
    with EmbeddedPostgres(long, settings=SMALL) as server:
        folder = server.cluster.socket_folder
        assert not folder.is_relative_to(long)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert ask(server.url("postgres", over="socket"), "SELECT 1") == 1
    assert not folder.exists(), "nothing is left in a shared place"


def test_who_comes_while_the_last_leaves_a_long_home_finds_the_sockets_place_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = home / ("long-" * 12) / ("longer-" * 12)
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(3):
                with EmbeddedPostgres(long, settings=SMALL) as server:
                    assert ask(server.url("postgres", over="socket"), "SELECT 1") == 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with EmbeddedPostgres(long, settings=SMALL) as server:
        folder = server.cluster.socket_folder
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # another TMPDIR than that of who started it
        assert server.cluster.socket_folder.parent == tmp_path
    assert not folder.exists()


def test_a_share_that_was_given_up_is_told_in_words(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="given up, or never taken: open the run again"):
        EmbeddedPostgres(home, settings=SMALL).url("polis_app")


def test_asking_again_is_quick(new_server: EmbeddedPostgres) -> None:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        new_server.ensure_running()
        times.append(time.perf_counter() - began)
    assert sorted(times)[10] < 0.05, times  # 1.2 ms on a quiet machine


def test_threads_may_share_one_and_it_can_be_used_again(made_home: Path) -> None:
    server = EmbeddedPostgres(made_home, settings=SMALL)
    threads = [threading.Thread(target=server.attach) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.is_running
    server.leave()
    server.leave()
    assert server.postmaster_pid is None and not server.is_running
    with server:
        assert server.is_running


# --- many processes ---


def test_two_processes_share_a_server_which_stops_when_the_last_leaves(made_home: Path) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        other = other_polis(made_home)
        pid = pid_seen_by(other)
        assert pid == server.postmaster_pid
    assert psutil.pid_exists(pid), "the other still needs it"
    leave(other)
    assert server.postmaster_pid is None
    assert not list(processes_of(server.cluster.name))


def test_processes_that_come_and_go_at_once_neither_hang_nor_leave_a_server(home: Path) -> None:
    for _ in range(2):
        several = [other_polis(home) for _ in range(4)]
        for polis in several:
            pid_seen_by(polis)
            assert polis.stdin is not None
            polis.stdin.close()
            polis.stdin = None
        for polis in several:
            leave(polis)
    assert EmbeddedPostgres(home).postmaster_pid is None


def test_a_killed_process_lets_go_of_the_server(made_home: Path) -> None:
    other = other_polis(made_home)
    pid = pid_seen_by(other)
    other.kill()
    other.communicate()
    assert psutil.pid_exists(pid), "nobody was left to stop it"
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        assert server.postmaster_pid == pid, "found, and shared"
    assert server.postmaster_pid is None, "the dead one holds nothing"


def test_ctrl_c_reaches_the_process_and_not_the_server(made_home: Path) -> None:
    other = other_polis(made_home)
    pid = pid_seen_by(other)
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        os.killpg(other.pid, signal.SIGINT)  # as a terminal does, to the whole group
        other.communicate(timeout=60)
        assert other.returncode != 0
        assert server.is_running and server.postmaster_pid == pid


def test_a_forked_child_does_not_stop_its_parents_server(server: EmbeddedPostgres) -> None:
    child = os.fork()
    if child == 0:
        server.leave()
        os._exit(0)
    os.waitpid(child, 0)
    assert server.is_running
    server.ensure_running()
    other = other_polis(server.cluster.folder.parent)
    pid_seen_by(other)
    leave(other)
    assert server.is_running, "our share outlived the child's leaving"


# --- crashes ---


def test_what_was_committed_is_there_after_the_server_is_killed(server: EmbeddedPostgres) -> None:
    ask(server.admin_url, "CREATE TABLE kept AS SELECT generate_series(1, 100000) AS n")
    killed = kill_server(server)
    eventually(lambda: not server.is_running)
    server.ensure_running()
    assert server.postmaster_pid not in (None, killed)
    assert ask(server.admin_url, "SELECT count(*) FROM kept") == 100_000


def test_a_busy_orphan_does_not_keep_the_server_from_coming_back(server: EmbeddedPostgres) -> None:
    ask(server.admin_url, "CREATE TABLE kept (n int)")
    busy = psycopg.connect(server.admin_url)
    orphan = psutil.Process(busy.info.backend_pid)
    # It computes and never waits, so it does not notice that its postmaster is gone.
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b"
    busy.pgconn.send_query(endless.encode())
    busy.pgconn.flush()
    eventually(lambda: orphan.cpu_times().user > 0.1)
    kill_server(server)
    time.sleep(0.5)
    assert is_alive(orphan), "else this test shows nothing"
    server.ensure_running()
    assert not is_alive(orphan)
    busy.close()
    assert ask(server.admin_url, "SELECT count(*) FROM kept") == 0


def test_it_comes_back_however_quickly_one_asks_after_the_kill(made_home: Path) -> None:
    large = {**SMALL, "shared_buffers": "512MB"}  # the kernel takes a while to free it
    with EmbeddedPostgres(made_home, settings=large) as server:
        ask(server.admin_url, "CREATE TABLE kept AS SELECT generate_series(1, 2000000) AS n")
        for _ in range(3):
            killed = kill_server(server)
            server.ensure_running()
            if server.postmaster_pid == killed:  # asked before it was dead
                eventually(lambda: not server.is_running)
                server.ensure_running()
            assert ask(server.admin_url, "SELECT count(*) FROM kept") == 2_000_000


def test_a_pid_file_that_names_another_program_is_not_believed(made_home: Path) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        owner = server.cluster.data.stat()
        stale = (server.cluster.data / "postmaster.pid").read_text()
    # The worst case: that pid now is another program's, of the very user that Postgres runs as.
    other = {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], cwd="/", **other) as sleeper:
        lines = stale.splitlines()
        lines[0] = str(sleeper.pid)
        pid_file = server.cluster.data / "postmaster.pid"
        pid_file.write_text("\n".join(lines) + "\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert server.postmaster_pid is None
        with server:
            assert ask(server.admin_url, "SELECT 1") == 1
        assert sleeper.poll() is None, "and it is left alone"
        sleeper.kill()


def test_an_interrupted_initdb_is_swept_and_done_again(home: Path) -> None:
    folder = home / "postgres"
    (folder / "data.new-123-abcd" / "base").mkdir(parents=True)
    (folder / "data.new-123-abcd" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home, settings=SMALL) as server:
        assert ask(server.admin_url, "SELECT 1") == 1
        assert not list(folder.glob("data.new-*"))


def test_a_process_killed_at_any_moment_of_the_first_start_leaves_a_usable_home(home: Path) -> None:
    for delay_s in (0.5, 0.7, 0.9, 1.1, 1.3):
        folder = home / f"{delay_s}"
        other = other_polis(folder)
        time.sleep(delay_s)
        other.kill()
        other.communicate()
        with EmbeddedPostgres(folder, settings=SMALL) as server:
            assert ask(server.app_url, "SELECT current_user") == "polis_app", delay_s
        assert server.postmaster_pid is None


def test_lost_passwords_are_made_anew(made_home: Path) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        before = server.app_url
        ask(server.admin_url, "CREATE TABLE kept (n int)")
    server.cluster.passwords_file.unlink()
    with server:
        assert server.app_url != before
        assert ask(server.app_url, "SELECT current_user") == "polis_app"
        assert ask(server.admin_url, "SELECT count(*) FROM kept") == 0


# --- refusals ---


def test_a_folder_of_another_major_version_is_refused_and_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(DataFolderUnusable, match=r"made by Postgres 15 .* brings Postgres 18.*pg_dump"):
        EmbeddedPostgres(home).attach()
    assert [p.name for p in data.iterdir()] == ["PG_VERSION"]


def test_a_folder_that_is_no_data_folder_is_refused(home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "thesis.odt").write_text("")
    with pytest.raises(DataFolderUnusable, match="no PG_VERSION"):
        EmbeddedPostgres(home).attach()


def test_a_folder_whose_name_is_no_text_is_refused_before_anything_is_made(home: Path) -> None:
    folder = home / os.fsdecode(b"caf\xe9")
    with pytest.raises(DataFolderUnusable, match="not UTF-8"):
        EmbeddedPostgres(folder).attach()
    assert not (folder / "postgres" / "data").exists()


def test_a_pid_file_is_read_whatever_the_names_of_folders_in_it(home: Path) -> None:
    (home / "postmaster.pid").write_bytes(b"12\n/caf\xe9\n1\n5432\n/caf\xe9/socket\n\n\nready\n")
    known = PidFile.read(home)
    assert known is not None
    assert (known.pid, os.fsencode(known.socket_folder), known.status) == (12, b"/caf\xe9/socket", "ready")


def test_a_full_disk_is_said_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_cluster, "DISK_FREE_MIN_BYTES", 1 << 60)
    with pytest.raises(DataFolderUnusable, match=r"MB are free.*Free some space"):
        EmbeddedPostgres(home).attach()
    assert not (home / "postgres" / "data").exists()


def test_a_copy_made_while_the_server_ran_is_told_to_be_one(home: Path) -> None:
    copy = home / "copy"
    (copy / "postgres" / "data").mkdir(parents=True)
    with EmbeddedPostgres(home, settings=SMALL) as server:
        data = server.cluster.data
        (copy / "postgres" / "data" / "postmaster.pid").write_bytes((data / "postmaster.pid").read_bytes())
        with pytest.raises(EmbeddedPostgresFailed, match=f"is a copy of {data}, it was made while a server wrote"):
            EmbeddedPostgres(copy, settings=SMALL).attach()
        assert server.is_running


def test_histories_on_a_disk_with_little_room_can_be_looked_at_and_dropped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres(home, settings=SMALL):
        pass
    monkeypatch.setattr(postgres_cluster, "DISK_FREE_MIN_BYTES", 1 << 60)
    with EmbeddedPostgres(home, settings=SMALL) as server:
        assert server.is_running


def test_a_home_that_is_a_file_is_refused(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match="POLIS_HOME"):
        EmbeddedPostgres(home / "file").attach()


def test_a_home_with_a_comma_in_its_name_serves(home: Path) -> None:
    with EmbeddedPostgres(home / "Snow, Sana", settings=SMALL) as server:
        psycopg.connect(server.url("postgres", over="socket")).close()
        assert server.is_running


def test_a_home_with_a_line_break_in_its_name_is_refused(home: Path) -> None:
    with pytest.raises(DataFolderUnusable, match="line break"):
        EmbeddedPostgres(home / "Snow\nSana").attach()


def test_a_user_without_a_name_is_told_so(home: Path) -> None:
    nobody = Account("user number 54321", 54321, 54321)
    with pytest.raises(DataFolderUnusable, match=r"user number 54321, who has no account.*POLIS_DATABASE_URL"):
        Cluster(home).make_data(find_binaries(), nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_who_may_not_use_a_home_is_sent_to_its_owner_and_not_to_the_user_of_the_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    os.chown(data, 1, 1)
    monkeypatch.setattr(os, "geteuid", lambda: 2)
    with pytest.raises(DataFolderUnusable, match="Run polis as root"):
        server_account(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make something that is another's")
def test_what_root_left_in_a_home_is_said_to_be_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "Ana's home"
    (home / "engines").mkdir(parents=True)
    os.chown(home, 2, 2)
    monkeypatch.setattr(os, "geteuid", lambda: 2)
    for name in ("engines/wanted.json", "elsewhere"):
        with pytest.raises(DataFolderUnusable) as caught, usable(home):
            raise PermissionError(errno.EACCES, "Permission denied", str(home / name))
        assert ("belongs to root" in str(caught.value)) == (name != "elsewhere")
        assert (f"sudo chown -R {user_name(2)} {shlex.quote(str(home))}" in str(caught.value)) == (name != "elsewhere")


def test_shared_memory_that_is_full_is_not_taken_for_a_disk() -> None:
    no_room = 'could not resize shared memory segment "/PostgreSQL.1" to 1048576 bytes: No space left on device'
    assert not says_disk_full(f"FATAL:  {no_room}")
    assert says_disk_full(f'LOG:  {no_room}\nFATAL:  could not write to file "x": No space left on device')


def test_a_server_that_does_not_start_shows_its_log(made_home: Path) -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="no_such_setting") as caught:
        EmbeddedPostgres(made_home, settings={**SMALL, "no_such_setting": "1"}).attach()
    assert str(caught.value.log) in str(caught.value)
    with EmbeddedPostgres(made_home, settings=SMALL) as server:  # and holds nothing that hinders the next
        assert server.is_running


def test_a_server_that_takes_too_long_is_left_to_go_on(made_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedPostgres(made_home, settings=SMALL):
        pass
    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.postgres_server.takes_connections", lambda _: False)
        with pytest.raises(EmbeddedPostgresFailed, match="answer within"):
            EmbeddedPostgres(made_home, settings=SMALL, start_timeout_s=0.3).attach()
    with EmbeddedPostgres(made_home, settings=SMALL) as server:
        assert server.is_running
    assert server.postmaster_pid is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_root_opens_closed_folders_for_passing_and_not_for_reading(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "home", settings=SMALL) as server:
        assert psutil.Process(server.postmaster_pid).uids().real != 0
    assert closed.stat().st_mode & 0o777 == 0o701
    assert f"{closed}: added the right to pass through" in caplog.text


# --- leaves, without a server ---


def test_errors_survive_pickling_and_hide_passwords() -> None:
    url = "postgresql://me:se@cret@db.example/polis?password=other"
    for error in (
        DatabaseUnreachable(url, "no route"),
        EmbeddedPostgresFailed("start", Path("/log"), "FATAL: no"),
        DataFolderUnusable(Path("/data"), "full", "Free some."),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
        assert isinstance(again, PolisError)
    assert str(DatabaseUnreachable(url, "")).startswith(
        "the database postgresql://me:***@db.example/polis?password=***"
    )


def test_a_server_recovers_from_the_moment_it_finds_that_it_was_interrupted() -> None:
    ready = "LOG:  database system is ready to accept connections\n"
    found = "LOG:  database system was interrupted; last known up at 2026-01-02 03:04:05 UTC\n"
    assert recovers(ready + found)
    assert recovers(ready + found + "LOG:  syncing data directory (fsync), elapsed time: 10.00 s\n")
    assert not recovers(ready + found + ready + "LOG:  database system was shut down at 2026-01-02 03:04:05 UTC\n")
    assert not recovers("")


def test_a_small_machine_gets_smaller_settings() -> None:
    small = fit_to_machine(TUNED, memory_bytes=2 << 30, disk_free_bytes=4 << 30, build_flags="--with-lz4")
    assert (small["shared_buffers"], small["max_wal_size"]) == ("512MB", "1024MB")
    assert size_bytes(small["min_wal_size"]) < size_bytes(small["max_wal_size"])
    assert small["wal_compression"] == "lz4"
    large = fit_to_machine(TUNED, memory_bytes=1 << 40, disk_free_bytes=1 << 40, build_flags="")
    assert large == {**TUNED, "wal_compression": "off"}
    assert "x = 'it''s'" in as_conf({"x": "it's"})


def test_a_home_that_nobody_can_find_is_no_mistake_of_ours(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for home in (str(tmp_path / "loop"), "~no-such-user/polis"):
        with pytest.raises(DataFolderUnusable, match="Set POLIS_HOME to the whole path"):
            Settings.from_environment({"POLIS_HOME": home})


def test_settings_come_from_the_environment_and_hide_the_password(tmp_path: Path) -> None:
    assert Settings.from_environment({"POLIS_HOME": str(tmp_path)}) == Settings(tmp_path, None)
    default = Settings.from_environment({"POLIS_HOME": "", "POLIS_DATABASE_URL": ""})
    assert default.home.is_absolute() and default.home.name == "chronopolis"
    assert default.database_url is None
    given = Settings.from_environment({"POLIS_DATABASE_URL": "postgresql://me:secret@db/polis"})
    assert given.database_url == "postgresql://me:secret@db/polis"
    assert "secret" not in repr(given)


# --- what other tests use ---


def test_a_fresh_database_is_empty_and_its_tests_own(
    postgres_server: TestServer,  # noqa: F811
    database: FreshDatabase,  # noqa: F811
) -> None:
    ask(database.admin_url, "CREATE TABLE mine (n int)")
    assert ask(database.app_url, "SELECT current_database()") == database.name
    assert ask(database.read_url, "SELECT current_user") == "polis_read"
    copy = postgres_server.fresh_database(template=database.name)
    assert ask(copy.admin_url, "SELECT count(*) FROM mine") == 0
    postgres_server.drop(copy)
    other = postgres_server.fresh_database()
    assert ask(other.admin_url, "SELECT to_regclass('mine')") is None
    postgres_server.drop(other)
