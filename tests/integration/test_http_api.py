"""The HTTP API on a real server over a real database: every answer against what replay says."""

from __future__ import annotations

import io
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import polars as pl
import pytest

import replay
from chronopolis import people
from chronopolis.api import History
from chronopolis.naming import name_the_dead
from chronopolis.sentences import parts
from chronopolis.state_frames import cells_frame, people_frame
from chronopolis.web.frames import decode_frames, decode_terrain, encode_frame
from domain.codes import Good
from domain.columns import AREAS, CAPACITY, CELL, COMPANY, ENERGY, GOODS, SKILLS
from domain.configuration import Configuration
from domain.events import AGENT_BORN, AGENT_DIED, KIND_BY_NUMBER, MEMORY_FORMED, SPEECH_MADE
from domain.inputs import Input, InputKey
from domain.ports import Run
from domain.rules.gather import stocks_at
from infrastructure import event_pages
from infrastructure.dropping import drop_run
from infrastructure.postgres_store import PostgresStore
from tests.support.histories import SCENARIOS, mourners, scenario
from tests.support.histories import run as made_history
from tests.support.postgres import TestServer
from tests.support.stores import keep, make_run
from tests.support.web import served

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

HEAD = 240
MINDED = made_history(5, HEAD, Configuration(**SCENARIOS["minded"][2]))
Get = Callable[..., Any]


@pytest.fixture(scope="module")
def store(module_store: PostgresStore) -> PostgresStore:
    return module_store


@pytest.fixture(scope="module")
def run(store: PostgresStore) -> Run:
    return keep(store, MINDED, "brave-otter")


@pytest.fixture(scope="module")
def client(store: PostgresStore, run: Run) -> Iterator[httpx.Client]:
    with served(store) as found:
        yield found


@pytest.fixture
def get(client: httpx.Client) -> Get:
    def ask(path: str, *, status: int = 200, **parameters: Any) -> Any:
        answer = client.get(path, params=parameters or None)
        assert answer.status_code == status, answer.text
        if status != 200:
            error = answer.json()["error"]
            assert set(error) == {"type", "message"}
            assert "Traceback" not in answer.text
            return error
        return answer.json() if answer.headers["content-type"] == "application/json" else answer.content

    return ask


def all_events(kind: int | None = None) -> list[dict[str, Any]]:
    found = [event for batch in MINDED.batches for event in batch]
    return found if kind is None else [e for e in found if e["kind"] == KIND_BY_NUMBER[kind].name]


# -- runs ----------------------------------------------------------------------------------------------


def test_the_server_says_that_it_is_ready(get: Get) -> None:
    assert get("/healthz")["ok"] is True


def test_runs_are_listed_and_described(get: Get, store: PostgresStore, run: Run) -> None:
    listed = get("/api/runs")
    assert [each["name"] for each in listed if each["run"] == run.id] == ["brave-otter"]
    head = store.head(run)
    assert head is not None
    for name in ("brave-otter", "brave", str(run.id)):
        about = get(f"/api/runs/{name}")
        assert about["head_tick"] == HEAD
        assert about["head_hash"] == head.chain_hash.hex()
        assert about["events"] == len(MINDED.whole())
        assert about["configuration"]["agents"] == MINDED.configuration.agents
        assert about["lineage"] == [{"run": run.id, "first": 0, "last": None}]


def test_density_counts_every_event_once(get: Get) -> None:
    per_tick = [len(batch) for batch in MINDED.batches]
    for bins, first, last in ((1, 0, HEAD), (7, 3, 211), (1000, 0, HEAD), (10, 230, 10_000)):
        told = get("/api/runs/brave-otter/density", bins=bins, first=first, last=last)
        assert told["last"] == min(last, HEAD)
        assert sum(told["events"]) == sum(per_tick[first : told["last"] + 1])
        assert told["events"][0] == sum(per_tick[first : min(first + told["width"], told["last"] + 1)])
        assert len(told["events"]) <= bins


