"""The campaign in its short form; `make chaos` is the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.postgres_process import processes_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_short_campaign_of_kills_loses_nothing(tmp_path: Path) -> None:
    page = tmp_path / "chaos.md"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.chaos", "--kills", "6", "--seed", "3", "--json"]
    done = subprocess.run(
        [*command, "--page", str(page)], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] and told["kills"] >= 6 and told["failures"] == []
    assert "6/6 kills" in done.stderr
    assert "| killed | times |" in page.read_text()
    assert not list(processes_of(told["home"])) and not Path(told["home"]).exists(), "nothing is left"
