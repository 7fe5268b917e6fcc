"""Somebody with every right changes one value of history: `verify` says in which tick and area."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

import replay
from domain.configuration import Configuration
from domain.errors import CorruptHistory, PolisError
from domain.events import EVENT_DTYPE
from domain.inputs import INTENTION, INTERVENTION, Input, InputKey
from domain.ports import Run
from infrastructure.postgres_store import PostgresStore
from replay import Verification, headers_in_parts, seek
from replay.seek import ticks_of
from tests.support.histories import scenario
from tests.support.postgres import FreshDatabase
from tests.support.stores import go_on, keep, make_run, opened

pytestmark = pytest.mark.integration

TICKS = 30
CROWD = Configuration(agents=40, width=12, height=12)


ABOUT = {
    "prompt": '[{"role": "user", "content": "What now, \\u0000 Ana?"}]', "raw": "I \0 rest.", "engine": "told 1",
    "template": "ab" * 32, "adapter": "dialect", "latency_ms": 120, "tokens_in": 200, "tokens_out": 9, "attempts": 1,
    "retrieved": [{"id": "8:3", "score": 0.123456789012345}, {"id": "2:1", "score": 1e-07}],
}  # fmt: skip


@pytest.fixture(scope="module")
def kept(module_database: FreshDatabase) -> Iterator[tuple[FreshDatabase, PostgresStore, Run]]:
    """A run with every sort of history in it: inputs at ticks 12 and 15, snapshots at 0, 10 and 30."""
    with opened(module_database) as store:
        run = make_run(store, "kept", ticks=10, configuration=CROWD)
        head = store.head(run)
        assert head is not None
        gift = {"by": "a test", "why": "to see", "endow": {"food": 500}}
        store.record_input(run, Input(InputKey(10, 3, INTERVENTION), 12, gift), asked_chain=head.chain_hash)
        store.record_input(run, Input(InputKey(9, 4, INTENTION), 15, {"intention": "rest"}, ABOUT))
        store.record_input(run, Input(InputKey(9, 5, INTENTION), 15, {"refused": "timed out"}))
        go_on(store, run, TICKS)
        assert replay.verify(store, run).ok
        yield module_database, store, run


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a run of very many ticks: what differs is found in whichever part it is."""
    monkeypatch.setattr(headers_in_parts, "_TICKS_AT_ONCE", 7)


@contextmanager
def tampered(database: FreshDatabase, statement: str, *values: Any) -> Iterator[None]:
    """Let a superuser do what triggers forbid, to one row; put the tables back afterwards."""
    options = "-c search_path=polis -c session_replication_role=replica"
    tables = ("stored_events", "ticks", "inputs", "snapshots", "texts", "runs")
    with psycopg.connect(database.admin_url, autocommit=True, options=options) as connection:
        for table in tables:
            connection.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
        try:
            assert connection.execute(statement, values).rowcount == 1, "this has to change one row"
            yield
        finally:
            for table in tables[:-1]:
                connection.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
            connection.execute("UPDATE runs SET seed = k.seed, configuration = k.configuration, "
                               "genesis_hash = k.genesis_hash FROM kept_runs k WHERE runs.run = k.run")  # fmt: skip


Kept = tuple[FreshDatabase, PostgresStore, Run]


def found_after(kept: Kept, statement: str, *values: Any) -> Verification:
    database, store, run = kept
    with tampered(database, statement, *values):
        found = replay.verify(store, run)
    assert not found.ok and found.reason, found
    return found


CHANGE = {"tick": "tick + 1", "payload": "set_byte(payload, 3, 65)"}
PRESENT = {"cause": "cause", "needs": "needs", "given": "given", "taken": "taken", "target": "target",
           "cell": "cell", "detail": "detail", "payload": "payload"}  # fmt: skip


@pytest.mark.parametrize("column", [*(EVENT_DTYPE.names or ()), "payload"])
def test_one_value_of_an_event(kept: Kept, column: str) -> None:
    new = CHANGE.get(column, f"{column} + 1")
    where = f"(tick, ordinal) = (SELECT tick, ordinal FROM stored_events WHERE {PRESENT.get(column, 'agent')} "
    where += "IS NOT NULL AND tick BETWEEN 1 AND 30 ORDER BY tick, ordinal LIMIT 1)"
    if column == "payload":
        where = "(tick, ordinal) = (SELECT tick, min(ordinal) FROM stored_events WHERE tick = 12 AND payload IS NOT "
        where += "NULL GROUP BY tick)"
    found = found_after(kept, f"UPDATE stored_events SET {column} = {new} WHERE {where}")
    assert found.area == "events"
    assert found.first_bad_tick is not None and 1 <= found.first_bad_tick <= 30


