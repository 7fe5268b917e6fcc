"""What holds for any history: order, causes, conservation, bounds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from domain import columns as col
from domain import events as ev
from domain.advance import new_world
from domain.codes import N_GOODS, N_RESOURCES, NEED_FULL, Good
from domain.configuration import Configuration
from domain.events import KIND_BY_NUMBER
from domain.fold import fold
from domain.rules.constants import EVENTS_OF_A_DEATH, EVENTS_OF_AN_ACTION
from tests.support.histories import SCENARIOS, History, every_kind, run, scenario

pytestmark = pytest.mark.property

every_scenario = pytest.mark.parametrize("name", SCENARIOS)

# The kinds that are an agent's one action of a tick; the others are told beside one.
ACTIONS = {
    k.number
    for k in (
        ev.AGENT_MOVED, ev.GOODS_GATHERED, ev.MEAL_EATEN, ev.AGENT_RESTED, ev.TOOL_CRAFTED, ev.WORDS_SPOKEN,
        ev.GOODS_TRADED, ev.GOODS_GIVEN, ev.GIFT_RECEIVED, ev.CHILD_BORNE, ev.AGENT_DIED, ev.SPEECH_MADE,
    )
}  # fmt: skip
_ABSENT = -1


def of_kind(records: np.ndarray, *kinds: ev.EventKind) -> np.ndarray:
    return records[np.isin(records["kind"], [k.number for k in kinds])]


def living(world) -> np.ndarray:
    return np.flatnonzero(world.agents[col.ALIVE, : world.n])


def coins_of(world) -> int:
    return int(world.agents[col.GOODS + Good.COIN, living(world)].sum())


@every_scenario
def test_ordinals_are_gapless_and_ticks_follow_each_other(name):
    for tick, batch in enumerate(scenario(name).batches):
        assert (batch.records["tick"] == tick).all()
        assert (batch.records["ordinal"] == np.arange(len(batch))).all()


@every_scenario
def test_every_living_agent_takes_exactly_one_action_a_tick(name):
    history = scenario(name)
    world = new_world(history.configuration)
    for batch in history.batches:
        if world.tick >= 0:
            alive = sorted(world.agents[col.ID, living(world)].tolist())
            acted = batch.records[np.isin(batch.records["kind"], list(ACTIONS))]["agent"]
            assert sorted(acted.tolist()) == alive, f"tick {world.tick + 1}"
        fold(world, batch)


def test_no_action_tells_more_events_than_there_is_room_for():
    estates = (ev.AGENT_DIED.number, ev.GOODS_INHERITED.number)
    most = {}
    for name in ("calm", "harsh", "doomed", "fertile"):
        told = np.concatenate([batch.records for batch in scenario(name).batches[1:]])
        parents = np.where(told["kind"] == ev.AGENT_BORN.number, told["target"], told["agent"])
        whose = np.where(np.isin(told["kind"], estates), -1, parents)
        _, counts = np.unique(np.stack([told["tick"], whose])[:, whose >= 0], axis=1, return_counts=True)
        most[name] = int(counts.max())
    assert max(most.values()) == EVENTS_OF_AN_ACTION, most
    assert EVENTS_OF_A_DEATH >= 1 + N_GOODS


@every_scenario
def test_a_cause_is_an_earlier_event_and_everything_but_the_beginning_has_one(name):
    sizes = [len(b) for b in scenario(name).batches]
    for tick, batch in enumerate(scenario(name).batches):
        for e in batch.records:
            cause = int(e["cause"])
            if cause == _ABSENT:
                assert (tick, int(e["kind"])) == (0, ev.WORLD_FOUNDED.number)
                continue
            there, ordinal = cause >> 32, cause & 0xFFFFFFFF
            assert (there, ordinal) < (tick, int(e["ordinal"])), f"tick {tick}, event {e['ordinal']}"
            assert ordinal < sizes[there], f"tick {tick}, event {e['ordinal']}"


@every_scenario
def test_a_cause_concerns_the_agent_itself_its_partner_its_parent_or_who_it_inherits_from(name):
    history = scenario(name)
    witnessed = {k.number for k in (ev.NEWS_HEARD, ev.MEMORY_FORMED, ev.MEMORY_FORGOTTEN)}
    for batch in history.batches[1:]:
        for e in batch.records:
            cause = int(e["cause"])
            cause_of = history.batches[cause >> 32].records[cause & 0xFFFFFFFF]
            sides = {int(cause_of["agent"])}
            if int(e["kind"]) in witnessed and int(cause_of["kind"]) == ev.AGENT_DIED.number:
                continue  # a death is news to whoever was close
            if int(e["kind"]) in witnessed or int(cause_of["kind"]) == ev.PLEDGE_MADE.number:
                sides.add(int(cause_of["target"]))  # what others did to somebody, what two agreed on
            assert sides & {int(e["agent"]), int(e["target"])}, KIND_BY_NUMBER[int(e["kind"])].name


@every_scenario
def test_coins_are_conserved_while_somebody_lives(name):
    history = scenario(name)
    world = fold(new_world(history.configuration), history.batches[0])
    coins = coins_of(world)
    assert coins == 20 * history.configuration.agents
    for batch in history.batches[1:]:
        fold(world, batch)
        assert coins_of(world) == (coins if world.population else 0), f"tick {world.tick}"


@every_scenario
def test_both_legs_of_a_trade_mirror_each_other(name):
    for batch in scenario(name).batches:
        legs = {int(e["agent"]): e for e in of_kind(batch.records, ev.GOODS_TRADED)}
        for agent, leg in legs.items():
            other = legs[int(leg["target"])]
            assert other["target"] == agent
            for mine, theirs in (("given", "taken"), ("taken", "given")):
                assert leg[mine] >> 28 == other[theirs] >> 28  # good and quantity
            assert leg["given"] >> 56 != leg["taken"] >> 56


@every_scenario
def test_a_gift_given_is_the_gift_received(name):
    for batch in scenario(name).batches:
        given = {int(e["agent"]): e for e in of_kind(batch.records, ev.GOODS_GIVEN)}
        received = {int(e["target"]): e for e in of_kind(batch.records, ev.GIFT_RECEIVED)}
        assert given.keys() == received.keys()
        for giver, gift in given.items():
            assert gift["target"] == received[giver]["agent"]
            assert gift["given"] >> 28 == received[giver]["taken"] >> 28


def grown(cells: np.ndarray, tick: int) -> np.ndarray:
    """Return the stocks that the columns promise for a tick, by resource and cell."""
    stock, capacity, regrowth, since = (
        cells[first : first + N_RESOURCES] for first in (col.STOCK, col.CAPACITY, col.REGROWTH, col.SINCE)
    )
    return np.where(stock >= capacity, stock, np.minimum(stock + (tick - since) * regrowth // 1000, capacity))


@every_scenario
def test_what_is_gathered_is_what_the_stocks_lost_after_growing(name):
    history = scenario(name)
    world = fold(new_world(history.configuration), history.batches[0])
    for batch in history.batches[1:]:
        expected = grown(world.cells, world.tick + 1)
        for e in of_kind(batch.records, ev.GOODS_GATHERED):
            good, quantity = int(e["given"]) >> 56, int(e["given"]) >> 28 & 0xFFFFFFF
            expected[good, e["cell"]] -= quantity
            assert quantity > 0
            assert e["detail"] == expected[good, e["cell"]] >= 0
        fold(world, batch)
        assert (grown(world.cells, world.tick) == expected).all()


@every_scenario
def test_goods_come_only_from_cells_and_go_only_where_an_event_says(name):
    history = scenario(name)
    world = fold(new_world(history.configuration), history.batches[0])
    for batch in history.batches[1:]:
        before = world.agents[col.GOODS : col.GOODS + N_GOODS, living(world)].sum(axis=1)
        change = np.zeros(N_GOODS, np.int64)
        estates: dict[int, np.ndarray] = {}
        goods = {int(a): world.agents[col.GOODS : col.GOODS + N_GOODS, world.row(int(a))].copy()
                 for a in world.agents[col.ID, living(world)]}  # fmt: skip
        for e in batch.records:
            kind, agent = int(e["kind"]), int(e["agent"])
            given, taken = ((int(e[c]) >> 56, int(e[c]) >> 28 & 0xFFFFFFF) for c in ("given", "taken"))
            if kind == ev.GOODS_GATHERED.number:
                change[given[0]] += given[1]
                change[Good.TOOL] -= e["taken"] != _ABSENT
            elif kind == ev.MEAL_EATEN.number:
                change[given[0]] -= given[1]
            elif kind == ev.TOOL_CRAFTED.number:
                change[given[0]] -= given[1]
                change[taken[0]] -= taken[1]
                change[Good.TOOL] += e["detail"]
            elif kind == ev.AGENT_DIED.number:
                estates[agent] = goods[agent]
            elif kind == ev.GOODS_INHERITED.number:
                assert taken[1] == estates[int(e["target"])][taken[0]], "an estate passes on whole"
                estates[int(e["target"])][taken[0]] = 0
        for left in estates.values():
            change -= left  # tools are buried; the rest only where nobody lives on
        fold(world, batch)
        if world.population:
            assert all(left[: Good.TOOL].sum() == 0 for left in estates.values())
        after = world.agents[col.GOODS : col.GOODS + N_GOODS, living(world)].sum(axis=1)
        assert (after - before == change).all(), f"tick {world.tick}: {after - before} told {change}"


@every_scenario
def test_nothing_is_negative_and_needs_stay_in_bounds(name):
    history = scenario(name)
    world = new_world(history.configuration)
    for batch in history.batches:
        fold(world, batch)
        a = world.agents[:, living(world)]
        assert (a[col.GOODS : col.GOODS + N_GOODS] >= 0).all()
        assert ((a[col.ENERGY : col.COMPANY + 1] >= 0) & (a[col.ENERGY : col.COMPANY + 1] <= NEED_FULL)).all()
        assert ((a[col.TRAITS : col.CELL] >= 0) & (a[col.TRAITS : col.CELL] <= 1_000)).all()
        strength = a[col.TIE_STRENGTH : col.TIE_STRENGTH + col.N_TIES]
        assert ((strength >= 0) & (strength <= 1_000)).all()
        assert ((a[col.CELL] >= 0) & (a[col.CELL] < world.width * world.height)).all()
        stock, capacity = world.cells[col.STOCK : col.SINCE], world.cells[col.CAPACITY : col.REGROWTH]
        assert ((stock >= 0) & (stock <= capacity)).all()


@every_scenario
def test_nobody_is_tied_to_itself_or_twice_to_another(name):
    world = scenario(name).replayed()
    for row in living(world):
        others = world.agents[col.TIE_OTHER : col.TIE_OTHER + col.N_TIES, row]
        known = others[others >= 0].tolist()
        assert len(known) == len(set(known))
        assert world.agents[col.ID, row] not in known


@every_scenario
def test_nobody_ever_stands_in_water_and_every_step_is_one_cell_long(name):
    from domain.codes import Biome
    from domain.hexgrid import distance

    history = scenario(name)
    biome = history.replayed(1).cells[col.BIOME]
    for e in of_kind(history.whole(), ev.AGENT_MOVED):
        assert biome[e["cell"]] != Biome.WATER
        assert distance(int(e["detail"]), int(e["cell"]), history.configuration.width) == 1


@every_scenario
def test_ids_are_never_used_again_and_there_are_never_more_agents_than_homes(name):
    history = scenario(name)
    arrived = of_kind(history.whole(), ev.AGENT_JOINED, ev.AGENT_BORN)["agent"]
    assert arrived.tolist() == list(range(len(arrived)))
    world = new_world(history.configuration)
    for batch in history.batches:
        fold(world, batch)
        assert world.population <= max(history.configuration.homes, history.configuration.agents)


@every_scenario
def test_payloads_are_canonical_json_and_there_only_where_the_kind_has_one(name):
    for history in (scenario(name), every_kind()):
        for batch in history.batches:
            for i, e in enumerate(batch.records):
                kind, payload = KIND_BY_NUMBER[int(e["kind"])], batch.payload(i)
                assert bool(payload) == bool(kind.payload), kind.name
                if payload:
                    values = json.loads(payload)
                    missing = kind.payload.keys() - values.keys()
                    assert values.keys() <= kind.payload.keys(), kind.name
                    assert all("not there" in kind.payload[key] for key in missing), f"{kind.name}: {missing}"
                    assert payload == json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


@every_scenario
def test_columns_that_a_kind_does_not_name_are_absent(name):
    for history in (scenario(name), every_kind()):
        records = history.whole()
        for number in np.unique(records["kind"]):
            kind = KIND_BY_NUMBER[int(number)]
            named = {f.column for f in kind.fields} | {"tick", "ordinal", "kind", "cause"}
            for column in set(records.dtype.names) - named:
                assert (records[records["kind"] == number][column] == _ABSENT).all(), f"{kind.name}.{column}"


def gathered_by(history: History) -> np.ndarray:
    total = np.zeros(history.configuration.agents)
    records = of_kind(history.whole(), ev.GOODS_GATHERED)
    np.add.at(total, records["agent"], records["given"] >> 28 & 0xFFFFFFF)
    return total


def test_low_ids_gather_no_more_than_high_ones_over_many_crowded_worlds():
    # Thirty agents on 36 cells: where a stock runs out somebody always comes last.
    crowded = Configuration(
        agents=30, width=6, height=6, hunger=20, lifespan=1_000_000, adulthood=1_000_000, regrowth_percent=60
    )
    total = np.zeros(crowded.agents)
    for seed in range(40):
        total += gathered_by(run(100 + seed, 100, crowded))
    correlation = np.corrcoef(np.arange(crowded.agents), total)[0, 1]
    assert abs(correlation) < 0.45, correlation  # 30 ids: chance alone stays below 0.46 in 99 of 100 cases
