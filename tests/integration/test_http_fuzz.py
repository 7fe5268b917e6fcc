"""Whatever is asked, the API answers in words: never a 500, never a trace, and what it answers is what it described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.postgres_store import PostgresStore
from tests.support.postgres import FreshDatabase
from tests.support.stores import TINY_WORLD, chain_of, make_run, opened
from tests.support.web import served

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LOCAL = settings(max_examples=80, suppress_health_check=list(HealthCheck))
_OUT = ("live",)  # a stream that would not end


@pytest.fixture(scope="module")
def store(module_database: FreshDatabase) -> Iterator[PostgresStore]:
    with opened(module_database) as found:
        make_run(found, "tried", ticks=25, configuration=TINY_WORLD)
        yield found


@pytest.fixture(scope="module")
def client(store: PostgresStore) -> Iterator[httpx.Client]:
    with served(store) as found:
        yield found


@pytest.fixture(scope="module")
def operations(client: httpx.Client) -> list[tuple[str, str, dict[str, Any]]]:
    told = client.get("/api/openapi.json").json()
    return [
        (path, method, operation | {"components": told["components"]})
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if not path.endswith(_OUT) and not path.endswith("/continue")
    ]


numbers = st.one_of(st.integers(-3, 40), st.sampled_from([2**31 - 1, 2**31, 2**63, -(2**63), 10**30]))
words = st.one_of(
    st.sampled_from(["tried", "1", "nobody", "energy", "AgentMoved", "population", "json", "arrow", "0:0", "25:999999",
                     "true", "null", "", "population > 3", "a" * 300, "%00", "\x00", "../..", "agents", "'", "-1"]),
    st.text(max_size=30),
)  # fmt: skip
anything = st.one_of(numbers.map(str), words)
jsons = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words, st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)
_DEEDS = ["agent", "at", "endow", "news", "add", "stock", "rest"]
likely = st.fixed_dictionaries(
    {},
    optional={
        "at": numbers, "name": st.sampled_from(["tried", "Bad Name", "", "x\x00"]), "seed": numbers, "by": words,
        "set": st.dictionaries(st.sampled_from(["sight", "hunger", "agents", "mind", "x"]), jsons, max_size=2),
        "interventions": st.lists(st.dictionaries(st.sampled_from(_DEEDS), jsons, max_size=3), max_size=2),
        "agent": st.one_of(numbers, words, st.none()), "endow": st.dictionaries(words, numbers, max_size=2),
        "news": words, "rest": jsons, "remove": jsons, "add": jsons, "stock": jsons, "ticks": numbers, "why": words,
    },
)  # fmt: skip


def sent(client: httpx.Client, draw: Any, path: str, method: str, operation: dict[str, Any]) -> httpx.Response:
    query = {}
    for parameter in operation.get("parameters", ()):
        # The run is there more often than not, else nothing else is ever looked at.
        value = draw(st.one_of(st.just("tried"), anything) if parameter["name"] == "run" else anything)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", httpx.QueryParams({"x": value}).__str__()[2:] or "%20")
        elif parameter["required"] or draw(st.booleans()):
            query[parameter["name"]] = value
    body = None
    if "requestBody" in operation:
        body = draw(st.one_of(likely, jsons))
    return client.request(method, path, params=query or None, json=body)


@LOCAL
@given(data=st.data())
def test_whatever_is_asked_is_answered_in_words(
    client: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], data: st.DataObject
) -> None:
    path, method, operation = data.draw(st.sampled_from(operations), label="operation")

    answer = sent(client, data.draw, path, method, operation)

    assert answer.status_code != 500, answer.text
    assert answer.status_code in (200, 201, 202, 304, 404, 405, 409, 422, 429), answer.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert isinstance(error["type"], str)
        assert error["message"]
        assert "Traceback" not in answer.text


def test_and_the_history_is_what_it_was(client: httpx.Client, store: PostgresStore) -> None:
    run = store.find("tried")
    made_again = make_run(store, "tried-again", ticks=25, configuration=TINY_WORLD)
    assert chain_of(store, run) == chain_of(store, made_again)
