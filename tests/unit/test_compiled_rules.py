"""Compiled rules are those of the sources at hand: kept in a folder of theirs, or not at all."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numba
import numpy as np
import pytest

from domain import _jit
from domain._kept import _Files

pytestmark = pytest.mark.unit

_ROOT = Path(__file__).parents[2]
_COMPILE = (
    "from domain import _jit\n"
    "from domain.hexgrid import hex_distance\n"
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "import rules\n"
    "print(_jit.ARE_KEPT, _jit.KERNELS, rules.answer(), sep='\\n')\n"
)


def compiled(folder: Path, **environment: str) -> tuple[bool, Path, int]:
    """Compile a kernel of `folder` and return (whether it is kept, where, what it answers)."""
    clean = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    command = [sys.executable, "-B", "-c", _COMPILE, str(folder)]  # Python's own cache tells sources by the second
    told = subprocess.run(command, cwd=_ROOT, env=clean | environment, capture_output=True, text=True, check=True)
    kept, where, answer = told.stdout.splitlines()
    return kept == "True", Path(where), int(answer)


def rules(folder: Path, answer: int) -> Path:
    """Write a kernel whose own file stays as it is, and a helper in another file that says what it answers."""
    folder.mkdir(exist_ok=True)
    (folder / "rules.py").write_text(
        "from domain._jit import kernel\nfrom helper import helps\n\n\n@kernel\ndef answer():\n    return helps()\n"
    )
    (folder / "helper.py").write_text(
        f"from domain._jit import inline\n\n\n@inline\ndef helps():\n    return {answer}\n"
    )
    os.utime(folder / "rules.py", (1, 1))
    return folder


def test_rules_that_can_not_be_kept_are_compiled_anew(tmp_path: Path) -> None:
    no_folder = tmp_path / "a file"
    no_folder.touch()
    for answer in (1, 2):
        kept, _, told = compiled(rules(tmp_path / "village", answer), XDG_CACHE_HOME=str(no_folder))
        assert (kept, told) == (False, answer)
    assert not list((tmp_path / "village").rglob("*.nbc"))


def test_where_nobody_knows_whose_home_it_is_no_folder_is_made_for_rules(tmp_path: Path) -> None:
    kept, where, told = compiled(rules(tmp_path / "village", 1), HOME="~")  # as where the user has no account
    assert (kept, told) == (False, 1)
    assert not (_ROOT / "~").exists() and not where.exists()


def test_whoever_compiles_rules_is_told_and_whoever_loads_kept_ones_is_not(tmp_path: Path) -> None:
    code = _COMPILE.replace(
        "print(", "told = []\nwith _jit.told_of_compiling(told.append):\n    rules.answer()\nprint(told)\nprint("
    )
    folder = rules(tmp_path / "village", 1)
    command = [sys.executable, "-B", "-c", code, str(folder)]
    clean = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"XDG_CACHE_HOME": str(tmp_path)}
    first, again = (
        subprocess.run(command, cwd=_ROOT, env=clean, capture_output=True, text=True, check=True).stdout.splitlines()[0]
        for _ in range(2)
    )
    assert first.startswith("[1") and again == "[]"


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_rules_are_kept_by_their_sources_wherever_that_is(tmp_path: Path, variable: str) -> None:
    kept, where, _ = compiled(rules(tmp_path / "village", 1), **{variable: str(tmp_path / "cache")})
    assert kept and where.is_relative_to(tmp_path / "cache") and len(where.name) == 16
    assert list(where.rglob("*.nbc"))


def test_rules_are_compiled_where_numba_is_told_not_to(tmp_path: Path) -> None:
    kept, where, told = compiled(
        rules(tmp_path / "village", 1), XDG_CACHE_HOME=str(tmp_path / "cache"), NUMBA_DISABLE_JIT="1"
    )
    assert (kept, told) == (True, 1) and list(where.rglob("*.nbc"))


# -- kept files ----------------------------------------------------------------------------------------


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[Any]]]:
    """Doubles numbers by a kernel as a process has it that has just begun; with how often that was compiled."""
    source = tmp_path / "doubling.py"
    source.write_text(
        "from domain._jit import kernel\n\n\n"
        "@kernel\ndef double(a):\n    for i in range(a.shape[0]):\n        a[i] *= 2\n"
    )
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(_jit, "ARE_KEPT", True)

    def doubled(*numbers: int, dtype: type = np.int64) -> tuple[int, list[Any]]:
        spec = importlib.util.spec_from_file_location("doubling", source)
        assert spec is not None and spec.loader is not None
        module, told = importlib.util.module_from_spec(spec), []
        spec.loader.exec_module(module)
        a = np.array(numbers, dtype)
        with _jit.told_of_compiling(told.append):
            module.double(a)
        return len(told), a.tolist()

    return doubled


def kept_in(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.nbc"))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda kept: b"",
    "cut short": lambda kept: kept[: len(kept) // 2],
    "zeros": lambda kept: bytes(len(kept)),
    "a page of zeros": lambda kept: kept[:4096] + bytes(4096) + kept[8192:],
    "a changed bit": lambda kept: kept[:-900] + bytes([kept[-900] ^ 1]) + kept[-899:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_kept_rules_that_are_not_whole_are_compiled_anew(
    tmp_path: Path, double: Callable[..., tuple[int, list[Any]]], damage: Callable[[bytes], bytes]
) -> None:
    assert double(3) == (1, [6]) and double(3) == (0, [6])
    (path,) = kept_in(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert double(3) == (1, [6]) and double(3) == (0, [6])
    assert kept_in(tmp_path) == [path]


def test_what_is_compiled_for_other_arguments_or_another_processor_is_kept_in_files_of_its_own(
    tmp_path: Path, double: Callable[..., tuple[int, list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert double(3) == (1, [6]) and double(2**20, dtype=np.int32) == (1, [2**21])
    monkeypatch.setattr("numba.core.codegen.CPUCodegen.magic_tuple", lambda self: ("x", "another", "+more"))
    assert double(3) == (1, [6]) and double(3) == (0, [6])
    monkeypatch.undo()
    assert len(kept_in(tmp_path)) == 3 and not list((tmp_path / "cache").rglob("*.nbi"))


def test_a_full_disk_stops_no_rules(
    tmp_path: Path, double: Callable[..., tuple[int, list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(self: _Files, path: str) -> NoReturn:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(_Files, "_open_for_write", full)
    assert double(3) == (1, [6]) and kept_in(tmp_path) == []
