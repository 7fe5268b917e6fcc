"""What a model server that was killed left behind is ended, and nobody who has its number since."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from infrastructure.engines.server import ModelServer
from infrastructure.engines.status import _memory
from infrastructure.postgres_process import Birth, is_alive, send

pytestmark = pytest.mark.integration

LEADER = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"
# Shares memory among processes as vLLM does; the one who made it is too busy to end when it is asked to.
SHARER = """
import signal, time
from multiprocessing.shared_memory import SharedMemory
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(SharedMemory(create=True, size=4096).name, flush=True)
time.sleep(60)
"""


class Session:
    """A process that leads a session, and one of that session's own."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.started = subprocess.Popen(
            [sys.executable, "-c", LEADER], stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        assert self.started.stdout is not None
        self.leader = psutil.Process(self.started.pid)
        self.born = Birth.of(self.started.pid)
        self.member = psutil.Process(int(self.started.stdout.readline()))


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session.started.pid, signal.SIGKILL)
    session.started.communicate(timeout=10)


def noted(home: Path, *, pid: int, born: Birth) -> ModelServer:
    """Return a server of which a note says that it runs."""
    server = ModelServer(home, "llama", "0" * 12, {})
    server._make_folders()
    note = {"pid": pid, "born": asdict(born), "url": "http://127.0.0.1:1", "key": "", "plan": {}}
    (server.folder / "server.json").write_text(json.dumps(note))
    return server


def stopped(home: Path, *, pid: int, born: Birth) -> None:
    """Stop what a note says to be a server."""
    server = noted(home, pid=pid, born=born)
    server._stop()
    assert not (server.folder / "server.json").exists()


def test_what_a_killed_server_left_is_ended(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    assert is_alive(session.member)
    stopped(tmp_path, pid=session.started.pid, born=session.born)
    assert not is_alive(session.member)


def test_a_server_is_found_and_ended_though_somebody_set_the_clock(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = noted(tmp_path, pid=session.started.pid, born=session.born)
    booted, created = psutil.boot_time(), session.leader.create_time()
    # The kernel says when it was booted by the time of day as it is now.
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted + 3_600)
    assert psutil.Process(session.started.pid).create_time() > created + 3_000
    found = server.found()
    assert found is not None and found.process.pid == session.started.pid
    server._stop()
    assert not is_alive(session.leader) and not is_alive(session.member)


def test_memory_that_a_killed_server_shared_is_given_back(tmp_path: Path) -> None:
    leader = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SHARER!r}]); input()"
    pipe = subprocess.PIPE
    started = subprocess.Popen(
        [sys.executable, "-c", leader], stdin=pipe, stdout=pipe, text=True, start_new_session=True
    )
    born = Birth.of(started.pid)
    assert started.stdout is not None
    shared = Path("/dev/shm") / started.stdout.readline().strip()
    assert shared.exists()
    started.kill()
    started.wait()
    stopped(tmp_path, pid=started.pid, born=born)
    started.communicate(timeout=10)
    assert not shared.exists()


@pytest.mark.parametrize("ago", [10_000, 0], ids=["given anew", "before the last reboot"])
def test_who_has_the_number_of_a_dead_server_goes_on(session: Session, tmp_path: Path, ago: int) -> None:
    boot = session.born.boot if ago else "another"
    stopped(tmp_path, pid=session.started.pid, born=Birth(boot, session.born.ticks - ago))
    assert is_alive(session.leader) and is_alive(session.member)


def test_a_session_from_after_a_reboot_goes_on_though_nobody_leads_it(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    stopped(tmp_path, pid=session.started.pid, born=replace(session.born, boot="another"))
    assert is_alive(session.member)


def test_who_was_there_before_the_server_goes_on(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    stopped(tmp_path, pid=session.started.pid, born=replace(session.born, ticks=session.born.ticks + 10_000))
    assert is_alive(session.member)


def test_one_that_has_just_gone_is_no_error(session: Session) -> None:
    assert _memory(session.leader) > 0
    session.started.kill()
    session.started.wait()
    send(session.leader, signal.SIGKILL)
    assert _memory(session.leader) == 0
