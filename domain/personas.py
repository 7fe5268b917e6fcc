"""Personas from the seed: who an agent is. Drawn when it joins or is born, then recorded for ever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_SKILLS, N_TRAITS, Occupation
from domain.configuration import Configuration
from domain.draws import draw
from domain.events import payload_of
from domain.names import FAMILY, GIVEN, full_name


@dataclass(frozen=True)
class Persona:
    """Who an agent is; numbers in milli-units unless said otherwise."""

    given: int
    family: int
    occupation: Occupation
    born: int  # tick, negative for founders
    lifespan: int  # ticks
    traits: tuple[int, ...]
    skills: tuple[int, ...]

    def payload(self) -> bytes:
        """Return the canonical payload of the event that brings the agent into the world."""
        return payload_of(
            name=full_name(self.given, self.family),
            given=self.given,
            family=self.family,
            occupation=self.occupation.name.lower(),
            born=self.born,
            lifespan=self.lifespan,
            traits=list(self.traits),
            skills=list(self.skills),
        )


def _dice(agents: NDArray[np.int64], *, seed: int, tick: int, index: int) -> NDArray[np.int64]:
    """Return numbers in [0, 1000) per agent."""
    drawn = draw(agents, seed=seed, stream="persona", tick=tick, index=index)
    return ((drawn >> np.uint64(32)) * np.uint64(1000) >> np.uint64(32)).astype(np.int64)


def make_personas(
    agents: NDArray[np.int64], configuration: Configuration, *, seed: int, tick: int, founders: bool
) -> list[Persona]:
    """Draw a persona for each agent id.

    Traits are the mean of three uniform draws, so most people are ordinary. An occupation comes with
    a head start in its own skill. Founders are of all ages.
    """
    traits = np.stack(
        [sum(_dice(agents, seed=seed, tick=tick, index=10 * t + k) for k in range(3)) // 3 for t in range(N_TRAITS)]
    )
    skills = np.stack([100 + _dice(agents, seed=seed, tick=tick, index=100 + s) // 5 for s in range(N_SKILLS)])
    work = _dice(agents, seed=seed, tick=tick, index=200)
    # Four in ten farm; woodcutters, masons, miners and traders share the rest.
    occupation = np.searchsorted([400, 580, 720, 860], work, side="right")
    life = configuration.lifespan
    lifespan = life - life // 3 + _dice(agents, seed=seed, tick=tick, index=201) * (2 * life // 3) // 1000
    age = _dice(agents, seed=seed, tick=tick, index=202) * lifespan // 1000 if founders else np.zeros_like(lifespan)
    given = _dice(agents, seed=seed, tick=tick, index=203) * len(GIVEN) // 1000
    family = _dice(agents, seed=seed, tick=tick, index=204) * len(FAMILY) // 1000
    personas = []
    for i in range(len(agents)):
        own = [int(s) for s in skills[:, i]]
        if occupation[i] < N_SKILLS:
            own[occupation[i]] += 300
        personas.append(
            Persona(
                given=int(given[i]),
                family=int(family[i]),
                occupation=Occupation(int(occupation[i])),
                born=tick - int(age[i]),
                lifespan=int(lifespan[i]),
                traits=tuple(int(t) for t in traits[:, i]),
                skills=tuple(own),
            )
        )
    return personas
