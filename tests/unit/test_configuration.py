"""What a run is made of besides its seed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace

import pytest

from domain import configuration as conf
from domain.configuration import Configuration, canonical_json, genesis_hash
from domain.errors import InvalidConfiguration
from domain.scenario import Scenario, changes_between

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", sorted(conf._BOUNDS))
def test_every_number_is_accepted_at_its_bounds_and_refused_beyond_them(name):
    low, high = conf._BOUNDS[name]
    room = {"width": 4_000, "height": 4_000} if name in ("agents", "homes") else {}
    others = {"agents": 1, **room}
    for value in (low, high):
        taken = 1 if name == "homes" and value == 0 else value  # no homes: as many as founders
        assert getattr(Configuration(**{**others, name: value}), name) == taken
    for value in (low - 1, high + 1):
        with pytest.raises(InvalidConfiguration) as caught:
            Configuration(**{**others, name: value})
        assert caught.value.field == name
        assert caught.value.value == value
        assert f"between {low:,} and {high:,}" in str(caught.value)


def test_every_setting_has_its_bounds_and_is_described():
    by_hand = {"mind"}
    assert [f.name for f in fields(Configuration) if f.name not in by_hand] == list(conf._BOUNDS)
    attributes = Configuration.__doc__.split("Attributes")[1].split("Notes")[0]
    described = re.findall(r"^ *([\w, ]+) : ", attributes, re.MULTILINE)
    assert ", ".join(described).split(", ") == [f.name for f in fields(Configuration)]


@pytest.mark.parametrize("value", [True, 1.5, "12", None])
def test_only_whole_numbers_are_settings(value):
    with pytest.raises(InvalidConfiguration) as caught:
        Configuration(hunger=value)
    assert caught.value.field == "hunger"


def test_more_founders_than_cells_are_refused():
    assert Configuration(agents=16, width=4, height=4).n_cells == 16
    with pytest.raises(InvalidConfiguration, match="4x4 grid has 16"):
        Configuration(agents=17, width=4, height=4)


def test_a_mind_that_is_unknown_is_refused_by_name():
    with pytest.raises(InvalidConfiguration, match="oracle"):
        Configuration(mind="oracle")


def test_without_homes_there_are_as_many_as_founders():
    assert Configuration(agents=77).homes == 77
    assert Configuration(agents=77) == Configuration(agents=77, homes=77)


@pytest.mark.parametrize("mind", conf.MINDS)
def test_the_canonical_form_is_sorted_json_without_spaces_and_comes_back(mind):
    configuration = Configuration(agents=3, mind=mind)
    text = configuration.canonical()
    values = asdict(configuration)
    if mind == "reflex":
        values = {name: value for name, value in values.items() if name not in conf._OF_MINDS}
    values = dict(values.items() - conf.CAME_LATER.items())
    assert text == json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert text.isascii()
    assert Configuration.from_mapping(json.loads(text)) == configuration


def test_a_canonical_value_is_ascii_and_sorted():
    assert canonical_json({"b": "é", "a": [1]}) == '{"a":[1],"b":"\\u00e9"}'


def test_an_unknown_setting_is_refused():
    with pytest.raises(InvalidConfiguration) as caught:
        Configuration.from_mapping({"agents": 3, "durability": "tick"})
    assert caught.value.field == "durability"
    assert "birth_interval" in str(caught.value)


def test_a_society_without_minds_has_the_genesis_that_it_had_before_there_were_any():
    assert not set(json.loads(Configuration(agents=10).canonical())) & set(conf._OF_MINDS)
    told = [Configuration(agents=10, **{name: conf._BOUNDS[name][1]}) for name in conf._OF_MINDS]
    assert {genesis_hash(7, c) for c in told} == {genesis_hash(7, Configuration(agents=10))}


@pytest.mark.parametrize("mind", ["reflex", "scripted"])
def test_a_setting_that_came_later_leaves_the_genesis_of_runs_before_it_as_it_was(mind, monkeypatch):
    @dataclass(frozen=True)
    class Later(Configuration):
        tides: int = 3

    before, after = Configuration(agents=10, mind=mind), Later(agents=10, mind=mind)
    assert genesis_hash(7, after) != genesis_hash(7, before), "this is what it would do"
    monkeypatch.setitem(conf.CAME_LATER, "tides", 3)
    assert after.canonical() == before.canonical()
    assert genesis_hash(7, after) == genesis_hash(7, before)
    assert genesis_hash(7, replace(after, tides=4)) != genesis_hash(7, before)
    assert Later.from_mapping(json.loads(before.canonical())) == after, "an earlier run is read back as it was"
    told = changes_between(Scenario(7, after), Scenario(7, replace(after, tides=4)))
    assert told["settings"] == {"tides": {"before": 3, "after": 4}}
    assert changes_between(Scenario(7, before), Scenario(7, after))["settings"] == {}


def test_what_came_later_is_left_out_at_its_default():
    defaults = {f.name: f.default for f in fields(Configuration)}
    assert conf.CAME_LATER.items() <= defaults.items()


def test_the_genesis_hash_depends_on_the_seed_and_on_every_setting():
    configuration = Configuration(agents=10, mind="scripted")
    changed = [
        replace(configuration, **{name: getattr(configuration, name) + 1}) for name in conf._BOUNDS if name != "homes"
    ] + [replace(configuration, homes=99)]
    hashes = {genesis_hash(7, configuration), genesis_hash(8, configuration), *(genesis_hash(7, c) for c in changed)}
    assert len(hashes) == 2 + len(conf._BOUNDS)
    assert all(len(h) == 32 for h in hashes)
    assert genesis_hash(7, Configuration(agents=10, mind="scripted")) == genesis_hash(7, configuration)
    assert len({genesis_hash(7, replace(configuration, mind=mind)) for mind in conf.MINDS}) == len(conf.MINDS)


@pytest.mark.parametrize("version", ["rules", "state", "hashing"])
def test_the_genesis_hash_depends_on_every_version(version):
    ours = {"rules": conf.RULES_VERSION, "state": conf.STATE_VERSION, "hashing": conf.HASHING_VERSION}
    assert genesis_hash(7, Configuration(), **ours) == genesis_hash(7, Configuration())
    assert genesis_hash(7, Configuration(), **ours | {version: ours[version] + 1}) != genesis_hash(7, Configuration())


def test_nothing_about_execution_is_a_setting():
    assert not {"name", "ticks", "durability", "pace", "threads", "host"} & asdict(Configuration()).keys()
