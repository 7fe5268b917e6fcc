"""What a sweep tells: its table, its picture, and what becomes of a run that can't be measured."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import replay
from chronopolis import panels
from chronopolis.errors import WrongUsage
from chronopolis.sweep import Ending, Genesis, groups_of, picture, plan_sweep
from chronopolis.sweep.crew import COMPLETE
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