@pytest.mark.parametrize("reader", ["libpq", "adbc"])
@pytest.mark.parametrize("tick", [0, 12])
def test_a_payload_longer_than_any_event_has(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, tick: int, reader: str
) -> None:
    monkeypatch.setenv("POLIS_READER", reader)
    where = f"(tick, ordinal) = (SELECT tick, min(ordinal) FROM stored_events WHERE tick = {tick} "
    where += "AND payload IS NOT NULL GROUP BY tick)"
    found = found_after(
        kept, f"UPDATE stored_events SET payload = convert_to(repeat('a', 9000000), 'UTF8') WHERE {where}"
    )
    assert (found.area, found.first_bad_tick) == ("events", tick)


@pytest.mark.parametrize("column", ["agent", "cause", "needs", "given", "taken", "target", "cell", "detail", "payload"])
def test_a_value_where_there_was_none(kept: Kept, column: str) -> None:
    """Also -1, by which memory says "absent": in the store absent is NULL and nothing else."""
    where = "(tick, ordinal) = (SELECT tick, ordinal FROM stored_events WHERE tick BETWEEN 0 AND 20 "
    where += f"AND {column} IS NULL ORDER BY tick DESC, ordinal LIMIT 1)"
    for value in ("''", "'{}'") if column == "payload" else ("-1", "0"):
        assert found_after(kept, f"UPDATE stored_events SET {column} = {value} WHERE {where}").area == "events"


@pytest.mark.parametrize(
    ("change", "area"),
    [
        ("tick = 999", "ticks"), ("events = events + 1", "events"), ("catalogue = 99", "events"),
        ("events_hash = set_byte(events_hash, 0, get_byte(events_hash, 0) # 1)", "events"),
        ("state_hash = set_byte(state_hash, 31, get_byte(state_hash, 31) # 1)", "state"),
        ("chain_hash = set_byte(chain_hash, 9, get_byte(chain_hash, 9) # 1)", "chain"),
        ("area_personas = area_personas # 1", "personas"), ("area_agents = area_agents # 1", "agents"),
        ("area_goods = area_goods # 1", "goods"), ("area_ties = area_ties # 1", "ties"),
        ("area_cells = area_cells # 1", "cells"), ("area_minds = area_minds # 1", "minds"),
    ],
)  # fmt: skip
def test_one_value_of_a_header(kept: Kept, change: str, area: str) -> None:
    found = found_after(kept, f"UPDATE ticks SET {change} WHERE tick = 17")
    assert (found.first_bad_tick, found.area) == (17, area)


@pytest.mark.parametrize("change", ["digest", "data", "state_hash"])
def test_one_byte_of_a_snapshot(kept: Kept, change: str) -> None:
    byte = f"set_byte({change}, 20, get_byte({change}, 20) # 1)"
    found = found_after(kept, f"UPDATE snapshots SET {change} = {byte} WHERE tick = 10")
    assert (found.first_bad_tick, found.area) == (10, "snapshot")


@pytest.mark.parametrize("change", ["tick = 11", "state_version = 7"])
def test_what_a_snapshot_claims_to_be(kept: Kept, change: str) -> None:
    assert found_after(kept, f"UPDATE snapshots SET {change} WHERE tick = 10").area == "snapshot"