def test_forks_and_interventions_are_marked(client: httpx.Client, get: Get, store: PostgresStore) -> None:
    parent = make_run(store, "marked", ticks=5)
    child = store.create(
        "marked-child", seed=7, configuration=parent.configuration, target=9, parent=parent, fork_tick=3
    )
    given = {"by": "anna", "why": "to see", "news": "Gold!"}
    store.record_input(parent, Input(InputKey(5, 2, "intervention"), 8, given))
    marks = get("/api/runs/marked/marks")
    assert marks["forks"] == [{"tick": 3, "run": child.id, "name": "marked-child"}]
    assert marks["snapshots"] == store.snapshot_ticks(parent)
    (told,) = marks["interventions"]
    assert (told["tick"], told["agent"], told["by"], told["why"], told["what"]) == (
        8,
        2,
        "anna",
        "to see",
        {"news": "Gold!"},
    )
    about = get("/api/runs/marked-child")
    assert (about["head_tick"], about["parent"], about["fork_tick"]) == (3, parent.id, 3)
    assert about["lineage"][0] == {"run": parent.id, "first": 0, "last": 3}
    assert (about["parent"], about["parent_name"]) == (parent.id, parent.name)
    assert [each["name"] for each in get("/api/runs/marked")["children"]] == ["marked-child"]
    frame = decode_frames(get("/api/runs/marked-child/frames"))[0]
    assert frame.tick == 3


def test_a_run_that_has_not_begun_says_so(get: Get, store: PostgresStore) -> None:
    store.create("unbegun", seed=1, configuration=MINDED.configuration, target=9)
    assert get("/api/runs/unbegun")["head_tick"] == -1
    for part in ("frames", "terrain", "state", "agents/1", "events", "density"):
        assert get(f"/api/runs/unbegun/{part}", status=404)["type"] == "NoTicksYet"


# -- the world -----------------------------------------------------------------------------------------


def test_frames_are_those_of_the_states(client: httpx.Client, store: PostgresStore, run: Run) -> None:
    for first, count, step in ((0, 3, 1), (50, 5, 40), (HEAD, 1, 1), (HEAD - 1, 10, 1), (230, 64, 3)):
        parameters = {"first": first, "count": count, "step": step, "ties": 1}
        answer = client.get("/api/runs/brave-otter/frames", params=parameters)
        wanted = range(first, min(HEAD, first + (count - 1) * step) + 1, step)
        assert [frame.tick for frame in decode_frames(answer.content)] == list(wanted)
        assert answer.content == b"".join(encode_frame(replay.at(store, run, t), ties=True) for t in wanted)


