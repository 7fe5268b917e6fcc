"""Replay: the state at any tick, verified history, re-execution. Over a store port; it cannot call a model.

>>> world = replay.at(store, store.find("brave-otter"), 1200)
"""

from replay.reexecute import Reexecution, reexecute
from replay.seek import at, at_head
from replay.verify import Verification, verify
from replay.why import Causes, why

__all__ = ["Causes", "Reexecution", "Verification", "at", "at_head", "reexecute", "verify", "why"]
