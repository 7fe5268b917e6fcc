"""What pyproject.toml says in two places says the same, and what it bans is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_domain_is_refused_every_library_but_its_own_four():
    (contract,) = [c for c in SETTINGS["tool"]["importlinter"]["contracts"] if c["id"] == "domain-libraries"]
    libraries = [re.match(r"[\w-]+", line)[0].replace("-", "_") for line in SETTINGS["project"]["dependencies"]]
    assert {"numpy", "numba", "polars", "mesa_frames"} == set(libraries) - set(contract["forbidden_modules"])


@pytest.mark.parametrize("package", ["domain", "replay"])
@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np; np.random.default_rng()",
        "from numpy.random import default_rng",
        "import os; os.urandom(8)",
        "import secrets",
        "from random import random",
        "from uuid import uuid4",
    ],
)
def test_chance_that_is_no_named_stream_is_refused(package, line):
    assert _bans(f"{package}/rules/some.py", line)


@pytest.mark.parametrize("package", ["infrastructure", "workers", "chronopolis", "tests", "benchmarks"])
def test_elsewhere_there_may_be_any(package):
    assert not _bans(f"{package}/some.py", "import random, secrets")


def _bans(name: str, line: str) -> bool:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", name, "-"]
    said = subprocess.run(command, check=False, input=line, text=True, capture_output=True, cwd=ROOT)
    assert said.returncode in (0, 1), said.stderr
    return "TID251" in said.stdout