def test_what_can_be_kept_is_said_so(client: httpx.Client) -> None:
    where = "/api/runs/brave-otter/frames"
    version = client.get("/api/runs/brave-otter").json()["version"]
    plain = client.get(where, params={"first": 5})
    assert plain.headers["cache-control"] == "private, no-cache"
    again = client.get(where, params={"first": 5}, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = client.get(where, params={"first": 5, "v": version})
    assert "immutable" in kept.headers["cache-control"]
    cut_short = client.get(where, params={"first": HEAD - 1, "count": 5, "v": version})
    assert "immutable" not in cut_short.headers["cache-control"], "there will be more of it"
    newest = client.get(where, params={"v": version})
    assert "immutable" not in newest.headers["cache-control"], "it will be another one"
    of_another = client.get(where, params={"first": 5, "v": "other"})
    assert "immutable" not in of_another.headers["cache-control"]
    assert "immutable" in client.get("/api/runs/brave-otter/terrain", params={"v": version}).headers["cache-control"]


def test_terrain_is_the_land(get: Get, store: PostgresStore, run: Run) -> None:
    land = decode_terrain(get("/api/runs/brave-otter/terrain"))
    world = replay.at(store, run, 0)
    assert land.capacity.tolist() == world.cells[CAPACITY : CAPACITY + 4].tolist()


@pytest.mark.parametrize("tick", [0, 77, 201, HEAD])
def test_the_state_is_that_of_replay(get: Get, store: PostgresStore, run: Run, tick: int) -> None:
    world = replay.at(store, run, tick)
    told = get("/api/runs/brave-otter/state", tick=tick)
    assert told["state_hash"] == world.state_hash.hex()
    assert set(told["areas"]) == set(AREAS)
    assert told["agents"] == people.brief(world)
    arrow = pl.read_ipc_stream(io.BytesIO(get("/api/runs/brave-otter/state", tick=tick, format="arrow")))
    assert arrow.equals(people_frame(world))
    cells = pl.read_ipc_stream(io.BytesIO(get("/api/runs/brave-otter/state", tick=tick, format="arrow", of="cells")))
    assert cells.equals(cells_frame(world))
    one = world.agents_frame()["unique_id"].to_list()[3]
    (only,) = get("/api/runs/brave-otter/state", tick=tick, agent=one)["agents"]
    assert only["agent"] == one
    table = pl.read_ipc_stream(io.BytesIO(get("/api/runs/brave-otter/state", tick=tick, format="arrow", agent=one)))
    assert table["agent"].to_list() == [one]


def test_a_cell_is_told_exactly_with_who_is_there(get: Get, store: PostgresStore, run: Run) -> None:
    world = replay.at(store, run, 120)
    cell = people.brief(world)[3]["cell"]
    told = get("/api/runs/brave-otter/state", tick=120, cell=cell)
    assert told["cell"] == people.place(world, cell)
    assert told["agents"] == [one for one in people.brief(world) if one["cell"] == cell]
    for good, amount in told["cell"]["stock_milli"].items():
        assert amount == stocks_at(world.cells, Good[good.upper()], 120)[cell]
    (row,) = pl.read_ipc_stream(
        io.BytesIO(get("/api/runs/brave-otter/state", tick=120, cell=cell, format="arrow", of="cells"))
    ).to_dicts()
    assert row["cell"] == cell
    beyond = get("/api/runs/brave-otter/state", cell=world.width * world.height, status=422)
    assert f"cells 0 to {world.width * world.height - 1}" in beyond["message"]


# -- agents --------------------------------------------------------------------------------------------


def test_an_agent_is_told_in_full(get: Get, store: PostgresStore, run: Run) -> None:
    formed = all_events(MEMORY_FORMED.number)
    tick = formed[len(formed) // 2]["tick"]
    world = replay.at(store, run, tick)
    for agent in sorted({e["agent"] for e in formed if e["tick"] <= tick and world.row(e["agent"]) is not None})[:5]:
        told = get(f"/api/runs/brave-otter/agents/{agent}", tick=tick)
        described = people.describe(world, agent)
        name_the_dead(described, store, run)
        assert {name: told[name] for name in described if name not in ("memories", "conversation")} == {
            name: value for name, value in described.items()
        }
        texts = {f"{e['tick']}:{e['ordinal']}": e["text"] for e in formed if e["agent"] == agent}
        assert [(m["memory"], m["text"]) for m in told["memories"]] == [
            (kept["memory"], texts[kept["memory"]]) for kept in described["mind"]["memories"]
        ]


def test_the_dead_whom_an_agent_knows_have_their_names(get: Get, store: PostgresStore) -> None:
    made = scenario("harsh")
    harsh = keep(store, made, "harsh-winter")
    world = replay.at(store, harsh, made.ticks - 1)
    with History("harsh-winter", settings=store.database.settings) as history:
        moment = history.at()
        for agent in mourners(world)[:5]:
            told = get(f"/api/runs/harsh-winter/agents/{agent}")
            dead = [who for who in [told["parent"], *told["ties"]] if who and who.get("alive") is False]
            assert dead and all(who["name"] and world.row(who["agent"]) is None for who in dead)
            said = moment.agent(agent)
            assert (said["parent"], said["ties"]) == (told["parent"], told["ties"])


def test_names_of_the_dead_and_the_unborn_are_told_together(get: Get) -> None:
    born = {event["agent"]: event["name"] for event in all_events(AGENT_BORN.number)}
    dead = [event["agent"] for event in all_events(AGENT_DIED.number)]
    assert born and dead
    told = get("/api/runs/brave-otter/names", agents=",".join(map(str, [*born, *dead, 99_999])))
    assert {agent: told[str(agent)] for agent in born} == born
    assert set(told) == {str(agent) for agent in {*born, *dead}} and all(told.values())
    for wrong in ("", "1,", "x", "-1", "1;2"):
        get("/api/runs/brave-otter/names", agents=wrong, status=422)


def test_the_conversation_of_an_agent_is_told_in_its_words(get: Get, store: PostgresStore, run: Run) -> None:
    speeches = all_events(SPEECH_MADE.number)
    for speech in speeches[len(speeches) // 2 :]:
        world = replay.at(store, run, speech["tick"])
        if world.row(speech["agent"]) is not None and people.describe(world, speech["agent"])["mind"]["conversation"]:
            break
    told = get(f"/api/runs/brave-otter/agents/{speech['agent']}", tick=speech["tick"])["conversation"]
    same = [s for s in speeches if s["conversation"] == told["conversation"] and s["tick"] <= speech["tick"]]
    assert told["speeches"] == same


def test_one_who_has_died_or_is_not_born_yet_is_told_with_what_tells_of_it(get: Get) -> None:
    death, birth = all_events(AGENT_DIED.number)[0], all_events(AGENT_BORN.number)[-1]
    dead = get(f"/api/runs/brave-otter/agents/{death['agent']}", tick=HEAD)
    assert dead["alive"] is False
    assert dead["last_event"]["tick"] >= death["tick"]
    unborn = get(f"/api/runs/brave-otter/agents/{birth['agent']}", tick=birth["tick"] - 1)
    assert (unborn["alive"], unborn["unborn"], unborn["name"]) == (False, True, birth["name"])
    assert unborn["arrival"] == birth
    told = get(f"/api/runs/brave-otter/agents/{birth['agent']}", tick=birth["tick"] - 1, told=True)["arrival"]["told"]
    assert told == [f"{birth['name']} was born to ", birth["target"]]
    assert get("/api/runs/brave-otter/agents/99999", status=404)["type"] == "UnknownAgent"
    assert get("/api/runs/brave-otter/agents/Nobody At All", status=404)["type"] == "UnknownAgent"
    assert get(f"/api/runs/brave-otter/agents/{dead['name']}", tick=0)["name"] == dead["name"]
    refused = get("/api/runs/brave-otter/state", agent=dead["agent"], status=404)
    assert f"at tick {death['tick']:,}" in refused["message"]


def test_how_an_agent_fared_is_what_the_states_say(get: Get, store: PostgresStore, run: Run) -> None:
    everybody = [0, 3, *(event["agent"] for event in all_events(AGENT_BORN.number)[:2])]
    columns = {
        "energy": ENERGY, "company": COMPANY, "cell": CELL, "farming": SKILLS, "mining": SKILLS + 3,
        **{good.name.lower(): GOODS + good for good in Good},
    }  # fmt: skip
    cursor = replay.Cursor(store, run)
    for agent in everybody:
        told = get(f"/api/runs/brave-otter/agents/{agent}/history", columns=",".join(columns), points=13)
        assert told["ticks"][-1] == HEAD
        for at, tick in enumerate(told["ticks"]):
            world = cursor.at(tick)
            row = world.row(agent)
            for name, column in columns.items():
                assert told["series"][name][at] == (None if row is None else world.agents[column, row]), (name, tick)
    cursor.close()


def test_a_history_is_empty_after_a_death(get: Get) -> None:
    death = all_events(AGENT_DIED.number)[0]
    told = get(f"/api/runs/brave-otter/agents/{death['agent']}/history", points=4000)
    energy = dict(zip(told["ticks"], told["series"]["energy"], strict=True))
    assert energy[death["tick"] - 1] is not None
    assert energy[death["tick"]] is None
    for more, died in (({}, death["tick"]), ({"last": death["tick"] - 1}, None)):
        few = get(f"/api/runs/brave-otter/agents/{death['agent']}/history", points=3, **more)
        assert (few["came"], few["died"]) == (0, died)  # to the tick, however few points there are
    assert "column" in get("/api/runs/brave-otter/agents/1/history", columns="luck", status=422)["message"]


# -- events --------------------------------------------------------------------------------------------


def pages(get: Get, **wanted: Any) -> list[dict[str, Any]]:
    """Read all pages."""
    found, after = [], None
    for _ in range(1000):
        page = get("/api/runs/brave-otter/events", **wanted, **({"after": after} if after else {}))
        found += page["events"]
        after = page["next"]
        if after is None:
            return found
    raise AssertionError("it does not end")


def test_events_come_page_by_page_each_once_and_in_order(get: Get) -> None:
    some = [e for e in all_events() if 100 <= e["tick"] <= 140]
    assert pages(get, first=100, last=140, limit=97) == some
    assert pages(get, first=100, last=140, limit=1000) == some
    assert len(get("/api/runs/brave-otter/events", limit=3)["events"]) == 3
    told = pages(get, first=100, last=140, limit=97, told=1)
    assert told == [event | {"told": parts(event)} for event in some]
    assert pages(get, kind="AgentDied", told=1)[0]["told"][0] == all_events(AGENT_DIED.number)[0]["agent"]


def test_events_are_found_by_kind_agent_and_party(get: Get) -> None:
    everything = all_events()
    births = [e for e in everything if e["kind"] == "AgentBorn"]
    assert pages(get, kind="AgentBorn", limit=4) == births
    assert pages(get, kind=["AgentBorn", "agentdied"]) == [
        e for e in everything if e["kind"] in ("AgentBorn", "AgentDied")
    ]
    who = births[0]["agent"]
    assert pages(get, agent=who, limit=50) == [e for e in everything if e.get("agent") == who]
    assert pages(get, party=who) == [e for e in everything if who in (e.get("agent"), e.get("target"))]
    backwards = get("/api/runs/brave-otter/events", agent=who, newest=1, limit=5)
    assert backwards["events"] == [e for e in everything if e.get("agent") == who][-5:]
    before = get("/api/runs/brave-otter/events", agent=who, newest=1, limit=5, after=backwards["next"])
    assert before["events"] == [e for e in everything if e.get("agent") == who][-10:-5]
    assert get("/api/runs/brave-otter/events", kind="Nonsense", status=422)["type"] == "WrongUsage"


# -- minds ---------------------------------------------------------------------------------------------


def test_thoughts_come_page_by_page_and_one_with_its_prompt(get: Get, store: PostgresStore, run: Run) -> None:
    rows = store.deliberations(run)
    found, after = [], None
    while True:
        page = get("/api/runs/brave-otter/thoughts", limit=100, **({"after": after} if after else {}))
        found += page["thoughts"]
        if (after := page["next"]) is None:
            break
    key = ("asked_tick", "agent", "purpose", "call")
    assert [tuple(t[k] for k in key) for t in found] == sorted(tuple(r[k] for k in key) for r in rows)
    one = rows[len(rows) // 2]
    told = get(f"/api/runs/brave-otter/thoughts/{one['agent']}/{one['asked_tick']}")
    assert told["answer"] == one["answer"]
    by_effect = get(f"/api/runs/brave-otter/thoughts/{one['agent']}/{one['effect_tick']}")
    assert by_effect["agent"] == one["agent"]
    assert get("/api/runs/brave-otter/thoughts/3/0", status=404)["type"] == "NothingFound"


def test_thoughts_of_a_fork_of_a_fork_are_all_there_page_by_page_both_ways(get: Get, store: PostgresStore) -> None:
    parent = make_run(store, "asked", ticks=5)
    child, grandchild = (
        store.create(name, seed=7, configuration=parent.configuration, target=9, parent=of, fork_tick=3)
        for name, of in (("asked-child", parent), ("asked-grandchild", "asked-child"))
        for of in [store.find(of) if isinstance(of, str) else of]
    )
    refusal = {"refused": "no_answer"}
    for run, agent, call in ((parent, 2, 0), (child, 1, 0), (child, 2, 1), (child, 2, 2), (grandchild, 0, 0)):
        store.record_input(run, Input(InputKey(3, agent, "intention", call), 8, refusal))
    wanted = [(3, 0, "intention", 0), (3, 1, "intention", 0), *((3, 2, "intention", call) for call in range(3))]
    assert (
        sorted((r["asked_tick"], r["agent"], r["purpose"], r["call"]) for r in store.deliberations(grandchild))
        == wanted
    )
    for newest in (False, True):
        found, after = [], None
        while len(found) < 9:
            page = get(
                "/api/runs/asked-grandchild/thoughts", limit=2, newest=newest, **({"after": after} if after else {})
            )
            keys = [(t["asked_tick"], t["agent"], t["purpose"], t["call"]) for t in page["thoughts"]]
            found = keys + found if newest else found + keys
            if (after := page["next"]) is None:
                break
        assert found == wanted


def test_a_thought_is_found_by_its_effect_where_a_fork_thinks_faster(get: Get, store: PostgresStore, run: Run) -> None:
    faster = replace(MINDED.configuration, think_delay=1)
    store.create("faster", seed=run.seed, configuration=faster, target=HEAD, parent=run, fork_tick=100)
    one = store.deliberations(run)[0]
    told = get(f"/api/runs/faster/thoughts/{one['agent']}/{one['effect_tick']}")
    assert (told["asked_tick"], told["answer"]) == (one["asked_tick"], one["answer"])


def test_conversations_hold_every_speech(get: Get) -> None:
    speeches = [s for s in all_events(SPEECH_MADE.number) if s["tick"] <= 120]
    told = get("/api/runs/brave-otter/conversations", last=120, limit=1000)
    assert told["next"] is None
    found = [s for talk in told["conversations"] for s in talk["speeches"]]
    assert sorted(found, key=lambda s: (s["tick"], s["ordinal"])) == speeches
    who = speeches[0]["agent"]
    of_one = get("/api/runs/brave-otter/conversations", agent=who, last=120, limit=1000)["conversations"]
    assert all(who in talk["agents"] for talk in of_one if talk["speeches"])
    newest = get("/api/runs/brave-otter/conversations", last=120, limit=40, newest=True)
    said = [s for talk in newest["conversations"] for s in talk["speeches"]]
    assert sorted(said, key=lambda s: (s["tick"], s["ordinal"])) == speeches[-len(said) :]
    assert said and newest["next"] is not None


def test_memories_are_those_that_are_kept(get: Get, store: PostgresStore, run: Run) -> None:
    world = replay.at(store, run, HEAD)
    for agent in world.agents_frame()["unique_id"].to_list()[:6]:
        kept = people.describe(world, agent)["mind"]["memories"]
        told = get("/api/runs/brave-otter/memories", agent=agent, tick=HEAD)["memories"]
        assert [(m["memory"], m["importance_milli"]) for m in told] == [
            (m["memory"], m["importance_milli"]) for m in kept
        ]


@pytest.mark.parametrize(
    "path",
    ["events?agent={}", "events?party={}", "thoughts?agent={}", "conversations?agent={}", "memories?agent={}",
     "agents/{}", "agents/{}/history", "state?agent={}", "thoughts/{}/3"],
)  # fmt: skip
def test_who_never_came_into_a_run_is_nobody_wherever_one_asks(get: Get, path: str) -> None:
    newest = max(e["agent"] for e in all_events(AGENT_BORN.number))
    for nobody in (newest + 1, 99_999, 2**31 - 1):
        error = get(f"/api/runs/brave-otter/{path.format(nobody)}", status=404)
        assert error["type"] in ("UnknownAgent", "NothingFound") and str(nobody) in error["message"]


def test_who_comes_later_is_somebody_before(get: Get) -> None:
    birth = all_events(AGENT_BORN.number)[-1]
    for path in ("events", "thoughts", "conversations"):
        told = get(f"/api/runs/brave-otter/{path}", agent=birth["agent"], last=birth["tick"] - 1)
        assert told == {path: [], "next": None}


def test_what_is_told_whole_is_whole_however_slow_the_disk(
    get: Get, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    death, born = all_events(AGENT_DIED.number)[-1]["agent"], all_events(AGENT_BORN.number)[-1]["agent"]
    asked = [
        f"/api/runs/brave-otter/{path}"
        for path in (f"agents/{death}?tick={HEAD}", f"agents/{born}?tick=1", f"agents/{born}/history?points=9",
                     f"memories?agent={born}&forgotten=1", "memories?agent=3&forgotten=1")
    ]  # fmt: skip
    whole = [get(path) for path in asked]
    cut = event_pages._windows
    monkeypatch.setattr(event_pages, "_windows", lambda leaves, size, newest: cut(leaves, 1, newest))
    monkeypatch.setattr(event_pages, "time", SimpleNamespace(monotonic=itertools.count(0, 10).__next__))
    assert [get(path) for path in asked] == whole
    assert get(f"/api/runs/brave-otter/events?agent={death}")["next"] is not None, "a page is cut short"


# -- what can't be answered ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/frames", "/state", "/events", "/live", "/marks", "/agents/1", "/why/1/1"])
def test_a_run_that_is_not_there_is_a_404_that_says_what_to_do(get: Get, path: str) -> None:
    error = get(f"/api/runs/no-such-run{path}", status=404)
    assert error["type"] == "UnknownRun"
    assert "polis runs" in error["message"]


def test_a_run_that_was_dropped_is_a_404_that_says_why(get: Get, store: PostgresStore) -> None:
    gone = store.create("soon-gone", seed=1, configuration=MINDED.configuration, target=9)
    drop_run(store.database, gone, "a trial")
    error = get("/api/runs/soon-gone/state", status=404)
    assert error["type"] == "RunDropped"
    assert "because 'a trial'" in error["message"]


@pytest.mark.parametrize(
    "path", ["state?tick=241", "frames?first=241", "agents/1?tick=241", "memories?agent=1&tick=700"]
)
def test_a_tick_beyond_the_head_says_which_there_are(get: Get, path: str) -> None:
    error = get(f"/api/runs/brave-otter/{path}", status=404)
    assert error["type"] == "BeyondHead"
    assert "0 to 240" in error["message"]


@pytest.mark.parametrize(
    "path",
    ["frames?count=65", "frames?count=0", "frames?step=0", "events?limit=1001", "events?after=x", "density?bins=5000",
     "state?tick=-1", "state?format=xml", "agents/1/history?points=99999", "thoughts?limit=0", "live?until=ever",
     "state?tick=99999999999999999999"],
)  # fmt: skip
def test_what_lies_outside_the_limits_is_refused_by_name(get: Get, path: str) -> None:
    assert get(f"/api/runs/brave-otter/{path}", status=422)["type"] == "InvalidRequest"


@pytest.mark.parametrize(
    ("asked", "words"),
    [("runs/brave-otter/events?agnet=14", ("'agnet'", "Did you mean agent?", "party")),
     ("diff?a=brave-otter&b=brave-otter&tick=9999", ("'tick'", "tick_a")),
     ("runs/brave-otter/terrain?version=1", ("'version'", "There are v.")),
     ("runs/brave-otter/marks?tick=3", ("'tick'", "It takes none.")),
     ("runs/brave-otter/state?tick=3&agent=1&tick=4", ("state takes tick once",)),
     ("runs/brave-otter/state?of=cells", ("format=arrow",)),
     ("runs/brave-otter/state?of=cells&format=arrow&agent=3", ("no agent",))],
)  # fmt: skip
def test_what_would_be_left_out_of_the_answer_is_refused(get: Get, asked: str, words: tuple[str, ...]) -> None:
    error = get(f"/api/{asked}", status=422)
    assert error["type"] == "WrongUsage"
    assert all(word in error["message"] for word in words), error["message"]


def test_a_probe_may_add_what_it_likes(get: Get) -> None:
    assert get("/healthz?at=123")["ok"] is True


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [(b'{"ticks": 1}', "text/plain", "`Content-Type: application/json` alone; this one came as text/plain"),
     (b'{"ticks": 1}', None, "this one came without any"),
     (b'{"ticks": ', "application/json", "the body is not JSON: Expecting value, at character 10"),
     (b"", "application/json", "the body is empty: it has to be a JSON object")],
)  # fmt: skip
def test_a_body_that_is_no_json_is_told_what_is_wrong_with_it(
    client: httpx.Client, body: bytes, kind: str | None, words: str
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for what in ("fork", "intervene", "continue"):
        answer = client.post(f"/api/runs/brave-otter/{what}", content=body, headers=headers)
        assert answer.status_code == 422
        assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [(b'{"why": "\xff"}', "it is not UTF-8"), (b"[" * 100_000, "it is nested too deeply")],
)  # fmt: skip
def test_a_body_that_can_not_be_taken_apart_is_told_why(client: httpx.Client, body: bytes, words: str) -> None:
    answer = client.post("/api/runs/brave-otter/fork", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, f"the body is not JSON: {words}")


@pytest.mark.parametrize(
    ("what", "body", "words"),
    [("fork", {"at": True, "run_on": "no"},
      "at: Input should be a valid integer; run_on: Input should be a valid boolean"),
     ("intervene", {"agent": 1, "endow": {"food": True}}, "endow.food: Input should be a valid integer"),
     ("continue", {"ticks": "10"}, "ticks: Input should be a valid integer")],
)  # fmt: skip
def test_what_a_body_holds_is_not_taken_for_something_else(
    client: httpx.Client, what: str, body: dict[str, Any], words: str
) -> None:
    answer = client.post(f"/api/runs/brave-otter/{what}", json=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, words)


def test_what_is_nobodys_is_told_in_json_too(client: httpx.Client, get: Get) -> None:
    assert get("/api/nothing/here", status=404)["type"] == "NoSuchPage"
    for method, path, allowed in (
        ("PUT", "/api/runs", "GET"), ("DELETE", "/api/runs/brave-otter", "GET"), ("PATCH", "/api/docs", "GET"),
        ("GET", "/api/runs/brave-otter/fork", "POST"),
    ):  # fmt: skip
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (405, "MethodNotAllowed"), path
        assert answer.headers["allow"] == allowed
    for path in ("/api", "/api/", "/api/runs/brave-otter/nothing"):
        assert client.delete(path).json()["error"]["type"] == "NoSuchPage"


@pytest.mark.parametrize(
    "what", ["density", "measures", "events", "thoughts", "agents/1/history", "bisect?expression=1"]
)
def test_ticks_that_end_before_they_begin_are_refused_as_the_command_does(get: Get, what: str) -> None:
    joined = "&" if "?" in what else "?"
    error = get(f"/api/runs/brave-otter/{what}{joined}first=90&last=10", status=422)
    assert "first=90 lies after last=10" in error["message"]


def test_a_body_larger_than_may_be_is_refused_also_in_pieces(client: httpx.Client) -> None:
    where = "/api/runs/brave-otter/fork"
    whole = client.post(where, content=b'{"at": 1, "why": "' + b"x" * (1 << 20) + b'"}')
    assert (whole.status_code, whole.json()["error"]["type"]) == (413, "BodyTooLarge")
    pieces = client.post(where, content=iter([b" " * 65_536] * 20), headers={"Content-Type": "application/json"})
    assert (pieces.status_code, pieces.json()["error"]["type"]) == (413, "BodyTooLarge")
    nonsense = client.post(where, content=b"{", headers={"Content-Type": "application/json"})
    assert nonsense.status_code == 422


# -- the description -----------------------------------------------------------------------------------


def test_the_description_is_valid_and_has_every_route(client: httpx.Client, get: Get) -> None:
    told = get("/api/openapi.json")
    assert told["openapi"].startswith("3.1")
    described = {(path, method) for path, methods in told["paths"].items() for method in methods}
    app: Any = client.app  # type: ignore[attr-defined]
    served_here = set()
    for path, methods in told["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    jsonschema.Draft202012Validator.check_schema(content.get("schema", {}))
    for route in _routes(app):
        if route.include_in_schema and (route.path.startswith("/api") or route.path == "/healthz"):
            served_here |= {(route.path, method.lower()) for method in route.methods - {"HEAD"}}
    assert described >= {pair for pair in served_here if pair[0] != "/api/openapi.json"}
    wanted = [
        "/healthz", "/api/runs", "/api/runs/{run}", "/api/runs/{run}/density", "/api/runs/{run}/marks",
        "/api/runs/{run}/terrain", "/api/runs/{run}/frames", "/api/runs/{run}/state", "/api/runs/{run}/agents/{agent}",
        "/api/runs/{run}/agents/{agent}/history", "/api/runs/{run}/events", "/api/runs/{run}/thoughts",
        "/api/runs/{run}/thoughts/{agent}/{tick}", "/api/runs/{run}/conversations", "/api/runs/{run}/memories",
        "/api/runs/{run}/measures", "/api/runs/{run}/why/{tick}/{ordinal}", "/api/runs/{run}/bisect", "/api/diff",
        "/api/runs/{run}/fork", "/api/runs/{run}/intervene", "/api/runs/{run}/continue", "/api/runs/{run}/live",
    ]  # fmt: skip
    assert set(wanted) <= set(told["paths"])


def _routes(app: Any) -> list[Any]:
    found: list[Any] = []
    for route in app.routes:
        if hasattr(route, "methods"):
            found.append(route)
        inner = getattr(route, "original_router", None)
        found += [each for each in getattr(inner, "routes", ()) if hasattr(each, "methods")]
    return found


def test_answers_are_as_they_are_described(client: httpx.Client, get: Get) -> None:
    told = get("/api/openapi.json")
    for rest, given in {
        "": "", "/density": "", "/marks": "", "/state": "", "/events": "", "/agents/{agent}": "?tick=1",
        "/thoughts": "", "/memories": "?agent=3", "/agents/{agent}/history": "", "/conversations": "",
    }.items():  # fmt: skip
        path, shown = f"/api/runs/{{run}}{rest}", f"/api/runs/brave-otter{rest.format(agent=3)}{given}"
        schema = told["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = jsonschema.Draft202012Validator(schema | {"components": told["components"]})
        validator.validate(client.get(shown).json())


def test_the_page_of_the_description_asks_nothing_of_others(client: httpx.Client) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text
    assert "//cdn" not in page.text


# -- who may come in -----------------------------------------------------------------------------------


def test_a_guarded_server_is_guarded_as_a_whole(store: PostgresStore, run: Run) -> None:
    with served(store, token="a secret token") as client:
        assert client.get("/healthz").status_code == 200
        refused = client.get("/api/runs")
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "TokenNeeded")
        assert client.get("/api/runs", headers={"Authorization": "Bearer nonsense"}).status_code == 401
        assert client.get("/api/runs", headers={"Authorization": "Bearer a secret token"}).status_code == 200
        came = client.get("/api/runs", params={"token": "a secret token"}, follow_redirects=True)
        assert came.status_code == 200
        assert "token" not in str(came.url)
        assert client.get("/api/runs").status_code == 200, "the cookie lets in"
        assert client.get("/api/runs", headers={"Host": "evil.example"}).status_code == 403
        forged = client.post("/api/runs/brave-otter/fork", json={"at": 1}, headers={"Origin": "http://evil.example"})
        assert (forged.status_code, forged.json()["error"]["type"]) == (403, "ForbiddenOrigin")


# -- a database that hangs -----------------------------------------------------------------------------


def test_a_database_that_is_paused_is_a_503_and_all_goes_on_when_it_is_not(
    store: PostgresStore, run: Run, postgres_server: TestServer
) -> None:
    with served(store) as client:
        assert client.get("/api/runs/brave-otter").status_code == 200
        quick = client.app.state.services.histories.quick  # type: ignore[attr-defined]
        quick.timeout_s = 0.5
        with store.database.connect_as_owner() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            backends = [int(row[0]) for row in connection.execute(query).fetchall()]
        postmaster = postgres_server.embedded.postmaster_pid
        assert postmaster is not None
        backends.append(postmaster)  # so that no new connection is answered either
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            for path in ("", "/density", "/events"):
                paused = client.get(f"/api/runs/brave-otter{path}")
                assert (paused.status_code, paused.json()["error"]["type"]) == (503, "TookTooLong")
                assert paused.headers["retry-after"] == "1"
            assert client.get("/healthz").status_code == 200, "the server itself is well"
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
        quick.timeout_s = 20
        assert client.get("/api/runs/brave-otter").status_code == 200
        for _ in range(150):
            if quick.in_hand == 0:
                break
            time.sleep(0.1)
        assert quick.in_hand == 0, "whatever hung has come back"
