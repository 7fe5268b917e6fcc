"""What a model server that was killed left behind is ended, and nobody who has its number since."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infrastructure.engines.server import ModelServer
from infrastructure.engines.status import _memory
from infrastructure.postgres_process import is_alive, send

pytestmark = pytest.mark.integration

LEADER = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"


class Session:
    """A process that leads a session, and one of that session's own."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.started = subprocess.Popen(
            [sys.executable, "-c", LEADER], stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        assert self.started.stdout is not None
        self.leader = psutil.Process(self.started.pid)
        self.created = self.leader.create_time()
        self.member = psutil.Process(int(self.started.stdout.readline()))


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session.started.pid, signal.SIGKILL)
    session.started.communicate(timeout=10)


def stopped(home: Path, *, pid: int, created: float) -> None:
    """Stop what a note says to be a server."""
    server = ModelServer(home, "llama", "0" * 12, {})
    server._make_folders()
    note = {"pid": pid, "created": created, "url": "http://127.0.0.1:1", "key": "", "plan": {}}
    (server.folder / "server.json").write_text(json.dumps(note))
    server._stop()
    assert not (server.folder / "server.json").exists()


def test_what_a_killed_server_left_is_ended(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    assert is_alive(session.member)
    stopped(tmp_path, pid=session.started.pid, created=session.created)
    assert not is_alive(session.member)


@pytest.mark.parametrize("ago_s", [100.0, 1e8], ids=["given anew", "before the last reboot"])
def test_who_has_the_number_of_a_dead_server_goes_on(session: Session, tmp_path: Path, ago_s: float) -> None:
    stopped(tmp_path, pid=session.started.pid, created=session.created - ago_s)
    assert is_alive(session.leader) and is_alive(session.member)


def test_a_session_from_after_a_reboot_goes_on_though_nobody_leads_it(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    stopped(tmp_path, pid=session.started.pid, created=psutil.boot_time() - 100)
    assert is_alive(session.member)


def test_who_was_there_before_the_server_goes_on(session: Session, tmp_path: Path) -> None:
    session.started.kill()
    session.started.wait()
    stopped(tmp_path, pid=session.started.pid, created=session.member.create_time() + 100)
    assert is_alive(session.member)


def test_one_that_has_just_gone_is_no_error(session: Session) -> None:
    assert _memory(session.leader) > 0
    session.started.kill()
    session.started.wait()
    send(session.leader, signal.SIGKILL)
    assert _memory(session.leader) == 0
