"""Inputs as rows of `inputs`, each with a digest that is checked on reading."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Row

from domain.configuration import Configuration, canonical_json
from domain.errors import CorruptHistory
from domain.inputs import Input, InputKey, answer_from, validated

KEY = ("asked_tick", "agent", "purpose", "call")
"""What `InputKey` holds; with its run, a row's key."""

ABOUT = (
    "engine", "latency_ms", "tokens_in", "tokens_out", "attempts", "retrieved", "template", "adapter", "reused_from",
)  # fmt: skip
"""What is kept beside an answer as it is; its prompt and raw text are kept in `texts`."""

_BESIDE = ("prompt", "raw", *(name for name in ABOUT if name != "reused_from"))
"""What a row's digest covers beside its answer: all but what a copy of the row says otherwise."""


def row_of(given: Input, configuration: Configuration) -> dict[str, Any]:
    """Return what is stored of an input that the rules can apply, without what is kept beside it."""
    validated(given, n_cells=configuration.n_cells)
    told = {"effect_tick": given.effect_tick, "answer": given.canonical_answer(), "digest": given.digest()}
    return key_of(given.key) | told


def input_of(row: Row[Any]) -> Input:
    """Return the input of a row.

    Raises
    ------
    CorruptHistory
        If it is not as it was recorded.
    """
    asked_chain = None if row.asked_chain is None else bytes(row.asked_chain).hex()
    stored, key = bytes(row.answer), InputKey(row.asked_tick, row.agent, row.purpose, row.call)
    about = {"engine": row.engine, "latency_ms": row.latency_ms, "asked_chain": asked_chain}
    about |= {"tokens_in": row.tokens_in, "tokens_out": row.tokens_out, "reused_from": row.reused_from}
    try:
        given = Input(key, effect_tick=row.effect_tick, answer=answer_from(stored), about=about)
    except ValueError:
        given = None
    # The digests of rows from before said nothing of what is kept beside an answer.
    if (
        given is None
        or given.canonical_answer() != stored
        or bytes(row.digest) not in (digest_of(given, row._asdict()), given.digest())
    ):
        because = f"the input of agent {key.agent}, asked at tick {key.asked_tick}, is not as it was recorded"
        raise CorruptHistory(row.effect_tick, -1, because)
    return given


def digest_of(given: Input, beside: Mapping[str, Any]) -> bytes:
    """Return the digest of a row of `inputs`: of the input, and of what is kept beside it if there is any."""
    kept = {name: beside[name] for name in _BESIDE if beside.get(name) is not None}
    if not kept:
        return given.digest()
    told = {name: value.hex() if isinstance(value, bytes) else value for name, value in kept.items()}
    return hashlib.sha256(given.digest() + canonical_json(told).encode("ascii")).digest()


def key_of(key: InputKey) -> dict[str, Any]:
    """Return a key as columns."""
    return dict(zip(KEY, key.as_tuple(), strict=True))


def text_hash(text: str) -> bytes:
    """Return what a text is found by in `texts`."""
    return hashlib.sha256(text.encode()).digest()
