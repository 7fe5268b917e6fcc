"""Questions, forks and interventions over HTTP: the same answers as from Python, and the same refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest

import replay
from chronopolis.sentences import parts
from chronopolis.web.errors import ChildFailed
from domain.configuration import Configuration
from domain.measures import MEASURES
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from replay.bisect import bisect
from replay.diff import diff
from replay.measures import series
from replay.why import why
from tests.support.histories import SCENARIOS
from tests.support.histories import run as made_history
from tests.support.stores import chain_of, keep
from tests.support.web import served

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

HEAD = 90
TOLD = made_history(2, HEAD, Configuration(**SCENARIOS["harsh"][2]))


@pytest.fixture(scope="module")
def store(module_store: PostgresStore) -> PostgresStore:
    return module_store


@pytest.fixture(scope="module")
def run(store: PostgresStore) -> Run:
    return keep(store, TOLD, "told")


@pytest.fixture(scope="module")
def client(store: PostgresStore, run: Run) -> Iterator[httpx.Client]:
    with served(store) as found:
        yield found


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_measures_are_summed_or_sampled_as_they_have_to_be(
    client: httpx.Client, store: PostgresStore, run: Run
) -> None:
    told = client.get("/api/runs/told/measures", params={"points": 9}).json()
    assert set(told["series"]) == set(MEASURES)
    width = told["width"]
    assert len(told["ticks"]) <= 9
    whole = series(store, run, None, 0, HEAD)
    for name, values in whole.items():
        for at, value in enumerate(told["series"][name]):
            part = values[at * width : (at + 1) * width]
            there = part[~np.isnan(part)]
            if parts := MEASURES[name].paid_for:
                coins, thousandths = (whole[each][at * width : (at + 1) * width].sum() for each in parts)
                assert value == (1000 * coins / thousandths if thousandths else None), (name, at)
                continue
            wanted = None if not len(there) else (there.sum() if MEASURES[name].is_summed else there[-1])
            assert value == wanted, (name, at)
    assert told["about"]["population"]["kind"] == "level"
    assert {name for name, about in told["about"].items() if about["summed"]} == {
        name for name, measure in MEASURES.items() if measure.is_summed
    }


def test_a_running_total_is_a_level(client: httpx.Client, store: PostgresStore, run: Run) -> None:
    told = client.get("/api/runs/told/measures", params={"names": "deaths_so_far", "first": 50, "points": 5}).json()
    deaths = np.cumsum(series(store, run, ["deaths"], 0, HEAD)["deaths"])
    assert told["series"]["deaths_so_far"] == [int(deaths[tick]) for tick in told["ticks"]]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("measures?names=luck", "UnknownMeasure"), ("measures?names=,", "WrongUsage"),
     ("bisect?expression=population >", "InvalidExpression"),
     ("bisect?expression=__import__('os')", "InvalidExpression"),
     ("bisect?expression=", "InvalidRequest"), ("why/5/99999", "UnknownEvent"), ("why/9999/1", "BeyondHead")],
)  # fmt: skip
def test_a_question_that_means_nothing_is_refused_by_name(client: httpx.Client, path: str, kind: str) -> None:
    answer = client.get(f"/api/runs/told/{path}")
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["type"] == kind


def test_causes_first_ticks_and_differences_are_those_of_replay(
    client: httpx.Client, store: PostgresStore, run: Run
) -> None:
    for tick, ordinal in ((40, 3), (90, 0), (1, 1)):
        assert client.get(f"/api/runs/told/why/{tick}/{ordinal}").json() == plain(
            why(store, run, tick, ordinal).as_dict()
        )
    told = client.get("/api/runs/told/why/40/3", params={"told": 1}).json()
    assert told["event"].pop("told") == parts(told["event"])
    assert all(cause["told"] for cause in told["causes"])
    expression = "deaths_so_far >= 3"
    found = client.get("/api/runs/told/bisect", params={"expression": expression}).json()
    assert found == plain(bisect(store, run, expression).as_dict())
    never = client.get("/api/runs/told/bisect", params={"expression": "population > 100000"}).json()
    assert never["tick"] is None
    told = client.get("/api/diff", params={"a": "told", "b": "told", "tick_a": 10, "tick_b": 60}).json()
    event = (told["first_divergence"] or {}).get("event")
    words = event.pop("told") if event else None
    assert told == plain(diff(store, run, run, tick_a=10, tick_b=60).as_dict())
    assert words is None or {side: bool(words[side]) for side in "ab"} == {side: bool(event[side]) for side in "ab"}
    assert client.get("/api/diff", params={"a": "told", "b": "nobody"}).status_code == 404


def test_differences_of_one_agent_are_told_in_full_whatever_the_limit_leaves_of_all(client: httpx.Client) -> None:
    asked = {"a": "told", "b": "told", "tick_a": 10, "tick_b": 60}
    everything = client.get("/api/diff", params=asked).json()
    some = client.get("/api/diff", params=asked | {"limit": 2}).json()["differences"]
    shown = {each["agent"] for each in some if "agent" in each}
    agent = next(each["agent"] for each in everything["differences"] if each.get("agent", -1) not in {-1} | shown)
    mine = client.get("/api/diff", params=asked | {"limit": 100, "agent": agent}).json()
    assert {each.get("agent", agent) for each in mine["differences"]} == {agent}
    told = [each for each in mine["differences"] if "agent" in each]
    assert told == [each for each in everything["differences"] if each.get("agent") == agent]
    assert told
    assert mine["counts"] == everything["counts"]
    assert client.get("/api/diff", params=asked | {"agent": -1}).status_code == 422


def test_where_something_holds_is_found_forwards_and_backwards(
    client: httpx.Client, store: PostgresStore, run: Run
) -> None:
    died = [e["tick"] for batch in TOLD.batches for e in batch if e["kind"] == "AgentDied"]
    for direction, tick in (("first", died[0]), ("last", died[-1])):
        by_event = {"event": "AgentDied", "direction": direction}
        assert client.get("/api/runs/told/where", params=by_event).json()["tick"] == tick
        by_measure = {"expression": "deaths > 0", "direction": direction}
        assert client.get("/api/runs/told/where", params=by_measure).json()["tick"] == tick
    assert client.get("/api/runs/told/where", params={"expression": "population < 0"}).json()["tick"] is None
    assert client.get("/api/runs/told/where").status_code == 422
    assert client.get("/api/runs/told/where", params={"agent": 99999}).json()["error"]["type"] == "WrongUsage"


def test_a_fork_is_made_and_shares_its_past(client: httpx.Client, store: PostgresStore, run: Run) -> None:
    before = chain_of(store, run)
    asked = {
        "at": 40, "name": "lean", "set": {"regrowth_percent": 10}, "why": "what if nothing grows?", "ticks": 20,
        "interventions": [{"agent": 3, "endow": {"food": 5000}}],
    }  # fmt: skip
    made = client.post("/api/runs/told/fork", json=asked)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["name"], told["parent"], told["forked_at"]) == ("lean", "told", 40)
    child = store.find("lean")
    assert replay.at(store, child, 40).state_hash == replay.at(store, run, 40).state_hash
    again = client.post("/api/runs/told/fork", json=asked)
    assert (again.status_code, again.json()["error"]["type"]) == (409, "RunExists")
    assert chain_of(store, run) == before, "the parent goes on as if nobody had asked"
    marks = client.get("/api/runs/told/marks").json()
    assert [fork["name"] for fork in marks["forks"]] == ["lean"]
    assert [each["what"] for each in client.get("/api/runs/lean/marks").json()["interventions"]] == [
        {"endow": {"food": 5000}}
    ]


@pytest.mark.parametrize(
    "asked",
    [{"at": 9999}, {"at": 1, "set": {"agents": 5}}, {"at": 1, "set": {"luck": 5}}, {"at": 1, "name": "No Good Name"},
     {"at": 1, "interventions": [{"agent": "x"}]}, {"at": 1, "interventions": [{"endow": {"gold": 1}}]}, {},
     {"at": -1}, {"at": 1, "what": 2}, {"at": 1, "seed": 2**70}],
)  # fmt: skip
def test_a_fork_that_can_not_be_is_refused_and_nothing_is_made(
    client: httpx.Client, store: PostgresStore, run: Run, asked: dict[str, Any]
) -> None:
    before = len(store.runs())
    answer = client.post("/api/runs/told/fork", json=asked)
    assert answer.status_code in (404, 422), answer.text
    assert len(store.runs()) == before


def test_a_fork_that_can_not_go_on_is_not_made_or_says_so(
    client: httpx.Client, store: PostgresStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"at": 40, "ticks": 5, "run_on": True}
    before = len(store.runs())
    with monkeypatch.context() as without_room:
        without_room.setattr("chronopolis.web.children._MOST", 0)
        assert client.post("/api/runs/told/fork", json=asked).status_code == 503
    assert len(store.runs()) == before

    async def failed(*_: Any, **__: Any) -> None:
        raise ChildFailed("told", "no process can be made")

    monkeypatch.setattr("chronopolis.web.children.Children.start", failed)
    made = client.post("/api/runs/told/fork", json=asked)
    assert made.status_code == 201, made.text
    assert made.json()["continuing"] is None
    assert "no process can be made" in made.json()["warnings"][-1]
    assert len(store.runs()) == before + 1


def test_an_intervention_is_recorded_with_who_and_why(client: httpx.Client, store: PostgresStore, run: Run) -> None:
    world = replay.at(store, run, HEAD)
    agent = world.agents_frame()["unique_id"].to_list()[0]
    asked = {"agent": agent, "news": "There is a well.", "by": "anna", "why": "to see it spread", "at": HEAD + 5}
    told = client.post("/api/runs/told/intervene", json=asked)
    assert told.status_code == 201, told.text
    assert told.json()["effect_tick"] == HEAD + 5
    (given,) = [i for _, i in store.interventions(run) if i.effect_tick == HEAD + 5]
    assert (given.answer["by"], given.answer["why"]) == ("anna", "to see it spread")
    late = client.post("/api/runs/told/intervene", json={**asked, "at": 5})
    assert (late.status_code, late.json()["error"]["type"]) == (409, "TickHasBegun")
    nobody = client.post("/api/runs/told/intervene", json={"agent": "Nobody", "news": "x"})
    assert (nobody.status_code, nobody.json()["error"]["type"]) == (404, "UnknownAgent")
    unknown = client.post("/api/runs/told/intervene", json={**asked, "bogus": 1})
    assert unknown.status_code == 422
    assert "intervene: bogus is not known; there are agent, at, by, why, endow, " in unknown.json()["error"]["message"]
    for wrong in ({"agent": agent}, {"agent": agent, "endow": {"gold": 1}}, {"add": {"agents": -1}}, {"stock": {}}):
        assert client.post("/api/runs/told/intervene", json=wrong).status_code == 422, wrong


def test_a_run_goes_on_in_a_process_of_its_own_is_followed_and_told_of(
    client: httpx.Client, store: PostgresStore, run: Run
) -> None:
    forked = client.post("/api/runs/told/fork", json={"at": HEAD, "name": "onwards", "ticks": 30, "run_on": True})
    assert forked.status_code == 201, forked.text
    assert forked.json()["continuing"]["state"] == "running"
    again = client.post("/api/runs/onwards/continue", json={"ticks": 5})
    assert (again.status_code, again.json()["error"]["type"]) == (409, "RunIsHeld")
    heads, ends = [], []
    with client.stream("GET", "/api/runs/onwards/live", params={"until": "rest"}, timeout=200) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line[6:])
                (heads if "head_tick" in told else ends).append(told)
    assert ends == [{"because": "the run is complete"}]
    assert heads[-1]["head_tick"] == HEAD + 30
    assert [h["head_tick"] for h in heads] == sorted(h["head_tick"] for h in heads)
    assert heads[-1]["events"] == store.total_events(store.find("onwards"))
    told_once = [(h["first_tick"], h["head_tick"]) for h in heads if h["first_tick"] <= h["head_tick"]]
    assert all(after[0] == before[1] + 1 for before, after in pairwise(told_once))
    assert client.get("/api/runs/onwards").json()["continuing"]["state"] == "ended"
    assert client.app.state.services.live.listeners == 0  # type: ignore[attr-defined]


def test_a_process_that_could_not_go_on_is_told_of(client: httpx.Client, store: PostgresStore) -> None:
    store.create("hopeless", seed=1, configuration=TOLD.configuration, target=9, engines={"mind": "reflex"})
    with store.writer(store.find("hopeless"), durability="tick"):
        held = client.post("/api/runs/hopeless/continue", json={"ticks": 5})
        assert (held.status_code, held.json()["error"]["type"]) == (409, "RunIsHeld")
    services = client.app.state.services  # type: ignore[attr-defined]
    services.children._settings = type(services.children._settings)(
        services.children._settings.home, "postgresql://nobody@127.0.0.1:1/none"
    )
    assert client.post("/api/runs/hopeless/continue", json={"ticks": 5}).status_code == 202
    for _ in range(900):
        child = client.get("/api/runs/hopeless").json()["continuing"]
        if child["state"] != "running":
            break
        time.sleep(0.1)
    assert child["state"] == "failed"
    assert "can't be reached" in child["problem"]
    nothing = client.post("/api/runs/hopeless/pause")
    assert (nothing.status_code, nothing.json()["error"]["type"]) == (409, "NothingRuns")
    meaningless = client.post("/api/runs/hopeless/continue", json={"ticks": 5, "break": "population >"})
    constant = client.post("/api/runs/hopeless/continue", json={"ticks": 5, "break": "true"})
    assert (constant.status_code, constant.json()["error"]["type"]) == (422, "InvalidExpression")
    assert (meaningless.status_code, meaningless.json()["error"]["type"]) == (422, "InvalidExpression")


def test_a_run_pauses_where_it_is_told_to_and_when_it_is_asked_to(client: httpx.Client, store: PostgresStore) -> None:
    client.post("/api/runs/told/fork", json={"at": HEAD, "name": "stopped", "ticks": 100_000})
    children = client.app.state.services.children  # type: ignore[attr-defined]
    children._settings = store.database.settings
    where = "/api/runs/stopped/continue"
    assert client.post(where, json={"ticks": 100_000, "break": f"tick >= {HEAD + 20}"}).status_code == 202
    with client.stream("GET", "/api/runs/stopped/live", params={"until": "rest"}, timeout=200) as stream:
        assert any(line.startswith("event: end") for line in stream.iter_lines())
    stopped = client.get("/api/runs/stopped").json()
    assert stopped["head_tick"] == HEAD + 20
    because = f"tick >= {HEAD + 20} holds at tick {HEAD + 20}"
    assert stopped["continuing"]["paused"] == {"at": HEAD + 20, "because": because}
    assert client.post(where, json={"ticks": 100_000, "pace_ms": 20}).status_code == 202
    for _ in range(900):
        if client.get("/api/runs/stopped").json()["head_tick"] > HEAD + 22:
            break
        time.sleep(0.1)
    told = client.post("/api/runs/stopped/pause").json()
    assert told["status"] == "paused"
    assert told["head_tick"] > HEAD + 22
    assert client.get("/api/runs/stopped").json()["continuing"]["state"] == "stopped"
