"""Golden runs: what each release recorded folds to what it recorded, for ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain.advance import genesis_hash, header_of, new_world
from domain.configuration import RULES_VERSION, Configuration
from domain.events import KIND_BY_NUMBER, VERSIONS_BY_CATALOGUE
from domain.fold import fold
from domain.upcast import upcast
from tests.golden.record import load, run

RECORDED = sorted(Path(__file__).parent.glob("v*.zst"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_a_golden_run_folds_to_its_recorded_hashes(path):
    about, events, headers = load(path)
    configuration = Configuration.from_mapping(about["configuration"])
    world, chain = new_world(configuration), genesis_hash(about["seed"], configuration)
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
    about, recorded, headers = load(RECORDED[-1])
    assert RULES_VERSION == 1, "record a golden run of the new rules, and compare with that one here"
    events, again = run()
    assert again == headers
    assert events.payload_bytes == recorded.payload_bytes
    assert (events.records == recorded.records).all()
    assert about["events"] == len(events)
