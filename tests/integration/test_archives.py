"""Runs in an archive and into another database: the same history there, or none of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import replay
from domain.configuration import Configuration
from domain.errors import PolisError, RunIsHeld, UnknownRun
from domain.events import VERSIONS_BY_CATALOGUE, as_json
from domain.inputs import INTERVENTION, Input, InputKey
from domain.ports import Run
from infrastructure.archive_file import ArchiveFile
from infrastructure.archiving import archive_runs
from infrastructure.errors import ArchiveRefused, BackupRefused, DropRefused
from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase, TestServer
from tests.support.stores import SMALL_WORLD, a_copy, chain_of, go_on, make_run, opened
from workers import archives
from workers.archives import TakenIn, take_in
from workers.bootstrap import open_incoming
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think
from workers.runner import Runner
from workers.staff import InProcess, identity_of
from workers.thinking import Thinking

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
THINKERS = Configuration(agents=24, width=10, height=10, mind="scripted", think_budget=500, think_delay=8)
SCRIPTED = identity_of("scripted", None)


def think_on(store: PostgresStore, run: Run, last: int) -> None:
    sender = InProcess(lambda request: think(store, ScriptedEngine(), None, request), say=lambda sentence: None)
    Runner(store, run, thinking=Thinking(store, run, sender, engine=dict(run.engines))).run(last)
    sender.close()


@pytest.fixture
def elsewhere(postgres_server: TestServer, migrated_template: str) -> Iterator[PostgresStore]:
    with a_copy(postgres_server, migrated_template) as fresh, opened(fresh) as store:
        yield store


@pytest.fixture(scope="module")
def child(module_store: PostgresStore) -> Run:
    """A fork of a fork of a run that thinks, with an intervention and another constant."""
    parent = module_store.create("parent", seed=7, configuration=THINKERS, target=70, engines=SCRIPTED)
    think_on(module_store, parent, 70)
    told = Input(InputKey(30, 3, INTERVENTION, 0), 31, {"endow": {"food": 5_000}, "by": "ana", "why": "a gift"})
    between = module_store.create("between", seed=7, configuration=THINKERS, target=50, parent=parent, fork_tick=30,
                                    engines=SCRIPTED, inputs=[told])  # fmt: skip
    think_on(module_store, between, 50)
    hungry = Configuration(**{**THINKERS.__dict__, "hunger": 60})
    child = module_store.create("child", seed=7, configuration=hungry, target=60, parent=between, fork_tick=45,
                                  engines=SCRIPTED)  # fmt: skip
    think_on(module_store, child, 60)
    return child


def archived(store: PostgresStore, *runs: Run, to: Path) -> Path:
    archive_runs(store, runs, to, overwrite=True)
    return to


def came(store: PostgresStore, file: Path, **how: Any) -> list[TakenIn]:
    with open_incoming(file, store) as archive:
        return take_in(archive, **how)


def events_of(store: PostgresStore, run: Run, last: int) -> list[Any]:
    return [event for batch in store.read(run, 0, last) for event in batch]


# -- there ---------------------------------------------------------------------------------------


def test_a_run_is_the_same_in_another_database(
    module_store: PostgresStore, elsewhere: PostgresStore, child: Run, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    taken = came(elsewhere, archived(module_store, child, to=tmp_path / "a.polis"),
                 on_progress=lambda *now: told.append(now))  # fmt: skip
    assert [each.run.name for each in taken] == ["parent", "between", "child"]
    assert [each.asked_for for each in taken] == [False, False, True]
    assert {"verifying child"} <= {doing for doing, _, _ in told}
    there = elsewhere.find("child")
    assert chain_of(elsewhere, there) == chain_of(module_store, child)
    assert (there.seed, there.configuration, there.engines, there.created_at) == (
        child.seed, child.configuration, child.engines, child.created_at,
    )  # fmt: skip
    assert elsewhere.lease(there).status == "complete" and elsewhere.lease(there).target == 60
    assert events_of(elsewhere, there, 60) == events_of(module_store, child, 60)
    assert replay.verify(elsewhere, there, deep=True).ok and replay.reexecute(elsewhere, there).identical
    assert elsewhere.snapshot_ticks(there) == module_store.snapshot_ticks(child)
    thoughts = elsewhere.deliberations(there)
    assert thoughts == module_store.deliberations(child) and any(each["prompt"] for each in thoughts)
    assert [given for _, given in elsewhere.interventions(there)] == [
        given for _, given in module_store.interventions(child)
    ]
    for tick in (0, 29, 44, 45, 60):
        assert replay.at(elsewhere, there, tick).state_hash == replay.at(module_store, child, tick).state_hash


def test_what_came_can_be_gone_on_with_to_the_hashes_it_would_have_had(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    parent = make_run(postgres_store, "parent", ticks=40)
    child = postgres_store.create(
        "child", seed=parent.seed, configuration=parent.configuration, target=30, parent=parent, fork_tick=20
    )
    go_on(postgres_store, child, ticks=30)
    came(elsewhere, archived(postgres_store, child, to=tmp_path / "a.polis"))
    part = elsewhere.find("parent")
    assert elsewhere.lease(part).status == "paused" and (elsewhere.head(part) or pytest.fail()).tick == 20
    for store in (postgres_store, elsewhere):
        go_on(store, store.find("child"), ticks=45)
    go_on(elsewhere, part, ticks=40)
    for name in ("parent", "child"):
        assert chain_of(elsewhere, elsewhere.find(name)) == chain_of(postgres_store, postgres_store.find(name))


def test_a_fork_without_a_tick_of_its_own_and_a_run_without_any_come_too(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    parent = make_run(postgres_store, "parent", ticks=10)
    bare = postgres_store.create(
        "bare", seed=parent.seed, configuration=parent.configuration, target=30, parent=parent, fork_tick=5
    )
    young = postgres_store.create("young", seed=9, configuration=SMALL_WORLD, target=30)
    taken = came(elsewhere, archived(postgres_store, bare, young, to=tmp_path / "a.polis"))
    assert [(each.run.name, each.ticks, each.head_tick) for each in taken] == [
        ("parent", 6, 5), ("bare", 0, 5), ("young", 0, -1),
    ]  # fmt: skip
    for store in (postgres_store, elsewhere):
        for name in ("bare", "young"):
            go_on(store, store.find(name), ticks=12)
    for name in ("bare", "young"):
        assert chain_of(elsewhere, elsewhere.find(name)) == chain_of(postgres_store, postgres_store.find(name))


def test_what_is_there_already_stays_and_what_is_new_of_it_comes(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    run = make_run(postgres_store, "told", ticks=20)
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    (first,), (again,) = came(elsewhere, file), came(elsewhere, file)
    assert (first.ticks, first.was_there, again.ticks, again.was_there) == (21, False, 0, True)
    assert first.run == again.run
    go_on(postgres_store, run, ticks=35)
    (more,) = came(elsewhere, archived(postgres_store, run, to=tmp_path / "a.polis"))
    assert (more.ticks, more.was_there) == (15, True)
    assert chain_of(elsewhere, more.run) == chain_of(postgres_store, run)
    go_on(elsewhere, elsewhere.find("told"), ticks=50)
    (ahead,) = came(elsewhere, file)
    assert ahead.ticks == 0 and (elsewhere.head(ahead.run) or pytest.fail()).tick == 50


def test_ticks_of_an_earlier_catalogue_stay_of_it(
    postgres_store: PostgresStore, elsewhere: PostgresStore, migrated: FreshDatabase, tmp_path: Path
) -> None:
    import psycopg

    run = make_run(postgres_store, "old", ticks=5)
    earlier = min(VERSIONS_BY_CATALOGUE)
    with psycopg.connect(migrated.admin_url, autocommit=True, options="-c session_replication_role=replica") as owner:
        owner.execute("UPDATE polis.ticks SET catalogue = %s WHERE run = %s AND tick < 3", (earlier, run.id))
    (taken,) = came(elsewhere, archived(postgres_store, run, to=tmp_path / "a.polis"))
    catalogues = elsewhere.headers(taken.run, 0, 5).catalogues.tolist()
    assert catalogues == [earlier] * 3 + [max(VERSIONS_BY_CATALOGUE)] * 3


# -- or not at all -------------------------------------------------------------------------------

Change = Callable[[pa.Table], pa.Table]


def rewritten(
    file: Path, to: Path, *, tables: dict[str, Change], told: Callable[[Any], None] = lambda told: None
) -> Path:
    """Write an archive anew with other tables, as somebody would who knows its form: all hashes of files are right."""
    with tarfile.open(file) as tar:
        members = {each.name: (tar.extractfile(each) or pytest.fail()).read() for each in tar}
    manifest = json.loads(members["manifest.json"])
    for name, change in tables.items():
        data = io.BytesIO()
        pq.write_table(change(pq.read_table(io.BytesIO(members[name]))), data)
        members[name] = data.getvalue()
        _, number, table = name.removesuffix(".parquet").split("/")
        manifest["runs"][int(number)]["tables"][table] |= {
            "bytes": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest(),
        }  # fmt: skip
    told(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(to, "w") as tar:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return to


def with_value(column: str, row: int, value: Any) -> Change:
    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value(values[row]) if callable(value) else value
        return table.set_column(
            table.column_names.index(column), column, pa.array(values, table.schema.field(column).type)
        )

    return change


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def without_last(many: int) -> Change:
    return lambda table: table.slice(0, len(table) - many)


CHANGES: dict[str, tuple[str, Change, str]] = {
    "an event": ("runs/2/events.parquet", with_value("cell", 40, lambda cell: cell + 1), "its events do not have"),
    "a payload": ("runs/0/events.parquet", lambda table: table.set_column(
        table.column_names.index("payload"), "payload",
        pa.array([b"{}" if p else p for p in table["payload"].to_pylist()], pa.large_binary())), "tick 0: its events"),
    "events left out": ("runs/2/events.parquet", without_last(9), "its events do not have"),
    "an area": ("runs/2/ticks.parquet", with_value("area_goods", 4, lambda area: area ^ 1), "tick 50: goods is not"),
    "a chain": ("runs/2/ticks.parquet", with_value("chain_hash", 4, flipped), "tick 50: its chain of hashes"),
    "a header left out": ("runs/2/ticks.parquet", without_last(1), "tick 60: it has no header"),
    "an answer": ("runs/0/inputs.parquet", with_value("answer", 2, lambda data: b'{"intention":"rest"}'), "inputs"),
    "a prompt": ("runs/0/texts.parquet", with_value("body", 0, lambda text: text + "!"), "inputs"),
    "a snapshot": ("runs/2/snapshots.parquet", with_value("data", 0, flipped), "snapshot"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_on_the_way_is_refused_and_nothing_stays(
    module_store: PostgresStore, elsewhere: PostgresStore, child: Run, tmp_path: Path, what: str
) -> None:
    file = archived(module_store, child, to=tmp_path / "a.polis")
    name, change, because = CHANGES[what]
    bad = rewritten(file, tmp_path / "bad.polis", tables={name: change})
    with pytest.raises(ArchiveRefused, match=because):
        came(elsewhere, bad)
    assert elsewhere.names() == set()
    assert [each.ticks for each in came(elsewhere, file)] == [31, 15, 15], "the good one is taken in all the same"


def test_where_nobody_may_drop_it_the_part_that_came_is_told_of(
    module_store: PostgresStore, elsewhere: PostgresStore, child: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise DropRefused("child", "permission denied", "")

    monkeypatch.setattr(archives, "drop_run", refused)
    good = archived(module_store, child, to=tmp_path / "a.polis")
    said: list[str] = []
    bad = rewritten(good, tmp_path / "bad.polis", tables={"runs/2/ticks.parquet": without_last(1)})
    with pytest.raises(ArchiveRefused, match="tick 60: it has no header"):
        came(elsewhere, bad, say=said.append)
    assert [line.split()[1] for line in said] == ["child", "between", "parent"] and "`polis drop`" in said[0]
    assert elsewhere.lease(elsewhere.find("child")).status == "paused"
    assert came(elsewhere, good)[-1].was_there


def test_a_damaged_byte_is_found_before_anything_is_begun(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    file = archived(postgres_store, make_run(postgres_store, "told", ticks=5), to=tmp_path / "a.polis")
    data = bytearray(file.read_bytes())
    with tarfile.open(file) as tar:
        place = tar.getmember("runs/0/events.parquet")
    data[place.offset_data + place.size // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArchiveRefused, match="the events of run told are not as written"):
        came(elsewhere, file)
    assert elsewhere.names() == set()


def no_archive(tmp_path: Path, good: Path) -> dict[str, tuple[Path, str]]:
    made = {name: tmp_path / name for name in ("cut", "empty", "text", "tar", "list", "folder")}
    made["cut"].write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    made["empty"].touch()
    made["text"].write_text("no archive " * 200)
    made["folder"].mkdir()
    with tarfile.open(made["tar"], "w") as tar:
        tar.add(made["text"], "else.txt")
    with tarfile.open(made["list"], "w") as tar:
        about = tarfile.TarInfo("manifest.json")
        about.size = 2
        tar.addfile(about, io.BytesIO(b"[]"))
    said = {"cut": "cut off", "empty": "no archive|empty", "text": "no archive", "tar": "no archive",
            "list": "no archive", "folder": "it is a folder"}  # fmt: skip
    return {name: (path, said[name]) for name, path in made.items()} | {"none": (tmp_path / "none", "no such file")}


def test_what_is_no_archive_is_refused(postgres_store: PostgresStore, tmp_path: Path) -> None:
    good = archived(postgres_store, make_run(postgres_store, "told", ticks=5), to=tmp_path / "a.polis")
    for path, because in no_archive(tmp_path, good).values():
        with pytest.raises(ArchiveRefused, match=because):
            ArchiveFile(path).close()


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (lambda told: told.update(format=99), "in a form that this release does not know"),
        (lambda told: told["runs"][0].update(state_version=99), "can't compare"),
        (lambda told: told["runs"][0].update(seed=8), "genesis hash"),
        (lambda told: told["runs"][0].update(name="../up"), "none that this release could read"),
        (lambda told: told["runs"][0].update(configuration="{}"), "genesis hash"),
        (lambda told: told["runs"][0].update(configuration="{"), "no archive"),
        (lambda told: told["runs"][0].update(parent=3), "no archive"),
        (lambda told: told["runs"][0].pop("events"), "no archive"),
        (lambda told: told["runs"][0]["tables"].pop("ticks"), "lacks|no archive"),
    ],
)  # fmt: skip
def test_a_manifest_that_says_something_else_is_refused(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path, change: Any, because: str
) -> None:
    good = archived(postgres_store, make_run(postgres_store, "told", ticks=5), to=tmp_path / "a.polis")
    with pytest.raises(ArchiveRefused, match=because):
        came(elsewhere, rewritten(good, tmp_path / "bad.polis", tables={}, told=change))
    assert elsewhere.names() == set()


def test_events_of_a_later_release_are_refused(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    good = archived(postgres_store, make_run(postgres_store, "told", ticks=5), to=tmp_path / "a.polis")
    bad = rewritten(good, tmp_path / "b.polis", tables={"runs/0/ticks.parquet": with_value("catalogue", 3, 99)})
    with pytest.raises(ArchiveRefused, match="catalogue 99"):
        came(elsewhere, bad)
    assert elsewhere.names() == set()


def test_another_run_of_that_name_is_told_and_a_prefix_helps(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    run = make_run(postgres_store, "told", ticks=5)
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    other = elsewhere.create("told", seed=99, configuration=SMALL_WORLD, target=5)
    with pytest.raises(ArchiveRefused, match=r"made of something else\n.*--prefix"):
        came(elsewhere, file)
    assert elsewhere.names() == {"told"} and elsewhere.find("told") == other
    (taken,) = came(elsewhere, file, prefix="lab-")
    assert taken.run.name == "lab-told" and chain_of(elsewhere, taken.run) == chain_of(postgres_store, run)
    with pytest.raises(PolisError):
        came(elsewhere, file, prefix="not a name/")


def test_a_run_that_parted_from_the_archived_one_is_not_gone_on_with(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    """Inputs make the difference: seed and configuration are the same."""
    run = postgres_store.create("told", seed=7, configuration=SMALL_WORLD, target=9)
    gift = Input(InputKey(2, 3, INTERVENTION, 0), 3, {"endow": {"food": 5_000}, "by": "ana", "why": "a gift"})
    postgres_store.record_input(run, gift)
    go_on(postgres_store, run, ticks=9)
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    other = elsewhere.create("told", seed=7, configuration=SMALL_WORLD, target=9)
    go_on(elsewhere, other, ticks=5)
    with pytest.raises(ArchiveRefused, match="another history by tick 5"):
        came(elsewhere, file)
    assert (elsewhere.head(other) or pytest.fail()).tick == 5


def test_one_that_somebody_writes_is_left_to_him(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.lease._PATIENCE_S", 0.2)
    run = make_run(postgres_store, "told", ticks=9)
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    other = elsewhere.create("told", seed=run.seed, configuration=run.configuration, target=9, engines=run.engines)
    with elsewhere.writer(other, durability="tick"), pytest.raises(RunIsHeld):
        came(elsewhere, file)
    assert elsewhere.names() == {"told"}


TAKE_IN = """
import sys
from pathlib import Path
from infrastructure.database import Database
from infrastructure.postgres_store import PostgresStore
from infrastructure.settings import Settings
from workers.archives import take_in
from workers.bootstrap import open_incoming
with Database(Settings(Path("/nonexistent"), sys.argv[1])) as database:
    with open_incoming(Path(sys.argv[2]), PostgresStore(database)) as archive:
        take_in(archive)
