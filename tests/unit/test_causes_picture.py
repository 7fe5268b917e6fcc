"""The tree as sentences and as a picture: everything that was found is in it, nothing lies over anything else."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import replay
from chronopolis import causes
from chronopolis.causes_layout import BOX_WIDTH, NODES_MAX, Box, lay_out
from chronopolis.causes_picture import draw, svg
from chronopolis.cli.events import _event_line
from chronopolis.errors import WrongUsage
from chronopolis.naming import names_in
from chronopolis.sentences import amount, parts, sentence
from domain.events import KINDS
from domain.ports import Run
from replay import Causes
from tests.support.causes import everything, nodes
from tests.support.histories import every_kind, scenario
from tests.support.memory_store import MemoryStore
from tests.support.stores import keep

pytestmark = pytest.mark.unit
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def kept() -> tuple[MemoryStore, Run]:
    store = MemoryStore()
    return store, keep(store, scenario("minded"))


@pytest.fixture(scope="module")
def found(kept: tuple[MemoryStore, Run]) -> Causes:
    speech = next(e for e in everything(*kept, first=300, last=320) if e["kind"] == "SpeechMade")
    return replay.why(*kept, speech["tick"], speech["ordinal"], depth=4, horizon=30)


def test_every_kind_has_a_sentence_of_its_own() -> None:
    store = MemoryStore()
    run = keep(store, every_kind())
    said: dict[str, str] = {}
    for event in everything(store, run):
        said[event["kind"]] = sentence(event)
    told = {kind.name for kind in KINDS if kind.name in said}
    assert len(told) >= 33
    assert [kind for kind in told if not said[kind] or kind in said[kind]] == []


@pytest.mark.parametrize(
    ("good", "quantity", "told"),
    [
        ("coin", 1, "1 coin"), ("coin", 4, "4 coins"), ("coin", 0, "0 coins"), ("coin", 12_345, "12,345 coins"),
        ("tool", 1, "1 tool use"), ("tool", 20, "20 tool uses"), ("food", 1_000, "1 food"), ("ore", 2_500, "2.5 ore"),
    ],
)  # fmt: skip
def test_an_amount_of_one_is_told_as_one_and_of_several_as_several(good: str, quantity: int, told: str) -> None:
    assert amount(good, quantity) == told
    given = {"kind": "GoodsEndowed", "agent": 3, "good": good, "quantity": quantity}
    assert sentence(given) == f"agent 3 was given {told}"


def test_a_sentence_in_parts_is_the_sentence_with_ids_where_names_stand() -> None:
    store = MemoryStore()
    for event in everything(store, keep(store, every_kind())):
        told = parts(event)
        assert all(isinstance(part, int) or (part and "\0" not in part) for part in told)
        assert "".join(f"<{part}>" if isinstance(part, int) else part for part in told) == sentence(
            event, lambda agent: f"<{agent}>"
        )


def test_what_somebody_wrote_steers_no_terminal_and_turns_no_line() -> None:
    event = {
        "kind": "InterventionMade",
        "tick": 3,
        "ordinal": 0,
        "by": "\u202ean\x1b[2Ja",
        "why": "to\x1b]0;x\x07 see\n",
    }
    for said in (sentence(event), _event_line(event).plain):
        assert said.isprintable()
        assert " an [2Ja" in said
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert family in sentence(event | {"why": family}), "joiners are of what is written"


def test_names_stand_in_sentences_and_unknown_kinds_are_named(found: Causes) -> None:
    assert "Ada" in sentence({"kind": "AgentRested", "agent": 3}, lambda agent: "Ada")
    assert "WellDug" in sentence({"kind": "WellDug", "agent": 3})
    assert "cut" not in sentence(found.event)


def test_the_dead_and_the_unborn_keep_their_names() -> None:
    store = MemoryStore()
    run = keep(store, scenario("doomed"))
    events = everything(store, run)
    came = {e["agent"]: e["name"] for e in events if e["kind"] in ("AgentJoined", "AgentBorn")}
    estate = next(e for e in events if e["kind"] == "GoodsInherited" and e["tick"] > 0)
    found = causes.why(store, run, f"{estate['tick']}:{estate['ordinal']}")
    said = sentence(found.event, causes.names_for(store, run, found))
    assert said.endswith(f"from {came[estate['target']]} ({estate['target']})"), "who left it is dead by then"
    assert f"{came[estate['target']]}" in found._repr_svg_()
    child = next(e for e in events if e["kind"] == "AgentBorn")
    names = names_in(store, run, [child, {"kind": "AgentRested", "agent": 9_999}, None])
    assert names(child["agent"]) == f"{child['name']} ({child['agent']})"
    assert names(9_999) == "agent 9999", "nobody of that number ever came"


def test_a_picture_holds_every_event_once_and_every_link(found: Causes) -> None:
    drawing = lay_out(found)
    shown = {box.address for box in drawing.boxes}
    everybody = [*nodes(found.causes, "causes"), *nodes(found.effects, "effects")]
    addresses = {f"{e['tick']}:{e['ordinal']}" for e in [found.event, *everybody]}
    assert shown <= addresses and len(shown) == len(drawing.boxes)
    assert shown == addresses or len(shown) >= NODES_MAX // 2
    assert len(drawing.edges) >= len(drawing.boxes) - 1


def test_no_two_boxes_of_a_picture_overlap_and_all_lie_within_it(found: Causes) -> None:
    drawing = lay_out(found)
    for one, other in itertools.combinations(drawing.boxes, 2):
        apart = one.x != other.x or one.y + one.height <= other.y + 0.01 or other.y + other.height <= one.y + 0.01
        assert apart, (one, other)
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - BOX_WIDTH and 0 <= box.y <= drawing.height - box.height


def test_causes_stand_left_of_it_and_effects_right(found: Causes) -> None:
    (root,) = [box for box in lay_out(found).boxes if box.column == 0]
    drawing = lay_out(found)
    top = {f"{e['tick']}:{e['ordinal']}" for e in found.causes}
    by_address: dict[str, Box] = {box.address: box for box in drawing.boxes}
    assert top and all(by_address[address].x < root.x for address in top)


def test_an_svg_is_well_formed_escapes_what_people_said_and_knows_dark_and_light(found: Causes) -> None:
    spiteful = found.event | {"text": "<script>alert('&')</script>"}
    text = svg(Causes(found.run, spiteful, found.causes, found.effects, found.bounds, found.cut))
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg" and float(root.attrib["width"]) > BOX_WIDTH
    assert not list(root.iter(f"{SVG}script"))
    assert len(list(root.iter(f"{SVG}rect"))) == len(lay_out(found).boxes)
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize(("name", "begins"), [("why.svg", b"<svg"), ("why.PNG", b"\x89PNG\r\n\x1a\n")])
def test_a_picture_is_written_by_its_ending(found: Causes, tmp_path: Path, name: str, begins: bytes) -> None:
    draw(found, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert data.startswith(begins)
    draw(found, tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == data, "equal answers, equal bytes"


@pytest.mark.parametrize("name", ["why.jpg", "why", "no/such/folder/why.svg"])
def test_a_picture_that_can_not_be_written_is_refused(found: Causes, tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUsage):
        draw(found, tmp_path / name)


@pytest.mark.parametrize("text", ["12:x", "12", "", ":", "-1:3", "1:2:3", "12:" + "9" * 11, "a:b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="TICK:ORDINAL"):
        causes.address(text)


def test_addresses_are_taken_as_events_are_shown() -> None:
    assert causes.address("1200:17") == causes.address(" 1200.17 ") == (1200, 17)


@pytest.mark.parametrize("bounds", [{"depth": 0}, {"breadth": 0}, {"horizon": 0}, {"depth": 51}])
def test_bounds_that_make_no_sense_are_refused(kept: tuple[MemoryStore, Run], bounds: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage):
        causes.why(*kept, "10:1", **bounds)
