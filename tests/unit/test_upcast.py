"""Upcasters: history as an older release wrote it, read by this one."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from domain.errors import UnknownEventKind
from domain.events import (
    CATALOGUE_VERSION,
    KINDS,
    VERSIONS_BY_CATALOGUE,
    WORDS_SPOKEN,
    EventBatch,
    empty_records,
    payload_of,
)
from domain.upcast import UPCASTERS, Upcaster, current_versions, to_current, upcast
from infrastructure.event_pages import _current
from tests.support.histories import every_kind, scenario

pytestmark = pytest.mark.unit

# A kind that only these tests know. Version 1 said {"celsius": 21}; version 2 gave milli-kelvin a column of
# its own, since state is integers; version 3 tells the place by name, and where it was not known says so.
WEATHER = 77
OTHER = WORDS_SPOKEN.number
CURRENT = {WEATHER: 3, OTHER: 1}


def upcast_v1_v2(record, payload):
    """Celsius in the payload became milli-kelvin in `detail`."""
    record["detail"] = 273_150 + 1_000 * json.loads(payload)["celsius"]
    return record, b""


def upcast_v2_v3(record, payload):
    """A place has a name."""
    return record, payload or payload_of(place="unknown")


UPCASTERS_OF_WEATHER: dict[tuple[int, int], Upcaster] = {(WEATHER, 1): upcast_v1_v2, (WEATHER, 2): upcast_v2_v3}


def current_weather(batch: EventBatch, versions: dict[int, int]) -> EventBatch:
    return upcast(batch, versions, upcasters=UPCASTERS_OF_WEATHER, current=CURRENT)


def written(*events: tuple[int, int, dict]) -> EventBatch:
    """Return a batch of (kind, detail, payload)."""
    records = empty_records(len(events))
    records["tick"], records["ordinal"] = 9, np.arange(len(events))
    records["kind"], records["detail"] = [k for k, _, _ in events], [d for _, d, _ in events]
    return EventBatch.of(records, [(i, payload_of(**p)) for i, (_, _, p) in enumerate(events) if p])


OLD = written(
    (OTHER, 5, {"text": "Cold!"}), (WEATHER, -1, {"celsius": -4}), (OTHER, 6, {}), (WEATHER, -1, {"celsius": 21})
)


def read(batch: EventBatch) -> list[tuple[int, int, dict]]:
    return [
        (int(e["kind"]), int(e["detail"]), json.loads(batch.payload(i) or b"{}")) for i, e in enumerate(batch.records)
    ]


def test_an_event_of_version_1_is_read_as_version_3_step_by_step():
    new = current_weather(OLD, {WEATHER: 1, OTHER: 1})
    assert read(new) == [
        (OTHER, 5, {"text": "Cold!"}),
        (WEATHER, 269_150, {"place": "unknown"}),
        (OTHER, 6, {}),
        (WEATHER, 294_150, {"place": "unknown"}),
    ]
    assert new.payload(1) == b'{"place":"unknown"}'  # canonical again
    assert new.records["ordinal"].tolist() == [0, 1, 2, 3]


def test_an_event_of_version_2_takes_only_the_steps_that_it_lacks():
    middle = written((WEATHER, 280_000, {"place": "the ford"}), (WEATHER, 281_000, {}))
    new = current_weather(middle, {WEATHER: 2, OTHER: 1})
    assert read(new) == [(WEATHER, 280_000, {"place": "the ford"}), (WEATHER, 281_000, {"place": "unknown"})]


def test_reading_in_two_steps_or_in_one_is_the_same():
    versions = {WEATHER: 1, OTHER: 1}
    half = upcast(OLD, versions, upcasters=UPCASTERS_OF_WEATHER, current={WEATHER: 2, OTHER: 1})
    by_two = current_weather(half, {WEATHER: 2, OTHER: 1})
    assert by_two.hash() == current_weather(OLD, {WEATHER: 1, OTHER: 1}).hash()


def test_stored_bytes_are_left_as_they_are_and_it_is_they_that_are_hashed():
    before, records = OLD.hash(), OLD.records.copy()
    new = current_weather(OLD, {WEATHER: 1, OTHER: 1})
    assert OLD.hash() == before != new.hash()
    assert (OLD.records == records).all()
    frozen = EventBatch(OLD.records.copy(), OLD.payload_ends, OLD.payload_bytes)
    frozen.records.flags.writeable = False  # as a store may hand them out
    assert current_weather(frozen, {WEATHER: 1, OTHER: 1}).hash() == new.hash()


def test_what_is_current_is_returned_as_it_is():
    assert current_weather(OLD, CURRENT) is OLD
    spoken = OLD.slice(0, 1)  # another kind has changed since, but no event is of it
    assert current_weather(spoken, {WEATHER: 1, OTHER: 1}) is spoken
    for history in (scenario("calm"), every_kind()):
        for batch in history.batches[:5]:
            assert upcast(batch, VERSIONS_BY_CATALOGUE[CATALOGUE_VERSION]) is batch


@pytest.mark.parametrize(
    ("versions", "kind", "version"),
    [({WEATHER: 4, OTHER: 1}, WEATHER, 4), ({WEATHER: 1, OTHER: 2}, OTHER, 2), ({OTHER: 1}, WEATHER, None)],
    ids=["a newer version", "a newer version of a kind that never changed", "a kind that its catalogue lacks"],
)
def test_what_this_release_can_not_read_is_refused_by_name(versions, kind, version):
    with pytest.raises(UnknownEventKind, match=str(kind)) as caught:
        current_weather(OLD, versions)
    assert (caught.value.kind, caught.value.version) == (kind, version)


def test_a_kind_that_this_release_lacks_is_refused():
    with pytest.raises(UnknownEventKind, match="77"):
        upcast(OLD, {WEATHER: 1, **VERSIONS_BY_CATALOGUE[CATALOGUE_VERSION]})


def test_what_a_later_release_wrote_is_refused_by_its_catalogue_by_pages_too():
    later = CATALOGUE_VERSION + 1
    batch = scenario("calm").batches[3]
    with pytest.raises(UnknownEventKind, match=str(later)):
        to_current(batch, later)
    header = SimpleNamespace(execute=lambda *_: [SimpleNamespace(tick=3, catalogue=later)])
    with pytest.raises(UnknownEventKind, match=str(later)):
        _current(header, [(1, 0, 9)], batch)


def test_a_version_from_which_no_way_leads_is_refused():
    with pytest.raises(UnknownEventKind) as caught:
        upcast(OLD, {WEATHER: 1, OTHER: 1}, upcasters={(WEATHER, 2): upcast_v2_v3}, current=CURRENT)
    assert (caught.value.kind, caught.value.version) == (WEATHER, 1)


def test_what_a_test_brings_along_changes_nothing_for_others():
    current_weather(OLD, {WEATHER: 1, OTHER: 1})
    assert WEATHER not in current_versions()
    assert not [kind for kind, _ in UPCASTERS if kind == WEATHER]


# -- the catalogue of this release --------------------------------------------------------------------


def test_the_newest_catalogue_has_the_versions_of_the_kinds():
    assert max(VERSIONS_BY_CATALOGUE) == CATALOGUE_VERSION
    assert VERSIONS_BY_CATALOGUE[CATALOGUE_VERSION] == {k.number: k.version for k in KINDS} == current_versions()


@pytest.mark.parametrize("catalogue", VERSIONS_BY_CATALOGUE)
def test_from_every_kind_of_every_catalogue_a_way_leads_to_the_current_version(catalogue):
    current = current_versions()
    for kind, version in VERSIONS_BY_CATALOGUE[catalogue].items():
        assert version <= current[kind]
        assert all((kind, v) in UPCASTERS for v in range(version, current[kind]))


def test_released_catalogues_stay_as_they_were():
    assert VERSIONS_BY_CATALOGUE[1] == dict.fromkeys(range(1, 25), 1)
    assert VERSIONS_BY_CATALOGUE[2] == dict.fromkeys(range(1, 34), 1)
