"""The front door's branch of errors.

::

    PolisError
    ├── WrongUsage            of `domain.errors`, since notebooks hold objects of `replay` too, which refuse as well
    │   └── NobodyToAsk       nobody lives then whom a survey means
    └── FrontDoorError
        ├── UnknownAgent      no agent of that id or name lives then, or several of that name do
        ├── RunClosed         a run that was opened in Python and closed again
        ├── NothingFound      what was asked for is not in the run
        ├── NoTicksYet        a run that was made and has not begun
        ├── NoSuchHost        something that this machine or database can't do
        └── HolderFailed      the process that keeps the embedded database up did not come up
"""

from __future__ import annotations

from domain.errors import PolisError, WrongUsage, shown

__all__ = [
    "FrontDoorError", "HolderFailed", "NoSuchHost", "NoTicksYet", "NobodyToAsk", "NothingFound", "RunClosed",
    "UnknownAgent", "WrongUsage",
]  # fmt: skip


class NobodyToAsk(WrongUsage):
    """Nobody who is meant by a survey lives at a tick."""


class FrontDoorError(PolisError):
    """A command could not do what was asked."""


class UnknownAgent(FrontDoorError):
    """No living agent has that id or name, or several have the name; `because` says what is known of one."""

    def __init__(
        self, run: str, tick: int, agent: str, candidates: tuple[str, ...] = (), because: str | None = None
    ) -> None:
        super().__init__(run, tick, agent, candidates, because)
        self.run, self.tick, self.agent, self.candidates, self.because = run, tick, agent, candidates, because

    def __str__(self) -> str:
        if self.because is not None:
            return f"run {self.run}, tick {self.tick}: {self.because}"
        if self.candidates:
            candidates = ", ".join(self.candidates)
            return f"run {self.run}, tick {self.tick}: {shown(self.agent)} could be {candidates}; give the id"
        return (
            f"run {self.run}, tick {self.tick}: no agent {shown(self.agent)} lives there; "
            f"`polis state {self.run} --tick {self.tick} --agents` lists those who do"
        )


class RunClosed(FrontDoorError):
    """A run that was opened in Python was closed, and is asked for more than its name."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        return f"run {self.run} is closed; open it again with chronopolis.open({self.run!r})"


class NothingFound(FrontDoorError):
    """What was asked for is not in the run."""


class NoTicksYet(FrontDoorError):
    """A run was made and has not begun."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        return f"run {self.run} has no tick yet; `polis resume {self.run}` begins it"


class NoSuchHost(FrontDoorError):
    """Something that this machine or database can't do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what


class HolderFailed(FrontDoorError):
    """The process that keeps the embedded database up did not come up."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because

    def __str__(self) -> str:
        return f"the process that was to keep the database up ended at once: {self.because}"
