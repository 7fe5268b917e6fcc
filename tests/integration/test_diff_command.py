"""`polis diff` on runs in Postgres: the contract of its JSON, its tables, its exit codes; and the Python API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import chronopolis
from chronopolis.cli import main
from chronopolis.cli.errors import WRONG_USAGE
from tests.support.stores import TINY_WORLD, go_on, make_run

pytestmark = pytest.mark.integration

TICKS = 40
ROOT = Path(__file__).parents[2]


@pytest.fixture
def runs(migrated, postgres_store, monkeypatch):
    """Two runs, one of them forked with another constant; the command finds them in the test's database."""
    monkeypatch.setenv("POLIS_DATABASE_URL", migrated.admin_url)
    made = make_run(postgres_store, "made", ticks=TICKS)
    assert main.run(["fork", "made", "--at", "20", "--name", "what-if", "--set", "hunger=200", "--json"]) == 0
    go_on(postgres_store, postgres_store.find("what-if"), TICKS + 10)
    make_run(postgres_store, "other-seed", ticks=TICKS, seed=8)
    postgres_store.create("empty", seed=1, configuration=TINY_WORLD, target=5)
    return made


def polis(capsys, *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main.run(["diff", *arguments])
    return code, capsys.readouterr().out


def as_json(capsys, *arguments: str) -> tuple[int, dict]:
    code, out = polis(capsys, *arguments, "--json")
    return code, json.loads(out.splitlines()[-1])


def test_it_says_where_two_runs_part_and_how_they_differ(runs, capsys):
    code, found = as_json(capsys, "made", "what-if")
    assert code == 0 and not found["identical"]
    parted = found["first_divergence"]
    assert parted["tick"] == 21 and parted["area"] in ("agents", "events")
    assert parted["event"]["b"]["kind"] == "ScenarioChanged"
    assert (found["a"]["tick"], found["b"]["tick"]) == (TICKS, TICKS)
    areas = {entry["area"] for entry in found["differences"]}
    assert {"agents", "figures"} <= areas and found["counts"].keys() == areas
    assert sum(found["counts"].values()) == len(found["differences"])
    code, cut = as_json(capsys, "made", "what-if", "--agents", "1", "--limit", "3")
    assert len({e["agent"] for e in cut["differences"] if "agent" in e}) == 1 and cut["counts"] == found["counts"]

    code, same = as_json(capsys, "made", "what-if", "--tick", "20")
    assert code == 0 and same["identical"] and same["first_divergence"] is None and same["differences"] == []


def test_the_query_of_the_page_on_sql_says_the_same_also_of_a_fork_of_a_fork(runs, capsys):
    assert main.run(["fork", "what-if", "--at", "30", "--name", "child", "--seed", "9"]) == 0
    with chronopolis.open("child") as child:
        child.resume(10)
        query = next(text for text in (ROOT / "docs/sql.md").read_text().split("```") if "a.area_agents" in text)
        query = query.removeprefix("sql").strip().removesuffix(";")
        for other in ("made", "what-if", "other-seed"):
            with chronopolis.open(other) as parent:
                wanted = query.replace("a.reader = 1", f"a.reader = {parent.id}")
            wanted = wanted.replace("b.reader = 2", f"b.reader = {child.id}")
            assert main.run(["sql", "-c", wanted, "--json"]) == 0
            found = json.loads(capsys.readouterr().out.splitlines()[-1])
            parted = chronopolis.diff(other, child).first_divergence
            parted = parted.get("state", parted)
            assert found.pop("tick") == parted["tick"]
            assert [area for area, differs in found.items() if differs] == list(parted["areas"])


def test_a_setting_of_a_fork_is_said_to_differ_from_its_first_tick_only(runs, capsys):
    later = as_json(capsys, "made", "what-if")[1]
    before = as_json(capsys, "made", "what-if", "--tick", "10")[1]
    for found in (later, before):
        assert (found["configuration"], found["configuration_from"]) == ({"hunger": [45, 200]}, {"hunger": 21})
    assert before["identical"]
    assert "45 and 200 from tick 21 on" in polis(capsys, "made", "what-if")[1]
    assert "45 and 200 only from tick 21 on: here it is the same" in polis(capsys, "made", "what-if", "--tick", "10")[1]
    assert as_json(capsys, "made", "other-seed")[1]["configuration_from"] == {"seed": 0}


def test_people_get_tables_largest_first(runs, capsys):
    code, out = polis(capsys, "made", "what-if", "--agents", "2")
    assert code == 0
    for words in ("the same up to  tick 20", "hunger 45 → 200", "the society", "satiety", "hunger", "45 and 200"):
        assert words in out
    assert "more of agents" in out
    code, out = polis(capsys, "made", "--tick-a", "5", "--tick-b", "9")
    assert code == 0 and "tick 5" in out and "first change" in out
    code, out = polis(capsys, "made", "what-if", "--tick", "7")
    assert code == 0 and "identical" in out


def test_scripts_can_ask_for_an_exit_code(runs, capsys):
    assert polis(capsys, "made", "what-if", "--exit-code")[0] == 1
    assert polis(capsys, "made", "what-if", "--exit-code", "--tick", "20")[0] == 0
    assert polis(capsys, "made", "made", "--exit-code")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("made", "nobody"), "no run"),
        (("made", "what-if", "--tick", "45"), "there is no tick 45"),
        (("made", "--tick-a", "5", "--tick-b", "999"), "there is no tick 999"),
        (("made", "what-if", "--tick", "5", "--tick-a", "5"), "--tick is the tick of both"),
        (("made",), "two of its ticks"),
        (("made", "empty"), "no tick yet"),
    ],
)
def test_what_can_not_be_compared_is_wrong_usage(runs, capsys, arguments, words):
    code, said = as_json(capsys, *arguments)
    assert code == WRONG_USAGE and words in said["error"]["message"]


def test_notebooks_get_the_same(runs, capsys):
    with chronopolis.open("made") as made, chronopolis.open("what-if") as other:
        found = made.diff(other)
        assert found.first_divergence == as_json(capsys, "made", "what-if")[1]["first_divergence"]
        assert made.diff("other-seed", tick=3).configuration == {"seed": [7, 8]}
        assert chronopolis.diff(made, tick_a=1, tick_b=2).frame.height > 0
        assert chronopolis.diff(made.id, other.id).first_divergence == found.first_divergence
    assert not chronopolis.diff("made", "what-if").identical


def test_notebooks_list_the_runs_that_the_command_lists(runs, capsys):
    capsys.readouterr()
    assert main.run(["runs", "--json"]) == 0
    assert chronopolis.runs().to_dicts() == [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_cursor_of_the_python_api_steps_both_ways(runs):
    with chronopolis.open("what-if") as other, other.cursor(cache_mib=8) as cursor:
        for tick in (30, 31, 30, 29, 19, 20, 21, 0, TICKS + 10):
            assert cursor.at(tick).state_hash.hex() == other.at(tick).state_hash
            assert cursor.events(tick).records["tick"].tolist() == [tick] * len(cursor.events(tick))
