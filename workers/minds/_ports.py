"""What a thought needs from outside. These stand here until `domain.ports` and `domain.errors` have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.errors import PolisError
from domain.inputs import Input, InputKey
from domain.ports import Run


class MindError(PolisError):
    """A mind could not answer, or its answer can't be used."""


class EngineUnavailable(MindError):
    """The engine can't be reached now; it may come back."""

    def __init__(self, url: str, because: str) -> None:
        super().__init__(url, because)
        self.url, self.because = url, because

    def __str__(self) -> str:
        return f"the engine at {self.url} can't be reached: {self.because}"


class EngineTimedOut(MindError):
    """The engine did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the engine did not answer within {self.seconds:.1f} s"


class EngineRefused(MindError):
    """The engine will never take this request."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the engine refused: {self.because}"


class EngineAnsweredNonsense(MindError):
    """The engine's answer is not one of its API: too large, or not JSON."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the engine answered nonsense: {self.because}"


class AnswerUnusable(MindError):
    """What the mind said is no answer to what it was asked."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the answer can't be used: {self.because}"


@dataclass(frozen=True)
class Completion:
    """What is asked of an engine.

    Attributes
    ----------
    messages : role and content of each, the shared part first
    schema : JSON schema that the answer must keep to, or None for free text
    max_tokens : how long the answer may become
    seed : of the sampling
    adapter : name of the LoRA adapter, or None
    temperature_milli : 0 takes the likeliest token
    percept : what the messages were made of, for an engine that is no language model; never sent over a network
    """

    messages: tuple[dict[str, str], ...]
    schema: dict[str, Any] | None
    max_tokens: int
    seed: int
    adapter: str | None = None
    temperature_milli: int = 0
    percept: dict[str, Any] | None = None


@dataclass(frozen=True)
class Completed:
    """What an engine answered."""

    text: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    adapter: str | None
    engine: str


class Engine(Protocol):
    """Who completes a prompt. Thread-safe."""

    @property
    def identity(self) -> dict[str, Any]:
        """Name, version, model, model_hash, adapters, sampling."""
        ...

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Return the answer, or raise one of the `Engine…` errors."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(frozen=True)
class Recalled:
    """A memory that was retrieved, and its score in micro-units: recency + importance + relevance."""

    id: str
    text: str
    born: int
    kind: str
    score: int


class MemoryIndex(Protocol):
    """Where memories are found again."""

    def covered(self, run: int) -> int:
        """Return the newest tick whose memories are all in; -1 before the first."""
        ...

    def retrieve(
        self, lineage: Sequence[tuple[int, int, int]], agent: int, *, tick: int, query: str, k: int
    ) -> list[Recalled]:
        """Return the k best memories of the agent at that tick, best first."""
        ...


class Inbox(Protocol):
    """The part of the event store that a thought uses."""

    def find(self, name: str) -> Run:
        """Return the run of that name or number."""
        ...

    def has_input(self, run: Run, key: InputKey) -> bool:
        """Return whether the input is recorded already."""
        ...

    def lineage(self, run: Run) -> Sequence[tuple[int, int, int]]:
        """Return (source run, first tick, last tick) of every stretch that the run reads."""
        ...

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        """Make an input durable; False if its key was there already."""
        ...
