"""Golden runs: what each release recorded folds to what it recorded, for ever."""

from __future__ import annotations

import numpy as np
import pytest

from domain.advance import genesis_hash, header_of, new_world
from domain.configuration import HASHING_VERSION, RULES_VERSION, STATE_VERSION, Configuration
from domain.events import KIND_BY_NUMBER, VERSIONS_BY_CATALOGUE
from domain.fold import fold
from domain.upcast import upcast
from tests.golden import record
from tests.golden.record import load, recorded_runs, run, versions_of

RECORDED = recorded_runs("v")
_CHANGED = (
    "today's rules write another history. If they were not to change, mend them; if they were, raise RULES_VERSION and "
    "record golden runs of the new rules (python -m tests.golden.record RELEASE): the old ones stay, and still fold"
)


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_a_golden_run_folds_to_its_recorded_hashes(path):
    about, events, headers = load(path)
    configuration = Configuration.from_mapping(about["configuration"])
    world, chain = new_world(configuration), genesis_hash(about["seed"], configuration, **versions_of(about))
    edges = np.searchsorted(events.records["tick"], np.arange(len(headers) + 1))
    for recorded, start, stop in zip(headers, edges[:-1], edges[1:], strict=True):
        stored = events.slice(int(start), int(stop))
        fold(world, upcast(stored, VERSIONS_BY_CATALOGUE[about["catalogue"]]))
        assert header_of(world, stored.hash(), len(stored), chain) == recorded
        chain = recorded.chain_hash


def test_the_first_golden_run_holds_nearly_every_kind_of_event():
    _, events, _ = load(RECORDED[0])
    there = {KIND_BY_NUMBER[k].name for k in np.unique(events.records["kind"]).tolist()}
    # Nobody asks yet: requests, and all that comes of them, came with minds.
    of_then = {KIND_BY_NUMBER[number].name for number in VERSIONS_BY_CATALOGUE[1]}
    assert of_then - there <= {"ThoughtRequested"}


def test_todays_rules_write_the_golden_run_of_their_version():
    about, written, headers = load(RECORDED[-1])
    assert versions_of(about)["rules"] == RULES_VERSION, _CHANGED
    events, again = run()
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
    _, events, headers = load(RECORDED[0])
    monkeypatch.setattr(record, "RULES_VERSION", 7)
    record.save(tmp_path / "v9.0.0.zst", events, headers)
    about, _, _ = load(tmp_path / "v9.0.0.zst")
    assert versions_of(about) == {"rules": 7, "state": STATE_VERSION, "hashing": HASHING_VERSION}
    assert versions_of(load(RECORDED[0])[0]) == {"rules": 1, "state": 1, "hashing": 1}
