"""One thought, from a request to a durable input. Safe to run twice, anywhere, at any time: the first row wins."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import EngineTimedOut, EngineUnavailable, MemoryUnavailable, MindError, TickHasBegun
from domain.inputs import Input, InputKey
from domain.ports import Completed, Completion, Engine, EventStore, MemoryIndex, Recalled, Run
from workers.minds.answers import ANSWER_TOKENS, AnswerUnusable, parse, repair_messages, schema_of
from workers.minds.plain import plain
from workers.minds.prompts import BUDGET_TOKENS, TEMPLATE_VERSION, Prompt, render

RECALLED = 5
"""Memories that are retrieved for a thought."""
_BACKOFF_S, _BACKOFF_MAX_S = 0.1, 2.0
_REASON_MAX, _RAW_MAX = 200, 2_000
_log = logging.getLogger(__name__)


class UnusableRequest(MindError):
    """A request that no worker can make sense of: set it aside, asking again won't help."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"this request to think can't be used: {self.because}"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="ignore")

    timeout_s: float = Field(default=30.0, gt=0, le=600)
    budget_tokens: int = Field(default=BUDGET_TOKENS, ge=50, le=32_000)
    temperature_milli: int = Field(default=700, ge=0, le=2_000)
    max_tokens: int | None = Field(default=None, ge=8, le=8_000)
    sent_at: float | None = None  # Unix time at which the request was sent


class ThoughtRequest(BaseModel):
    """The message that a runner sends."""

    model_config = ConfigDict(extra="ignore")

    run: int
    asked_tick: int = Field(ge=0)
    agent: int = Field(ge=0)
    purpose: Literal["intention", "reflection"]
    call: int = Field(default=0, ge=0)
    effect_tick: int
    asked_chain: str = Field(pattern="^([0-9a-f]{2})*$")
    percept: dict[str, Any]
    engine: dict[str, Any] = Field(default_factory=dict)
    settings: _Settings = _Settings()

    @property
    def key(self) -> InputKey:
        """The key of the input that answers it."""
        return InputKey(self.asked_tick, self.agent, self.purpose, self.call)


def think(
    store: EventStore,
    engine: Engine,
    memory: MemoryIndex | None,
    request: dict[str, Any],
    *,
    texts: Callable[[str], str] = str,
    reach: Callable[[str], None] = lambda name: None,
) -> str:
    """Answer a request and make the answer durable; return what became of it.

    Parameters
    ----------
    store : whose input the answer becomes
    engine : who answers
    memory : where memories are retrieved, None if the run keeps none
    request : as `ThoughtRequest`
    texts : given a prompt or an answer, returns what stands for it in `about`: by default the text itself
    reach : told when a named place is reached, at which a crash test may end the process

    Returns
    -------
    "answered" or "refused", made durable now; "known", recorded before and not asked again; "late",
    answered, but too late to be used

    Raises
    ------
    UnusableRequest
        If it is no request, or one of another history; nothing was recorded.
    StoreError
        If the store fails; try again.
    """
    started = time.monotonic()
    try:
        asked = ThoughtRequest.model_validate(request)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnusableRequest(plain(f"{where}: {first['msg']}", limit=_REASON_MAX)) from None
    run = store.find(str(asked.run))
    if store.has_input(run, asked.key):
        return "known"
    _require_that_history(store, run, asked)
    deadline = started + asked.settings.timeout_s
    thought = _Thought(engine, asked, texts, deadline)
    try:
        answer = thought.answer(_recall(store, memory, run, asked, deadline))
    except MindError as error:
        answer = {"refused": plain(error.reason, limit=_REASON_MAX) or type(error).__name__}
        if str(error) != error.reason:  # where it was is told here, and nowhere in history
            where = f"run {run.name}, tick {asked.asked_tick}, agent {asked.agent}"
            _log.warning("%s: no thought: %s", where, plain(str(error), limit=2 * _REASON_MAX))
    about = thought.about()
    since_sent = _since(asked.settings.sent_at)
    about["latency_ms"] = round(1000 * max(since_sent, time.monotonic() - started))
    given = Input(asked.key, effect_tick=asked.effect_tick, answer=answer, about=about)
    reach("answered_not_durable")
    try:
        first_of_its_key = store.record_input(run, given, asked_chain=bytes.fromhex(asked.asked_chain) or None)
    except TickHasBegun:
        return "late"
    reach("durable_not_acknowledged")
    if not first_of_its_key:
        return "late"
    return "refused" if "refused" in answer else "answered"


def _require_that_history(store: EventStore, run: Run, asked: ThoughtRequest) -> None:
    """Refuse what was asked elsewhere: of two stores with one broker, both have a run 1."""
    if not asked.asked_chain:
        return
    chain = store.headers(run, asked.asked_tick, asked.asked_tick).chain_hash
    if not chain or chain[0].hex() != asked.asked_chain:
        raise UnusableRequest(
            f"it was asked in another history than run {run.name} has at tick {asked.asked_tick}: "
            "does another database use the same broker? give each a POLIS_BROKER_URL of its own"
        )


