"""`polis debug` as a process: where it says that it is, how it ends, and what it does without its database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chronopolis.cli import main
from domain.ports import Run
from infrastructure.database import Database
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.postgres import FOR_TESTS, FreshDatabase
from tests.support.stores import TINY_WORLD, make_run, opened

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
POLIS = (sys.executable, "-m", "chronopolis.cli.main")


@pytest.fixture(scope="module")
def url(module_database: FreshDatabase) -> Iterator[str]:
    """A database with one run of 25 ticks."""
    with opened(module_database) as store:
        make_run(store, "tried", ticks=25, configuration=TINY_WORLD)
    yield module_database.admin_url


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POLIS_", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(ROOT)} | given


@contextmanager
def debugging(*arguments: str, **given: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str], dict[str, Any]]]:
    """Run `polis debug --no-browser --json` and lend a client."""
    command = [*POLIS, "debug", "--no-browser", "--json", *arguments]
    process = subprocess.Popen(
        command, cwd="/", env=environment(**given), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or '{"url": "nowhere"}')
        assert "port" in told, process.communicate(timeout=10)
        with httpx.Client(base_url=f"http://127.0.0.1:{told['port']}", timeout=30) as client:
            yield client, process, told
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    for _ in range(int(seconds * 10)):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def test_it_says_where_it_is_answers_and_ends_in_good_order(url: str) -> None:
    with debugging("tri", "--port", "0", POLIS_DATABASE_URL=url) as (client, process, told):
        assert set(told) == {"url", "port", "pid"}
        assert told["pid"] == process.pid
        assert told["url"] == f"http://127.0.0.1:{told['port']}/?run=tried"
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/runs/tried").json()["head_tick"] == 25
        with client.stream("GET", "/api/runs/tried/live") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            process.send_signal(signal.SIGTERM)
            assert any("the server ends" in line for line in lines), "a stream is told, and not only cut"
        assert process.wait(60) == 0
        assert process.stderr is not None
        said = process.stderr.read()
        assert told["url"] in said
        assert "Traceback" not in said


def test_a_run_that_it_goes_on_with_is_paused_when_it_ends(url: str) -> None:
    with debugging("--port", "0", POLIS_DATABASE_URL=url) as (client, process, _):
        made = client.post("/api/runs/tried/fork", json={"at": 25, "name": f"long-{process.pid}"}).json()["name"]
        pid = client.post(f"/api/runs/{made}/continue", json={"ticks": 1_000_000}).json()["pid"]
        until(lambda: client.get(f"/api/runs/{made}").json()["head_tick"] > 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with debugging("--port", "0", POLIS_DATABASE_URL=url) as (client, _, _):
        assert client.get(f"/api/runs/{made}").json()["status"] == "paused"


def test_a_live_run_is_followed_tick_by_tick(url: str) -> None:
    command = [*POLIS, "run", "--agents", "12", "--width", "12", "--height", "12", "--ticks", "150", "--pace", "10",
               "--name", "livelong", "--json", "--quiet"]  # fmt: skip
    with debugging("--port", "0", POLIS_DATABASE_URL=url) as (client, _, _):
        runner = subprocess.Popen(
            command, cwd="/", env=environment(POLIS_DATABASE_URL=url), stdout=subprocess.PIPE, text=True
        )
        try:
            until(lambda: client.get("/api/runs/livelong").status_code == 200)
            heads = []
            with client.stream("GET", "/api/runs/livelong/live", timeout=200) as stream:
                for line in stream.iter_lines():
                    if not line.startswith("data:"):
                        continue
                    told = json.loads(line[6:])
                    heads.append(told["head_tick"])
                    if told["head_tick"] >= 0:
                        # What was told is durable: it can be looked at.
                        assert (
                            client.get("/api/runs/livelong/frames", params={"first": told["head_tick"]}).status_code
                            == 200
                        )
                    if told["status"] == "complete":
                        break
            assert heads == sorted(heads)
            assert heads[-1] == 150
            assert len(set(heads)) > 3, "it was followed, not only seen at its end"
            assert runner.wait(60) == 0
        finally:
            runner.kill()
            runner.wait(10)


def test_what_can_not_be_served_is_said_in_a_line(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLIS_DATABASE_URL", url)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main.run(["debug", "--no-browser", "--port", str(port)]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: can't serve on 127.0.0.1 port {port}")
    assert main.run(["debug", "--no-browser", "no-such-run", "--json"]) == 2
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["error"]["type"] == "UnknownRun"
    assert main.run(["debug", "--no-browser", "--token", "short"]) == 2
    assert main.run(["debug", "--no-browser", "--host", "no.such.host.invalid", "--port", "0"]) == 3
    monkeypatch.setenv("POLIS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert main.run(["debug", "--no-browser"]) == 3


def test_other_machines_need_the_token_that_is_printed(url: str) -> None:
    with debugging("--host", "0.0.0.0", "--port", "0", POLIS_DATABASE_URL=url) as (client, process, told):
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/runs").status_code == 401
        _, _, token = told["url"].partition("token=")
        assert len(token) >= 24
        assert client.get("/api/runs", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_database_that_was_killed_is_said_to_be_away_and_found_again() -> None:
    """With an embedded server of its own, which comes back without anybody's help."""
    home = Path(f"/tmp/polis-d-{os.getpid()}")  # short: sockets allow no long paths
    here = {"POLIS_HOME": str(home)}
    try:
        with EmbeddedPostgres(home, settings=FOR_TESTS) as embedded, debugging("--port", "0", **here) as (client, _, _):
            made = make_in(embedded)
            where = f"/api/runs/{made.name}/events"
            assert client.get(where).status_code == 200
            server = embedded.postmaster_pid
            assert server is not None
            os.kill(server, signal.SIGKILL)
            refused = []

            def answers() -> bool:
                answer = client.get(where)
                if answer.status_code == 503:
                    refused.append(answer.json()["error"]["type"])
                    assert answer.headers["retry-after"]
                return answer.status_code == 200

            until(answers)
            assert set(refused) <= {"StoreUnavailable", "DatabaseUnreachable", "EmbeddedPostgresFailed"}
            assert client.get("/healthz").status_code == 200
    finally:
        shutil.rmtree(home, ignore_errors=True)


def make_in(embedded: EmbeddedPostgres) -> Run:
    """Make a run in the database that `polis debug` has migrated."""
    with Database(Settings(Path("/nonexistent"), embedded.url("postgres", over="socket"))) as database:
        return make_run(PostgresStore(database), "kept", ticks=12, configuration=TINY_WORLD)
