"""One thought in a process of its own, to be killed at a named point; its request comes by standard input."""

from __future__ import annotations

import json
import sys

from workers.bootstrap import open_store, reach
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import think

if __name__ == "__main__":
    with open_store() as store:
        print(think(store, ScriptedEngine(), None, json.load(sys.stdin), reach=reach))
