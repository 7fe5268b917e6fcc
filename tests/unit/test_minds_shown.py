"""What people are shown of a mind is what the state holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chronopolis.people import describe, living
from domain.codes import Act, Good, Intention
from domain.events import KIND_BY_NUMBER, address_of
from tests.support.areas import areas_of
from tests.support.histories import every_kind, scenario

pytestmark = pytest.mark.unit


def shown_of(mind: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a mind that are shown, with agents by id alone."""

    def goods(terms: dict[str, Any]) -> dict[str, Any]:
        (give, quantity), (take, taken) = terms["give"], terms["take"]
        return {"give": Good(give).name.lower(), "quantity": quantity, "take": Good(take).name.lower(), "taken": taken}

    def terms(offer: dict[str, Any]) -> dict[str, Any] | None:
        if offer["work"] >= 0:
            return {"work": Intention(offer["work"]).name.lower()}
        return goods(offer) if offer["give"] else None

    talk, offer, pledge = mind["talk"], mind["offer"], mind["pledge"]
    return {
        "conversation": talk
        and {
            "conversation": address_of(talk["opened"]), "with": talk["partner"], "turn": talk["turn"],
            "speeches": talk["count"], "newest": address_of(talk["speech"]),
        },
        "offer": offer and {"from": offer["proposer"], "proposal": address_of(offer["at"]), "terms": terms(offer)},
        "pledge": pledge and {"with": pledge["partner"], "pledge": address_of(pledge["at"]), "terms": goods(pledge)},
        "inbox": [
            {"speech": address_of(at), "from": who, "act": Act(act).name.lower(), "text": text}
            for who, at, act, text in mind["inbox"]
        ],
        "news": [
            {"news": address_of(began), "text": text, "from": None if teller < 0 else teller}
            for began, text, teller in mind["news"]
        ],
        "recent": [
            {
                "event": address_of(at), "kind": KIND_BY_NUMBER[kind].name, "with": None if other < 0 else other,
                "given": None if given < 0 else Good(given).name.lower(),
                "taken": None if taken < 0 else Good(taken).name.lower(),
            }
            for at, kind, other, given, taken in mind["recent"]
        ],
        "memories": [
            {"memory": address_of(at), "importance_milli": weight}
            for at, weight in sorted(filter(None, mind["memories"]))
        ],
        "importance_milli": mind["importance"],
    }  # fmt: skip


def by_id_alone(shown: Any) -> Any:
    if isinstance(shown, dict):
        return shown["agent"] if shown.keys() == {"agent", "name"} else {k: by_id_alone(v) for k, v in shown.items()}
    return [by_id_alone(v) for v in shown] if isinstance(shown, list) else shown


@pytest.mark.parametrize("at", [60, 200, 400])
def test_what_somebody_has_in_mind_is_shown_in_full(at):
    world = scenario("minded").replayed(at)
    minds = areas_of(world)["minds"]
    for who, _ in living(world):
        shown = describe(world, who)["mind"]
        json.dumps(shown)
        awaits = shown.pop("awaits")
        assert (awaits is None) == (minds[who]["purpose"] < 0)
        assert by_id_alone(shown) == shown_of(minds[who])
    names = dict(living(world))
    partners = [describe(world, who)["mind"]["conversation"] for who in names]
    assert all(talk["with"]["name"] == names[talk["with"]["agent"]] for talk in partners if talk)
    assert any(partners)


def test_every_moment_of_a_mind_can_be_shown():
    history = every_kind()
    for ticks in range(1, history.ticks + 1):
        world = history.replayed(ticks)
        minds = areas_of(world)["minds"]
        for who, _ in living(world):
            shown = describe(world, who)["mind"]
            shown.pop("awaits")
            assert by_id_alone(shown) == shown_of(minds[who])


def test_where_nobody_has_a_mind_none_is_shown():
    world = scenario("calm").replayed(3)
    assert describe(world, 0)["mind"] is None
