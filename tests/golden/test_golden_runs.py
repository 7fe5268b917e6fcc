"""Golden runs: what each release recorded folds to what it recorded, for ever."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from domain.advance import Header, genesis_hash, header_of, new_world
from domain.configuration import HASHING_VERSION, RULES_VERSION, STATE_VERSION, Configuration
from domain.errors import InvalidInput, MissingInput
from domain.events import KIND_BY_NUMBER, VERSIONS_BY_CATALOGUE, EventBatch
from domain.fold import fold
from domain.upcast import upcast
from tests.golden import record
from tests.golden.record import load, recorded_runs, run_again, versions_of
from tests.support.minds import every

RECORDED, MINDED = recorded_runs("v"), recorded_runs("minds-")
_CHANGED = (
    "today's rules write another history. If they were not to change, mend them; if they were, raise RULES_VERSION and "
    "record golden runs of the new rules (python -m tests.golden.record RELEASE): the old ones stay, and still fold"
)


def by_tick(about: dict, events: EventBatch, headers: list[Header]) -> Iterator[tuple[EventBatch, EventBatch]]:
    """Yield each tick's events as they are stored, and as this release reads them."""
    edges = np.searchsorted(events.records["tick"], np.arange(len(headers) + 1)).tolist()
    for start, stop in pairwise(edges):
        stored = events.slice(start, stop)
        yield stored, upcast(stored, VERSIONS_BY_CATALOGUE[about["catalogue"]])


@pytest.mark.parametrize("path", [*RECORDED, *MINDED], ids=lambda p: p.stem)
def test_a_golden_run_folds_to_its_recorded_hashes(path):
    about, events, headers = load(path)
    configuration = Configuration.from_mapping(about["configuration"])
    world, chain = new_world(configuration), genesis_hash(about["seed"], configuration, **versions_of(about))
    for recorded, (stored, today) in zip(headers, by_tick(about, events, headers), strict=True):
        fold(world, today)
        assert header_of(world, stored.hash(), len(stored), chain) == recorded
        chain = recorded.chain_hash


def test_the_first_golden_run_holds_nearly_every_kind_of_event():
    _, events, _ = load(RECORDED[0])
    there = {KIND_BY_NUMBER[k].name for k in np.unique(events.records["kind"]).tolist()}
    # Nobody asks yet: requests, and all that comes of them, came with minds.
    of_then = {KIND_BY_NUMBER[number].name for number in VERSIONS_BY_CATALOGUE[1]}
    assert of_then - there <= {"ThoughtRequested"}


def test_the_first_golden_run_with_minds_holds_nearly_every_kind_of_event_and_all_that_minds_do():
    about, events, headers = load(MINDED[0])
    there = {KIND_BY_NUMBER[k].name for k in np.unique(events.records["kind"]).tolist()}
    # Only a fork goes on in another scenario.
    assert {KIND_BY_NUMBER[number].name for number in VERSIONS_BY_CATALOGUE[3]} - there == {"ScenarioChanged"}

    told = list(events)
    for kind, name, codes in (  # all that there were then
        ("SpeechMade", "act", "greet inform ask propose accept refuse thank gossip"),
        ("MemoryFormed", "memory_kind", "observation conversation reflection plan"),
        ("ThoughtRequested", "reason", "spoken_to crisis milestone reflection silence"),
        ("ConversationClosed", "because", "silence distance length death left"),
        ("PledgeLapsed", "because", "death means"),
        ("AgentDied", "because", "hunger old_age removed"),
    ):
        assert {e[name] for e in every(told, kind)} == set(codes.split()), f"{name} of {kind}"
    assert {e["refused"] is None for e in every(told, "InterventionMade")} == {True, False}
    assert {deed for *_, answer in about["inputs"] for deed in answer} >= {
        "endow", "news", "rest", "remove", "add", "stock", "refused", "insight", "terms", "goal"
    }  # fmt: skip

    world = new_world(Configuration.from_mapping(about["configuration"]))
    rows = [fold(world, today).n for _, today in by_tick(about, events, headers)]
    assert any(after < before for before, after in pairwise(rows)), "the rows of the dead are never compacted"


@pytest.mark.parametrize("path", [RECORDED[-1], MINDED[-1]], ids=lambda p: p.stem)
def test_todays_rules_write_the_golden_runs_of_their_version(path):
    about, written, headers = load(path)
    assert versions_of(about)["rules"] == RULES_VERSION, _CHANGED
    try:
        events, again = run_again(about, headers)
    except (MissingInput, InvalidInput) as error:  # somebody else is asked, or about something else
        pytest.fail(f"{error}: {_CHANGED}")
    differing = [one.tick for one, other in zip(headers, again, strict=True) if one != other]
    assert not differing, f"tick {differing[0]}: {_CHANGED}"
    assert events.payload_bytes == written.payload_bytes
    assert (events.records == written.records).all()
    assert about["events"] == len(events)


def test_golden_runs_are_in_the_order_of_their_releases(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    for release in ("0.10.0", "0.9.0", "0.2.11", "0.2.9"):
        (tmp_path / f"v{release}.zst").touch()
    assert [path.stem for path in recorded_runs("v")] == ["v0.2.9", "v0.2.11", "v0.9.0", "v0.10.0"]


def test_a_golden_run_says_which_versions_its_genesis_is_of(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RULES_VERSION", 7)
    record.save(tmp_path / "v9.0.0.zst", EventBatch.concat([]), [], configuration=Configuration(), seed=1, inputs=[])
    about, _, _ = load(tmp_path / "v9.0.0.zst")
    assert versions_of(about) == {"rules": 7, "state": STATE_VERSION, "hashing": HASHING_VERSION}
    assert versions_of(load(RECORDED[0])[0]) == {"rules": 1, "state": 1, "hashing": 1}
