"""A society of two persona groups, each with an adapter of its own, thinking with vLLM. `make test-vllm` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import replay
from domain.codes import Occupation
from domain.columns import OCCUPATION
from infrastructure.engines.adapters import install_adapter
from tests.support.crashes import ROOT
from tests.vllm.test_vllm_server import SETTINGS, made_by_peft, python
from workers.bootstrap import open_store

__all__ = ["python"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1800)]


def polis(*arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-W", "ignore", "-c", "from chronopolis.cli.main import main; main()", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, text=True, capture_output=True, timeout=1200, check=False,
        env=os.environ | {"POLIS_HOME": str(SETTINGS.home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_two_persona_groups_think_with_adapters_of_their_own(python: Path, tmp_path: Path) -> None:
    names = {}
    for group, rank in (("farmer", 4), ("miner", 8)):
        names[group] = f"{group}-{os.getpid()}"
        install_adapter(SETTINGS.home, names[group], made_by_peft(python, tmp_path / group, rank, alpha=2))
    run = f"groups-{os.getpid()}"
    (summary,) = polis(
        "run", "--agents", "20", "--width", "8", "--height", "8", "--ticks", "60", "--seed", "7", "--mind", "vllm",
        "--adapter", f"farmer={names['farmer']}", "--adapter", f"miner={names['miner']}", "--name", run,
        "--set", "think_budget=400", "--set", "think_delay=10", "--patience", "300", "--json",
    )  # fmt: skip
    assert summary["thoughts"] + summary["refused"] >= 15 and summary["thoughts"] > 0, summary
    thoughts = polis("thought", run, "--all", "--json")
    with open_store(SETTINGS) as store:
        found = store.find(run)
        assert replay.reexecute(store, found).identical
        world = replay.at(store, found, 0)
    seen: dict[str, set[str | None]] = {}
    for thought in thoughts:
        group = Occupation(int(world.agents[OCCUPATION, thought["agent"]])).name.lower()
        if thought["raw"] is not None:
            seen.setdefault(group, set()).add(thought["adapter"])
    assert seen["farmer"] == {names["farmer"]} and seen["miner"] == {names["miner"]}, seen
    others = set().union(*(adapters for group, adapters in seen.items() if group not in names))
    assert others <= {None}, "the base model answers for groups without an adapter"
