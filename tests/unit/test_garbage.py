"""A command that runs long looks for garbage as Python does: ticks with minds leave an eighth of a megabyte each."""

from __future__ import annotations

import gc

from chronopolis.cli import garbage


def test_what_runs_long_collects_as_usual_again_and_leaves_what_is_loaded_alone():
    before = gc.get_threshold()
    try:
        garbage.collect_seldom()
        assert gc.get_threshold()[0] > before[0]
        garbage.collect_as_usual()
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
