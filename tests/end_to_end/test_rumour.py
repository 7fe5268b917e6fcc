"""A rumour from its first hearer to the last, by a real runner, workers, Valkey, Chroma and embedder.

The engine is an OpenAI-compatible server that always gossips, since no small model can be relied on to.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import replay
from chronopolis.record import events_frame, kinds_named, select_events
from domain.minds.percepts import percept_of
from domain.ports import Run
from infrastructure.chroma_server import EmbeddedChroma
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from tests.support.crashes import eventually
from tests.support.gossip import gossip_url  # noqa: F401 -- a fixture
from tests.support.polis_process import Polis
from workers.bootstrap import open_memory_index, open_store
from workers.minds.think import RECALLED

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

NEWS = "Zephyrine hid the silver under the mill."
TOLD = 5
SOCIETY = ("--agents", "30", "--width", "10", "--height", "10", "--seed", "7", "--ticks", "260")
SETTINGS = ("--set", "think_budget=500", "--set", "think_delay=8", "--pace", "40", "--mind", "openai")


@pytest.mark.timeout(600)
def test_what_one_agent_is_told_reaches_others_by_speech_alone_and_a_lost_chroma_changes_no_retrieval(
    polis_home: dict[str, str],
    gossip_url: str,  # noqa: F811
) -> None:
    home, folder = polis_home | {"POLIS_MIND_URL": gossip_url}, Path(polis_home["POLIS_HOME"])
    running = Polis(home, "run", *SOCIETY, *SETTINGS, "--name", "rumour", "--json")
    eventually((folder / "postgres" / "data" / "postmaster.pid").exists, within_s=60)
    with open_store(Settings(home=folder)) as store:
        eventually(lambda: any(run.name == "rumour" and head for run, head, _ in store.runs()), within_s=90)
        given = Polis(home, "intervene", "rumour", "--agent", str(TOLD), "--news", NEWS, "--why", "a test", "--json")
        assert given.result()["answer"]["news"] == NEWS
        eventually(lambda: store.deliberations(store.find("rumour")) != [], within_s=90)
        looked = {each["name"]: each for each in Polis(home, "doctor", "--json").result()["checks"]}
        assert all("answers in" in looked[part]["found"] for part in ("broker", "memory", "engine")), looked
        assert "round trip" in looked["workers"]["found"]
        summary = running.result(within_s=400)
        assert (summary["status"], summary["refused"]) == ("complete", 0), summary
        run = store.find("rumour")

        heard = everybody_who_heard(store, run)
        assert len(heard) >= 4, "it went on"
        assert_nobody_else_knows(store, run, heard)

        agent, tick = a_later_thought_of_it(store, run, heard)
        thought = Polis(home, "thought", "rumour", "--agent", str(agent), "--tick", str(tick), "--json").result()
        assert thought["asked_tick"] == tick and NEWS in str(thought["request"])
        memory = memory_of_it(store, run, agent)
        (score,) = [each["score"] for each in thought["memories"] if each["id"] == memory]
        assert 0 < score <= 3_000_000

        asked = {(each["agent"], each["asked_tick"]): each["retrieved"] for each in store.deliberations(run)}
        eventually(lambda: EmbeddedChroma(folder).pids() == [], within_s=20)
        shutil.rmtree(folder / "chroma")
        rebuilt = Polis(home, "memory", "rebuild", "rumour", "--json").result()
        assert rebuilt["memories"] > 100 and rebuilt["covered"] == summary["head_tick"]
        with open_memory_index(store, Settings(home=folder)) as index:
            for who, at in sorted(asked)[::4]:
                query = query_of(store, run, who, at)
                found = index.retrieve(store.lineage(run), who, tick=at, query=query, k=RECALLED)
                assert [{"id": m.id, "score": m.score} for m in found] == asked[who, at], (who, at)
            given_tick = ("--agent", str(agent), "--tick", str(tick), "--limit", str(RECALLED))
            query = query_of(store, run, agent, tick)
            shown = Polis(home, "memory", "show", "rumour", *given_tick, "--query", query, "--json").result()
            assert [{"id": m["id"], "score": m["score"]} for m in shown["memories"]] == thought["memories"]
        assert replay.reexecute(store, run).identical


def everybody_who_heard(store: PostgresStore, run: Run) -> dict[int, int]:
    """Return agent → tick at which it heard the news, having looked that each of them was told it in a speech."""
    speeches = {(e["tick"], e["ordinal"]): e for e in told(store, run, "SpeechMade")}
    heard: dict[int, int] = {}
    for e in told(store, run, "NewsHeard"):
        if e["text"] != NEWS:
            continue
        if e["target"] is None:
            assert e["agent"] == TOLD and not heard, "from outside it came to one agent, once"
        else:
            speech = speeches[e["cause_tick"], e["cause_ordinal"]]
            assert (speech["agent"], speech["target"]) == (e["target"], e["agent"])
            assert speech["act"] == "gossip" and speech["news"] == e["news"]
            assert heard[speech["agent"]] <= e["tick"], "who told it had heard it"
        heard.setdefault(e["agent"], e["tick"])
    return heard


def assert_nobody_else_knows(store: PostgresStore, run: Run, heard: dict[int, int]) -> None:
    """No memory holds the news but of those who heard it, and nobody's prompt did before."""
    remember = {e["agent"] for e in told(store, run, "MemoryFormed") if NEWS in e["text"]}
    assert remember == set(heard)
    for thought in store.deliberations(run):
        if NEWS in thought["prompt"]:
            assert heard[thought["agent"]] <= thought["asked_tick"]


def a_later_thought_of_it(store: PostgresStore, run: Run, heard: dict[int, int]) -> tuple[int, int]:
    """Return agent and asking tick of a thought that retrieved the memory, of somebody who was told by another."""
    for thought in store.deliberations(run):
        who = thought["agent"]
        if who in heard and who != TOLD and thought["asked_tick"] > heard[who]:
            ids = [each["id"] for each in thought["retrieved"]]
            if memory_of_it(store, run, who) in ids:
                return who, thought["asked_tick"]
    raise AssertionError("nobody thought of it again")


def memory_of_it(store: PostgresStore, run: Run, agent: int) -> str:
    """Return the id of an agent's memory of the news."""
    found = [e for e in told(store, run, "MemoryFormed") if e["agent"] == agent and NEWS in e["text"]]
    return f"{found[0]['tick']}:{found[0]['ordinal']}"


def query_of(store: PostgresStore, run: Run, agent: int, tick: int) -> str:
    """Return what memories were looked for with, for a thought of then."""
    percept = percept_of(replay.at(store, run, tick), agent, seed=run.seed, configuration=run.configuration)
    return str(percept["query"])


def told(store: PostgresStore, run: Run, kind: str) -> list[dict[str, Any]]:
    """Return the events of a kind, in order."""
    head = store.head(run)
    assert head is not None
    kinds = kinds_named([kind])
    return events_frame(select_events(store, run, first=0, last=head.tick, kinds=kinds), kinds[0]).to_dicts()
