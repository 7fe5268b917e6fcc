"""The root of all errors, and the branch of the domain.

::

    PolisError
    └── DomainError
        ├── InvalidConfiguration      a setting outside its bounds
        ├── UnknownEventKind          a kind or schema version that this release can't read
        ├── CorruptHistory            events that contradict the state they are folded into
        ├── MissingInput              a tick needs an answer that was never recorded
        ├── InvalidInput              an answer or intervention that can't be applied
        └── RandomnessForbidden       somebody asked for a generator; use `domain.draws`
"""

from __future__ import annotations


class PolisError(Exception):
    """Root of every error that Chronopolis raises on purpose."""


class DomainError(PolisError):
    """A rule of the domain was broken."""


class InvalidConfiguration(DomainError):
    """A setting is outside its bounds; nothing was started."""

    def __init__(self, field: str, value: object, because: str) -> None:
        super().__init__(field, value, because)
        self.field, self.value, self.because = field, value, because

    def __str__(self) -> str:
        return f"{self.field} = {self.value!r}: {self.because}"


class UnknownEventKind(DomainError):
    """A kind or version that this release does not know: written by a newer one, or damaged."""

    def __init__(self, kind: int | str, version: int | None = None) -> None:
        super().__init__(kind, version)
        self.kind, self.version = kind, version

    def __str__(self) -> str:
        version = "" if self.version is None else f" version {self.version}"
        return f"event kind {self.kind}{version} is unknown to this release; use the release that wrote it"


class CorruptHistory(DomainError):
    """Events contradict the state that they are folded into, or their own order."""

    def __init__(self, tick: int, ordinal: int, because: str) -> None:
        super().__init__(tick, ordinal, because)
        self.tick, self.ordinal, self.because = tick, ordinal, because

    def __str__(self) -> str:
        return f"tick {self.tick}, event {self.ordinal}: {self.because}"


class MissingInput(DomainError):
    """A tick needs an input that was never recorded, so it can't be decided again."""

    def __init__(self, tick: int, agent: int) -> None:
        super().__init__(tick, agent)
        self.tick, self.agent = tick, agent

    def __str__(self) -> str:
        return (
            f"tick {self.tick}: agent {self.agent} was promised an answer and none is recorded; "
            "restore the inputs of this run, or fork before this tick"
        )


class InvalidInput(DomainError):
    """An answer or intervention that the rules can't apply."""

    def __init__(self, key: tuple[int, int, str, int], because: str) -> None:
        super().__init__(key, because)
        self.key, self.because = key, because

    def __str__(self) -> str:
        asked, agent, purpose, call = self.key
        return f"input ({purpose} {call} of agent {agent}, asked at tick {asked}): {self.because}"


class RandomnessForbidden(DomainError):
    """A generator was asked for; every draw must go through `domain.draws.draw`."""

    def __str__(self) -> str:
        return "generators are forbidden: call domain.draws.draw(keys, seed=…, stream=…, tick=…)"
