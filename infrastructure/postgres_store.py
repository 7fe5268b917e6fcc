"""The event store on Postgres: runs, headers, events, snapshots and inputs, lineage resolved."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import and_, case, delete, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from domain.advance import Header
from domain.columns import AREAS
from domain.configuration import RELEASE, Configuration, canonical_json, genesis_hash
from domain.errors import (
    CorruptHistory,
    InvalidConfiguration,
    InvalidInput,
    RunExists,
    TickHasBegun,
    UnknownRun,
)
from domain.events import EventBatch
from domain.inputs import INTERVENTION, Input, InputKey, Inputs, answer_from, validated
from domain.ports import Block, Headers, Lease, Run, Snapshot
from infrastructure import measure_blocks, schema
from infrastructure.database import Database
from infrastructure.dropping import Tombstone
from infrastructure.event_lookup import Leaf, LeafLookup
from infrastructure.event_reader import read_segment
from infrastructure.lease import ALIVE
from infrastructure.leaves import Leaves
from infrastructure.snapshots import decode_snapshot
from infrastructure.tick_writer import TickWriter


class PostgresStore:
    """Implements `domain.ports.EventStore`.

    Parameters
    ----------
    database : Database, open
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._leaves = Leaves()

    @cached_property
    def identity(self) -> str:
        """What tells this store from any other, whatever its URL: run numbers mean something only within it."""
        query = sql(
            "SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "FROM pg_control_system()"
        )
        with self.database.lend() as connection:
            return hashlib.sha256(str(connection.execute(query).scalar_one()).encode()).hexdigest()[:12]

    # -- runs --------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        seed: int,
        configuration: Configuration,
        target: int,
        parent: Run | None = None,
        fork_tick: int | None = None,
        engines: dict[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Run:
        """Make a run and its partitions in one transaction; see `domain.ports.EventStore.create`."""
        if not -(2**63) <= seed < 2**63:
            raise InvalidConfiguration("seed", seed, "must fit in 64 bits, signed")
        values = {
            "name": name,
            "seed": seed,
            "configuration": configuration.canonical(),
            "genesis_hash": genesis_hash(seed, configuration),
            "parent": None if parent is None else parent.id,
            "fork_tick": fork_tick,
            "engines": engines or {"mind": configuration.mind},
            "release": RELEASE,
        }
        run = Run(0, name, seed, configuration, values["genesis_hash"])  # type: ignore[arg-type]
        values |= {
            "rules_version": run.rules_version,
            "state_version": run.state_version,
            "hashing_version": run.hashing_version,
        }
        rows = [_row_of(given, configuration) for given in inputs]
        with self.database.transaction() as connection:
            # Looked at before: a row that is refused uses up a number all the same.
            if connection.execute(select(schema.runs.c.run).where(schema.runs.c.name == name)).first() is not None:
                raise RunExists(name)
            if not re.fullmatch(_NAME, name):
                raise InvalidConfiguration("name", name, "use 1-63 of a-z, 0-9, - and _, beginning with a letter")
            try:
                number = connection.execute(
                    insert(schema.runs).values(**values).returning(schema.runs.c.run)
                ).scalar_one()
            except IntegrityError:  # somebody else took it in this very moment
                raise RunExists(name) from None
            connection.execute(insert(schema.leases).values(run=number, target=target))
            connection.execute(select(func.polis.open_run(number)))
            for row in rows:
                connection.execute(insert(schema.inputs).values(run=number, **row))
        return self.find(str(number))

    def find(self, name: str) -> Run:
        """Return the run of that name or number, or the only one whose name begins so.

        A whole name wins over a beginning even if its run was dropped: no other is to pass for it.

        Raises
        ------
        UnknownRun, RunDropped
        """
        t = schema.runs
        with self.database.lend() as connection:
            row = connection.execute(select(t).where(t.c.name == name)).one_or_none()
            if row is None and re.fullmatch("[0-9]{1,10}", name) and int(name) < 2**31:
                row = connection.execute(select(t).where(t.c.run == int(name))).one_or_none()
            if row is None:
                _refuse_dropped(connection, name)
            if row is None and name:
                rows = connection.execute(select(t).where(t.c.name.startswith(name, autoescape=True)).limit(9)).all()
                if len(rows) > 1:
                    raise UnknownRun(name, tuple(sorted(r.name for r in rows)))
                row = rows[0] if rows else None
        if row is None:
            raise UnknownRun(name)
        return _run_of(row)

    def names(self) -> set[str]:
        """Return the names in use."""
        with self.database.lend() as connection:
            return set(connection.execute(select(schema.runs.c.name)).scalars())

    def runs(self) -> list[tuple[Run, Lease, Header | None]]:
        """Return all runs with where they stand."""
        with self.database.lend() as connection:
            rows = connection.execute(select(schema.runs).order_by(schema.runs.c.run)).all()
        found = [_run_of(row) for row in rows]
        return [(run, self.lease(run), self.head(run)) for run in found]

    def lease(self, run: Run) -> Lease:
        """Return where a run stands. "running" without a living writer is "paused"."""
        query = sql(f"SELECT l.*, {ALIVE} AS alive FROM polis.leases l WHERE l.run = :run")
        with self.database.lend() as connection:
            row = connection.execute(query, {"run": run.id}).one_or_none()
        if row is None:
            raise UnknownRun(run.name)
        status = "running" if row.alive else ("paused" if row.status == "running" else row.status)
        return Lease(status, row.target, row.epoch, row.holder if row.alive else None, row.problem)

    # -- history -----------------------------------------------------------------------------------

    def _segments(self, connection: Connection, run: Run, first: int, last: int) -> list[tuple[int, int, int]]:
        """Return (source run, first tick, last tick) of what a run reads, in the order of ticks."""
        return self._leaves.segments(connection, run, first, last)

    def _askings(self, connection: Connection, run: Run) -> list[tuple[int, int, int]]:
        """Return (source run, first, last asking tick) of the inputs that a run reads, in the order of ticks.

        A fork has its own from the tick of the fork on; so has one that was left at that very tick, without any tick
        of its own.
        """
        if run.parent is None:
            return [(run.id, -1, 2**31 - 1)]
        t = schema.lineage
        rows = connection.execute(select(t).where(t.c.run == run.id).order_by(t.c.tick_first, t.c.tick_last)).all()
        return [(r.source, r.tick_first - 1, r.tick_last) for r in rows]

    def lineage(self, run: Run) -> list[tuple[int, int, int]]:
        """Return (source run, first tick, last tick) of every stretch that a run reads."""
        with self.database.lend() as connection:
            return self._segments(connection, run, 0, 2**31 - 1)

    def head(self, run: Run) -> Header | None:
        """Return the newest header."""
        t = schema.ticks
        with self.database.lend() as connection:
            for source, first, last in reversed(self._segments(connection, run, 0, 2**31 - 1)):
                query = select(t).where(and_(t.c.run == source, t.c.tick >= first, t.c.tick <= last))
                row = connection.execute(query.order_by(t.c.tick.desc()).limit(1)).one_or_none()
                if row is not None:
                    return _headers_of([row]).at(0)
        return None

    def headers(self, run: Run, first: int, last: int) -> Headers:
        """Return the headers of ticks first … last, as far as they exist."""
        t = schema.ticks
        rows: list[Row[Any]] = []
        with self.database.lend() as connection:
            for source, low, high in self._segments(connection, run, first, last):
                query = select(t).where(and_(t.c.run == source, t.c.tick >= low, t.c.tick <= high))
                rows += connection.execute(query.order_by(t.c.tick)).all()
        return _headers_of(rows)

    def read(self, run: Run, first: int, last: int, *, headers: Headers | None = None) -> Iterator[EventBatch]:
        """Yield the stored events of ticks first … last in order, in batches that hold whole ticks."""
        if headers is None:
            head = self.head(run)
            newest = -1 if head is None else head.tick
        else:
            newest = int(headers.ticks[-1]) if len(headers) else -1
        with self.database.lend() as connection:
            leaves: list[tuple[str, int, int, NDArray[np.int64], bool]] = []
            for segment in self._segments(connection, run, first, min(last, newest)):
                for leaf, low, high in self._leaves.leaves(connection, *segment):
                    if headers is None:
                        counts = self._counts(connection, segment[0], low, high)
                    else:
                        counts = _counts_of(headers, low, high)
                    leaves.append((leaf, low, high, counts, self._leaves.is_hot(segment[0], leaf)))
        for leaf, low, high, counts, hot in leaves:
            yield from read_segment(self.database, leaf, low, high, counts, hot=hot)

    @contextmanager
    def lookup(self, run: Run) -> Iterator[LeafLookup]:
        """Lend something that finds single events of a run, up to the head that it has now."""
        head, t = self.head(run), schema.stretches
        with self.database.lend() as connection:
            leaves = []
            for source, low, high in self._segments(connection, run, 0, -1 if head is None else head.tick):
                overlapping = and_(t.c.run == source, t.c.tick_first <= high, t.c.tick_end > low)
                rows = connection.execute(select(t).where(overlapping).order_by(t.c.tick_first)).all()
                leaves += [Leaf(r.leaf, max(low, r.tick_first), min(high, r.tick_end - 1), r.closed) for r in rows]
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            # The stretch that a run rests in has an index on ticks and no statistics: it would be scanned whole.
            raw.execute("SET enable_seqscan = off")
            try:
                yield LeafLookup(raw, leaves)
            finally:
                if not raw.broken:
                    raw.execute("RESET enable_seqscan")

    def stray_tick(self, run: Run) -> int | None:
        """Return the lowest tick above the newest header that has events stored."""
        # One statement, so that a tick that is committed meanwhile shows both its header and its events.
        query = sql(
            "SELECT min(tick) FROM polis.stored_events WHERE run = :run "
            "AND tick > (SELECT coalesce(max(tick), -1) FROM polis.ticks WHERE run = :run)"
        )
        with self.database.lend() as connection:
            found = connection.execute(query, {"run": run.id}).scalar_one()
        return None if found is None else int(found)

    def _counts(self, connection: Connection, source: int, first: int, last: int) -> NDArray[np.int64]:
        """Return how many events the headers of ticks first … last count, 0 where there is no header."""
        t = schema.ticks
        where = and_(t.c.run == source, t.c.tick >= first, t.c.tick <= last)
        ticks, events = connection.execute(
            select(func.array_agg(t.c.tick), func.array_agg(t.c.events)).where(where)
        ).one()
        counts = np.zeros(last - first + 1, np.int64)
        if ticks:
            counts[np.array(ticks) - first] = events
        return counts

    def snapshots(self, run: Run, last: int) -> Iterator[Snapshot]:
        """Yield snapshots at ticks up to `last`, newest first."""
        t = schema.snapshots
        with self.database.lend() as connection:
            segments = self._segments(connection, run, 0, last)
        for source, low, high in reversed(segments):
            newest = high
            while True:  # one at a time: nearly always the first is good
                query = select(t).where(and_(t.c.run == source, t.c.tick >= low, t.c.tick <= newest))
                with self.database.lend() as connection:
                    found = connection.execute(query.order_by(t.c.tick.desc()).limit(1)).one_or_none()
                if found is None:
                    break
                newest = found.tick - 1
                yield decode_snapshot(found)

    def snapshot_ticks(self, run: Run) -> list[int]:
        """Return the ticks that have a snapshot."""
        t = schema.snapshots
        found: list[int] = []
        with self.database.lend() as connection:
            for source, low, high in self._segments(connection, run, 0, 2**31 - 1):
                where = and_(t.c.run == source, t.c.tick >= low, t.c.tick <= high)
                found += connection.execute(select(t.c.tick).where(where).order_by(t.c.tick)).scalars().all()
        return found

    # -- inputs ------------------------------------------------------------------------------------

    def inputs(self, run: Run, effect_tick: int) -> Inputs:
        """Return the inputs that take effect at a tick."""
        return Inputs(self._read_inputs(run, effect_tick, effect_tick))

    def inputs_after(self, run: Run, tick: int) -> dict[int, Inputs]:
        """Return all inputs that take effect after a tick, by that tick."""
        by_tick: dict[int, list[Input]] = {}
        for given in self._read_inputs(run, tick + 1, 2**31 - 1):
            by_tick.setdefault(given.effect_tick, []).append(given)
        return {effect: Inputs(rows) for effect, rows in by_tick.items()}

    def _read_inputs(self, run: Run, first: int, last: int) -> list[Input]:
        """Return inputs by effect tick; a fork sees those its parent asked for by the fork, even if they came later."""
        t = schema.inputs
        rows: list[Row[Any]] = []
        with self.database.lend() as connection:
            for source, low, high in self._askings(connection, run):
                effective = and_(t.c.run == source, t.c.effect_tick >= first, t.c.effect_tick <= last)
                where = and_(effective, t.c.asked_tick >= low, t.c.asked_tick <= high)
                rows += connection.execute(select(t).where(where)).all()
        return [_input_of(row) for row in rows]

    def interventions(self, run: Run) -> list[tuple[int, Input]]:
        """Return (source run, input) of all interventions that a run reads, in the order of effect and of keys."""
        t = schema.inputs
        found: list[tuple[int, Input]] = []
        with self.database.lend() as connection:
            for source, low, high in self._askings(connection, run):
                where = and_(t.c.run == source, t.c.asked_tick.between(low, high), t.c.purpose == INTERVENTION)
                found += [(source, _input_of(row)) for row in connection.execute(select(t).where(where))]
        return sorted(found, key=lambda each: (each[1].effect_tick, each[1].key))

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        """Make an input durable; the first row wins, a later one is counted and never used.

        The lease rows of the run and of the forks that read this input are taken first, which a tick's
        transaction shares: so the tick of its effect either counts this input, or has been committed and is
        refused here. A thought is refused only where all of them are past that tick: who went on without it did so
        because whoever asked is dead there, and reads it in vain.
        """
        told = ((name, given.about.get(name)) for name in ("prompt", "raw"))
        about_texts = {name: str(text).replace("\0", "") for name, text in told if text}  # Postgres keeps no NUL
        key = _key_of(given.key)
        about = {name: given.about[name] for name in _ABOUT if given.about.get(name) is not None}
        about |= {name: _text_hash(text) for name, text in about_texts.items()}
        row = _row_of(given, run.configuration) | {"run": run.id, "asked_chain": asked_chain}
        row["digest"] = _digest_of(given, about)
        # RETURNING tells whether the row is new; SQLAlchemy keeps no row count of an INSERT.
        added = pg_insert(schema.inputs).values(**row, **about).on_conflict_do_nothing()
        statement = added.returning(schema.inputs.c.run)
        lease, ticks, line, each = schema.leases, schema.ticks, schema.lineage, schema.runs
        asked = given.key.asked_tick
        reading = and_(line.c.source == run.id, line.c.tick_first - 1 <= asked, line.c.tick_last >= asked)
        readers = select(line.c.run).where(reading)
        locked = select(lease.c.run).where(lease.c.run.in_(readers)).order_by(lease.c.run).with_for_update()
        with self.database.transaction() as connection:
            runs = connection.execute(locked).scalars().all()
            if not runs:
                raise InvalidInput(given.key.as_tuple(), "it was asked before this fork began; its parent takes it")
            newest = select(func.max(ticks.c.tick)).where(ticks.c.run == each.c.run).scalar_subquery()
            heads = select(func.coalesce(newest, each.c.fork_tick, -1)).where(each.c.run.in_(runs))
            head = (max if given.key.purpose == INTERVENTION else min)(connection.execute(heads).scalars())
            begun = given.effect_tick <= head
            with connection.begin_nested() as insertion:
                first = connection.execute(statement).one_or_none() is not None
                if first and begun:
                    insertion.rollback()
            for text in set(about_texts.values()) if first and not begun else ():
                body = {"run": run.id, "hash": _text_hash(text), "body": text}
                connection.execute(pg_insert(schema.texts).values(**body).on_conflict_do_nothing())
            # All that the living are owed is waited for: what comes first and too late is an answer to the dead.
            if not first or (begun and given.key.purpose != INTERVENTION):
                connection.execute(insert(schema.late_inputs).values(run=run.id, **key))
        if first and begun:
            raise TickHasBegun(run.name, given.effect_tick, head)
        return first

    def count_late(self, run: Run, keys: Sequence[InputKey]) -> None:
        """Count answers that came to nothing because whoever asked was dead by then, each once."""
        t = schema.late_inputs
        with self.database.transaction() as connection:
            for each in keys:
                if connection.execute(select(t.c.run).where(_is_key(t, run.id, each)).limit(1)).first() is None:
                    names = zip(("asked_tick", "agent", "purpose", "call"), each.as_tuple(), strict=True)
                    connection.execute(insert(t).values(run=run.id, **dict(names)))

    def thoughts_through(self, run: Run, tick: int) -> tuple[int, dict[str, int]]:
        """Return how many answers took effect by a tick, and how many refusals did, by their reason."""
        t = schema.inputs
        # Read here, not by Postgres, whose jsonb refuses some of what JSON can hold.
        refused = func.substr(t.c.answer, 1, len(_REFUSED)) == _REFUSED
        answer = case((refused, t.c.answer), else_=None).label("answer")
        answered, reasons = 0, Counter[str]()
        with self.database.lend() as connection:
            for source, low, high in self._askings(connection, run):
                where = and_(
                    t.c.run == source, t.c.effect_tick <= tick, t.c.purpose != INTERVENTION,
                    t.c.asked_tick >= low, t.c.asked_tick <= high,
                )  # fmt: skip
                query = select(answer, func.count().label("many")).where(where).group_by(answer)
                for row in connection.execute(query):
                    if row.answer is None:
                        answered += row.many
                    else:
                        reasons[str(json.loads(row.answer)["refused"])] += row.many
        return answered, dict(reasons)

    def has_input(self, run: Run, key: InputKey) -> bool:
        """Return whether an input is recorded, for the run itself or by the ancestor that it was asked in."""
        t = schema.inputs
        with self.database.lend() as connection:
            for source, low, high in self._askings(connection, run):
                if not low <= key.asked_tick <= high:
                    continue
                where = _is_key(t, source, key)
                if connection.execute(select(t.c.run).where(where)).one_or_none() is not None:
                    return True
        return False

    def find_answer(self, run: Run, key: InputKey, asked_chain: bytes, *, engine: str) -> Input | None:
        """Return what the same engine answered the same agent in the same past, in whatever run; the first of them.

        A refusal is not taken over: the engine may do better today.
        """
        t = schema.inputs
        where = and_(
            t.c.asked_chain == asked_chain, t.c.agent == key.agent, t.c.purpose == key.purpose, t.c.call == key.call,
            t.c.engine == engine, t.c.run != run.id, t.c.asked_tick == key.asked_tick,
        )  # fmt: skip
        with self.database.lend() as connection:
            rows = connection.execute(select(t).where(where).order_by(t.c.run).limit(100)).all()
            row = next((r for r in rows if "refused" not in answer_from(bytes(r.answer))), None)
            if row is None:
                return None
            hashes = [h for h in (row.prompt, row.raw) if h is not None]
            texts = schema.texts
            bodies = {
                bytes(r.hash): r.body
                for r in connection.execute(select(texts).where(and_(texts.c.run == row.run, texts.c.hash.in_(hashes))))
            }
        about = {name: getattr(row, name) for name in _ABOUT} | {"reused_from": row.reused_from or row.run}
        about |= {n: bodies.get(bytes(h)) for n, h in (("prompt", row.prompt), ("raw", row.raw)) if h is not None}
        given = _input_of(row)
        return Input(given.key, given.effect_tick, given.answer, about)

    def copy_inputs(self, source: Run, target: Run, *, last: int) -> int:
        """Record all inputs asked for in a run by tick `last` in another that is to repeat it; return how many.

        What both read of common ancestors stays theirs.
        """
        count = 0
        t, texts = schema.inputs, schema.texts
        columns = [c.name for c in t.columns if c.name not in ("run", "recorded_at", "reused_from")]
        with self.database.transaction() as connection:
            shared = {run for run, _, _ in self._askings(connection, target)}
            for run, low, high in self._askings(connection, source):
                if run in shared:
                    continue
                where = and_(t.c.run == run, t.c.asked_tick >= low, t.c.asked_tick <= min(last, high))
                rows = select(
                    sql(f"{target.id}"), *(t.c[name] for name in columns), func.coalesce(t.c.reused_from, t.c.run)
                ).where(where)
                added = pg_insert(t).from_select(["run", *columns, "reused_from"], rows).on_conflict_do_nothing()
                count += len(connection.execute(added.returning(t.c.agent)).all())
                bodies = select(sql(f"{target.id}"), texts.c.hash, texts.c.body).where(texts.c.run == run)
                connection.execute(
                    pg_insert(texts).from_select(["run", "hash", "body"], bodies).on_conflict_do_nothing()
                )
        return count

    def deliberations(
        self, run: Run, *, agent: int | None = None, first: int = 0, last: int = 2**31 - 1
    ) -> list[dict[str, Any]]:
        """Return thoughts that were asked for in ticks first … last, each with its very prompt and answer."""
        t, texts = schema.inputs, schema.texts
        prompt, raw = texts.alias("prompt"), texts.alias("raw")
        found: list[dict[str, Any]] = []
        with self.database.lend() as connection:
            for source, low, high in self._askings(connection, run):
                where = and_(
                    t.c.run == source, t.c.asked_tick >= max(first, low), t.c.asked_tick <= min(last, high),
                    t.c.purpose != INTERVENTION,
                )  # fmt: skip
                if agent is not None:
                    where = and_(where, t.c.agent == agent)
                joined = t.outerjoin(prompt, and_(prompt.c.run == t.c.run, prompt.c.hash == t.c.prompt)).outerjoin(
                    raw, and_(raw.c.run == t.c.run, raw.c.hash == t.c.raw)
                )
                query = select(t, prompt.c.body.label("prompt_text"), raw.c.body.label("raw_text")).select_from(joined)
                for row in connection.execute(query.where(where).order_by(t.c.asked_tick, t.c.agent)):
                    given = _input_of(row)
                    for text, hashed in ((row.prompt_text, row.prompt), (row.raw_text, row.raw)):
                        if hashed is not None and (text is None or _text_hash(text) != bytes(hashed)):
                            raise CorruptHistory(given.effect_tick, -1, _not_the_text(row.agent, row.asked_tick))
                    about = {name: getattr(row, name) for name in _ABOUT}
                    key = _key_of(given.key)
                    said = {"answer": given.answer, "prompt": row.prompt_text, "raw": row.raw_text}
                    found.append(key | {"effect_tick": given.effect_tick} | said | about)
        return found

    def damaged_text(self, run: Run) -> tuple[int, str] | None:
        """Return where an input takes effect whose prompt or raw answer is not the text that was kept, and so say."""
        query = sql(
            "SELECT i.effect_tick, i.agent, i.asked_tick FROM polis.inputs i "
            "CROSS JOIN LATERAL (VALUES (i.prompt), (i.raw)) AS kept (hash) "
            "LEFT JOIN polis.texts t ON t.run = i.run AND t.hash = kept.hash "
            "WHERE i.run = :run AND i.asked_tick BETWEEN :low AND :high AND kept.hash IS NOT NULL "
            "AND sha256(convert_to(t.body, 'UTF8')) IS DISTINCT FROM kept.hash ORDER BY i.effect_tick, i.agent LIMIT 1"
        )
        with self.database.lend() as connection:
            askings = self._askings(connection, run)
            values = ({"run": source, "low": low, "high": high} for source, low, high in askings)
            found = [row for each in values for row in connection.execute(query, each)]
        if not found:
            return None
        tick, agent, asked_tick = min(found)
        return tick, _not_the_text(agent, asked_tick)

    def late_inputs(self, run: Run) -> int:
        """Return how many answers came after the first and were not used."""
        t = schema.late_inputs
        with self.database.lend() as connection:
            return int(connection.execute(select(func.count()).where(t.c.run == run.id)).scalar_one())

    # -- asked of a writer -------------------------------------------------------------------------

    def request_pause(self, run: Run, *, tick: int, because: str) -> bool:
        """Ask whoever writes a run now to stop once a tick is reached; False if nobody does."""
        lease = self.lease(run)
        if lease.status != "running":
            return False
        t = schema.pause_requests
        asked = {"epoch": lease.epoch, "tick": tick, "because": because, "asked_at": func.now()}
        with self.database.lend() as connection:
            added = pg_insert(t).values(run=run.id, **asked)
            connection.execute(added.on_conflict_do_update(index_elements=["run"], set_=asked))
        return True

    # -- measures ----------------------------------------------------------------------------------

    def measure_blocks(self, source: int, names: Sequence[str], first: int, last: int) -> list[Block]:
        """Return blocks of measures that begin in ticks first … last."""
        with self.database.lend() as connection:
            return measure_blocks.read(connection, source, names, first, last)

    def keep_measures(self, source: int, blocks: Sequence[Block]) -> None:
        """Keep blocks of measures, in one transaction."""
        with self.database.transaction() as connection:
            measure_blocks.keep(connection, source, blocks)

    def forget_measures(self, source: int) -> None:
        """Let go of a run's blocks of measures."""
        t = schema.measure_blocks
        with self.database.lend() as connection:
            connection.execute(delete(t).where(t.c.source == source))

    # -- writing -----------------------------------------------------------------------------------

    def writer(
        self,
        run: Run,
        *,
        durability: str,
        target: int | None = None,
        take_over: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[TickWriter]:
        """Return the one writer of a run; entering it takes the lease."""
        return TickWriter(self.database, run, durability=durability, target=target, take_over=take_over, say=say)

    def total_events(self, run: Run) -> int:
        """Return how many events a run has, its parent's up to the fork included."""
        t = schema.ticks
        total = 0
        with self.database.lend() as connection:
            for source, low, high in self._segments(connection, run, 0, 2**31 - 1):
                where = and_(t.c.run == source, t.c.tick >= low, t.c.tick <= high)
                total += int(
                    connection.execute(select(func.coalesce(func.sum(t.c.events), 0)).where(where)).scalar_one()
                )
        return total

    def size_bytes(self, run: Run) -> int:
        """Return the bytes that a run takes on disk, indexes included."""
        query = sql(
            "SELECT coalesce(sum(pg_total_relation_size(format('polis.%I', leaf)::regclass)), 0)::int8 "
            "FROM (SELECT leaf FROM polis.stretches WHERE run = :run UNION ALL "
            "SELECT p || '_r' || :run FROM unnest(ARRAY['ticks', 'inputs', 'snapshots', 'texts']) p) AS l (leaf)"
        )
        with self.database.lend() as connection:
            return int(connection.execute(query, {"run": run.id}).scalar_one())


_ABOUT = (
    "engine", "latency_ms", "tokens_in", "tokens_out", "attempts", "retrieved", "template", "adapter", "reused_from",
)  # fmt: skip
"""What is kept beside an answer as it is; its prompt and raw text are kept in `texts`."""


_NAME = "[a-z][a-z0-9_-]{0,62}"
"""What the schema takes for the name of a run."""

_REFUSED = b'{"refused":'
"""How the canonical answer of a refusal begins; it has no other key."""


_BESIDE = ("prompt", "raw", *(name for name in _ABOUT if name != "reused_from"))
"""What a row's digest covers beside its answer: all but what a copy of the row says otherwise."""


def _text_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _digest_of(given: Input, beside: Mapping[str, Any]) -> bytes:
    """Return the digest of a row of `inputs`: of the input, and of what is kept beside it if there is any."""
    kept = {name: beside[name] for name in _BESIDE if beside.get(name) is not None}
    if not kept:
        return given.digest()
    told = {name: value.hex() if isinstance(value, bytes) else value for name, value in kept.items()}
    return hashlib.sha256(given.digest() + canonical_json(told).encode("ascii")).digest()


def _key_of(key: InputKey) -> dict[str, Any]:
    return dict(zip(("asked_tick", "agent", "purpose", "call"), key.as_tuple(), strict=True))


def _row_of(given: Input, configuration: Configuration) -> dict[str, Any]:
    """Return what is stored of an input that the rules can apply, without what is kept beside it."""
    validated(given, n_cells=configuration.n_cells)
    told = {"effect_tick": given.effect_tick, "answer": given.canonical_answer(), "digest": given.digest()}
    return _key_of(given.key) | told


def _is_key(t: Any, run: int, key: InputKey) -> Any:
    return and_(
        t.c.run == run, t.c.asked_tick == key.asked_tick, t.c.agent == key.agent, t.c.purpose == key.purpose,
        t.c.call == key.call,
    )  # fmt: skip


def _refuse_dropped(connection: Connection, name: str) -> None:
    """Raise `RunDropped` if a run of that name or number was dropped: the latest, where names were used again."""
    query = sql(
        "SELECT run, name, seed, head_tick, head_hash, why, dropped_at FROM polis.tombstones "
        "WHERE name = :name OR CAST(run AS text) = :name ORDER BY dropped_at DESC, run DESC LIMIT 1"
    )
    row = connection.execute(query, {"name": name}).one_or_none()
    if row is not None:
        raise Tombstone(*row).as_error()


def _run_of(row: Row[Any]) -> Run:
    return Run(
        id=row.run,
        name=row.name,
        seed=row.seed,
        configuration=Configuration.from_mapping(json.loads(row.configuration)),
        genesis_hash=bytes(row.genesis_hash),
        rules_version=row.rules_version,
        state_version=row.state_version,
        hashing_version=row.hashing_version,
        parent=row.parent,
        fork_tick=row.fork_tick,
        engines=row.engines,
        created_at=row.created_at.isoformat(timespec="seconds"),
    )


def _counts_of(headers: Headers, first: int, last: int) -> NDArray[np.int64]:
    """Return how many events the headers of ticks first … last count, 0 where there is no header."""
    counts = np.zeros(last - first + 1, np.int64)
    inside = (headers.ticks >= first) & (headers.ticks <= last)
    counts[headers.ticks[inside] - first] = headers.events[inside]
    return counts


def _headers_of(rows: list[Row[Any]]) -> Headers:
    areas = np.array([[getattr(r, f"area_{a}") for a in AREAS] for r in rows], np.int64).reshape(len(rows), len(AREAS))
    return Headers(
        ticks=np.array([r.tick for r in rows], np.int64),
        events=np.array([r.events for r in rows], np.int64),
        catalogues=np.array([r.catalogue for r in rows], np.int64),
        events_hash=[bytes(r.events_hash) for r in rows],
        state_hash=[bytes(r.state_hash) for r in rows],
        chain_hash=[bytes(r.chain_hash) for r in rows],
        areas=areas.view(np.uint64),
    )


def _not_the_text(agent: int, asked_tick: int) -> str:
    return f"the prompt or the words of the answer of agent {agent}, asked at tick {asked_tick}, are not what was kept"


def _input_of(row: Row[Any]) -> Input:
    asked_chain = None if row.asked_chain is None else bytes(row.asked_chain).hex()
    stored, key = bytes(row.answer), InputKey(row.asked_tick, row.agent, row.purpose, row.call)
    about = {"engine": row.engine, "latency_ms": row.latency_ms, "asked_chain": asked_chain}
    about |= {"tokens_in": row.tokens_in, "tokens_out": row.tokens_out}
    try:
        given = Input(key, effect_tick=row.effect_tick, answer=answer_from(stored), about=about)
    except ValueError:
        given = None
    # The digests of rows from before said nothing of what is kept beside an answer.
    if (
        given is None
        or given.canonical_answer() != stored
        or bytes(row.digest) not in (_digest_of(given, row._asdict()), given.digest())
    ):
        because = f"the input of agent {key.agent}, asked at tick {key.asked_tick}, is not as it was recorded"
        raise CorruptHistory(row.effect_tick, -1, because)
    return given
