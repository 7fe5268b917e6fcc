"""Sweeps: one scenario over many seeds and values, each combination a run of its own."""

from chronopolis.sweep.crew import SweepCrew
from chronopolis.sweep.ending import Ending
from chronopolis.sweep.figures import Fared, Group, groups_of, spread_of
from chronopolis.sweep.plan import ForkPoint, Genesis, Member, Sweep, plan_sweep, seeds_of

__all__ = [
    "Ending", "Fared", "ForkPoint", "Genesis", "Group", "Member", "Sweep", "SweepCrew", "groups_of", "plan_sweep",
    "seeds_of", "spread_of",
]  # fmt: skip
