"""The queue for real: Valkey, Celery workers in processes of their own, and all of them killed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from chronopolis.cli.doctor_minds import minds
from infrastructure.embedded_valkey import EmbeddedValkey
from infrastructure.settings import Settings
from workers import broker as broker_module
from workers import crew as crew_module
from workers.broker import Broker
from workers.crew import Crew, Post, bound
from workers.dispatch import Dispatcher, Publisher, round_trip_ms
from workers.errors import QueueUnavailable
from workers.messages import THINK

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, str(ROOT / "tests" / "support" / "queue_worker.py")]


def request(agent: int, *, purpose: str = "intention", timeout_s: float = 20, **percept: Any) -> dict[str, Any]:
    return {
        "run": 1, "asked_tick": 5, "agent": agent, "purpose": purpose, "call": 0, "effect_tick": 25,
        "asked_chain": "ab" * 32, "percept": percept, "engine": {"name": "none"},
        "settings": {"timeout_s": timeout_s},
    }  # fmt: skip


def eventually(true: Callable[[], Any], *, within_s: float = 20) -> Any:
    until = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polis-q-"))
    yield folder
    for pid in EmbeddedValkey(folder).pids():  # a failed test's
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(home) as server:
        yield server


class Done:
    """What workers noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def has(self, line: str) -> bool:
        return line in self.lines()


