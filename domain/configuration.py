"""What a run is made of besides its seed: the constants of the scenario.

The canonical form of a configuration is part of the genesis hash, so everything here changes
history. How a run is *executed* (durability, pace, threads, its name, its length) never stands here.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from domain.errors import InvalidConfiguration

RELEASE = "0.1.0"
"""The release, recorded with every run that it makes; in no hash."""
RULES_VERSION = 1
"""Raised whenever `decide` would produce other events from the same past."""
STATE_VERSION = 1
"""Raised whenever the columns of state, and so snapshots and `state_hash`, change."""
HASHING_VERSION = 1
"""Raised whenever bytes are hashed in another way."""

MINDS = ("reflex", "scripted", "llama", "vllm", "openai")
"""Who forms intentions: rules alone, a fixed planner, or a language model behind the `Engine` port."""

MAX_SIDE = 4_000
"""Cells in a row of the grid, and in a column."""
TICKS_MAX = 2_000_000_000
"""The tick that a run can end at, at the latest."""
_BOUNDS = {
    "agents": (1, 10_000_000),
    "width": (4, MAX_SIDE),
    "height": (4, MAX_SIDE),
    "homes": (0, 10_000_000),
    "hunger": (0, 1_000),
    "meal": (1, 10_000),
    "lifespan": (100, 10_000_000),
    "adulthood": (0, 10_000_000),
    "birth_interval": (0, 10_000_000),
    "regrowth_percent": (0, 1_000),
    "sight": (1, 8),
    "think_delay": (1, 10_000),
    "think_budget": (0, 1_000_000),
    "hearing": (1, 20),
    "reflect_at": (100, 1_000_000),
}
_OF_MINDS = ("think_delay", "think_budget", "hearing", "reflect_at")
CAME_LATER: dict[str, int | str] = {}
"""Settings that earlier releases did not have, each with the value at which all is as before; see `Configuration`."""


@dataclass(frozen=True)
class Configuration:
    """The constants of a scenario. Integers only, so that they are the same everywhere.

    Attributes
    ----------
    agents : founders at tick 0; at most one a cell
    width, height : cells of the grid
    homes : how many agents can live at once; births wait until there is room (0: as many as founders)
    hunger : milli-units of satiety lost a tick
    meal : milli-units of satiety gained by eating one unit of food
    lifespan : mean length of a life in ticks; single lives lie within a third of it
    adulthood : age in ticks from which an agent can have children
    birth_interval : ticks between two births of one parent
    regrowth_percent : pace of regrowth of all resources, 100 being the terrain's own
    sight : radius in cells within which an agent looks for resources
    mind : who forms intentions: `reflex` follows rules alone
    think_delay : ticks from a mind's being asked to its answer's taking effect
    think_budget : how often minds are asked, in the whole society, in 1,000 ticks
    hearing : distance in cells within which words are heard
    reflect_at : importance in milli-units that has to come together before an agent reflects

    Notes
    -----
    What only minds use is part of the canonical form, and so of the genesis, only where minds are used.

    A new setting would change the canonical form of every run that there is, and with it its genesis hash: `verify`
    would call it damaged. So give it a default at which all is as before, and name both in `CAME_LATER`: at that value
    it is left out. Bound it in `_BOUNDS`, or check it by hand as `mind` is.
    """

    agents: int = 500
    width: int = 100
    height: int = 100
    homes: int = 0
    hunger: int = 45
    meal: int = 2_500
    lifespan: int = 30_000
    adulthood: int = 1_500
    birth_interval: int = 1_500
    regrowth_percent: int = 100
    sight: int = 4
    mind: str = "reflex"
    think_delay: int = 15
    think_budget: int = 60
    hearing: int = 6
    reflect_at: int = 3_000

    def __post_init__(self) -> None:
        """Check every bound.

        Raises
        ------
        InvalidConfiguration
            Naming the field, its value and the bound.
        """
        if self.homes == 0:
            object.__setattr__(self, "homes", self.agents)
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidConfiguration(name, value, "must be a whole number")
            if not low <= value <= high:
                raise InvalidConfiguration(name, value, f"must lie between {low:,} and {high:,}")
        if self.agents > self.width * self.height:
            cells = self.width * self.height
            raise InvalidConfiguration(
                "agents", self.agents, f"founders need a cell each and a {self.width}x{self.height} grid has {cells:,}"
            )
        if self.mind not in MINDS:
            raise InvalidConfiguration("mind", self.mind, f"this release knows {', '.join(MINDS)}")

    @property
    def thinks(self) -> bool:
        """Whether agents have minds."""
        return self.mind != "reflex"

    @property
    def n_cells(self) -> int:
        """Cells of the grid."""
        return self.width * self.height

    def canonical(self) -> str:
        """Return the one JSON text of this configuration: sorted keys, no spaces, ASCII."""
        values = {name: value for name, value in asdict(self).items() if value != CAME_LATER.get(name)}
        if not self.thinks:
            values = {name: value for name, value in values.items() if name not in _OF_MINDS}
        return canonical_json(values)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Configuration:
        """Build from names and values.

        Raises
        ------
        InvalidConfiguration
            If a name is unknown or a value out of bounds.
        """
        known = {f.name for f in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise InvalidConfiguration(name, value, f"no such setting; there are {', '.join(sorted(known))}")
        return cls(**values)


def require_target(ticks: int) -> None:
    """Refuse a tick to end at that no run can reach.

    Raises
    ------
    InvalidConfiguration
    """
    if not 0 <= ticks <= TICKS_MAX:
        raise InvalidConfiguration("ticks", ticks, f"must lie between 0 and {TICKS_MAX:,}")


def require_name(name: str) -> None:
    """Refuse what can't be the name of a run; the schema takes no other.

    Raises
    ------
    InvalidConfiguration
    """
    if not re.fullmatch("[a-z][a-z0-9_-]{0,62}", name):
        raise InvalidConfiguration("name", name, "use 1-63 of a-z, 0-9, - and _, beginning with a letter")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and without spaces or non-ASCII: equal values, equal bytes."""
    return _CANONICAL.encode(value)


def genesis_hash(
    seed: int,
    configuration: Configuration,
    *,
    rules: int = RULES_VERSION,
    state: int = STATE_VERSION,
    hashing: int = HASHING_VERSION,
) -> bytes:
    """Return the 32 bytes from which a run's chain of hashes grows.

    Covers seed, canonical configuration and the versions of rules, state and hashing; not the run's
    name, length or way of execution. Equal genesis and equal inputs give equal chains.
    """
    text = canonical_json(
        {
            "configuration": json.loads(configuration.canonical()),
            "hashing": hashing,
            "rules": rules,
            "seed": seed,
            "state": state,
        }
    )
    return hashlib.sha256(b"chronopolis genesis\0" + text.encode()).digest()
