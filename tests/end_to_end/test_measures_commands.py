"""`polis measures`, `bisect`, `watch` and `run --break` as people type them: contracts, exit codes, a live pause."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import chronopolis
from chronopolis.cli import main
from chronopolis.errors import WrongUsage
from domain.measures import MEASURES
from tests.support.commands import Polis, home_with_server
from tests.support.polis_process import Polis as Process

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SMALL = ("--agents", "40", "--width", "24", "--height", "24", "--seed", "7", "--quiet")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        assert main.run(["run", *SMALL, "--ticks", "120", "--name", "otter"]) == 0
        yield folder


# -- measures ----------------------------------------------------------------------------------------


def test_measures_keep_their_contract(polis: Polis) -> None:
    said = polis("measures", "otter", "--json")
    assert said.code == 0 and len(said.out.splitlines()) == 1
    told = said.json
    assert list(told["series"]) == list(MEASURES) and told["ticks"] == list(range(121))
    assert all(len(values) == 121 for values in told["series"].values())
    assert told["series"]["population"][0] == 40 and told["series"]["price_food"][0] is None
    one = polis("measures", "otter", "gini", "satiety", "--tick", "60", "--json").json
    assert one["tick"] == 60 and set(one["measures"]) == {"gini", "satiety"}
    assert one["measures"]["satiety"] == told["series"]["satiety"][60]
    thin = polis("measures", "otter", "moves", "satiety", "--from", "1", "--to", "100", "--every", "50", "--json").json
    assert thin["ticks"] == [1, 51]
    assert thin["series"]["moves"] == [sum(told["series"]["moves"][1:51]), sum(told["series"]["moves"][51:101])]
    assert thin["series"]["satiety"] == [told["series"]["satiety"][1], told["series"]["satiety"][51]]


def test_measures_are_shown_to_people(polis: Polis, tmp_path: Path) -> None:
    said = polis("measures", "otter")
    assert said.code == 0 and "population" in said.out and "▁" in said.out
    assert "moves" in polis("measures", "otter", "moves", "--every", "40").out
    listed = polis("measures", "--list").out
    assert all(name in listed for name in MEASURES)
    assert {m["name"] for m in polis("measures", "--list", "--json").json["measures"]} == set(MEASURES)
    some = polis("measures", "otter", "gini", "trades_so_far", "--list", "--json").json["measures"]
    assert [m["name"] for m in some] == ["gini_wealth", "trades"]
    for name in ("picture.png", "picture.svg"):
        assert polis("measures", "otter", "food", "price_food", "trades", "--plot", str(tmp_path / name)).code == 0
        assert (tmp_path / name).stat().st_size > 5_000
    assert polis("measures", "otter", "food", "--rebuild", "--json").code == 0


def test_before_and_then_of_a_negation_say_whose_truth_they_are(polis: Polis) -> None:
    assert polis("fork", "otter", "--at", "50", "--name", "mortal", "--intervene", "agent=3 remove").code == 0
    assert polis("resume", "mortal", "--ticks", "2", "--quiet").code == 0
    told = polis("bisect", "mortal", "not agent(3).alive").out
    assert re.search(r"true at +tick 51\b", told)
    assert re.search(r"before +agent\(3\).alive true", told)
    assert re.search(r"then +agent\(3\).alive false", told)
    assert re.search(r"then +true", polis("bisect", "mortal", "agent(3).dead").out), "the question itself"


def test_a_price_over_several_ticks_is_what_was_paid_over_what_was_bought(polis: Polis) -> None:
    told = polis("measures", "otter", "price_food", "--every", "50", "--json").json
    assert set(told["series"]) == {"price_food"}
    question = (
        "SELECT (tick - tick % 50) AS tick, 1000.0 * sum(taken_quantity) / sum(quantity) AS price FROM trades "
        "WHERE good = 'food' AND taken_good = 'coin' GROUP BY 1"
    )
    with chronopolis.open("otter") as run:
        paid = dict(run.sql(question).rows())
    assert len(paid) > 1
    prices = zip(told["ticks"], told["series"]["price_food"], strict=True)
    assert {tick: price for tick, price in prices if price is not None} == pytest.approx(paid)


def test_measures_are_written_for_other_programs(polis: Polis, tmp_path: Path) -> None:
    said = polis("measures", "otter", "population", "satiety", "price_food", "--csv")
    told = polis("measures", "otter", "population", "satiety", "price_food", "--json").json["series"]
    read = pl.read_csv(io.StringIO(said.out))
    assert read.columns == ["tick", "population", "satiety", "price_food"]
    assert [read[name].to_list() for name in told] == list(told.values())
    thin = polis("measures", "otter", "trades", "--every", "50", "--csv").out.splitlines()
    assert [line.split(",")[0] for line in thin] == ["tick", "0", "50", "100"]
    assert len(polis("measures", "otter", "--tick", "60", "--csv").out.splitlines()) == 2

    file = tmp_path / "society.parquet"
    assert polis("measures", "otter", "--parquet", str(file)).code == 0
    kept = pl.read_parquet(file)
    with chronopolis.open("otter") as run:
        frame = run.measures()
    assert kept.schema == frame.schema and kept.height == 121
    assert (kept["population"].dtype, kept["satiety"].dtype) == (pl.Int64, pl.Float64)
    assert kept["trades"].equals(frame["trades"])


def test_measures_of_several_runs_stand_in_one_frame(polis: Polis) -> None:
    polis("run", *SMALL[:-3], "--seed", str(2**40), "--quiet", "--ticks", "30", "--name", "heron")
    frame = chronopolis.measures(["otter", "heron"], "population", ["gini_coins"], last=30)
    assert frame.columns == ["run", "name", "seed", "tick", "population", "gini_coins"] and frame.height == 62
    assert frame.select("name", "seed").unique(maintain_order=True).rows() == [("otter", 7), ("heron", 2**40)]
    assert [frame[name].dtype for name in ("run", "seed")] == [pl.Int64, pl.Int64]
    with chronopolis.open("heron") as run:
        assert chronopolis.measures([run], "population").select("tick", "population").equals(run.measures("population"))
    assert chronopolis.measures("heron", "population").height == 31
    for runs in ([], [None], 1.5):
        with pytest.raises(WrongUsage):
            chronopolis.measures(runs)
    asked = chronopolis.sql("SELECT run, max(tick) AS head FROM ticks GROUP BY run ORDER BY run")
    assert set(asked["head"]) >= {120, 30}
    assert chronopolis.sql("SELECT count(DISTINCT run) AS n FROM measures")["n"].item() >= 2


def test_measures_in_python_are_those_of_the_command(polis: Polis) -> None:
    told = polis("measures", "otter", "food", "price_food", "deaths_so_far", "--json").json["series"]
    with chronopolis.open("otter") as run:
        frame = run.measures("food", "price_food", "deaths_so_far")
    assert frame.columns == ["tick", "food", "price_food", "deaths_so_far"]
    assert frame["food"].to_list() == pytest.approx(told["food"])
    assert frame["price_food"].null_count() == sum(v is None for v in told["price_food"])


@pytest.mark.parametrize("arguments", [
    ("measures",), ("measures", "otter", "foood"), ("measures", "nobody"), ("measures", "otter", "--tick", "999"),
    ("measures", "otter", "--tick", "3", "--from", "2"), ("measures", "otter", "--from", "9", "--to", "3"),
    ("measures", "otter", "food", "--plot", "picture.gif"), ("measures", "otter", "price_food_so_far"),
    ("bisect", "otter", "gini >"), ("bisect", "otter", "ginny > 1"), ("bisect", "nobody", "gini > 1"),
    ("bisect", "otter", "gini > 1", "--seek", "--scan"), ("bisect", "otter", "gini > 1", "--from", "999"),
    ("bisect", "otter", "--sql", "SELECT 1"), ("bisect", "otter", "--sql", "DROP TABLE runs"),
    ("bisect", "otter", "--sql", "SELECT 3 + :tick"), ("bisect", "otter", "--sql", "SELECT nothing > :tick"),
    ("watch", "otter"), ("watch", "otter", "gini > 1", "--from", "1", "--back-from", "2"),
    ("watch", "otter", "--event", "Nothing"), ("watch", "otter", "gini > 1", "--pause"),
    ("watch", "otter", "--agent", "99999"), ("watch", "otter", "--agent", "99999", "--back-from", "9"),
    ("measures", "otter", "--list", "--csv"), ("measures", "otter", "--csv", "--json"),
    ("measures", "otter", "--parquet", ""),
    ("measures", "nobody", "--list"), ("measures", "otter", "foood", "--list"), ("measures", "--list", "--rebuild"),
    ("run", *SMALL, "--name", "never", "--break", "true"), ("resume", "otter", "--break", "1 < 2"),
    ("export", "otter", "--parquet", ""),
    ("run", *SMALL, "--name", "never", "--break", "hungry >"),
    ("run", *SMALL, "--name", "never", "--break", "cell(99999).food < 1"), ("resume", "otter", "--break", "hungry ="),
])  # fmt: skip
def test_wrong_usage_is_said_in_a_line_and_leaves_with_2(polis: Polis, arguments: tuple[str, ...]) -> None:
    said = polis(*arguments, "--json")
    assert said.code == 2, said
    assert said.json["error"]["exit_code"] == 2
    assert said.err.startswith("error: ") and "Traceback" not in said.err
    assert polis("show", "never").code == 2, "nothing was made"


# -- bisect ------------------------------------------------------------------------------------------


def test_bisect_keeps_its_contract(polis: Polis) -> None:
    food = polis("measures", "otter", "food", "--json").json["series"]["food"]
    least = max(food[:60]) - 0.001
    said = polis("bisect", "otter", f"food > {least}", "--json")
    assert said.code == 0 and len(said.out.splitlines()) == 1
    told = said.json
    assert {"tick", "value_before", "value_after", "causes"} <= told.keys()
    assert told["tick"] == next(t for t, value in enumerate(food) if value > least)
    assert told["value_before"] <= least < told["value_after"]
    assert told["causes"] and {"tick", "ordinal", "kind", "term", "contribution"} <= told["causes"][0].keys()
    assert told["causes"][0]["contribution"] > 0
    for way in ("--seek", "--scan"):
        assert polis("bisect", "otter", "tick >= 77", way, "--json").json["tick"] == 77
    shown = polis("bisect", "otter", f"food > {least}")
    assert f"tick {told['tick']}" in shown.out and "polis why otter" in shown.out


def test_bisect_leaves_with_1_where_it_is_never_true(polis: Polis) -> None:
    for arguments in (
        ("population > 1_000_000",),
        ("--sql", "SELECT count(*) > 99999 FROM deaths WHERE tick <= :tick"),
    ):
        said = polis("bisect", "otter", *arguments, "--json")
        assert said.code == 1
        assert (said.json["tick"], said.json["causes"], said.json["value_after"]) == (None, [], None)
        assert "never" in polis("bisect", "otter", *arguments).out


def test_bisect_does_not_call_never_what_it_has_not_seen(polis: Polis) -> None:
    said = polis("bisect", "otter", "tick > 50 and tick < 60", "--seek")
    assert said.code == 1 and "never" not in said.out
    assert "at tick 0 and at tick 120" in said.out and "nothing is known" in said.out
    told = polis("bisect", "otter", "tick > 50 and tick < 60", "--seek", "--json")
    assert (told.code, told.json["tick"], told.json["settled"]) == (1, None, False)
    sql = ("bisect", "otter", "--sql", "SELECT :tick > 50 AND :tick < 60", "--seek")
    assert "never" not in polis(*sql).out and polis(*sql, "--json").json["settled"] is False


def test_bisect_by_sql_blames_nobody_where_it_names_no_kind(polis: Polis) -> None:
    assert polis("bisect", "otter", "--sql", "SELECT :tick >= 50", "--json").json["causes"] == []
    shown = polis("bisect", "otter", "--sql", "SELECT count(*) >= 500 FROM moves WHERE tick <= :tick").out
    assert "what moved it" not in shown and "of the kinds that the question names" in shown


def test_what_happened_is_told_in_words_with_names(polis: Polis) -> None:
    shown = polis("bisect", "otter", "moves_so_far >= 500").out
    assert re.search(r"[A-Z]\w+ [A-Z]\w+ \(\d+\) went from cell \d+ to \d+", shown) and "from_cell" not in shown
    watched = polis("watch", "otter", "--event", "moves", "--from", "60").out
    assert re.search(r"60:\d+ [A-Z]\w+ [A-Z]\w+ \(\d+\) went from cell", watched)


@pytest.mark.parametrize("asked", ["agent(9999).food < 1", "cell(99999999).food < 1"])
def test_what_can_not_be_there_is_refused_at_once(polis: Polis, asked: str) -> None:
    for command in ("bisect", "watch"):
        said = polis(command, "otter", asked)
        assert said.code == 2 and "there is no" in said.err and "0 to" in said.err
        assert said.err.splitlines()[2] == "  ^"


def test_a_summary_says_what_only_this_process_counted(polis: Polis) -> None:
    said = polis("resume", "otter", "--quiet")
    assert "trades 0" in said.out and "in this process" in said.out.split("trades 0")[1]


def test_bisect_by_sql_finds_what_an_expression_finds(polis: Polis) -> None:
    expected = polis("bisect", "otter", "moves_so_far >= 500", "--json").json["tick"]
    predicate = "SELECT count(*) >= 500 FROM moves WHERE tick <= :tick"
    for way in ((), ("--seek",)):
        said = polis("bisect", "otter", "--sql", predicate, *way, "--json").json
        assert said["tick"] == expected
        assert (said["value_before"], said["value_after"]) == (False, True)
        assert {cause["kind"] for cause in said["causes"]} == {"AgentMoved"}
    assert polis("bisect", "otter", "--sql", predicate, "--from", str(expected + 1), "--json").json["already"]


# -- watch and break ---------------------------------------------------------------------------------


def test_watch_looks_forwards_and_backwards(polis: Polis) -> None:
    moves = polis("measures", "otter", "moves", "--json").json["series"]["moves"]
    many = sorted(moves)[-10]
    busy = [t for t, n in enumerate(moves) if n >= many]
    first = polis("watch", "otter", f"moves >= {many}", "--json")
    assert first.code == 0 and (first.json["tick"], first.json["direction"]) == (busy[0], "forward")
    last = polis("watch", "otter", f"moves >= {many}", "--back-from", "120", "--json").json
    assert (last["tick"], last["direction"], last["values"]) == (
        busy[-1],
        "backward",
        {"moves": float(moves[busy[-1]])},
    )
    assert polis("watch", "otter", "--event", "moves", "--from", "60").code == 0
    never = polis("watch", "otter", "population > 99999", "--json")
    assert never.code == 1 and never.json["tick"] is None


def test_a_run_breaks_resumes_and_ends_as_one_that_never_stopped(polis: Polis) -> None:
    said = polis("run", *SMALL, "--ticks", "120", "--name", "broken", "--break", "moves_so_far >= 500", "--json")
    expected = polis("bisect", "otter", "moves_so_far >= 500", "--json").json["tick"]
    assert (said.code, said.json["status"], said.json["head_tick"]) == (130, "paused", expected)
    assert "moves_so_far >= 500 holds" in said.json["paused_because"] and "polis resume broken" in said.err
    assert polis("resume", "broken", "--break", "moves_so_far >= 500", "--quiet", "--json").json["head_tick"] == 120
    whole = polis("show", "otter", "--json").json["head_hash"]
    assert polis("show", "broken", "--json").json["head_hash"] == whole


def test_a_live_run_is_paused_from_another_process(polis: Polis, home: Path) -> None:
    runner = Process({"POLIS_HOME": str(home)}, "run", *SMALL, "--ticks", "5000", "--pace", "10", "--name", "live",
                     "--json")  # fmt: skip
    until = time.monotonic() + 90
    while polis("show", "live", "--json").json.get("status") != "running":
        assert time.monotonic() < until, runner.process.poll()
        time.sleep(0.2)
    said = polis("watch", "live", "moves_so_far > 300", "--pause", "--json")
    out, err = runner.process.communicate(timeout=60)
    summary = json.loads(out.splitlines()[-1])
    assert said.code == 0, said
    told = said.json
    assert told["live"] and told["tick"] <= told["paused_at"] == summary["head_tick"] < 5000
    assert (runner.process.returncode, summary["status"]) == (130, "paused")
    assert "polis watch" in summary["paused_because"] and "polis resume live" in err
    assert (
        told["tick"]
        == polis("bisect", "live", "moves_so_far > 300", "--from", str(told["tick"]), "--json").json["tick"]
    )
    more = 120 - summary["head_tick"]
    if more > 0:
        polis("resume", "live", "--ticks", str(more), "--quiet")
    assert polis("verify", "live", "--json").code == 0
    tick = min(120, polis("show", "live", "--json").json["head_tick"])
    states = [polis("state", name, "--tick", str(tick), "--json").json["state_hash"] for name in ("live", "otter")]
    assert states[0] == states[1], "whoever is watched and paused goes the way of one who is not"
