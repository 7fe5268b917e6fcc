"""Which runs a sweep is made of, what each is called, and how the values of its seeds lie."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopolis.cli.run_options import values_of
from chronopolis.errors import WrongUsage
from chronopolis.sweep import Ending, Fared, ForkPoint, Genesis, groups_of, plan_sweep, seeds_of, spread_of
from chronopolis.sweep.ending import COMPLETE
from domain.configuration import Configuration
from domain.errors import InvalidConfiguration
from domain.ports import Run
from domain.scenario import Scenario

pytestmark = pytest.mark.unit

_FEW = Genesis({"agents": 40, "width": 20, "height": 20})


def _planned(**given):
    return plan_sweep(
        **{"name": "dry", "ticks": 10, "seeds": [1, 2], "values": {"hunger": [30, 60]}, "origin": _FEW} | given
    )


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("1-4", [1, 2, 3, 4]), ("1-2,8, 5-6", [1, 2, 8, 5, 6]), ("-3", [-3])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "x", "3-1", "1,1", "1-3,2", "1-", "1..4", "1.5", "1-99999", "9" * 30])
def test_what_is_no_seed_is_refused_and_named(text):
    with pytest.raises(WrongUsage, match="--seeds"):
        seeds_of(text)


def test_the_values_of_a_setting_stand_between_commas():
    assert values_of(["hunger=30,45", "mind=reflex"]) == {"hunger": [30, 45], "mind": ["reflex"]}


@pytest.mark.parametrize("wrong", ["hunger", "=3", "hunger=", "hunger=30,", "hunger=30,30"])
def test_values_that_are_missing_or_given_twice_are_refused(wrong):
    with pytest.raises(WrongUsage, match="--vary"):
        values_of([wrong])


def test_names_say_what_was_varied_and_come_seed_by_seed():
    assert [member.name for member in _planned().members] == [
        "dry-hunger30-seed1", "dry-hunger60-seed1", "dry-hunger30-seed2", "dry-hunger60-seed2",
    ]  # fmt: skip


def test_a_run_of_a_sweep_is_the_one_that_those_settings_give_alone():
    for member in _planned(values={"agents": [20, 30]}).members:
        alone = Configuration.from_mapping({"width": 20, "height": 20, **member.settings})
        assert member.configuration == alone  # homes, which follow the founders, among the rest


def test_more_seeds_and_values_keep_the_names_of_those_that_are_there():
    few = {member.name for member in _planned().members}
    many = {member.name for member in _planned(seeds=[1, 2, 3], values={"hunger": [30, 60, 90]}).members}
    assert few < many


@pytest.mark.parametrize(
    "given",
    [
        {"values": {"hungr": [1]}}, {"values": {"hunger": [-1]}}, {"values": {"agents": [401]}}, {"ticks": -1},
        {"values": {"regrowth_percent": [100], "birth_interval": [1_500], "adulthood": [1_500], "homes": [40]}},
    ],
)  # fmt: skip
def test_what_no_run_can_be_is_refused_before_any_is_made(given):
    with pytest.raises(InvalidConfiguration):
        _planned(**given)


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1])
def test_a_seed_that_no_run_can_have_is_refused_before_any_is_made(seed):
    with pytest.raises(InvalidConfiguration, match="64 bits"):
        _planned(seeds=[1, seed])


@pytest.mark.parametrize("values", [{"Hunger": [1]}, {"hunger": ["é"]}])
def test_what_is_wrong_with_a_setting_is_told_of_the_setting_and_not_of_the_name_that_it_makes(values):
    with pytest.raises(InvalidConfiguration, match=r"no such setting|must be a whole number"):
        _planned(values=values)


@pytest.mark.parametrize("values", [{"homes": [0, 40]}, {"hunger": [30, 60], "think_delay": [5, 6]}])
def test_values_that_make_the_same_society_are_refused(values):
    with pytest.raises(WrongUsage, match="make the same society"):
        _planned(values=values)
    assert _planned(values={"mind": ["reflex", "scripted"]}).members


def test_runs_with_other_adapters_and_forks_of_another_tick_are_others():
    (member, *_), adapters = _planned().members, {"groups": {"farmer": "plain"}}
    run = Run(1, member.name, 1, member.configuration, b"", engines=adapters)
    assert member.differences(run, _FEW) == ["adapters farmer=plain instead of none"]
    assert not member.differences(run, Genesis(_FEW.constants, groups={"farmer": "plain"}))
    parent = Run(7, "old", 1, member.configuration, b"")
    at_nine = ForkPoint(parent, 9, Scenario(1, member.configuration), {})
    assert not member.differences(replace(run, parent=7, fork_tick=9), at_nine)
    assert member.differences(replace(run, parent=7, fork_tick=8), at_nine) == [
        "a fork of old at tick 8 instead of tick 9"
    ]


def test_too_many_runs_are_refused():
    with pytest.raises(WrongUsage, match=r"12,000 runs"):
        _planned(seeds=range(6_000))


def test_runs_have_to_end_beyond_where_they_begin():
    with pytest.raises(WrongUsage, match="beyond tick 0"):
        _planned(ticks=0)


def test_a_run_of_that_name_that_is_another_is_told_by_what_differs():
    member = _planned().members[0]
    other = Run(1, member.name, 9, Configuration(agents=41, width=20, height=20, hunger=30), b"", parent=3, fork_tick=8)
    assert member.differences(other, _FEW) == [
        "agents 41 instead of 40", "homes 41 instead of 40", "seed 9 instead of 1", "a fork of run number 3",
    ]  # fmt: skip
    assert not member.differences(Run(1, member.name, 1, member.configuration, b""), _FEW)


@given(st.lists(st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6))))
def test_the_spread_of_values_is_that_of_statistics_over_those_that_there_are(values):
    there = [value for value in values if value is not None]
    found = spread_of(values)
    assert found["n"] == len(there)
    assert found["least"] == min(there, default=None)
    assert found["most"] == max(there, default=None)
    if there:
        assert found["mean"] == pytest.approx(statistics.fmean(there), abs=1e-6)
    assert (found["sd"] is None) == (len(there) < 2)
    if len(there) > 1:
        assert found["sd"] == pytest.approx(statistics.stdev(there), abs=1e-6, rel=1e-6)


def test_seeds_of_one_setting_are_told_together_and_incomplete_runs_left_out():
    planned = _planned(seeds=[1, 2, 3])
    runs = [
        Fared(Ending(member, status=COMPLETE if member.seed < 3 else "paused"), {"ties": n} if member.seed < 3 else {})
        for n, member in enumerate(planned.members)
    ]
    thirty, sixty = groups_of(planned, runs)
    assert (dict(thirty.settings), thirty.runs, thirty.of) == ({"hunger": 30}, 2, 3)
    assert thirty.measures["ties"] == spread_of([0, 2])
    assert sixty.measures["ties"] == spread_of([1, 3])
