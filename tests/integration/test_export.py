"""`export_run`: a folder that is whole, holds what the run reads, and answers as Postgres does."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from chronopolis.cookbook import questions
from domain.configuration import Configuration
from domain.errors import BeyondHead
from domain.events import KINDS
from domain.ports import Run
from infrastructure import parquet_export
from infrastructure.errors import ExportFailed, ExportRefused
from infrastructure.parquet_export import export_run
from infrastructure.postgres_store import PostgresStore
from tests.support.duckdb_views import answers, columns_of, duck
from tests.support.histories import SCENARIOS, every_kind
from tests.support.histories import run as lived_through
from tests.support.postgres import TestServer
from tests.support.stores import go_on, keep, make_run, opened
from workers.rollups import refresh

pytestmark = pytest.mark.integration

Village = tuple[PostgresStore, Run, Path]
DERIVED = ("agents", "agent_history", "exchanges", "conversation_turns", "conversations", "ties", "thoughts_answered",
           "remembered", "places", "holdings", "positions", "activity", "agent_activity", "footsteps", "samples",
           "events")  # fmt: skip


@pytest.fixture(scope="module")
def village(
    postgres_server: TestServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Village]:
    """A village with minds, exported in blocks so small that there are several."""
    fresh = postgres_server.fresh_database(template=migrated_template)
    with opened(fresh) as store, pytest.MonkeyPatch.context() as patch:
        seed, _, settings = SCENARIOS["minded"]
        lived = lived_through(seed, 260, Configuration(**{**settings, "lifespan": 200}))
        run = keep(store, lived, "minded", durability="group")
        refresh(store, run)
        patch.setattr(parquet_export, "_BLOCK_EVENTS", 10_000)
        folder = tmp_path_factory.mktemp("export") / "minded"
        export_run(store, run, folder)
        yield store, run, folder
    postgres_server.drop(fresh)


@pytest.fixture(scope="module")
def corpus(
    postgres_server: TestServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Village]:
    """A few ticks in which everything happens that can."""
    fresh = postgres_server.fresh_database(template=migrated_template)
    with opened(fresh) as store:
        run = keep(store, every_kind(), "corpus")
        refresh(store, run)
        folder = tmp_path_factory.mktemp("export") / "corpus"
        export_run(store, run, folder)
        yield store, run, folder
    postgres_server.drop(fresh)


# -- the same answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("question", questions(), ids=lambda q: q.name)
def test_every_question_of_the_cookbook_has_one_answer_on_both(village, question):
    store, run, folder = village
    names, rows = answers(store, run, duck(folder), question.sql)
    assert rows, "the village has an answer to it"
    assert len(names) >= 2


@pytest.mark.parametrize("view", [kind.view for kind in KINDS])
def test_the_view_of_every_kind_is_the_same_on_both(corpus, view):
    store, run, folder = corpus
    names = columns_of(store, run, view, without=("payload", "terms", "settings", "seed"))
    columns = ", ".join(f'"{name}"' for name in names)  # "by" is a word of DuckDB's
    _, rows = answers(store, run, duck(folder), f"SELECT {columns} FROM {view} ORDER BY tick, ordinal")
    assert rows, f"the corpus has no {view}"


@pytest.mark.parametrize("view", DERIVED)
def test_every_view_over_the_kinds_is_the_same_on_both(village, view):
    store, run, folder = village
    columns = ", ".join(columns_of(store, run, view, without=("payload",)))
    _, rows = answers(store, run, duck(folder), f"SELECT {columns} FROM {view} ORDER BY {columns}")
    assert rows


def test_general_events_of_every_kind_are_the_same_on_both(corpus):
    store, run, folder = corpus
    columns = ", ".join(columns_of(store, run, "events", without=("payload",)))
    answers(store, run, duck(folder), f"SELECT {columns} FROM events ORDER BY tick, ordinal")


def test_payloads_are_the_same_json(corpus):
    store, run, folder = corpus
    connection = duck(folder)
    for batch in store.read(run, 0, 10**6):
        for at, told in enumerate(batch):
            where = f"WHERE tick = {told['tick']} AND ordinal = {told['ordinal']}"
            (payload,) = connection.execute(f"SELECT payload FROM events {where}").fetchone()
            assert (payload or "").encode() == batch.payload(at)


def test_ticks_answers_and_prompts_come_along(village):
    store, run, folder = village
    connection = duck(folder)
    head = store.head(run)
    newest = connection.execute("SELECT tick, chain_hash FROM ticks ORDER BY tick DESC LIMIT 1").fetchone()
    assert newest == (head.tick, head.chain_hash.hex())
    columns = columns_of(store, run, "deliberations", without=("answer", "retrieved", "recorded_at"))
    query = f"SELECT {', '.join(columns)} FROM deliberations ORDER BY asked_tick, agent, purpose, call"
    _, rows = answers(store, run, connection, query)
    assert len(rows) > 100


# -- what is in the folder ---------------------------------------------------------------------------


def test_the_manifest_counts_what_is_there(village):
    store, run, folder = village
    manifest = json.loads((folder / "manifest.json").read_text())
    head = store.head(run)
    assert manifest["head_hash"] == head.chain_hash.hex()
    assert (manifest["first_tick"], manifest["last_tick"]) == (0, head.tick)
    assert manifest["events"] == store.total_events(run) == sum(manifest["kinds"].values())
    for kind in KINDS:
        files = list((folder / "events" / f"kind={kind.name}").rglob("*.parquet"))
        assert sum(pq.read_metadata(file).num_rows for file in files) == manifest["kinds"][kind.name], kind.name
    assert json.loads((folder / "run.json").read_text())["configuration"]["mind"] == "scripted"


def test_a_tick_lies_in_the_block_that_its_folder_names(village):
    _, _, folder = village
    block = json.loads((folder / "manifest.json").read_text())["block_ticks"]
    moves = pl.read_parquet(folder / "events" / "kind=AgentMoved", hive_partitioning=True)
    assert moves["block"].n_unique() > 1
    assert (moves["tick"] // block == moves["block"]).all()
    deaths = pl.scan_parquet(folder / "events" / "kind=AgentDied").select("agent", "because").collect()
    assert set(deaths["because"]) <= {"hunger", "old_age"}


def test_a_fork_comes_with_its_ancestors_share(postgres_store, tmp_path):
    parent = make_run(postgres_store, "parent", ticks=20)
    fork = postgres_store.create(
        "fork", seed=parent.seed, configuration=parent.configuration, target=30, parent=parent, fork_tick=12
    )
    go_on(postgres_store, fork, 30)
    manifest = export_run(postgres_store, fork, tmp_path / "fork")
    assert manifest["events"] == postgres_store.total_events(fork)
    answers(
        postgres_store, fork, duck(tmp_path / "fork"), "SELECT tick, ordinal, kind, agent FROM events ORDER BY 1, 2"
    )
    about = json.loads((tmp_path / "fork" / "run.json").read_text())
    assert about["parent"] == "parent"
    assert about["lineage"] == [
        {"run": "parent", "first_tick": 0, "last_tick": 12}, {"run": "fork", "first_tick": 13, "last_tick": None},
    ]  # fmt: skip


def test_only_the_ticks_asked_for_come(village, tmp_path):
    store, run, _ = village
    manifest = export_run(store, run, tmp_path / "part", first=50, last=149)
    connection = duck(tmp_path / "part")
    for view in ("events", "ticks", "samples"):
        low, high = connection.execute(f"SELECT min(tick), max(tick) FROM {view}").fetchone()
        assert low >= 50 and high <= 149
    assert manifest["head_hash"] == store.headers(run, 149, 149).at(0).chain_hash.hex()
    assert connection.execute("SELECT count(*) FROM births WHERE tick < 50").fetchone() == (0,)


# -- whole or not at all -----------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "last"), [(0, 9_999), (9_999, None)])
def test_ticks_that_have_not_happened_are_refused(village, tmp_path, first, last):
    store, run, _ = village
    with pytest.raises(BeyondHead):
        export_run(store, run, tmp_path / "none", first=first, last=last)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(village, tmp_path):
    store, run, _ = village
    mine, file = tmp_path / "mine", tmp_path / "file"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    file.write_text("a file")
    for folder in (mine, file):
        with pytest.raises(ExportRefused):
            export_run(store, run, folder, overwrite=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine"]


def test_an_earlier_export_is_replaced_only_if_asked(corpus, tmp_path):
    store, run, _ = corpus
    (tmp_path / "out").mkdir()  # an empty folder may be there
    export_run(store, run, tmp_path / "out")
    with pytest.raises(ExportRefused, match="overwrite"):
        export_run(store, run, tmp_path / "out")
    (tmp_path / "out" / "leftover").write_text("of the earlier")
    export_run(store, run, tmp_path / "out", overwrite=True, last=0)
    assert not (tmp_path / "out" / "leftover").exists()
    assert duck(tmp_path / "out").execute("SELECT count(*) FROM ticks").fetchone() == (1,)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_export_tells_of_its_tables_while_they_are_written(corpus, tmp_path):
    store, run, _ = corpus
    told: list[tuple[str, int]] = []
    manifest = export_run(store, run, tmp_path / "out", on_rows=lambda table, rows: told.append((table, rows)))
    assert dict(told) == manifest["rows"] and told[0][0] == "ticks", "the last of each is all of it"


@pytest.mark.parametrize("before", [False, True])
def test_an_interrupted_export_leaves_nothing_half_made(corpus, tmp_path, before):
    store, run, _ = corpus
    if before:
        export_run(store, run, tmp_path / "out", last=0)

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_run(store, run, tmp_path / "out", overwrite=True, on_progress=interrupt)
    assert [p.name for p in tmp_path.iterdir()] == (["out"] if before else [])
    if before:
        assert json.loads((tmp_path / "out" / "manifest.json").read_text())["last_tick"] == 0


def test_a_disk_that_takes_no_more_leaves_nothing_half_made(village, tmp_path):
    store, run, _ = village
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ExportFailed):
            export_run(store, run, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_swept(corpus, tmp_path):
    store, run, _ = corpus
    (tmp_path / ".out.4194303.new" / "events").mkdir(parents=True)  # no process has so high a number
    export_run(store, run, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_can_not_be_made_is_named(corpus):
    store, run, _ = corpus
    with pytest.raises(ExportFailed, match="/proc/nowhere"):
        export_run(store, run, Path("/proc/nowhere/out"))
