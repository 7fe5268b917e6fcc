"""Memory for real: events in Postgres, Chroma as a server that is killed and emptied, the real embedder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from chronopolis.cli import main
from chronopolis.cli.errors import ENVIRONMENT, WRONG_USAGE
from domain.configuration import Configuration
from domain.errors import MemoryBehind, MemoryUnavailable
from domain.ports import Memory, MemoryIndex, Recalled, Run
from infrastructure.chroma_http import Collection
from infrastructure.chroma_memory import ChromaMemory
from infrastructure.chroma_server import EmbeddedChroma
from infrastructure.embedder import Embedder
from infrastructure.errors import EmbeddedChromaFailed
from infrastructure.postgres_process import is_alive, wait_until_gone
from infrastructure.postgres_store import PostgresStore
from tests.support.memories import AGENTS, Chronicle, index_on
from tests.support.postgres import FreshDatabase
from tests.support.stores import opened
from workers.memories import coverage, project, rebuild, wait_until_covered

pytestmark = pytest.mark.integration

QUERY = "who has bread?"


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polis-m-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedChroma]:
    """A Chroma of one test, which it may kill and empty."""
    with EmbeddedChroma(home) as running:
        yield running


@pytest.fixture
def chronicle() -> Chronicle:
    told = Chronicle(seed=5)
    told.go_on(60)
    return told


@pytest.fixture
def run(postgres_store: PostgresStore, chronicle: Chronicle) -> Run:
    return chronicle.kept_in(postgres_store, "told")


def retrieved(store: PostgresStore, index: MemoryIndex, run: Run, *, tick: int, k: int = 4) -> list[list[Recalled]]:
    lineage = store.lineage(run)
    return [index.retrieve(lineage, agent, tick=tick, query=QUERY, k=k) for agent in range(AGENTS)]


def expected(chronicle: Chronicle, embedder: Embedder, *, tick: int, k: int = 4) -> list[list[Recalled]]:
    return [chronicle.expected(embedder, agent, tick=tick, query=QUERY, k=k) for agent in range(AGENTS)]


def kill(server: EmbeddedChroma) -> None:
    killed = [psutil.Process(pid) for pid in server.pids()]
    for process in killed:
        process.kill()
    assert wait_until_gone(killed, timeout_s=5) == []


class TestProjecting:
    def test_what_is_retrieved_is_what_the_events_say_at_every_tick(
        self, postgres_store, chroma_index, embedder, chronicle, run
    ):
        added = project(postgres_store, chroma_index, run, 59)
        assert added == len(chronicle.told)
        assert chroma_index.covered(run.id) == 59
        for tick in (0, 7, 30, 59):
            assert retrieved(postgres_store, chroma_index, run, tick=tick) == expected(chronicle, embedder, tick=tick)

    def test_it_goes_on_from_what_is_covered_and_never_beyond_what_was_asked_or_the_head(
        self, postgres_store, chroma_index, chronicle, run
    ):
        first = project(postgres_store, chroma_index, run, 20)
        assert chroma_index.covered(run.id) == 20
        assert project(postgres_store, chroma_index, run, 20) == 0
        rest = project(postgres_store, chroma_index, run, 10**6)
        assert chroma_index.covered(run.id) == 59
        assert first + rest == len(chronicle.told)
        assert coverage(postgres_store, chroma_index, run) == [(run.id, 0, 59, 59)]

    def test_a_run_without_ticks_has_nothing_to_project(self, postgres_store, chroma_index, chronicle):
        empty = postgres_store.create("empty", seed=1, configuration=Configuration(agents=AGENTS), target=5)
        assert project(postgres_store, chroma_index, empty, 5) == 0
        assert coverage(postgres_store, chroma_index, empty) == []

    def test_forks_remember_their_own_past_and_no_other(self, postgres_store, chroma_index, embedder, chronicle, run):
        child = Chronicle(6, parent=chronicle, fork_tick=40)
        child.go_on(25)
        forked = child.kept_in(postgres_store, "child", parent=run, fork_tick=40)
        grandchild = Chronicle(7, parent=child, fork_tick=50)
        grandchild.go_on(25)
        forked_again = grandchild.kept_in(postgres_store, "grandchild", parent=forked, fork_tick=50)

        project(postgres_store, chroma_index, forked_again, 10**6)
        assert [covered for *_, covered in coverage(postgres_store, chroma_index, forked_again)] == [40, 50, 75]
        for each in (run, forked):
            project(postgres_store, chroma_index, each, 10**6)
        told = ((run, chronicle, (41, 59)), (forked, child, (41, 52, 65)), (forked_again, grandchild, (51, 60, 75)))
        for each, what, ticks in told:
            for tick in ticks:
                there = retrieved(postgres_store, chroma_index, each, tick=tick, k=9)
                assert there == expected(what, embedder, tick=tick, k=9), (each.name, tick)

    def test_two_at_once_and_a_rebuild_between_them_do_no_harm(self, postgres_store, chroma, embedder, chronicle, run):
        wanted, store, seen, failed = expected(chronicle, embedder, tick=59), f"s{run.id}{time.time_ns()}", [], []
        stop = threading.Event()

        def again_and_again(what) -> None:
            index = index_on(chroma, embedder, store)
            while not stop.is_set():
                try:
                    what(index)
                except MemoryUnavailable:
                    pass  # cleared under our hands: a thought would ask again
                except Exception as error:
                    failed.append(error)
                    return

        work = (
            lambda index: project(postgres_store, index, run, 59),
            lambda index: [project(postgres_store, index, run, tick) for tick in (9, 33, 59)],
            lambda index: (rebuild(postgres_store, index, run), time.sleep(0.2)),
            lambda index: seen.append(retrieved(postgres_store, index, run, tick=59)),
        )
        threads = [threading.Thread(target=again_and_again, args=(what,)) for what in work]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 30
        while len(seen) < 3 and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert all(each == wanted for each in seen)
        assert len(seen) >= 3
        index = index_on(chroma, embedder, store)
        wait_until_covered(postgres_store, index, run, 59, timeout_s=10, patience_s=0)
        assert retrieved(postgres_store, index, run, tick=59) == wanted


class TestWaiting:
    def test_one_who_waits_is_served_by_whoever_projects(self, postgres_store, chroma_index, run):
        later = threading.Timer(0.3, lambda: project(postgres_store, chroma_index, run, 30))
        later.start()
        wait_until_covered(postgres_store, chroma_index, run, 30, timeout_s=20, patience_s=20)
        assert chroma_index.covered(run.id) == 30
        later.join()

    def test_one_who_waits_in_vain_does_it_alone(self, postgres_store, chroma_index, run):
        wait_until_covered(postgres_store, chroma_index, run, 30, timeout_s=20, patience_s=0.1)
        assert chroma_index.covered(run.id) == 30

    def test_one_who_waits_for_a_tick_that_never_comes_is_told(self, postgres_store, chroma_index, run):
        with pytest.raises(MemoryBehind) as caught:
            wait_until_covered(postgres_store, chroma_index, run, 99, timeout_s=0.2, patience_s=0)
        assert (caught.value.tick, caught.value.covered) == (99, 59)


class TestSharingAChroma:
    def test_runs_of_different_stores_are_different_runs(self, chroma, embedder):
        ours, theirs = index_on(chroma, embedder, "ours"), index_on(chroma, embedder, "theirs")
        ours.add(1, [Memory("0:1", 2, 0, None, 500, "plan", "I will bake bread.")], through=5)
        assert (ours.covered(1), theirs.covered(1)) == (5, -1)

    def test_a_database_has_an_identity_of_its_own_whatever_its_url(self, postgres_server, postgres_store, migrated):
        fresh = postgres_server.fresh_database()
        with opened(migrated) as again, opened(fresh) as other:
            assert postgres_store.identity == again.identity != other.identity
        postgres_server.drop(fresh)


class TestLosingChroma:
    def test_a_folder_that_is_deleted_is_made_anew_with_the_same_retrievals(
        self, postgres_store, server, embedder, chronicle, run
    ):
        index = index_on(server, embedder, "kept")
        project(postgres_store, index, run, 59)
        before = retrieved(postgres_store, index, run, tick=59)

        kill(server)
        shutil.rmtree(server.data)

        assert index.covered(run.id) == -1
        with pytest.raises(MemoryBehind):
            retrieved(postgres_store, index, run, tick=59)
        added = rebuild(postgres_store, index, run)
        assert added == len(chronicle.told)
        assert retrieved(postgres_store, index, run, tick=59) == before == expected(chronicle, embedder, tick=59)

    def test_a_folder_that_is_deleted_while_somebody_adds_leaves_no_claim_behind(
        self, postgres_store, server, embedder, chronicle, run
    ):
        index = index_on(server, embedder, "kept")
        project(postgres_store, index, run, 20)
        assert index.covered(run.id) == 20

        kill(server)
        shutil.rmtree(server.data)

        index.add(run.id, [], through=40)  # by one who had read that ticks up to 20 are covered
        assert index.covered(run.id) == -1
        wait_until_covered(postgres_store, index, run, 59, timeout_s=20, patience_s=0)
        assert retrieved(postgres_store, index, run, tick=59) == expected(chronicle, embedder, tick=59)

    def test_a_server_that_is_killed_again_and_again_loses_nothing(
        self, postgres_store, server, embedder, chronicle, run
    ):
        index, chance, killers = index_on(server, embedder, "kept"), random.Random(8), []
        for tick in range(0, 60, 3):
            if tick % 21 == 0:  # in the middle of what follows; it needs a moment to start, so not more often
                killers.append(threading.Timer(chance.random() / 20, kill, [server]))
                killers[-1].start()
            wait_until_covered(postgres_store, index, run, tick, timeout_s=60, patience_s=0)
        for killer in killers:
            killer.join()
        assert retrieved(postgres_store, index, run, tick=57) == expected(chronicle, embedder, tick=57)

    def test_a_server_of_somebody_else_that_is_gone_is_named(self, embedder):
        index = ChromaMemory(lambda: "http://somebody:secret@127.0.0.1:9", store="x", embedder=embedder)
        with pytest.raises(MemoryUnavailable, match=r"127\.0\.0\.1:9 can't be reached") as caught:
            index.covered(1)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["http://[::1", "http://me:sec/ret@127.0.0.1:9"])
    def test_what_is_no_url_is_said_to_be_none(self, embedder, url):
        index = ChromaMemory(lambda: url, store="x", embedder=embedder)
        with pytest.raises(MemoryUnavailable, match="POLIS_CHROMA_URL") as caught:
            index.covered(1)
        assert "sec" not in str(caught.value)

    def test_what_hangs_is_not_waited_for_for_ever(self, server, embedder, monkeypatch):
        monkeypatch.setattr("infrastructure.chroma_http.TIMEOUT_S", 0.5)
        records = Collection(lambda: server.url, "hanging", {})
        records.get(ids=["x"])
        (pid,) = server.pids()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(MemoryUnavailable, match="did not answer"):
                records.get(ids=["x"])
        finally:
            os.kill(pid, signal.SIGCONT)


class TestTheServer:
    def test_it_is_shared_and_stopped_by_the_last(self, home):
        first, second = EmbeddedChroma(home), EmbeddedChroma(home)
        first.attach()
        (pid,) = first.pids()
        process = psutil.Process(pid)
        second.attach()
        assert second.pids() == [pid]
        assert first.url == second.url
        first.leave()
        assert second.is_running
        second.leave()
        assert second.pids() == []
        assert not is_alive(process)

    def test_it_is_started_again_at_the_same_place_and_has_kept_its_records(self, server):
        records = Collection(lambda: server.url, "kept", {})
        records.add({"ids": ["a"], "embeddings": [[1.0]], "documents": ["b"], "metadatas": [{"c": 1}]})
        url, pids = server.url, server.pids()
        kill(server)
        assert not server.is_running
        server.ensure_running()
        assert server.url == url
        assert server.pids() != pids
        assert records.get(ids=["a"])["metadatas"] == [{"c": 1}]

    def test_it_listens_on_loopback_only_and_behind_everybody_else(self, server):
        (pid,) = server.pids()
        process = psutil.Process(pid)
        addresses = {c.laddr.ip for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN}
        assert addresses == {"127.0.0.1"}
        assert process.nice() >= 10
        assert httpx.get(server.url + "/api/v2/heartbeat", trust_env=False).status_code == 200

    def test_a_port_that_is_taken_is_passed_over(self, home, server):
        port = int(server.url.rsplit(":", 1)[1])
        other = EmbeddedChroma(home / "other")
        (home / "other" / "chroma").mkdir(parents=True)
        (home / "other" / "chroma" / "port").write_text(f"{port}\n")
        with other:
            assert other.url != server.url

    def test_one_that_can_not_start_says_why(self, home):
        (home / "chroma").mkdir()
        (home / "chroma" / "data").write_text("a file, where the folder should be")
        with pytest.raises(EmbeddedChromaFailed, match="POLIS_CHROMA_URL") as caught:
            EmbeddedChroma(home).attach()
        assert str(home) in str(caught.value)


class TestTheCommand:
    @pytest.fixture
    def polis(self, migrated: FreshDatabase, chroma: EmbeddedChroma, monkeypatch, capsys):
        monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
        monkeypatch.setenv("POLIS_CHROMA_URL", chroma.url)

        def call(*words: str) -> tuple[int, str]:
            code = main.run(list(words))
            return code, capsys.readouterr().out

        return call

    def test_memories_are_shown_as_they_are_retrieved(self, polis, run, chronicle, embedder, monkeypatch):
        monkeypatch.setattr("chronopolis.record.agent_of_run", lambda store, run, wanted, *, last: int(wanted))
        code, out = polis("memory", "show", "told", "--agent", "2", "--tick", "50", "--query", QUERY, "--json")
        values = json.loads(out)
        assert code == 0
        assert (values["name"], values["tick"], values["agent"]) == ("told", 50, 2)
        wanted = chronicle.expected(embedder, 2, tick=50, query=QUERY, k=99)
        assert [(m["id"], m["score"], m["text"]) for m in values["memories"]] == [
            (m.id, m.score, m.text) for m in wanted
        ]
        code, out = polis("memory", "show", "told", "--agent", "2", "--limit", "3")
        assert code == 0
        assert "agent 2 of told at tick 59" in out

    def test_status_and_rebuild_say_how_far_it_is(self, polis, run, chronicle):
        code, out = polis("memory", "status", "told", "--json")
        assert (code, json.loads(out)["covered"], json.loads(out)["head_tick"]) == (0, -1, 59)
        code, out = polis("memory", "rebuild", "told", "--json")
        assert (code, json.loads(out)["memories"], json.loads(out)["covered"]) == (0, len(chronicle.told), 59)
        code, out = polis("memory", "status", "told")
        assert code == 0
        assert "up to tick 59" in out

    def test_what_can_not_be_done_is_said(self, polis, run, monkeypatch):
        assert polis("memory", "show", "nobody", "--agent", "2")[0] == WRONG_USAGE
        assert polis("memory", "show", "told", "--agent", "2", "--tick", "99")[0] == WRONG_USAGE
        monkeypatch.setenv("POLIS_CHROMA_URL", "http://127.0.0.1:9")
        code, out = polis("memory", "status", "told", "--json")
        assert code == ENVIRONMENT
        assert json.loads(out)["error"]["type"] == "MemoryUnavailable"


class TestDropping:
    MINDED = Configuration(agents=3, width=4, height=4, mind="scripted")
    BREAD = Memory("0:1", 2, 0, None, 500, "plan", "I will bake bread.")

    @pytest.fixture
    def drop(self, migrated: FreshDatabase, home: Path, monkeypatch, capsys):
        monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
        monkeypatch.setenv("POLIS_HOME", str(home))
        monkeypatch.delenv("POLIS_CHROMA_URL", raising=False)

        def call(name: str) -> tuple[int, str]:
            code = main.run(["drop", name, "--because", "a trial", "--yes"])
            return code, capsys.readouterr().err

        return call

    def made(self, store: PostgresStore, name: str, configuration: Configuration = MINDED) -> Run:
        return store.create(name, seed=1, configuration=configuration, target=5)

    def kept_of(self, server: EmbeddedChroma, store: PostgresStore, embedder: Embedder, run: Run) -> list[str]:
        """Return the ids of all records of a run, whoever would find them."""
        records = Collection(lambda: server.url, f"polis-{store.identity}-{embedder.identity}", {})
        kept: list[str] = records.get(where={"run": run.id})["ids"]
        records.close()
        return kept

    def test_the_memories_of_a_run_go_with_it_and_no_others(self, drop, postgres_store, server, embedder):
        gone, kept = self.made(postgres_store, "gone"), self.made(postgres_store, "kept")
        index = index_on(server, embedder, postgres_store.identity)
        for run in (gone, kept):
            index.add(run.id, [self.BREAD], through=5)
        assert drop("gone") == (0, "")
        assert self.kept_of(server, postgres_store, embedder, gone) == []
        assert len(self.kept_of(server, postgres_store, embedder, kept)) == 3  # its marker, its coverage, the memory
        assert index.covered(kept.id) == 5

    def test_a_server_that_has_stopped_is_started_for_it(self, drop, postgres_store, home, embedder):
        gone = self.made(postgres_store, "gone")
        with EmbeddedChroma(home) as server:
            index_on(server, embedder, postgres_store.identity).add(gone.id, [self.BREAD], through=5)
        assert drop("gone") == (0, "")
        with EmbeddedChroma(home) as server:
            assert self.kept_of(server, postgres_store, embedder, gone) == []

    def test_nothing_is_started_or_asked_where_there_can_be_no_memories(self, drop, postgres_store, home, monkeypatch):
        self.made(postgres_store, "never-remembered")
        assert drop("never-remembered") == (0, "")
        assert not (home / "chroma").exists()
        self.made(postgres_store, "mindless", Configuration(agents=3, width=4, height=4))
        monkeypatch.setenv("POLIS_CHROMA_URL", "http://127.0.0.1:9")
        assert drop("mindless") == (0, "")

    def test_a_run_is_dropped_without_chroma_and_its_memories_are_taken_out_later(
        self, drop, postgres_store, chroma, embedder, monkeypatch
    ):
        gone = self.made(postgres_store, "gone")
        index_on(chroma, embedder, postgres_store.identity).add(gone.id, [self.BREAD], through=5)
        monkeypatch.setenv("POLIS_CHROMA_URL", "http://127.0.0.1:9")
        code, err = drop("gone")
        assert code == 0
        assert err.startswith(f"warning: its memories stay in the index until `polis memory rebuild {gone.id}`: ")
        assert err.count("\n") == 1
        assert postgres_store.names() == set()
        assert len(self.kept_of(chroma, postgres_store, embedder, gone)) == 3
        monkeypatch.setenv("POLIS_CHROMA_URL", chroma.url)
        assert main.run(["memory", "rebuild", str(gone.id)]) == 0
        assert self.kept_of(chroma, postgres_store, embedder, gone) == []


def test_the_server_finds_its_packages_wherever_they_are(server: EmbeddedChroma, tmp_path: Path) -> None:
    (tmp_path / "Zoë").mkdir()
    (tmp_path / "here.pth").write_text(str(tmp_path / "Zoë"), encoding="utf-8")  # as of an editable installation
    environment = psutil.Process(server.pids()[0]).environ()
    code = (
        f"import site, sys; site.addsitedir({str(tmp_path)!r}); sys.exit(sys.path[-1:] != [{str(tmp_path / 'Zoë')!r}])"
    )
    subprocess.run([sys.executable, "-I", "-c", code], env=environment, check=True)