@pytest.mark.parametrize(
    ("change", "tick"),
    [
        ("answer = convert_to(replace(convert_from(answer, 'UTF8'), '500', '501'), 'UTF8') WHERE agent = 3", 12),
        ("answer = convert_to(replace(convert_from(answer, 'UTF8'), ':', ': '), 'UTF8') WHERE agent = 3", 12),
        ("answer = set_byte(answer, 0, 0) WHERE agent = 3", 12),
        ("answer = convert_to('{\"intention\":\"mine\"}', 'UTF8') WHERE agent = 4", 15),
        ("answer = convert_to('{\"refused\":\"timed 0ut\"}', 'UTF8') WHERE agent = 5", 15),
        ("asked_tick = 8 WHERE agent = 4", 15), ("agent = 6 WHERE agent = 4", 15), ("call = 1 WHERE agent = 3", 12),
        ("purpose = 'intervention' WHERE agent = 4", 15), ("effect_tick = 14 WHERE agent = 4", 14),
        ("effect_tick = 900 WHERE agent = 4", 900),
        ("asked_chain = set_byte(asked_chain, 0, get_byte(asked_chain, 0) # 1) WHERE agent = 3", 12),
        *((f"{name} = {name} || 'x' WHERE agent = 4", 15) for name in ("engine", "template", "adapter")),
        *((f"{n} = {n} + 1 WHERE agent = 4", 15) for n in ("latency_ms", "tokens_in", "tokens_out", "attempts")),
        *((f"{name} = set_byte({name}, 0, get_byte({name}, 0) # 1) WHERE agent = 4", 15) for name in ("prompt", "raw")),
        ("retrieved = jsonb_set(retrieved, '{0,score}', '0.5') WHERE agent = 4", 15),
        *((f"{name} = NULL WHERE agent = 4", 15) for name in ("engine", "retrieved", "prompt")),
    ],
)  # fmt: skip
def test_one_value_of_an_input(kept: Kept, change: str, tick: int) -> None:
    found = found_after(kept, f"UPDATE inputs SET {change}")
    assert (found.first_bad_tick, found.area) == (tick, "inputs")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE texts SET body = replace(body, 'now', 'not') WHERE body ~ 'now'",
        "DELETE FROM texts WHERE body ~ 'rest'",
    ],
)
def test_a_text_beside_an_input(kept: Kept, statement: str) -> None:
    database, store, run = kept
    with tampered(database, statement):
        found = replay.verify(store, run)
        assert (found.first_bad_tick, found.area) == (15, "inputs") and "agent 4" in str(found.reason)
        with pytest.raises(PolisError, match="are not what was kept"):
            store.deliberations(run)


def test_an_input_that_is_gone(kept: Kept) -> None:
    assert found_after(kept, "DELETE FROM inputs WHERE agent = 3").first_bad_tick == 12


def test_an_input_that_was_never_used(kept: Kept) -> None:
    forged = Input(InputKey(3, 2, "intention"), 7, {"intention": "rest"})
    row = "(run, asked_tick, agent, purpose, call, effect_tick, answer, digest)"
    values = (
        f"(1, 3, 2, 'intention', 0, 7, convert_to('{{\"intention\":\"rest\"}}', 'UTF8'), '\\x{forged.digest().hex()}')"
    )
    found = found_after(kept, f"INSERT INTO inputs {row} VALUES {values}")
    assert (found.first_bad_tick, found.area) == (7, "inputs")


def test_a_tampered_input_is_not_used_again(kept: Kept) -> None:
    database, store, run = kept
    change = "answer = convert_to('{\"intention\":\"mine\"}', 'UTF8') WHERE agent = 4"
    with tampered(database, f"UPDATE inputs SET {change}"), pytest.raises(CorruptHistory, match="agent 4"):
        replay.reexecute(store, run)


def test_an_input_that_has_not_taken_effect_yet(kept: Kept) -> None:
    _, store, run = kept
    store.record_input(run, Input(InputKey(30, 7, "intention"), 90, {"intention": "rest"}))
    found = found_after(kept, "UPDATE inputs SET effect_tick = 91 WHERE agent = 7")
    assert (found.first_bad_tick, found.area) == (91, "inputs")


@pytest.mark.parametrize(
    ("statement", "tick", "area"),
    [
        ("DELETE FROM ticks WHERE tick = 17", 17, "ticks"),
        ("DELETE FROM stored_events WHERE tick = 17 AND ordinal = 2", 17, "events"),
        ("DELETE FROM ticks WHERE tick = 30", 30, "ticks"),
        ("DELETE FROM ticks WHERE tick = 30; DELETE FROM snapshots WHERE tick = 30", 30, "ticks"),
        ("DELETE FROM snapshots WHERE tick = 999 OR tick = 10", None, None),
        ("INSERT INTO stored_events SELECT * FROM stored_events WHERE tick = 17 AND ordinal = 2", 17, "events"),
    ],
)
def test_a_row_too_few_or_too_many(kept: Kept, statement: str, tick: int | None, area: str | None) -> None:
    database, store, run = kept
    with tampered(database, statement):
        found = replay.verify(store, run)
    if tick is None:
        assert found.ok, "a snapshot is a cache: nothing is missing without it"
    else:
        assert (found.ok, found.first_bad_tick, found.area) == (False, tick, area)