def _recall(
    store: EventStore, memory: MemoryIndex | None, run: Run, asked: ThoughtRequest, deadline: float
) -> list[Recalled]:
    """Return the memories for a thought, once all up to the asking tick are in.

    To think without them would be another thought than the one that a rebuilt memory would give, so
    missing memories refuse it (`MemoryUnavailable` is a `MindError`).
    """
    if memory is None:
        return []
    from workers.memories import wait_until_covered  # which brings `replay` along: only where there is a memory

    query = str(asked.percept.get("query") or "")
    # Half of the time is left for the engine. What is behind catches up, and a Chroma that is gone is started again.
    until = time.monotonic() + max(0.0, (deadline - time.monotonic()) / 2)
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            wait_until_covered(store, memory, run, asked.asked_tick, timeout_s=left)
            return list(
                memory.retrieve(store.lineage(run), asked.agent, tick=asked.asked_tick, query=query, k=RECALLED)
            )
        except MemoryUnavailable:
            if left <= _BACKOFF_MAX_S:
                raise
            time.sleep(_BACKOFF_S)


@dataclass
class _Thought:
    """One request's way through prompt, engine and parser, and what there is to tell about it."""

    engine: Engine
    asked: ThoughtRequest
    texts: Callable[[str], str]
    deadline: float
    recalled: Sequence[Recalled] = ()
    prompt: Prompt | None = None
    raw: str | None = None
    attempts: int = 0
    repaired: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    engine_ms: int = 0
    answered_by: str = ""
    adapter: str | None = None

    def answer(self, recalled: Sequence[Recalled]) -> dict[str, Any]:
        """Return the answer; raise a `MindError` if there is none that can be used."""
        percept = {**self.asked.percept, "agent": self.asked.agent, "purpose": self.asked.purpose}
        self.recalled = recalled
        try:
            prompt = render(percept, recalled, budget_tokens=self.asked.settings.budget_tokens)
            schema = schema_of(percept, prompt.used_memories)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnusableRequest(f"its percept lacks or garbles something ({error!r})") from error
        self.prompt = prompt
        percept["memories"] = [{"id": m.id, "text": m.text} for m in prompt.used_memories]
        text = self._complete(prompt.messages, schema, percept)
        try:
            return parse(text, percept, prompt.used_memories)
        except AnswerUnusable as error:
            self.repaired = True
            text = self._complete(repair_messages(prompt.messages, text, error.because), schema, percept)
            return parse(text, percept, prompt.used_memories)

    def _complete(self, messages: tuple[dict[str, str], ...], schema: dict[str, Any], percept: dict[str, Any]) -> str:
        """Ask until the engine answers or the time is up; only what may pass by itself is tried again."""
        settings = self.asked.settings
        wanted = Completion(
            messages=messages,
            schema=schema,
            max_tokens=settings.max_tokens or ANSWER_TOKENS[self.asked.purpose],
            seed=seed_of(self.asked.key, repair=self.repaired),
            adapter=percept.get("adapter"),
            temperature_milli=settings.temperature_milli,
            percept=percept,
        )
        pause = _BACKOFF_S
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise EngineTimedOut(settings.timeout_s)
            self.attempts += 1
            try:
                done = self.engine.complete(wanted, timeout_s=left)
                break
            except EngineTimedOut:
                # The whole time, not what was left of it: or reasons would be told apart by their milliseconds.
                raise EngineTimedOut(settings.timeout_s) from None
            except EngineUnavailable:
                left = self.deadline - time.monotonic()
                if left <= pause:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, _BACKOFF_MAX_S)
        self._count(done)
        return done.text

    def _count(self, done: Completed) -> None:
        self.raw = done.text
        self.tokens_in += done.tokens_in
        self.tokens_out += done.tokens_out
        self.engine_ms += done.latency_ms
        self.answered_by, self.adapter = done.engine, done.adapter

    def about(self) -> dict[str, Any]:
        """Return what is kept beside the answer and never hashed; a refusal has it too."""
        prompt, raw = self.prompt, self.raw
        return {
            "engine": str(self.asked.engine.get("key") or self.answered_by or self.engine.identity.get("name", "")),
            "adapter": self.adapter,
            "attempts": self.attempts,
            "repaired": self.repaired,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "engine_ms": self.engine_ms,
            "retrieved": [{"id": m.id, "score": m.score} for m in self.recalled],
            "used": [m.id for m in prompt.used_memories] if prompt else [],
            "prompt": self.texts(json.dumps(prompt.messages, ensure_ascii=False)) if prompt else None,
            "raw": self.texts(raw[:_RAW_MAX]) if raw is not None else None,
            "template": prompt.template_hash if prompt else None,
            "template_version": TEMPLATE_VERSION,
        }


def _since(unix_time: float | None) -> float:
    return 0.0 if unix_time is None else max(0.0, time.time() - unix_time)


def seed_of(key: InputKey, *, repair: bool = False) -> int:
    """Return the seed of the engine's sampling: the same on every retry, another for the repair."""
    text = f"{key.asked_tick}:{key.agent}:{key.purpose}:{key.call}:{int(repair)}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF
