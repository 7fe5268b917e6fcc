"""Raw COPY: what a run sent, sent again by a loop that does nothing else.

The same rows, cut into the same commits, each synced, into leaves of the same shape for the same stretches of ticks,
by the fastest client that we know (`infrastructure.conversation`; libpq's own blocking loop takes 1.1 to 1.4 times as
long). If asked, each stretch that is full gets the same indexes and statistics by the same function of the store, on a
connection of the same low priority, as a run's are closed while it goes on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.laboratory import as_owner
from domain.ports import Run
from infrastructure.closing import beside_the_ticks
from infrastructure.conversation import Conversation
from infrastructure.copy_binary import HEADER, TRAILER
from infrastructure.copy_statement import copy_statement
from infrastructure.errors import InfrastructureError
from infrastructure.postgres_store import PostgresStore
from infrastructure.scheduling import ask_for_short_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

Part = tuple[str, int, list[memoryview]]
"""A leaf, how many rows go there, and the rows by tick."""


def raw_copy(
    store: PostgresStore, run: Run, commits: Sequence[Sequence[Part]], *, marked: bool = False, indexed: bool = False,
    pace_ms: float | None = None,
) -> list[float]:  # fmt: skip
    """Send commits that a watched writer kept.

    Parameters
    ----------
    store : PostgresStore, where the run is
    run : Run that sent them
    commits : as `WatchedWriter.commits` has them
    marked : whether there are marks among the rows, as a run in mode `tick` sends them
    indexed : whether full stretches are closed meanwhile, as those of a run are
    pace_ms : from the start of one commit to the next; tight if None

    Returns
    -------
    list of float, milliseconds of each commit
    """
    took: list[float] = []
    with _leaves(store, run, commits) as names, _closer(store, names if indexed else {}) as full:
        data = [[b"".join((HEADER, *rows, TRAILER)) for _, _, rows in commit] for commit in commits]
        orders = ["; ".join(copy_statement(f"raw_{leaf}") for leaf, _, _ in commit) for commit in commits]
        if marked:  # those take their way through the parent of the leaves
            data = [[b"".join((HEADER, *(row for *_, rows in commit for row in rows), TRAILER))] for commit in commits]
            orders = [copy_statement("raw_events")] * len(commits)
        with store.database.connect() as connection:
            # Outside a transaction block a query string is its own transaction: the fewest round trips there can be.
            connection.execute("SET synchronous_commit = on")
            ask_for_short_slices(0)  # as the writer of a run does for itself and its server process
            ask_for_short_slices(connection.info.backend_pid)
            for order, parts, commit in zip(orders, data, commits, strict=True):
                began = time.perf_counter()
                _send(connection, order, parts)
                took.append((time.perf_counter() - began) * 1e3)
                full(commit[-1][0])
                if pace_ms is not None:
                    time.sleep(max(0.0, (pace_ms - took[-1]) / 1e3))
    return took


def _send(connection: psycopg.Connection[Any], order: str, parts: Sequence[bytes]) -> None:
    conversation = Conversation(connection.pgconn)
    result = conversation.ask(order.encode())
    for part in parts:
        conversation.send((memoryview(part),))
        result = conversation.end_copy()
    conversation.close()
    if result is not None:
        raise InfrastructureError("raw COPY", (result.error_message or b"").decode(errors="replace").strip())


@contextmanager
def _leaves(store: PostgresStore, run: Run, commits: Sequence[Sequence[Part]]) -> Iterator[dict[str, tuple[int, int]]]:
    """Make a leaf for each stretch that the commits go to; yield (run, first tick) of those that a stretch follows."""
    wanted = list(dict.fromkeys(leaf for commit in commits for leaf, _, _ in commit))
    twin = store.create(f"raw-{run.name}", seed=run.seed, configuration=run.configuration, target=0)
    with as_owner(store) as owner:
        owner.execute(
            "DROP TABLE IF EXISTS polis.raw_events; "
            "CREATE TABLE polis.raw_events (LIKE polis.stored_events INCLUDING ALL) PARTITION BY RANGE (run, tick); "
            "CREATE TABLE polis.raw_marks PARTITION OF polis.raw_events "
            "FOR VALUES FROM (0, MINVALUE) TO (0, MAXVALUE); "
            "CREATE TRIGGER take_mark BEFORE INSERT ON polis.raw_marks "
            "FOR EACH ROW EXECUTE FUNCTION polis.take_mark(); "
            "GRANT INSERT ON polis.raw_events TO polis_app"
        )
        query = "SELECT leaf, tick_first, tick_end FROM polis.stretches WHERE run = %s AND leaf = ANY(%s)"
        for leaf, first, end in owner.execute(query, (run.id, wanted)).fetchall():
            owner.execute(
                f"CREATE TABLE polis.raw_{leaf} PARTITION OF polis.raw_events "
                f"FOR VALUES FROM ({run.id}, {first}) TO ({run.id}, {end}) WITH (autovacuum_enabled = false); "
                f"GRANT INSERT ON polis.raw_{leaf} TO polis_app; "
                f"INSERT INTO polis.stretches (run, tick_first, tick_end, leaf) "
                f"VALUES ({twin.id}, {first}, {end}, 'raw_{leaf}')"
            )
        firsts = dict(owner.execute("SELECT leaf, tick_first FROM polis.stretches WHERE run = %s", (twin.id,)))
        try:
            yield {leaf: (twin.id, firsts[f"raw_{leaf}"]) for leaf in wanted[:-1]}
        finally:
            owner.execute("SELECT polis.drop_run(%s, 'a benchmark is over')", (twin.id,))
            owner.execute("DROP TABLE polis.raw_events")


@contextmanager
def _closer(store: PostgresStore, names: dict[str, tuple[int, int]]) -> Iterator[Callable[[str], None]]:
    """Yield a function that is told which leaf the newest commit ended in; those before it are closed beside."""
    waiting: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    left, failed = list(names), []

    def work() -> None:
        try:
            with beside_the_ticks(store.database) as connection:
                while (stretch := waiting.get()) is not None:
                    connection.execute("SELECT polis.close_stretch(%s, %s)", stretch)
        except Exception as error:  # raised where the turn is measured
            failed.append(error)

    def full(newest: str) -> None:
        while left and newest != left[0] and (newest in left or newest not in names):
            waiting.put(names[left.pop(0)])

    thread = threading.Thread(target=work, name="raw-closing")
    if names:
        thread.start()
    try:
        yield full
    finally:
        if names:
            waiting.put(None)
            thread.join()
    if failed:
        raise failed[0]