@pytest.mark.parametrize(
    "change", ["seed = seed + 1", "configuration = replace(configuration, '\"hunger\":45', '\"hunger\":46')",
               "genesis_hash = set_byte(genesis_hash, 0, get_byte(genesis_hash, 0) # 1)"]
)  # fmt: skip
def test_what_a_run_is_made_of(kept: Kept, change: str) -> None:
    database, store, run = kept
    with tampered(database, f"UPDATE runs SET {change}"):
        found = replay.verify(store, store.find(run.name))
    assert (found.ok, found.first_bad_tick, found.area) == (False, 0, "genesis")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "UPDATE ticks SET chain_hash = set_byte(chain_hash, 0, 1 # get_byte(chain_hash, 0)) WHERE tick = 30",
            "follow",
        ),
        (
            "UPDATE ticks SET events_hash = set_byte(events_hash, 0, 1 # get_byte(events_hash, 0)) WHERE tick = 30",
            "follow",
        ),
        (
            "UPDATE ticks SET chain_hash = set_byte(chain_hash, 0, 1 # get_byte(chain_hash, 0)) WHERE tick = 29",
            "follow",
        ),
        ("DELETE FROM ticks WHERE tick = 29", "tick 29: run kept: its header is missing"),
        ("DELETE FROM ticks WHERE tick = 30", "events are stored above the newest header"),
        ("UPDATE runs SET seed = 8", "genesis hash"),
    ],
)
def test_no_tick_is_written_on_top_of_a_damaged_end(kept: Kept, change: str, says: str) -> None:
    database, store, run = kept
    with tampered(database, change):
        with pytest.raises(CorruptHistory, match=says):
            go_on(store, store.find("kept"), TICKS + 5)
        assert says in (store.lease(run).problem or "") and store.lease(run).status == "failed"
    assert replay.verify(store, run).ok, "nothing was written"


def test_a_state_before_the_first_header_is_told_as_damaged(kept: Kept) -> None:
    database, store, run = kept
    with tampered(database, "DELETE FROM ticks WHERE tick = 0"), pytest.raises(CorruptHistory, match="its header is"):
        replay.at(store, run, 9)


def test_a_corrupt_snapshot_is_said_and_costs_nothing_but_time(kept: Kept) -> None:
    database, store, run = kept
    whole = replay.at(store, run, 20).state_hash
    problems: list[str] = []
    with tampered(database, "UPDATE snapshots SET data = set_byte(data, 40, 0) WHERE tick = 10"):
        assert replay.at(store, run, 20, on_problem=problems.append).state_hash == whole
    assert len(problems) == 1 and "tick 10" in problems[0]


def test_damaged_events_are_not_shown_as_a_state(kept: Kept) -> None:
    database, store, run = kept
    change = "UPDATE stored_events SET cell = cell + 1 WHERE (tick, ordinal) = (SELECT tick, ordinal FROM "
    change += "stored_events WHERE kind = 6 AND tick = 15 ORDER BY ordinal LIMIT 1)"
    with tampered(database, change), pytest.raises(PolisError, match="verify"):
        replay.at(store, run, 15)


@pytest.mark.parametrize("headers_at_once", [2, 8_192])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE stored_events SET given = 128::int8 << 56 WHERE (tick, ordinal) = (SELECT tick, min(ordinal) FROM "
         "stored_events WHERE kind = 7 AND tick > 9 GROUP BY tick ORDER BY tick LIMIT 1)", "can't be read"),
        ("DELETE FROM ticks WHERE tick = 14", "tick 14: its header is missing; `polis verify kept`"),
        ("UPDATE ticks SET events = events - 1 WHERE tick = 14", "are stored, its header counts .*`polis verify kept`"),
        ("INSERT INTO ticks SELECT run, 99, events, catalogue, events_hash, state_hash, chain_hash, area_personas, "
         "area_agents, area_goods, area_ties, area_cells, area_minds FROM ticks WHERE tick = 14", "header is missing"),
    ],
)  # fmt: skip
def test_damaged_history_is_told_as_that_and_where(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, change: str, says: str, headers_at_once: int
) -> None:
    monkeypatch.setattr(seek, "_HEADERS_AT_ONCE", headers_at_once)
    database, store, run = kept
    with tampered(database, change), pytest.raises(CorruptHistory, match=says):
        head = store.head(run)
        assert head is not None
        for batch in ticks_of(store, run, 9, head.tick):
            list(batch)


