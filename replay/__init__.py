"""Replay: the state at any tick, verified history, re-execution. Over a store port; it cannot call a model.

>>> world = replay.at(store, store.find("brave-otter"), 1200)
"""

from replay.cursor import Cursor
from replay.diff import diff
from replay.diff_result import Difference
from replay.fork import fork
from replay.measures import fill as fill_measures
from replay.measures import lacking as measures_lacking
from replay.measures import rebuild as rebuild_measures
from replay.measures import series as measure_series
from replay.reexecute import Reexecution, reexecute
from replay.refusals import refusals
from replay.scenario import scenarios_of
from replay.seek import at, at_head
from replay.sound_end import require_sound_end
from replay.verify import Verification, verify
from replay.why import Causes, why

__all__ = [
    "Causes",
    "Cursor",
    "Difference",
    "Reexecution",
    "Verification",
    "at",
    "at_head",
    "diff",
    "fill_measures",
    "fork",
    "measure_series",
    "measures_lacking",
    "rebuild_measures",
    "reexecute",
    "refusals",
    "require_sound_end",
    "scenarios_of",
    "verify",
    "why",
]
