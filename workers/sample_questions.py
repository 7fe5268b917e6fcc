"""Questions such as a society asks, to measure an engine with: prompts of a small world that was really lived in.

Its minds are scripted, so it takes a second or two and is always the same; percepts, templates, schemas and limits
are those of any run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain.advance import advance, new_world
from domain.codes import Purpose
from domain.configuration import Configuration, genesis_hash
from domain.decide import Decider
from domain.events import THOUGHT_REQUESTED
from domain.inputs import NO_INPUTS, Input, InputKey, Inputs
from domain.memories import memories_in
from domain.minds.percepts import percept_of
from domain.ports import Completion, Recalled
from workers.minds.answers import ANSWER_TOKENS, AnswerUnusable, parse, schema_of
from workers.minds.prompts import render
from workers.minds.scripted import ScriptedEngine
from workers.minds.think import RECALLED, seed_of

SEED = 7
WORLD = Configuration(
    agents=60, width=18, height=18, mind="scripted", think_budget=1_000, think_delay=6, reflect_at=1_500
)
SETTLED_TICKS = 60
"""By then they know each other, talk, and have something to remember."""
_TIMEOUT_S, _TEMPERATURE_MILLI = 60.0, 700


def questions(n: int = 24) -> list[Completion]:
    """Return the first `n` questions of a settled world, each with its percept, by which an answer can be judged."""
    asked = []
    for wanted in _asked():
        asked.append(wanted)
        if len(asked) == n:
            break
    return asked


def answer_in(text: str, wanted: Completion) -> dict[str, Any]:
    """Return the answer that an engine's text is to a question, as a run would take it.

    Raises
    ------
    AnswerUnusable
    """
    percept = wanted.percept or {}
    return parse(text, percept, [Recalled(m["id"], m["text"], 0, "", 0) for m in percept.get("memories", ())])


def is_usable(text: str, wanted: Completion) -> bool:
    """Return whether a run could use what an engine said."""
    try:
        answer_in(text, wanted)
    except AnswerUnusable:
        return False
    return True


def _asked() -> Iterator[Completion]:
    engine, world = ScriptedEngine(), new_world(WORLD)
    decider, chain = Decider(SEED, WORLD), genesis_hash(SEED, WORLD)
    answers: dict[int, list[Input]] = {}
    remembered: dict[int, list[Recalled]] = {}
    try:
        while True:
            given = answers.pop(world.tick + 1, [])
            events, header = advance(world, decider, chain, Inputs(given) if given else NO_INPUTS)
            chain = header.chain_hash
            for m in memories_in(events)[0]:
                # The newest stand for what an index would have found: as many, and of such words.
                kept = [*remembered.get(m.agent, []), Recalled(m.id, m.text, m.born, m.kind, 0)]
                remembered[m.agent] = kept[-RECALLED:]
            for e in events.records[events.records["kind"] == THOUGHT_REQUESTED.number]:
                agent, purpose = int(e["agent"]), Purpose(int(e["target"])).name.lower()
                key = InputKey(world.tick, agent, purpose)
                wanted = _completion(percept_of(world, agent, seed=SEED, configuration=WORLD), key, remembered)
                answer = answer_in(engine.complete(wanted, timeout_s=_TIMEOUT_S).text, wanted)
                answers.setdefault(int(e["detail"]), []).append(Input(key, int(e["detail"]), answer))
                if world.tick >= SETTLED_TICKS:
                    yield wanted
    finally:
        decider.close()


def _completion(percept: dict[str, Any], key: InputKey, remembered: dict[int, list[Recalled]]) -> Completion:
    prompt = render(percept, remembered.get(key.agent, []))
    used = [{"id": m.id, "text": m.text} for m in prompt.used_memories]
    return Completion(
        prompt.messages,
        schema_of(percept, prompt.used_memories),
        max_tokens=ANSWER_TOKENS[key.purpose],
        seed=seed_of(key),
        temperature_milli=_TEMPERATURE_MILLI,
        percept={**percept, "agent": key.agent, "purpose": key.purpose, "memories": used},
    )