# -- reading -------------------------------------------------------------------------------------


def test_rows_that_lie_in_another_order_are_put_right(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    database, store, run = kept
    options = "-c search_path=polis -c session_replication_role=replica"
    before = [b.hash() for b in map(_whole, [list(store.read(run, 0, TICKS))])]
    with psycopg.connect(database.admin_url, autocommit=True, options=options) as connection:
        for order in ("ordinal, tick", "tick DESC, ordinal", "md5(tick::text || ordinal::text)", "tick, ordinal"):
            connection.execute(
                f"CREATE TEMP TABLE shuffled AS SELECT * FROM stored_events ORDER BY {order};"
                "DELETE FROM stored_events; INSERT INTO stored_events TABLE shuffled; DROP TABLE shuffled"
            )
            for reader in ("libpq", "adbc"):
                monkeypatch.setenv("POLIS_READER", reader)
                assert [b.hash() for b in map(_whole, [list(store.read(run, 0, TICKS))])] == before
                assert replay.verify(store, run).ok


def _whole(batches: list[Any]) -> Any:
    from domain.events import EventBatch

    return EventBatch.concat(batches)


def test_both_readers_read_the_same(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = keep(postgres_store, scenario("fertile"))
    read = {}
    for reader in ("libpq", "adbc"):
        monkeypatch.setenv("POLIS_READER", reader)
        read[reader] = [_whole(list(postgres_store.read(run, first, last))) for first, last in ((0, 999), (7, 9))]
    for one, other in zip(read["libpq"], read["adbc"], strict=True):
        assert one.hash() == other.hash() and len(one) == len(other) > 0


def test_reexecuting_names_a_tick_that_lost_its_header(kept: Kept) -> None:
    database, store, run = kept
    with tampered(database, "DELETE FROM ticks WHERE tick = 9"):
        found = replay.reexecute(store, run)
    assert (found.identical, found.ticks) == (False, 9) and "header" in (found.first_divergence or {})["because"]


@pytest.mark.parametrize("tick", [0, 6, 7, 13, 14, 29, TICKS])
def test_a_tick_that_lost_its_header_is_named_wherever_in_a_part_it_is(kept: Kept, tick: int) -> None:
    database, store, run = kept
    with tampered(database, "DELETE FROM ticks WHERE tick = %s", tick):
        found = replay.verify(store, run)
        again = replay.reexecute(store, run)
    if tick < TICKS:
        assert (found.ok, found.first_bad_tick, found.area, found.ticks) == (False, tick, "ticks", 0)
        assert (again.identical, again.ticks) == (False, tick)
    else:  # it is not known that there was one, but for what else is there of it
        assert (found.ok, found.first_bad_tick, found.area) == (False, TICKS, "ticks") and again.identical


@pytest.mark.parametrize("check", [replay.verify, replay.reexecute])
def test_headers_of_a_long_run_are_never_all_in_memory(kept: Kept, monkeypatch: pytest.MonkeyPatch, check: Any) -> None:
    _, store, run = kept
    usual, read = PostgresStore.headers, list[int]()

    def headers(self: PostgresStore, run: Run, first: int, last: int) -> Any:
        found = usual(self, run, first, last)
        read.append(len(found))
        return found

    monkeypatch.setattr(PostgresStore, "headers", headers)
    check(store, run)
    assert max(read) == 7 and sum(read) > TICKS


def test_events_of_the_last_tick_that_are_there_twice_are_told_of_that_tick(kept: Kept) -> None:
    database, store, run = kept
    one = "SELECT * FROM stored_events WHERE tick = %s AND ordinal = 0"
    with tampered(database, f"INSERT INTO stored_events {one}", TICKS):
        found = replay.verify(store, run)
    assert (found.ok, found.first_bad_tick, found.area) == (False, TICKS, "events")


@pytest.mark.parametrize("configuration", ["\\x7b7d", "[]", '{"agents": "many"}', '{"moons": 2}'])
def test_a_configuration_that_cannot_be_read_is_told_as_damage(kept: Kept, configuration: str) -> None:
    database, store, _ = kept
    unreadable = pytest.raises(CorruptHistory, match="run kept: its configuration can't be read")
    with tampered(database, "UPDATE runs SET configuration = %s", configuration), unreadable:
        store.find("kept")