"""


@pytest.mark.parametrize("failpoint", ["after_commit@10", "between_copy_and_header@15"])
def test_what_was_taken_in_by_somebody_who_was_killed_is_gone_on_with(
    postgres_store: PostgresStore, postgres_server: TestServer, migrated_template: str, tmp_path: Path, failpoint: str
) -> None:
    run = make_run(postgres_store, "told", ticks=700)  # several groups
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    with a_copy(postgres_server, migrated_template) as fresh:
        environment = {**os.environ, "POLIS_FAILPOINT": failpoint, "PYTHONPATH": str(ROOT)}
        killed = subprocess.run(
            [sys.executable, "-c", TAKE_IN, fresh.admin_url, str(file)], env=environment, cwd=ROOT, check=False
        )
        assert killed.returncode == -signal.SIGKILL
        with opened(fresh) as store:
            assert store.lease(store.find("told")).status == "paused"
            (taken,) = came(store, file)
            assert taken.was_there
            assert replay.verify(store, taken.run).ok and chain_of(store, taken.run) == chain_of(postgres_store, run)
            assert store.lease(taken.run).status == "complete"


# -- the file ------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced_only_if_told_to(postgres_store: PostgresStore, tmp_path: Path) -> None:
    run = make_run(postgres_store, "told", ticks=5)
    file = tmp_path / "a.polis"
    file.write_text("mine")
    with pytest.raises(BackupRefused, match="--overwrite"):
        archive_runs(postgres_store, [run], file)
    assert file.read_text() == "mine"
    said = archive_runs(postgres_store, [run], file, overwrite=True)
    assert said["bytes"] == file.stat().st_size and [each["name"] for each in said["runs"]] == ["told"]
    assert [each.name for each in tmp_path.iterdir()] == ["a.polis"], "nothing is left beside it"


def test_its_tables_are_parquet_that_anything_reads(postgres_store: PostgresStore, tmp_path: Path) -> None:
    run = make_run(postgres_store, "told", ticks=5)
    file = archived(postgres_store, run, to=tmp_path / "a.polis")
    with tarfile.open(file) as tar:
        events = pq.read_table(io.BytesIO((tar.extractfile("runs/0/events.parquet") or pytest.fail()).read()))
    recorded = np.concatenate([batch.records for batch in postgres_store.read(run, 0, 5)])
    for name in recorded.dtype.names or ():
        assert events[name].to_numpy().tolist() == recorded[name].tolist()
    assert as_json(recorded[0], events["payload"][0].as_py() or b"")["tick"] == 0


def test_a_run_that_is_being_written_comes_as_far_as_it_had_come(
    postgres_store: PostgresStore, elsewhere: PostgresStore, tmp_path: Path
) -> None:
    run = postgres_store.create("writing", seed=7, configuration=SMALL_WORLD, target=40)
    go_on(postgres_store, run, ticks=10)
    with postgres_store.writer(run, durability="tick", target=40):
        file = archived(postgres_store, run, to=tmp_path / "a.polis")
    (taken,) = came(elsewhere, file)
    assert taken.head_tick == 10 and elsewhere.lease(taken.run).status == "paused"
    for store in (postgres_store, elsewhere):
        go_on(store, store.find("writing"), ticks=40)
    assert chain_of(elsewhere, taken.run) == chain_of(postgres_store, run)


def test_a_run_that_there_is_not_is_told(postgres_store: PostgresStore) -> None:
    with pytest.raises(UnknownRun):
        postgres_store.find("nobody")
