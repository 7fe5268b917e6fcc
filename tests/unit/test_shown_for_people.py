"""What commands write for people: lines, panels and pictures, without a database."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console

from chronopolis.cli import events, runs, state
from chronopolis.cli.backup import SizeDisplay
from chronopolis.cli.busy import BusyDisplay
from chronopolis.cli.checking import verification_panel
from chronopolis.cli.difference_tables import _figures
from chronopolis.cli.interventions import intervention_line
from chronopolis.cli.live import CheckDisplay
from chronopolis.cli.output import Output, figures_text
from chronopolis.cli.summary import _thoughts, finish
from domain.advance import new_world
from domain.configuration import Configuration
from domain.events import KINDS
from domain.inputs import Input, InputKey
from replay.diff_result import difference_of
from workers.thought_figures import ThoughtFigures

pytestmark = pytest.mark.unit


def written(renderable: Any) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(renderable, soft_wrap=True)
    return capture.get()


@pytest.mark.parametrize(("tick", "ordinal"), [(0, 10_145), (1_200, 17), (1_234_567, 123_456)])
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_an_event_begins_with_what_why_takes_and_its_columns_keep_apart(tick, ordinal, kind):
    event = {"tick": tick, "ordinal": ordinal, "kind": kind, "agent": 1_234_567, "cause_tick": tick, "cause_ordinal": 3}
    assert written(events._event_line(event)).split() == [f"{tick}:{ordinal}", kind, "1234567", "←", f"{tick}:3"]


@pytest.mark.parametrize("no_color", [True, False])
def test_a_terminal_without_colour_gets_a_map_of_letters(no_color):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", no_color=no_color, width=40)
    output: Any = SimpleNamespace(out=console, show=lambda text: None)
    state._draw(output, new_world(Configuration(agents=1, width=4, height=4)))
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert ("~ ~ ~ ~" in lines[0]) == no_color


def test_figures_are_told_as_numbers_that_people_read_and_the_mean_of_nobody_as_none():
    figures = {
        "population": 3,
        "satiety": 7.204,
        "gini_coins": None,
        "food": 999.6,
        "wood": 1_234.5,
        "ore": 99.96,
        "coins": 1_200,
    }
    assert figures_text(figures) == "satiety 7.2 · gini coins – · food 1,000 · wood 1,234 · ore 100 · coins 1,200"


@pytest.mark.parametrize(
    ("ours", "theirs", "by", "told"),
    [
        (0.05322549, 0.05335984, 0.00013435, ["0.05323", "0.05336", "+0.00013"]),
        (0.38666540, 0.38114077, -0.00552463, ["0.387", "0.381", "-0.006"]),  # of -0.0055 it would be -0.005
        (0.3, 0.1 + 0.2, 0.0, ["0.3", "0.3", "0"]),
        (60, 12, -48, ["60", "12", "-48"]),
        (None, 7.25, None, ["–", "7.25"]),
    ],
)
def test_two_figures_that_differ_are_told_apart_and_rounded_once(ours, theirs, by, told):
    assert difference_of(ours, theirs) == by
    side: Any = SimpleNamespace(id=1, name="a", tick=3)
    found: Any = SimpleNamespace(a=side, b=side, world_a=side, world_b=side, figures={"tie_strength": (ours, theirs)})
    (table,) = _figures(found)
    assert written(table).rstrip().splitlines()[-1].split() == ["tie", "strength", *told]


def test_nothing_is_said_to_be_whole_where_nothing_was_folded():
    values = {"ok": False, "name": "r", "ticks": 0, "first_bad_tick": 401, "area": "ticks", "reason": "no header"}
    assert "before it" not in written(verification_panel(values))
    assert "401 ticks are as they were recorded" in written(verification_panel(values | {"ticks": 401}))


def test_one_of_something_is_told_as_one():
    whole = {"ok": True, "name": "r", "ticks": 1, "events": 1, "snapshots": 1, "head_hash": "ab"}
    assert "1 tick, 1 event, 1 snapshot " in written(verification_panel(whole))
    damaged = {"ok": False, "name": "r", "ticks": 1, "first_bad_tick": 1, "area": "events", "reason": "no"}
    assert "1 tick is as it was recorded" in written(verification_panel(damaged))
    deeds = {"effect_tick": 3, "add": {"agents": 1}, "stock": {"good": "food", "cells": [7], "percent": 50}}
    assert intervention_line(deeds) == "tick 3: 1 agent added, food 50 % of capacity in 1 cell"
    deeds = {"effect_tick": 3, "agent": 7, "endow": {"food": 20_500, "coin": 3}}
    assert intervention_line(deeds) == "tick 3: agent 7: 20.5 food given, 3 coins given", "in units, not thousandths"
    deeds = {"effect_tick": 3, "stock": {"good": "wood", "cells": "all", "amount": 1_500}}
    assert intervention_line(deeds) == "tick 3: 1.5 wood in every cell"
    assert "none of" not in str(ThoughtFigures(refused=1, reasons=Counter({"timed out": 1})).problem())


def listed(number: int, name: str, parent: int | None) -> dict[str, Any]:
    return {
        "run": number, "name": name, "parent": parent, "fork_tick": 1_200, "status": "complete", "head_tick": 54_321,
        "target": 98_765, "agents": 500, "seed": 7_654_321, "head_hash": "ab" * 32,
        "created_at": "2026-01-02T03:04:05+00:00", "damage": None,
    }  # fmt: skip


def test_what_a_narrow_terminal_has_no_room_for_is_left_out_of_the_runs_and_not_cut():
    found = [listed(1, "brave-otter", None), listed(2, "lean-brave-otter", 1)]
    shown = []
    for columns in range(42, 140):
        console = Console(width=columns, color_system=None)
        with console.capture() as capture:
            console.print(runs._runs_table(found, columns=columns))
        title, _, _, last = (line for line in capture.get().splitlines() if line.strip())
        assert "…" not in last
        assert {"lean-brave-otter", "complete", "54,321"} <= set(last.split())
        shown.append(len(title.split()))
    assert shown == sorted(shown)
    assert set(shown) == {3, 4, 5, 7, 8, 9, 11, 12}  # "forked from" and "head hash" are two words


def test_a_run_that_was_stopped_before_its_first_tick_names_no_tick(capsys):
    values = {
        "name": "early", "seed": 7, "status": "paused", "head_tick": -1, "head_hash": "00", "ticks": 300, "events": 0,
        "events_per_s": 0.0, "tick_ms": {"p50": 0.0, "p99": 0.0, "max": 0.0}, "figures": {}, "peak_rss_mb": 1.0,
        "pss_all_mb": 1.0,
    }  # fmt: skip
    with pytest.raises(typer.Exit):
        finish(Output(as_json=False, quiet=False), SimpleNamespace(as_dict=lambda: dict(values)), resumed=False)
    shown = capsys.readouterr()
    assert "stopped before its first tick; `polis resume early` goes on" in shown.err
    assert "no tick yet of 300" in shown.out and "-1" not in shown.out + shown.err


def test_the_thoughts_of_a_resumed_run_are_told_of_this_process_and_in_all_and_no_time_where_none_was_taken():
    figures = ThoughtFigures(thoughts=7, asked=9, tokens_in=80, tokens_out=9, latency_ms=[1_200])
    alone = _thoughts(figures.as_dict())
    assert alone == "7 taken, 0 refused · 9 asked, 0 reused · mean 1,200 ms, p95 1,200 ms · 80 tokens in, 9 out"
    figures.thoughts_before, figures.reasons_before = 30, Counter({"timed out": 4})
    assert _thoughts(figures.as_dict()) == f"{alone}, in this process · 37 taken, 4 refused in all"
    reusing = ThoughtFigures(reused=1)
    about = {"tokens_in": 300, "tokens_out": 20, "latency_ms": 900}
    reusing.count(Input(InputKey(3, 1, "intention", 0), 9, {"intention": "forage"}, about | {"reused_from": 4}))
    assert _thoughts(reusing.as_dict()) == "1 taken, 0 refused · 0 asked, 1 reused · 0 tokens in, 0 out"
    reusing.count(Input(InputKey(3, 2, "intention", 0), 9, {"intention": "forage"}, about | {"reused_from": None}))
    assert "mean 900 ms, p95 900 ms · 300 tokens in, 20 out" in str(_thoughts(reusing.as_dict()))
    deaf = ThoughtFigures(asked=3, refused=3, reasons=Counter({"timed out": 3}))
    assert _thoughts(deaf.as_dict()) == "0 taken, 3 refused · 3 asked, 0 reused · 0 tokens in, 0 out"


def test_a_restore_whose_file_is_read_says_what_it_still_does(capsys):
    with SizeDisplay(Output(), "restoring", "read", then="making indexes") as display:
        for done in (1 << 20, 3 << 20):
            display._said = 0.0
            display.update(done, 3 << 20)
    said = capsys.readouterr().err.splitlines()
    assert said == ["restoring: 1.0 MiB of about 3.0 MiB read", "restoring: all 3.0 MiB are read, making indexes"]


def test_a_result_that_is_written_while_a_bar_is_shown_stays_on_standard_output_and_below_no_bar(capsys):
    output = Output()
    bar = io.StringIO()
    output.err = Console(file=bar, force_terminal=True, width=80)
    with CheckDisplay(output, "looking through otter") as display:
        display.update(3, 99)
        with display.aside():
            cleared = bar.getvalue()
            output.line({"tick": 3})
            output.out.print("three")
        display.update(4, 99)
        assert bar.getvalue() == cleared, "results that come fast tell how far it is"
        display._aside_until -= 1.0
        display.update(5, 99)
        assert "looking through otter" in bar.getvalue()[len(cleared) :]
    assert capsys.readouterr().out.splitlines() == ['{"tick": 3}', "three"]
    assert "three" not in bar.getvalue()


def test_what_nobody_knows_the_end_of_is_shown_on_a_terminal_with_what_it_waits_for(capsys):
    output, terminal = Output(), io.StringIO()
    output.err = Console(file=terminal, force_terminal=True, width=80)
    with BusyDisplay(output, "dropping otter") as display:
        display.waiting("its memories")
        output.line({"dropped": True})
    assert "dropping otter: its memories" in terminal.getvalue()
    assert capsys.readouterr().out == '{"dropped": true}\n'


def test_what_an_export_does_beyond_its_ticks_is_said(capsys):
    with CheckDisplay(Output(), "exporting otter") as display:
        for show in (lambda: display.update(80, 99), lambda: display.beyond("50,000 rows of measures")):
            display._said = 0.0
            show()
    said = capsys.readouterr().err.splitlines()
    assert said == ["exporting otter: tick 80 of 99", "exporting otter: 50,000 rows of measures"]


def test_a_remark_made_while_the_console_is_imported_is_made_plainly():
    """As by what hears Ctrl-C, which may come in the middle of an import."""
    code = """
import sys, types
from chronopolis.cli.output import Output

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "rich._emoji_codes" and self in sys.meta_path:
            sys.meta_path.remove(self)
            sys.modules[name] = types.ModuleType(name)  # as it stands there until its last line was run
            Output().say("stopping")
            del sys.modules[name]

sys.meta_path.insert(0, Interrupting())
Output().say("gone on")
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert said == "stopping\ngone on\n"
