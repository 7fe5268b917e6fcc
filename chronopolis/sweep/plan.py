"""Which runs a sweep is made of, and what each is called.

A sweep keeps nothing of its own: its runs are found by their names, which say what was varied, such as
``famine-hunger60-seed3``. So the same sweep asked for again goes on where it was, and one with more seeds or values
finds those that are there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product

from chronopolis.errors import WrongUsage
from domain.configuration import Configuration, require_name, require_target
from domain.errors import InvalidConfiguration, cut
from domain.ports import Run
from domain.scenario import Scenario
from replay.fork import changed

RUNS_MAX = 10_000
_RANGE = re.compile(r"(-?[0-9]{1,19})(?:-([0-9]{1,19}))?")

Setting = int | str


@dataclass(frozen=True)
class Genesis:
    """Where runs begin that have nothing in common but constants, by name; what is left out is as usual.

    `groups` says which adapter answers for a persona group.
    """

    constants: Mapping[str, Setting]
    tick: int = 0
    groups: Mapping[str, str] = field(default_factory=dict)

    def configuration(self, settings: Mapping[str, Setting]) -> Configuration:
        """Return that of a run with these settings."""
        return Configuration.from_mapping({**self.constants, **settings})

    def departure(self, run: Run) -> str | None:
        """Return how a run begins elsewhere; None if it begins here."""
        if run.parent is not None:
            return f"a fork of run number {run.parent}"
        theirs = run.engines.get("groups") or {}
        return None if theirs == self.groups else f"adapters {_told(theirs)} instead of {_told(self.groups)}"


def _told(groups: Mapping[str, str]) -> str:
    return ", ".join(f"{group}={name}" for group, name in sorted(groups.items())) or "none"


@dataclass(frozen=True)
class ForkPoint:
    """Where forks of one run leave it: `tick` is the last that all share, `constants` what all have otherwise."""

    parent: Run
    tick: int
    scenario: Scenario
    constants: Mapping[str, Setting]

    def configuration(self, settings: Mapping[str, Setting]) -> Configuration:
        """Return that of a fork with these settings."""
        return changed(self.scenario, {**self.constants, **settings}, None).configuration

    def departure(self, run: Run) -> str | None:
        """Return how a run begins elsewhere; None if it is a fork made here."""
        if (run.parent, run.fork_tick) == (self.parent.id, self.tick):
            return None
        if run.parent is None:
            return "no fork"
        if run.parent != self.parent.id:
            return f"a fork of run number {run.parent} at tick {run.fork_tick:,}"
        return f"a fork of {self.parent.name} at tick {run.fork_tick:,} instead of tick {self.tick:,}"


@dataclass(frozen=True)
class Member:
    """One run of a sweep; `settings` are those that are varied."""

    name: str
    seed: int
    settings: Mapping[str, Setting]
    configuration: Configuration

    def differences(self, run: Run, origin: Genesis | ForkPoint) -> list[str]:
        """Return how a run that has this member's name is another, in words; empty if it is the one."""
        here, there = asdict(self.configuration), asdict(run.configuration)
        told = [f"{key} {there[key]} instead of {value}" for key, value in here.items() if there[key] != value]
        if run.seed != self.seed:
            told.append(f"seed {run.seed} instead of {self.seed}")
        departure = origin.departure(run)
        return told if departure is None else [*told, departure]


@dataclass(frozen=True)
class Sweep:
    """All of them, seed by seed, so that every setting has its first result early; `ticks` is where each ends."""

    name: str
    ticks: int
    origin: Genesis | ForkPoint
    varied: tuple[str, ...]
    members: tuple[Member, ...]


def plan_sweep(
    name: str,
    *,
    ticks: int,
    seeds: Sequence[int],
    values: Mapping[str, Sequence[Setting]],
    origin: Genesis | ForkPoint,
) -> Sweep:
    """Say which runs there are to be; nothing is made.

    Parameters
    ----------
    name : what the names of all its runs begin with
    ticks : the tick at which each ends
    seeds : each is tried with each combination of values
    values : what is varied, and what it is to be
    origin : what nothing is varied of

    Raises
    ------
    WrongUsage, InvalidConfiguration
        Naming the setting, or the run.
    """
    require_name(name)
    require_target(ticks)
    if ticks <= origin.tick:
        raise WrongUsage(f"--ticks {ticks:,} is where the runs end; they have to go beyond tick {origin.tick:,}")
    n = len(seeds)
    for each in values.values():
        n *= len(each)
    if n > RUNS_MAX:
        raise WrongUsage(f"a sweep of {n:,} runs", f"At most {RUNS_MAX:,} can be swept at once.")
    for seed in seeds:
        if not -(2**63) <= seed < 2**63:
            raise InvalidConfiguration("seed", seed, "must fit in 64 bits, signed")
    members = [
        _member(name, origin, seed, dict(zip(values, combination, strict=True)))
        for seed in seeds
        for combination in product(*values.values())
    ]
    _require_unlike(members[: n // len(seeds)])
    return Sweep(name, ticks, origin, tuple(values), tuple(members))


def _member(sweep: str, origin: Genesis | ForkPoint, seed: int, settings: dict[str, Setting]) -> Member:
    configuration = origin.configuration(settings)  # first, since what is wrong there makes no name either
    name = "-".join((sweep, *(f"{key}{value}" for key, value in settings.items()), f"seed{seed}"))
    require_name(name)
    return Member(name, seed, settings, configuration)


def _require_unlike(of_one_seed: Sequence[Member]) -> None:
    """Refuse combinations of settings that make one and the same history: what is varied there does nothing."""
    known: dict[str, Member] = {}
    for member in of_one_seed:
        other = known.setdefault(member.configuration.canonical(), member)
        if other is not member:
            (key, value), *_ = (each for each in member.settings.items() if other.settings[each[0]] != each[1])
            raise WrongUsage(
                f"--vary {key}: {value} and {other.settings[key]} make the same society",
                "Vary what makes a difference here.",
            )


def seeds_of(text: str) -> list[int]:
    """Return the seeds that a text names: ``1-20``, ``7`` or ``1-5,8,13``.

    Raises
    ------
    WrongUsage
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise WrongUsage(f"--seeds {cut(text)}: write seeds and ranges, such as 1-20 or 1-5,8,13")
        low = int(found[1])
        high = low if found[2] is None else int(found[2])
        if high < low:
            raise WrongUsage(f"--seeds {cut(text)}: {part.strip()} ends before it begins")
        if high - low >= RUNS_MAX:
            raise WrongUsage(f"--seeds {cut(text)}: {high - low + 1:,} seeds", f"Give at most {RUNS_MAX:,}.")
        seeds += range(low, high + 1)
    seed, times = Counter(seeds).most_common(1)[0]
    if times > 1:
        raise WrongUsage(f"--seeds {cut(text)}: {seed} was given already; give it once")
    return seeds


__all__ = ["RUNS_MAX", "ForkPoint", "Genesis", "Member", "Setting", "Sweep", "plan_sweep", "seeds_of"]
