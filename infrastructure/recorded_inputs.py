"""Where inputs are read and recorded: what minds answered and what people changed, lineage resolved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, func, insert, or_, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import Connection, Row

from domain.errors import CorruptHistory, InvalidInput, TickHasBegun
from domain.inputs import INTERVENTION, Input, InputKey, Inputs, answer_from
from domain.ports import Run
from infrastructure import schema
from infrastructure.input_rows import ABOUT, digest_of, input_of, key_of, row_of, text_hash
from infrastructure.lease import gone
from infrastructure.lineage import LineageReader

_REFUSED = b'{"refused":'
"""How the canonical answer of a refusal begins; it has no other key."""

# Whoever reads what is asked of a run at a tick: the run, if the tick is its own, and its forks from there on.
_LOCKED_READERS = sql("""
SELECT run FROM polis.leases WHERE run IN (
    WITH RECURSIVE readers AS (
        SELECT run FROM polis.runs WHERE run = :run AND coalesce(fork_tick, -1) <= :asked
        UNION
        SELECT r.run FROM readers JOIN polis.runs r ON r.parent = readers.run AND r.fork_tick >= :asked
    )
    SELECT run FROM readers
) ORDER BY run FOR UPDATE
""")
_LEASE_IS_GONE = sql(
    "SELECT FROM polis.runs r WHERE r.run = :run AND NOT EXISTS (SELECT FROM polis.leases l WHERE l.run = r.run)"
)


class RecordedInputs(LineageReader):
    """The part of `PostgresStore` that reads and records inputs."""

    # -- read ----------------------------------------------------------------------------------------

    def inputs(self, run: Run, effect_tick: int) -> Inputs:
        """Return the inputs that take effect at a tick."""
        return Inputs(self._read_inputs(run, effect_tick, effect_tick))

    def inputs_after(self, run: Run, tick: int, *, last: int = 2**31 - 1) -> dict[int, Inputs]:
        """Return all inputs that take effect after a tick, and by tick `last`, by that tick."""
        by_tick: dict[int, list[Input]] = {}
        for given in self._read_inputs(run, tick + 1, last):
            by_tick.setdefault(given.effect_tick, []).append(given)
        return {effect: Inputs(rows) for effect, rows in by_tick.items()}

    def _read_inputs(self, run: Run, first: int, last: int) -> list[Input]:
        """Return inputs by effect tick; a fork sees those its parent asked for by the fork, even if they came later."""
        t = schema.inputs
        rows: list[Row[Any]] = []
        with self.database.lend() as connection:
            for source, low, high in self.askings(connection, run):
                effective = and_(t.c.run == source, t.c.effect_tick >= first, t.c.effect_tick <= last)
                where = and_(effective, t.c.asked_tick >= low, t.c.asked_tick <= high)
                rows += connection.execute(select(t).where(where)).all()
        return [input_of(row) for row in rows]

    def interventions(self, run: Run) -> list[tuple[int, Input]]:
        """Return (source run, input) of all interventions that a run reads, in the order of effect and of keys."""
        t = schema.inputs
        found: list[tuple[int, Input]] = []
        with self.database.lend() as connection:
            for source, low, high in self.askings(connection, run):
                where = and_(t.c.run == source, t.c.asked_tick.between(low, high), t.c.purpose == INTERVENTION)
                found += [(source, input_of(row)) for row in connection.execute(select(t).where(where))]
        return sorted(found, key=lambda each: (each[1].effect_tick, each[1].key))

    def has_input(self, run: Run, key: InputKey) -> bool:
        """Return whether an input is recorded, for the run itself or by the ancestor that it was asked in."""
        t = schema.inputs
        with self.database.lend() as connection:
            for source, low, high in self.askings(connection, run):
                if not low <= key.asked_tick <= high:
                    continue
                where = _is_key(t, source, key)
                if connection.execute(select(t.c.run).where(where)).one_or_none() is not None:
                    return True
        return False

    def thoughts_through(self, run: Run, tick: int) -> tuple[int, dict[str, int]]:
        """Return how many answers were due by a tick, and how many refusals were, by their reason."""
        t = schema.inputs
        # Read here, not by Postgres, whose jsonb refuses some of what JSON can hold.
        refused = func.substr(t.c.answer, 1, len(_REFUSED)) == _REFUSED
        answer = case((refused, t.c.answer), else_=None).label("answer")
        answered, reasons = 0, Counter[str]()
        with self.database.lend() as connection:
            for source, low, high in self.askings(connection, run):
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

    def last_thoughts(self, run: Run, tick: int) -> list[Input]:
        """Return answers due by a tick that took effect after whoever they are for was last asked; see `EventStore`."""
        t = schema.inputs
        with self.database.lend() as connection:
            readable = or_(
                *(
                    and_(t.c.run == s, t.c.asked_tick.between(low, high))
                    for s, low, high in self.askings(connection, run)
                )
            )
            thoughts = and_(readable, t.c.purpose != INTERVENTION)
            # Not by a window over whole rows: of a long run they are sorted on disk.
            last = select(t.c.agent, func.max(t.c.asked_tick).label("asked")).where(thoughts).group_by(t.c.agent)
            last_asked = last.subquery()
            query = select(t).join(last_asked, last_asked.c.agent == t.c.agent)
            query = query.where(thoughts, t.c.effect_tick > last_asked.c.asked, t.c.effect_tick <= tick)
            rows = connection.execute(query.order_by(t.c.effect_tick, t.c.agent)).all()
        return [input_of(row) for row in rows]

    # -- recorded ------------------------------------------------------------------------------------

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        """Make an input durable; the first row wins, a later one is counted and never used.

        The lease rows of the run and of the forks that read this input are taken first, which a tick's
        transaction shares: so the tick of its effect either counts this input, or has been committed and is
        refused here. A thought is refused only where all of them are past that tick: who went on without it did so
        because whoever asked is dead there, and reads it in vain. Of the interventions that one run reads no two have
        a key in common: who makes a fork with some shares its parent's lease row as well.
        """
        told = ((name, given.about.get(name)) for name in ("prompt", "raw"))
        about_texts = {name: str(text).replace("\0", "") for name, text in told if text}  # Postgres keeps no NUL
        key = key_of(given.key)
        about = {name: given.about[name] for name in ABOUT if given.about.get(name) is not None}
        about |= {name: text_hash(text) for name, text in about_texts.items()}
        row = row_of(given, run.configuration) | {"run": run.id, "asked_chain": asked_chain}
        row["digest"] = digest_of(given, about)
        # RETURNING tells whether the row is new; SQLAlchemy keeps no row count of an INSERT.
        added = pg_insert(schema.inputs).values(**row, **about).on_conflict_do_nothing()
        statement = added.returning(schema.inputs.c.run)
        ticks, each = schema.ticks, schema.runs
        with self.database.transaction() as connection:
            reading = {"run": run.id, "asked": given.key.asked_tick}
            runs = _locked_readers(connection, reading)
            if not runs:
                if connection.execute(_LEASE_IS_GONE, {"run": run.id}).first() is not None:
                    raise gone(run.name)
                raise InvalidInput(given.key.as_tuple(), "it was asked before this fork began; its parent takes it")
            newest = select(func.max(ticks.c.tick)).where(ticks.c.run == each.c.run).scalar_subquery()
            heads = select(func.coalesce(newest, each.c.fork_tick, -1)).where(each.c.run.in_(runs))
            head = (max if given.key.purpose == INTERVENTION else min)(connection.execute(heads).scalars())
            begun = given.effect_tick <= head
            taken = given.key.purpose == INTERVENTION and self._is_taken(connection, run, given.key, runs)
            with connection.begin_nested() as insertion:
                first = not taken and connection.execute(statement).one_or_none() is not None
                if first and begun:
                    insertion.rollback()
            for text in set(about_texts.values()) if first and not begun else ():
                body = {"run": run.id, "hash": text_hash(text), "body": text}
                connection.execute(pg_insert(schema.texts).values(**body).on_conflict_do_nothing())
            # All that the living are owed is waited for: what comes first and too late is an answer to the dead. An
            # intervention is told that its number is taken, and comes again under the next.
            if given.key.purpose != INTERVENTION and (begun or not first):
                connection.execute(insert(schema.late_inputs).values(run=run.id, **key))
        if first and begun:
            raise TickHasBegun(run.name, given.effect_tick, head)
        return first

    def _is_taken(self, connection: Connection, run: Run, key: InputKey, readers: Sequence[int]) -> bool:
        """Return whether one of that key is there already, that the run reads or whoever reads this run."""
        asked = key.asked_tick
        sources = {source for source, low, high in self.askings(connection, run) if low <= asked <= high}
        any_of = or_(*(_is_key(schema.inputs, source, key) for source in {*sources, *readers}))
        return connection.execute(select(schema.inputs.c.run).where(any_of).limit(1)).first() is not None

    def count_late(self, run: Run, keys: Sequence[InputKey]) -> None:
        """Count answers that came to nothing because whoever asked was dead by then, each once."""
        t = schema.late_inputs
        with self.database.transaction() as connection:
            for each in keys:
                if connection.execute(select(t.c.run).where(_is_key(t, run.id, each)).limit(1)).first() is None:
                    connection.execute(insert(t).values(run=run.id, **key_of(each)))

    def late_inputs(self, run: Run) -> int:
        """Return how many answers were not used: not the first of their key, late, or for somebody who had died."""
        t = schema.late_inputs
        with self.database.lend() as connection:
            return int(connection.execute(select(func.count()).where(t.c.run == run.id)).scalar_one())

    # -- taken over from another run -----------------------------------------------------------------

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
        about = {name: getattr(row, name) for name in ABOUT} | {"reused_from": row.reused_from or row.run}
        about |= {n: bodies.get(bytes(h)) for n, h in (("prompt", row.prompt), ("raw", row.raw)) if h is not None}
        given = input_of(row)
        return Input(given.key, given.effect_tick, given.answer, about)

    def copy_inputs(self, source: Run, target: Run, *, last: int) -> int:
        """Record all inputs asked for in a run by tick `last` in another that is to repeat it; return how many.

        What both read of common ancestors stays theirs.
        """
        count = 0
        t, texts = schema.inputs, schema.texts
        columns = [c.name for c in t.columns if c.name not in ("run", "recorded_at", "reused_from")]
        with self.database.transaction() as connection:
            shared = {run for run, _, _ in self.askings(connection, target)}
            for run, low, high in self.askings(connection, source):
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

    # -- with what was asked and said, word for word -------------------------------------------------

    def deliberations(
        self, run: Run, *, agent: int | None = None, first: int = 0, last: int = 2**31 - 1
    ) -> list[dict[str, Any]]:
        """Return thoughts that were asked for in ticks first … last, each with its very prompt and answer."""
        t, texts = schema.inputs, schema.texts
        prompt, raw = texts.alias("prompt"), texts.alias("raw")
        found: list[dict[str, Any]] = []
        with self.database.lend() as connection:
            for source, low, high in self.askings(connection, run):
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
                    given = input_of(row)
                    for text, hashed in ((row.prompt_text, row.prompt), (row.raw_text, row.raw)):
                        if hashed is not None and (text is None or text_hash(text) != bytes(hashed)):
                            raise CorruptHistory(given.effect_tick, -1, _not_the_text(row.agent, row.asked_tick))
                    about = {name: getattr(row, name) for name in ABOUT}
                    key = key_of(given.key)
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
            askings = self.askings(connection, run)
            values = ({"run": source, "low": low, "high": high} for source, low, high in askings)
            found = [row for each in values for row in connection.execute(query, each)]
        if not found:
            return None
        tick, agent, asked_tick = min(found)
        return tick, _not_the_text(agent, asked_tick)


def _locked_readers(connection: Connection, reading: dict[str, int]) -> Sequence[int]:
    """Return whoever reads what is asked of a run at a tick, with their lease rows taken.

    Asked again until there are no more: the lock may have waited for somebody who made a fork.
    """
    runs: Sequence[int] = ()
    while (locked := connection.execute(_LOCKED_READERS, reading).scalars().all()) != runs:
        runs = locked
    return runs


def _is_key(t: Any, run: int, key: InputKey) -> Any:
    return and_(
        t.c.run == run, t.c.asked_tick == key.asked_tick, t.c.agent == key.agent, t.c.purpose == key.purpose,
        t.c.call == key.call,
    )  # fmt: skip


def _not_the_text(agent: int, asked_tick: int) -> str:
    return f"the prompt or the words of the answer of agent {agent}, asked at tick {asked_tick}, are not what was kept"
