"""What a sweep tells: its table, its picture, and what becomes of a run that can't be measured."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import replay
from chronopolis import panels
from chronopolis.cli.output import Output
from chronopolis.cli.sweep_answer import spread_told, tell
from chronopolis.errors import WrongUsage
from chronopolis.sweep import Ending, Fared, Genesis, groups_of, picture, plan_sweep
from chronopolis.sweep.ending import COMPLETE
from chronopolis.sweep.figures import Course, fared
from domain.errors import CorruptHistory
from domain.ports import Run

pytestmark = pytest.mark.unit

PLANNED = plan_sweep(
    "dry",
    ticks=10,
    seeds=[1, 2],
    values={"hunger": [30, 60]},
    origin=Genesis({"agents": 40, "width": 20, "height": 20}),
)


def endings() -> list[Ending]:
    runs = [Run(n, m.name, m.seed, m.configuration, b"") for n, m in enumerate(PLANNED.members, 1)]
    return [Ending(m, run, COMPLETE, 10, "00") for m, run in zip(PLANNED.members, runs, strict=True)]


def test_a_run_that_is_damaged_has_failed_and_the_others_are_told(monkeypatch):
    def series(store, run, names, first, last, **more):
        if run.id == 2:
            raise CorruptHistory(4, -1, "its events are gone")
        return {name: np.array([7.0]) for name in names}

    monkeypatch.setattr(replay, "measure_series", series)
    told = list(fared(None, PLANNED, endings(), ["population"]))  # type: ignore[arg-type]
    assert [run.ending.status for run in told] == ["complete", "failed", "complete", "complete"]
    assert told[1].ending.problem == "tick 4: its events are gone"
    assert [group.runs for group in groups_of(PLANNED, told)] == [2, 1]


# -- the picture -------------------------------------------------------------------------------------------------


def drawn(monkeypatch, found, varied):
    """Return the figure that would be written."""
    kept = []
    monkeypatch.setattr(panels, "save_figure", lambda figure, path: kept.append(figure))
    picture.plot_sweep(found, varied, Path("sweep.svg"), title="")
    return kept[0]


def course(*values: float) -> Course:
    return Course(range(len(values)), np.array(values), np.zeros(len(values)), 2)


def test_a_price_of_a_single_tick_is_seen(monkeypatch):
    none = float("nan")
    found = {"price_food": {(): course(none, 4.0, none)}, "ties": {(): course(1, 2, 3)}}
    price, ties = drawn(monkeypatch, found, ()).axes
    assert (price.lines[0].get_marker(), ties.lines[0].get_marker()) == (".", "None")


def test_no_two_settings_have_one_colour_and_their_names_hide_no_panel(monkeypatch):
    found = {"ties": {(n,): course(1, 2) for n in range(30)}}
    figure = drawn(monkeypatch, found, ("hunger",))
    assert len({str(line.get_color()) for line in figure.axes[0].lines}) == 30
    assert figure.legends and figure.axes[0].get_legend() is None


def test_the_lowest_panel_of_each_column_says_that_its_axis_is_of_ticks(monkeypatch):
    figure = drawn(monkeypatch, {name: {(): course(1, 2)} for name in ("ties", "hungry", "energy")}, ())
    assert [axis.get_xlabel() for axis in figure.axes if axis.get_visible()] == ["", "tick", "tick"]


@pytest.mark.parametrize(
    ("name", "number", "says"),
    [("no/x.png", 1, "No such file"), ("x.png", 1, "it is a folder"), ("y.png", 25, "too small a picture")],
)
def test_a_picture_that_can_t_be_written_is_refused_before_anything_is_run(tmp_path, name, number, says):
    (tmp_path / "x.png").mkdir()
    with pytest.raises(WrongUsage, match=says):
        panels.require_picture(tmp_path / name, number)
    panels.require_picture(tmp_path / "y.svg", 24)


def test_a_full_disk_is_no_wrong_usage(tmp_path):
    import matplotlib.figure

    full = tmp_path / "full.png"
    os.symlink("/dev/full", full)
    with pytest.raises(OSError, match="No space left"):
        panels.save_figure(matplotlib.figure.Figure(), full)


# -- the table -------------------------------------------------------------------------------------------------


def spread(n: int, mean: float | None, sd: float | None) -> dict[str, float | int | None]:
    return {"n": n, "mean": mean, "sd": sd}


@pytest.mark.parametrize(
    ("n", "mean", "sd", "told"),
    [
        (3, 30.0, 0.0, "30 ± 0"), (3, 262.0, 45.254, "262.0 ± 45.3"), (3, 0.137, 0.0092, "0.137 ± 0.009"),
        (3, 0.136, 0.00042, "0.13600 ± 0.00042"), (3, 0.1, 1e-17, "0.100 ± 0.000"), (1, 4.0, None, "4 (1)"),
        (2, 4.5, 0.707, "4.500 ± 0.707 (2)"), (0, None, None, "–"),
    ],
)  # fmt: skip
def test_a_spread_is_told_to_digits_that_say_something_and_of_how_many_runs_it_is(n, mean, sd, told):
    assert spread_told(spread(n, mean, sd), 3) == told


@pytest.mark.parametrize("width", [60, 200])
def test_no_figure_and_no_name_is_cut_or_broken_in_a_narrow_terminal(width):
    output, out = Output(), io.StringIO()
    output.out = Console(file=out, width=width)
    names = ["population", "trades_so_far", "gini_wealth", "deaths_hunger_so_far", "paid_food_so_far"]
    runs = [Fared(ending, dict.fromkeys(names, 1_234 + ending.member.seed)) for ending in endings()]
    tell(output, PLANNED, runs, names, as_csv=False)
    lines = out.getvalue().splitlines()
    assert all(any(name in line.split() for line in lines) for name in names)
    assert out.getvalue().count("1,235.500 ± 0.707") == 2 * len(names)
    assert "…" not in out.getvalue()