@pytest.fixture
def done(home: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    monkeypatch.setenv("POLIS_TEST_DONE", str(home / "done"))
    return Done(home / "done")


@pytest.fixture
def crew(home: Path, valkey: EmbeddedValkey, done: Done, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    with a_crew(home, valkey) as crew:
        eventually(lambda: Broker(valkey.url).workers())
        yield crew
        monkeypatch.setattr(crew_module, "GRACE_S", 0.2)  # how a crew leaves has tests of its own


def a_crew(home: Path, valkey: EmbeddedValkey, *more: str, concurrency: int = 2, queue: str = "minds") -> Crew:
    return Crew(home, valkey.url, servers=[EmbeddedValkey(home)], posts=[Post(queue, concurrency)],
                command=[*WORKER, *more])  # fmt: skip


def lpush(valkey: EmbeddedValkey, text: str | bytes, queue: str = "minds") -> None:
    redis.Redis(unix_socket_path=str(valkey.socket)).lpush(queue, text)


def test_requests_are_carried_out_once_the_urgent_first_however_often_they_are_sent(
    home: Path, valkey: EmbeddedValkey, done: Done
) -> None:
    dispatcher = Dispatcher(valkey.url)
    ordered = [request(n, purpose="reflection") for n in range(4)] + [request(n) for n in range(4, 8)]
    assert dispatcher.send(ordered) == 8
    assert dispatcher.send(ordered) == 0
    assert dispatcher.queued() == 8
    with a_crew(home, valkey, concurrency=1):
        eventually(lambda: sum(line.startswith("end") for line in done.lines()) == 8)
        assert dispatcher.send([request(9, seconds=0.5)]) == 1
        eventually(lambda: done.has("begin 9"))
        assert dispatcher.send([request(9, seconds=0.5)]) == 0  # it is in hand
        eventually(lambda: done.has("end 9"))
    begun = [line.split()[1] for line in done.lines() if line.startswith("begin")]
    assert begun == ["4", "5", "6", "7", "0", "1", "2", "3", "9"]
    assert done.lines()[-1] == "close"
    assert (dispatcher.sent.published, dispatcher.sent.under_way) == (9, 9)


def test_a_killed_broker_comes_back_and_what_was_in_flight_is_done(
    crew: Crew, valkey: EmbeddedValkey, done: Done
) -> None:
    said: list[str] = []
    dispatcher = Dispatcher(valkey.url, on_problem=said.append)
    outstanding = [request(n, seconds=0.4) for n in range(6)]
    dispatcher.send(outstanding)
    eventually(lambda: done.has("begin 0"))
    os.kill(valkey.pids()[0], signal.SIGKILL)

    def all_done() -> bool:
        dispatcher.send([r for r in outstanding if not done.has(f"end {r['agent']}")])
        return all(done.has(f"end {n}") for n in range(6))

    eventually(all_done)
    assert crew.figures.server_restarts == {"Valkey": 1}
    assert crew.figures.worker_restarts == {}


def test_a_broker_that_is_away_when_a_full_worker_has_done_is_asked_again_when_it_is_back(
    home: Path, valkey: EmbeddedValkey, done: Done
) -> None:
    outstanding = [request(n, seconds=0.3) for n in range(4)]
    dispatcher = Dispatcher(valkey.url)

    def send() -> None:
        dispatcher.send([r for r in outstanding if not done.has(f"end {r['agent']}")])

    with Crew(home, valkey.url, posts=[Post("minds", 2)], command=WORKER):
        send()
        eventually(lambda: done.has("begin 0") and done.has("begin 1"))  # as many as it takes at a time
        os.kill(valkey.pids()[0], signal.SIGKILL)
        eventually(lambda: done.has("end 0") and done.has("end 1"))
        eventually(lambda: "Couldn't ack" in (home / "log" / "worker-minds-1.log").read_text())
        valkey.ensure_running()
        eventually(lambda: send() is None and all(done.has(f"end {n}") for n in range(4)))


def test_a_killed_worker_is_started_again_and_its_request_comes_back_by_being_sent_again(
    crew: Crew, valkey: EmbeddedValkey, done: Done
) -> None:
    dispatcher = Dispatcher(valkey.url)
    outstanding = [request(1, seconds=0.5)]
    dispatcher.send(outstanding)
    eventually(lambda: done.has("begin 1"))
    before = crew.worker_pids()["minds-1"]
    os.kill(before, signal.SIGKILL)

    def ended() -> bool:
        dispatcher.send(outstanding)
        return done.has("end 1")

    eventually(ended, within_s=broker_module.DOING_S - 1)  # the crew knows at once
    assert crew.worker_pids()["minds-1"] != before
    assert crew.figures.worker_restarts == {"minds-1": 1}


def test_a_killed_workers_message_is_delivered_again_without_anybody_sending_it(
    home: Path, valkey: EmbeddedValkey, done: Done
) -> None:
    with a_crew(home, valkey, "--visibility", "3", concurrency=1) as crew:
        Publisher(valkey.url).publish(THINK, request(1, seconds=0.5))
        eventually(lambda: done.has("begin 1"))
        os.kill(crew.worker_pids()["minds-1"], signal.SIGKILL)
        eventually(lambda: done.has("end 1"), within_s=30)


def test_poison_is_set_aside_with_the_reason_and_the_worker_goes_on(
    crew: Crew, valkey: EmbeddedValkey, done: Done
) -> None:
    good = Publisher(valkey.url)
    broker = Broker(valkey.url)
    good.publish(THINK, {**request(1), "shell": "rm -rf /"})
    good.publish(THINK, {**request(1), "agent": "Ada"})
    good.publish(THINK, request(1, text="x" * 70_000))
    lpush(valkey, "not json")
    lpush(valkey, b"\xff\xfe")
    lpush(valkey, "[]")
    lpush(valkey, json.dumps(envelope(task="os.system")))
    lpush(valkey, json.dumps(envelope(body="{{")))
    lpush(valkey, json.dumps(envelope(content_type="application/x-python-serialize")))
    entries = eventually(lambda: (found := broker.poison()) and len(found) == 9 and found)
    because = " | ".join(entry["because"] for entry in entries)
    for part in ("shell", "agent: ", "more than 65,536", "not JSON", "no object", "unknown task 'os.system'",
                 "the body is not JSON", "only application/json"):  # fmt: skip
        assert part in because
    Dispatcher(valkey.url).send([request(2)])
    eventually(lambda: done.has("end 2"))
    assert crew.figures.worker_restarts == {}
    # A worker acknowledges a message once it has done what it says, a moment after the test can see that.
    eventually(lambda: redis.Redis(unix_socket_path=str(valkey.socket)).hlen("unacked") == 0)
    assert broker.clear_poison() == 9
    assert broker.poison() == []


def test_what_raises_three_times_is_set_aside_and_then_dropped(crew: Crew, valkey: EmbeddedValkey, done: Done) -> None:
    dispatcher, broker = Dispatcher(valkey.url), Broker(valkey.url)
    bad = request(3, **{"raise": True})

    def set_aside() -> list[dict[str, Any]]:
        dispatcher.send([bad])
        return broker.poison()

    (entry,) = eventually(set_aside)
    assert entry["because"] == "it raised 3 times, the last time ValueError: no way"
    Publisher(valkey.url).publish(THINK, bad)
    eventually(lambda: sum(w.get("poisoned", 0) for w in broker.workers()) >= 1)
    assert done.lines().count("begin 3") == 3


def test_what_kills_its_workers_is_set_aside_too(
    home: Path, valkey: EmbeddedValkey, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(valkey.url)
    for _ in range(broker_module.BEGUN_MAX):  # as so many workers would have that ended meanwhile
        assert broker.begin("think:1:5:4:intention:0:abababababababab", "w") == "begun"
        redis.Redis(unix_socket_path=str(valkey.socket)).delete("polis:doing:think:1:5:4:intention:0:abababababababab")
    with a_crew(home, valkey):
        Publisher(valkey.url).publish(THINK, request(4, die=True))
        (entry,) = eventually(broker.poison)
    assert "worker after worker" in entry["because"]
    assert not done.has("begin 4")


def test_a_part_that_is_away_is_waited_for_within_the_deadline_and_else_the_request_is_left(
    crew: Crew, valkey: EmbeddedValkey, done: Done, home: Path
) -> None:
    dispatcher = Dispatcher(valkey.url)
    dispatcher.send([request(1, away_until=str(home / "back")), request(2, timeout_s=0.3, away_until="/never")])
    eventually(lambda: done.lines().count("begin 1") >= 2)
    (home / "back").touch()
    eventually(lambda: done.has("end 1"))
    assert done.has("mend store")
    eventually(lambda: dispatcher.send([request(2)]) == 1)  # given back, so it may be sent again
    eventually(lambda: done.has("end 2"))
    assert Broker(valkey.url).poison() == []


def test_a_lost_broker_delays_quickly_and_says_so_once(home: Path) -> None:
    said: list[str] = []
    server = EmbeddedValkey(home)
    dispatcher = Dispatcher(lambda: server.url, on_problem=said.append)
    began = time.monotonic()
    for _ in range(50):
        assert dispatcher.send([request(1), request(2)]) == 0
    assert time.monotonic() - began < 2
    with pytest.raises(QueueUnavailable, match="Nothing is lost"):
        Publisher(server.url).publish(THINK, request(1))
    assert dispatcher.queued() is None
    assert dispatcher.sent.delayed == 100
    assert len(said) == 1
    with server:
        eventually(lambda: dispatcher.send([request(1)]) == 1)
        assert said[1:] == ["the broker is back"]
        os.kill(server.pids()[0], signal.SIGSTOP)  # it hangs: nothing answers, nothing refuses
        began = time.monotonic()
        assert dispatcher.send([request(2)]) == 0
        assert time.monotonic() - began < 6
        os.kill(server.pids()[0], signal.SIGKILL)
    assert dispatcher.sent.disconnections == 2


def test_a_worker_started_before_the_broker_waits_for_it(home: Path, done: Done) -> None:
    server = EmbeddedValkey(home)
    with Crew(home, server.url, posts=[Post("memory")], command=WORKER) as crew:
        time.sleep(2)
        with server:
            dispatcher = Dispatcher(server.url)
            assert dispatcher.project(7, 120)
            assert not dispatcher.project(7, 120)
            eventually(lambda: done.has("project 7 120"))
            assert crew.figures.worker_restarts == {}


def test_a_full_broker_refuses_and_is_said_to(home: Path) -> None:
    with EmbeddedValkey(home, memory_mb_max=2) as server:
        client = redis.Redis(unix_socket_path=str(server.socket))
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            for n in range(100):
                client.set(f"big{n}", b"x" * 100_000)
        dispatcher = Dispatcher(server.url)
        assert dispatcher.send([request(1)]) == 0
        assert "memory" in dispatcher.sent.problem


def test_the_round_trip_to_a_worker_is_timed(crew: Crew, valkey: EmbeddedValkey) -> None:
    took = round_trip_ms(valkey.url)
    assert took is not None and 0 < took < 1_000
    assert round_trip_ms(valkey.url, queue="memory", timeout_s=0.2) is None
    (worker,) = Broker(valkey.url).workers()
    assert worker["queues"] == ["minds"]
    assert worker["pid"] == crew.worker_pids()["minds-1"]


def test_a_crew_runs_behind_the_runner_is_counted_and_leaves_nothing(
    home: Path, valkey: EmbeddedValkey, done: Done
) -> None:
    with a_crew(home, valkey) as crew:
        pid = crew.worker_pids()["minds-1"]
        eventually(lambda: Broker(valkey.url).workers())
        assert psutil.Process(pid).nice() == min(19, psutil.Process().nice() + 10)
        assert os.getpgid(pid) == pid
        assert set(crew.pids()) == {pid, *valkey.pids()}
        Dispatcher(valkey.url).send([request(1, seconds=60)])
        eventually(lambda: done.has("begin 1"))
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert not psutil.pid_exists(pid)
    assert valkey.is_running  # which others still share


def test_workers_end_with_their_parent_however_it_ends(home: Path, valkey: EmbeddedValkey, done: Done) -> None:
    script = f"""
import sys, time
from pathlib import Path
from workers.crew import Crew, Post
with Crew(Path({str(home)!r}), {valkey.url!r}, posts=[Post("minds")], command={WORKER!r}) as crew:
    print(crew.worker_pids()["minds-1"], flush=True)
    time.sleep(60)
"""
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert runner.stdout is not None
    worker = psutil.Process(int(runner.stdout.readline()))
    eventually(lambda: Broker(valkey.url).workers())
    runner.kill()
    runner.wait()
    eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, within_s=5)


def test_a_log_stays_bounded(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("ab") as file:
        file.write(b"x" * 100)
        file.flush()
        bound(log, bytes_max=50)
        file.write(b"y")
    assert log.read_bytes() == b"y"
    assert (tmp_path / "worker.log.1").read_bytes() == b"x" * 100


def envelope(
    *, task: str = "minds.think", body: str | None = None, content_type: str = "application/json"
) -> dict[str, Any]:
    text = json.dumps([[request(1)], {}, {}]) if body is None else body
    return {
        "body": base64.b64encode(text.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": {"task": task, "id": "1", "lang": "py"},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": "1",
            "delivery_info": {"exchange": "", "routing_key": "minds"},
        },
    }


def test_polis_worker_serves_until_sigterm_and_the_doctor_sees_it(home: Path, valkey: EmbeddedValkey) -> None:
    environment = {**os.environ, "POLIS_HOME": str(home), "POLIS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    command = [sys.executable, "-m", "chronopolis.cli.main", "worker", "--broker", valkey.url, "-c", "1"]
    worker = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: Broker(valkey.url).workers())
        Publisher(valkey.url).publish(THINK, {**request(1), "extra": 1})
        eventually(lambda: Broker(valkey.url).poison())
        checks = {check.name: check for check in minds(Settings(home=home))}
        assert "minds round trip" in checks["workers"].found
        assert "memory round trip" in checks["workers"].found
        assert checks["broker"].status == checks["workers"].status == "ok"
        assert checks["poison"].status == "warn"
        shown = subprocess.run(
            [*command[:4], "--broker", valkey.url, "--poison", "--clear", "--json"],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = json.loads(shown.stdout)
        assert found["count"] == 1
        assert "extra" in found["messages"][0]["because"]
        assert Broker(valkey.url).poison() == []
    finally:
        worker.terminate()
        _, said = worker.communicate(timeout=20)
    assert worker.returncode == 0, said
    assert "takes 1 at a time from minds, memory" in said
    assert Broker(valkey.url).workers() == []


def test_without_a_broker_the_worker_says_what_to_name_and_the_doctor_that_it_is_not_in_use(home: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("POLIS_BROKER_URL", "POLIS_DATABASE_URL")}
    command = [sys.executable, "-m", "chronopolis.cli.main", "worker"]
    ended = subprocess.run(
        command, env={**environment, "POLIS_HOME": str(home)}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "POLIS_DATABASE_URL" in ended.stderr and "POLIS_BROKER_URL" in ended.stderr
    assert {check.status for check in minds(Settings(home=home))} == {"ok"}
    (broker,) = minds_of_a_broker_that_is_down(home)
    assert broker.status == "fail"
    assert "secret" not in broker.found
    assert "POLIS_BROKER_URL" in broker.remedy


def minds_of_a_broker_that_is_down(home: Path) -> list[Any]:
    down = Settings(home=home, broker_url="redis://:secret@127.0.0.1:1/0")
    return [check for check in minds(down) if check.name == "broker"]
