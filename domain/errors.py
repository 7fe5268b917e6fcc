"""The root of all errors, and the branch of the domain.

::

    PolisError
    ├── DomainError
    │   ├── InvalidConfiguration      a setting outside its bounds
    │   ├── UnknownEventKind          a kind or schema version that this release can't read
    │   ├── CorruptHistory            events that contradict the state they are folded into
    │   ├── MissingInput              a tick needs an answer that was never recorded
    │   ├── InvalidInput              an answer or intervention that can't be applied
    │   ├── UnknownMeasure            no measure of that name
    │   ├── InvalidExpression         an expression that means nothing, and where it goes wrong
    │   └── RandomnessForbidden       somebody asked for a generator; use `domain.draws`
    ├── WrongUsage                    arguments that can't be meant together, or a value that means nothing
    ├── MissingAnswer                 `--answers only`, and nobody has answered this question before
    ├── StoreError                    what a store of events refuses, whatever keeps it
    │   ├── UnknownRun                no run of that name, or several that begin so
    │   │   └── RunDropped            there was one; its tombstone says what became of it
    │   ├── RunExists                 the name is taken
    │   ├── BeyondHead                a tick that has not happened yet, or ticks that end before they begin
    │   ├── UnknownEvent              a tick without an event of that ordinal
    │   ├── RunIsHeld                 another runner writes this run
    │   ├── LeaseLost                 a newer runner took this run over; nothing was written
    │   ├── TicksLost                 a database came back without ticks that were durable; nothing was written
    │   ├── InputsChanged             a tick was decided with other inputs than are recorded for it
    │   ├── KeyTaken                  a fork's input whose key one that its parent was given meanwhile has
    │   ├── TickHasBegun              an input for a tick that is history
    │   ├── OtherRules                the run was made under rules that this release does not have
    │   └── StoreUnavailable          the store went away; what is durable is safe, try again
    └── MindError                     an engine that was asked gave no answer
        ├── EngineUnavailable         it can't be reached or is overloaded; may pass
        ├── EngineTimedOut            it did not answer within the time given; may pass
        ├── EngineRefused             it will not answer this, however often it is asked
        ├── EngineAnsweredNonsense    what came back is no answer of such an engine
        └── MemoryUnavailable         memories can't be looked up now; may pass
            └── MemoryBehind          the events up to that tick have not been taken in yet
"""

from __future__ import annotations

import re


def shown(value: object, most: int = 60) -> str:
    """Return a value as errors quote it: somebody may have given a whole book."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def cut(text: str, most: int = 60) -> str:
    """Return what somebody wrote as errors repeat it."""
    return text if len(text) <= most else f"{text[:most]}…"


class PolisError(Exception):
    """Root of every error that Chronopolis raises on purpose."""


class WrongUsage(PolisError):
    """Arguments that can't be meant together, or a value that means nothing."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what


class DomainError(PolisError):
    """A rule of the domain was broken."""


class InvalidConfiguration(DomainError):
    """A setting is outside its bounds; nothing was started."""

    def __init__(self, field: str, value: object, because: str) -> None:
        super().__init__(field, value, because)
        self.field, self.value, self.because = field, value, because

    def __str__(self) -> str:
        return f"{cut(str(self.field))} = {shown(self.value)}: {self.because}"


class UnknownEventKind(DomainError):
    """A kind or version that this release does not know: written by a newer one, or damaged."""

    def __init__(self, kind: int | str, version: int | None = None) -> None:
        super().__init__(kind, version)
        self.kind, self.version = kind, version

    def __str__(self) -> str:
        version = "" if self.version is None else f" version {self.version}"
        return f"event kind {self.kind}{version} is unknown to this release; use the release that wrote it"


class CorruptHistory(DomainError):
    """Events contradict the state that they are folded into, or their own order.

    `tick` or `ordinal` is -1 where it is none of that.
    """

    def __init__(self, tick: int, ordinal: int, because: str) -> None:
        super().__init__(tick, ordinal, because)
        self.tick, self.ordinal, self.because = tick, ordinal, because

    def __str__(self) -> str:
        event = f", event {self.ordinal}" if self.ordinal >= 0 else ""
        return f"tick {self.tick}{event}: {self.because}" if self.tick >= 0 else self.because


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


