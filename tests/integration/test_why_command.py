"""`polis why` and `run.why`: the contract of keys, exit codes, where it writes, what it draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chronopolis.api import History
from infrastructure.postgres_store import PostgresStore
from replay import Causes
from tests.support.causes import everything
from tests.support.commands import Polis, calling
from tests.support.postgres import FreshDatabase
from tests.support.stores import make_run, opened, settings_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def database(module_database: FreshDatabase) -> Iterator[FreshDatabase]:
    with opened(module_database) as store:
        make_run(store, "brave-otter", ticks=40)
        store.create("unborn", seed=1, configuration=store.find("brave-otter").configuration, target=3)
    yield module_database


@pytest.fixture
def store(database: FreshDatabase) -> Iterator[PostgresStore]:
    with opened(database) as found:
        yield found


@pytest.fixture
def polis(database: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Polis:
    monkeypatch.setenv("POLIS_DATABASE_URL", database.admin_url)
    return calling(capsys)


@pytest.fixture
def gathered(store: PostgresStore) -> dict[str, Any]:
    events = everything(store, store.find("brave-otter"), first=20, last=35)
    return next(e for e in events if e["kind"] == "GoodsGathered")


def test_json_is_one_object_with_the_event_its_causes_and_its_effects(polis: Polis, gathered: dict[str, Any]) -> None:
    address = f"{gathered['tick']}:{gathered['ordinal']}"
    said = polis("why", "brave", address, "--json")
    assert (said.code, said.err) == (0, "")
    found = said.json
    assert {"event", "causes", "effects", "bounds", "cut", "run", "name"} == set(found)
    assert found["event"] == gathered, "an event is as `polis events --json` tells it"
    first = found["causes"][0]
    assert (first["tick"], first["ordinal"]) == (gathered["cause_tick"], gathered["cause_ordinal"])
    assert first["link"] == "intention" and first["kind"] == "IntentionFormed" and first["causes"]
    without = polis("why", "brave", address, "--no-effects", "--depth", "1", "--json").json
    assert without["effects"] == [] and all(not node.get("causes") for node in without["causes"])


def test_people_are_told_in_sentences_with_names(polis: Polis, gathered: dict[str, Any]) -> None:
    said = polis("why", "brave-otter", f"{gathered['tick']}.{gathered['ordinal']}", "--depth", "2")
    assert said.code == 0
    top, *rest = said.out.splitlines()
    assert "gathered" in top and f"({gathered['agent']})" in top
    assert any("because" in line for line in rest) and any("and so" in line for line in rest)
    assert any("set out to" in line and "intention" in line for line in rest)
    assert "steps away rest on more" in said.err and polis("why", "brave", "3:0", "--depth", "1", "-q").err == ""


def test_pictures_are_written_also_beside_json(polis: Polis, gathered: dict[str, Any], tmp_path: Path) -> None:
    address = f"{gathered['tick']}:{gathered['ordinal']}"
    svg, png = tmp_path / "why.svg", tmp_path / "why.png"
    said = polis("why", "brave-otter", address, "--picture", str(svg), "--json")
    assert said.code == 0 and str(svg) in said.err and said.json["event"] == gathered
    assert address in "".join(ElementTree.parse(svg).getroot().itertext())
    assert polis("why", "brave-otter", address, "--picture", str(png)).code == 0
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("brave-otter", "12:x"), "WrongUsage", "TICK:ORDINAL"),
        (("brave-otter", "12"), "WrongUsage", "TICK:ORDINAL"),
        (("brave-otter", "999:0"), "BeyondHead", "ticks 0 to 40"),
        (("brave-otter", "12:99999"), "UnknownEvent", "there is no event 99999"),
        (("nobody", "1:1"), "UnknownRun", "nobody"),
        (("unborn", "0:0"), "NoTicksYet", "no tick yet"),
        (("brave-otter", "3:0", "--depth", "0"), "", "depth"),
        (("brave-otter", "3:0", "--picture", "why.gif"), "WrongUsage", ".svg or .png"),
        (("brave-otter", "3:0", "--picture", "/nowhere/why.svg"), "WrongUsage", "can't be written"),
    ],
)
def test_what_can_not_be_answered_is_a_line_and_exit_code_2(
    polis: Polis, arguments: tuple[str, ...], error: str, says: str
) -> None:
    said = polis("why", *arguments, "--json")
    assert said.code == 2 and "Traceback" not in said.err
    assert says in said.err and said.json["error"]["exit_code"] == 2
    assert error in said.json["error"]["type"]


def test_notebooks_ask_the_same(database: FreshDatabase, gathered: dict[str, Any]) -> None:
    with History("brave-otter", settings=settings_of(database)) as run:
        found = run.why(f"{gathered['tick']}:{gathered['ordinal']}", depth=2)
        assert isinstance(found, Causes) and found.event == gathered
        assert found.causes[0]["link"] == "intention"
        name = run.at(gathered["tick"]).agent(gathered["agent"])["name"]
    drawn = found._repr_svg_()
    assert drawn.startswith("<svg") and f"{name} ({gathered['agent']})" in drawn, "also once the run is closed"
