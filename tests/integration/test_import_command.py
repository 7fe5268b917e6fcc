"""`polis export --archive` and `polis import`, and the same in Python, on a real database and a real Chroma."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import chronopolis
from domain.errors import PolisError
from tests.support.commands import Polis, home_with_server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SOCIETY = ("--agents", "30", "--width", "10", "--height", "10", "--seed", "7", "--mind", "scripted", "--quiet")
TRUST = ("Do you trust your neighbours?", "--choice", "yes", "--choice", "no", "--json")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with home_with_server() as folder:
        yield folder


@pytest.fixture(scope="module", autouse=True)
def _made(home: Path) -> None:
    from chronopolis.cli import main

    assert main.run(["run", *SOCIETY, "--ticks", "60", "--name", "town"]) == 0


def test_who_is_asked_in_a_run_that_came_remembers_and_says_the_same(polis: Polis, tmp_path: Path) -> None:
    file = str(tmp_path / "town.polis")
    said = polis("export", "town", "--archive", file, "--json").json
    assert said["file"] == file and [run["name"] for run in said["runs"]] == ["town"]
    looked = polis("import", file, "--look", "--json").json
    assert looked["runs"][0]["head_hash"] == said["runs"][0]["head_hash"] and looked["bytes"] == said["bytes"]
    came = polis("import", file, "--prefix", "b-", "--json").json
    assert (came["runs"][0]["name"], came["runs"][0]["ticks"]) == ("b-town", 61)
    there, here = (polis("survey", name, *TRUST).json for name in ("b-town", "town"))
    for told, was in zip(there["answers"], here["answers"], strict=True):
        assert told | {"run": "town", "latency_ms": 0} == was | {"latency_ms": 0}
    assert any(each["memories"] for each in there["answers"])
    again, anew = polis("import", file, "--prefix", "b-").out, polis("import", file, "--prefix", "c-").out
    assert "was here" in again and "was here" not in anew
    for shown in (
        again,
        anew,
        polis("import", file, "--look").out,
        polis("export", "town", "--archive", file + "2").out,
    ):
        assert said["runs"][0]["head_hash"] in shown
    for name in ("b-town", "town"):
        polis("measures", name, "--json")
    ours, theirs = (polis("measures", name, "--json").json["series"] for name in ("town", "b-town"))
    assert ours == theirs


def test_python_does_the_same(tmp_path: Path) -> None:
    with chronopolis.open("town") as run:
        said = run.archive(tmp_path / "town.polis")
        with pytest.raises(PolisError, match="there already"):
            run.archive(tmp_path / "town.polis")
        assert run.archive(tmp_path / "town.polis", overwrite=True)["runs"] == said["runs"]
    (told,) = chronopolis.import_runs(tmp_path / "town.polis", prefix="python-")
    assert told["name"] == "python-town" and told["head_hash"] == said["runs"][0]["head_hash"]
    with chronopolis.open("python-town") as run:
        assert run.verify().ok


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("export", "town"), "say what to write"),
        (("export", "town", "--archive", "a.polis", "--parquet", "a"), "say what to write"),
        (("export", "town", "--archive", "a.polis", "--to", "5"), "whole runs"),
        (("export", "town", "town", "--parquet", "a"), "one run"),
        (("export", "nobody", "--archive", "a.polis"), "no run"),
        (("export", "town", "--archive", "/nowhere/a.polis"), "no folder"),
        (("export", "town", "--archive", ""), "give the name"),
        (("import", "nothing.polis"), "no such file"),
        (("import", "nothing.polis", "--look"), "no such file"),
        (("import", ""), "give the name"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_a_line(
    polis: Polis, arguments: tuple[str, ...], because: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = polis(*arguments)
    assert said.code == 2 and because in said.err and "Traceback" not in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"file": ""}, {"file": 3}, {"file": "x", "prefix": 3}, {"file": "nothing.polis"}])
def test_arguments_that_mean_nothing_are_refused_in_words(wrong: dict[str, object]) -> None:
    with pytest.raises(PolisError):
        chronopolis.import_runs(**wrong)  # type: ignore[arg-type]