class UnknownMeasure(DomainError):
    """No measure has that name."""

    def __init__(self, name: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(name, near)
        self.name, self.near = name, near

    def __str__(self) -> str:
        hint = f"did you mean {' or '.join(self.near)}?" if self.near else "`polis measures --list` has them all"
        return f"there is no measure {shown(self.name)}; {hint}"


class InvalidExpression(DomainError):
    """An expression that can't be understood; nothing of it was evaluated."""

    def __init__(self, text: str, column: int, because: str) -> None:
        super().__init__(text, column, because)
        self.text, self.column, self.because = text, column, because

    def __str__(self) -> str:
        shown = "".join(" " if c.isspace() or not c.isprintable() else c for c in self.text)
        first = max(0, self.column - 60)
        return f"column {self.column + 1}: {self.because}\n{shown[first : first + 100]}\n{' ' * (self.column - first)}^"


class RandomnessForbidden(DomainError):
    """A generator was asked for; every draw must go through `domain.draws.draw`."""

    def __str__(self) -> str:
        return "generators are forbidden: call domain.draws.draw(keys, seed=…, stream=…, tick=…)"


class MissingAnswer(PolisError):
    """A thought has to be answered from what is recorded, and nothing is."""

    def __init__(self, run: str, tick: int, agent: int) -> None:
        super().__init__(run, tick, agent)
        self.run, self.tick, self.agent = run, tick, agent

    def __str__(self) -> str:
        return (
            f"run {self.run}, tick {self.tick}: agent {self.agent} thinks, and no answer to this is recorded; "
            f"`polis resume {self.run}` goes on and asks its engine"
        )


class StoreError(PolisError):
    """A store of events refused."""


class UnknownRun(StoreError):
    """No run has that name, or several begin so."""

    def __init__(self, name: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(name, candidates)
        self.name, self.candidates = name, candidates

    def __str__(self) -> str:
        if self.candidates:
            return f"{shown(self.name)} could be any of {', '.join(self.candidates)}; give more of the name"
        return f"there is no run {shown(self.name)}; `polis runs` lists them"


class RunDropped(UnknownRun):
    """There was a run of that name or number, and somebody dropped it; its tombstone is all that is left.

    `head_tick` and `head_hash` are None if it had no tick of its own; `dropped_at` is as ISO 8601 writes it, in UTC.
    """

    def __init__(
        self, name: str, run: int, head_tick: int | None, head_hash: bytes | None, because: str, dropped_at: str
    ) -> None:
        super().__init__(name)
        self.args = (name, run, head_tick, head_hash, because, dropped_at)
        self.run, self.head_tick, self.head_hash = run, head_tick, head_hash
        self.because, self.dropped_at = because, dropped_at

    def __str__(self) -> str:
        # The hash is given whole: whoever looks for a run that is gone may have nothing else to know it by.
        head = "it had no tick of its own"
        if self.head_tick is not None and self.head_hash is not None:
            head = f"its head was tick {self.head_tick}, hash {self.head_hash.hex()}"
        gone = f"run {self.name} (number {self.run}) was dropped at {self.dropped_at}"
        return f"{gone}, because {shown(self.because, 200)}; {head}"


class RunExists(StoreError):
    """The name is taken; nothing was made."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is a run named {self.name!r} already; choose another name, or `polis resume {self.name}`"


class BeyondHead(StoreError):
    """That tick has not happened yet; or, where `first` is given, the ticks from there to it hold none."""

    def __init__(self, run: str, tick: int, head: int, first: int | None = None) -> None:
        super().__init__(run, tick, head, first)
        self.run, self.tick, self.head, self.first = run, tick, head, first

    def __str__(self) -> str:
        if self.first is not None:
            return f"run {self.run}: tick {self.first} lies after tick {self.tick}; give the earlier one first"
        if self.head < 0:
            return f"run {self.run}: there is no tick {self.tick}; it has none yet"
        return f"run {self.run}: there is no tick {self.tick}; it has ticks 0 to {self.head}"


class UnknownEvent(StoreError):
    """The tick has no event of that ordinal."""

    def __init__(self, run: str, tick: int, ordinal: int, events: int) -> None:
        super().__init__(run, tick, ordinal, events)
        self.run, self.tick, self.ordinal, self.events = run, tick, ordinal, events

    def __str__(self) -> str:
        there = f"it has 0 to {self.events - 1}" if self.events else "it has none"
        return (
            f"run {self.run}, tick {self.tick}: there is no event {self.ordinal}; {there}\n"
            f"`polis events {self.run} --tick {self.tick}` lists them."
        )


class RunIsHeld(StoreError):
    """Another runner writes this run now; nothing was touched."""

    def __init__(self, run: str, holder: str) -> None:
        super().__init__(run, holder)
        self.run, self.holder = run, holder

    def __str__(self) -> str:
        return (
            f"run {self.run} is being written by {self.holder}; stop that one first, "
            f"or take the run over with `polis resume {self.run} --take-over`"
        )


class LeaseLost(StoreError):
    """A newer runner took this run over, so nothing was written."""

    def __init__(self, run: str, tick: int, epoch: int) -> None:
        super().__init__(run, tick, epoch)
        self.run, self.tick, self.epoch = run, tick, epoch

    def __str__(self) -> str:
        return (
            f"run {self.run}, tick {self.tick}: another runner took this run over (our epoch was {self.epoch}), "
            "so nothing was written; this runner stops"
        )


class TicksLost(StoreError):
    """A database that was away came back without ticks that were durable, so nothing was written behind them."""

    def __init__(self, run: str, first: int, last: int) -> None:
        super().__init__(run, first, last)
        self.run, self.first, self.last = run, first, last

    def __str__(self) -> str:
        return (
            f"run {self.run}, ticks {self.first} to {self.last}: they were durable, and the database that came back "
            "does not have them, so nothing was written\n"
            "It is an earlier copy, or a standby that was behind. Bring the right one back, or "
            f"`polis resume {self.run}` makes them again."
        )


class InputsChanged(StoreError):
    """Ticks were decided with other inputs than are recorded for them now; they were not written."""

    def __init__(self, run: str, first: int, last: int) -> None:
        super().__init__(run, first, last)
        self.run, self.first, self.last = run, first, last

    def __str__(self) -> str:
        return f"run {self.run}: an input came in for ticks {self.first} to {self.last}; deciding them again"


class KeyTaken(StoreError):
    """An input of a fork has the key of one that its parent was given meanwhile; nothing was made."""

    def __init__(self, run: str, key: tuple[int, int, str, int]) -> None:
        super().__init__(run, key)
        self.run, self.key = run, key

    def __str__(self) -> str:
        asked_tick, agent, purpose, call = self.key
        which = f"{purpose} {call} of agent {agent}, asked at tick {asked_tick},"
        return f"run {self.run}: its parent was given {which} meanwhile; number it anew"


class TickHasBegun(StoreError):
    """An input asks for a tick that is history; nothing was recorded."""

    def __init__(self, run: str, effect_tick: int, head: int) -> None:
        super().__init__(run, effect_tick, head)
        self.run, self.effect_tick, self.head = run, effect_tick, head

    def __str__(self) -> str:
        return f"run {self.run} is at tick {self.head}: an input can't take effect at tick {self.effect_tick} any more"


class OtherRules(StoreError):
    """The run was made under rules, state or hashing of other versions: it can be read, not gone on with."""

    def __init__(self, run: str, theirs: str, ours: str) -> None:
        super().__init__(run, theirs, ours)
        self.run, self.theirs, self.ours = run, theirs, ours

    def __str__(self) -> str:
        return (
            f"run {self.run} was made under {self.theirs}, this release has {self.ours}; "
            "use the release that made it to resume or re-execute it (reading and verifying work)"
        )


class StoreUnavailable(StoreError):
    """The store went away. What was reported durable is safe."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the store went away: {self.because}"


class MindError(PolisError):
    """An engine was asked and gave no answer."""

    @property
    def reason(self) -> str:
        """Why a thought is refused, as its event has it: refusals are counted by it, and no event names a run."""
        return str(self)


_ADDRESS = re.compile(r"\b[a-z]+://[^\s'\")]+|\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}\b")


class EngineUnavailable(MindError):
    """The engine can't be reached, is overloaded, or failed within; asking again may help."""

    def __init__(self, url: str, because: str) -> None:
        super().__init__(url, because)
        self.url, self.because = url, because

    def __str__(self) -> str:
        return f"the engine at {self.url} is not available: {self.because}"

    @property
    def reason(self) -> str:
        """The same wherever the engine is: a server of ours has another port each time, and no host is in a history."""
        because = _ADDRESS.sub("its address", self.because.replace(self.url, "its address"))
        return f"the engine is not available: {because}"


class EngineTimedOut(MindError):
    """The whole answer was not there in the time given; what came of it is thrown away."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the engine did not answer within {self.seconds:g} s"


class EngineRefused(MindError):
    """The engine will not answer this, however often it is asked: an unknown adapter, a bad request."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the engine refused: {self.because}"


class EngineAnsweredNonsense(MindError):
    """What came back is not an answer of such an engine: too large, or not of its protocol."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the engine answered nonsense: {self.because}"


class MemoryUnavailable(MindError):
    """Memories can't be looked up now. None is lost: all of them are events."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"memories can't be looked up: {self.because}"


class MemoryBehind(MemoryUnavailable):
    """Not all memories up to a tick have been taken in, so what is found might not be what is remembered."""

    def __init__(self, run: int, tick: int, covered: int) -> None:
        super().__init__(f"of run {run} they are there up to tick {covered}, and tick {tick} is wanted")
        self.args = (run, tick, covered)
        self.run, self.tick, self.covered = run, tick, covered

    @property
    def reason(self) -> str:
        """The same for every run and tick."""
        return "memories can't be looked up: not all have been taken in yet"
