"""One agent: everything that is known of it at a tick, and how it fared over time."""

from __future__ import annotations

import json
from math import inf
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from chronopolis import people
from chronopolis.naming import name_the_dead, recorded_names
from chronopolis.sentences import parts
from chronopolis.web.agent_history import COLUMNS, history_of
from chronopolis.web.api.described import Described
from chronopolis.web.api.models import AgentAnswer, AgentSeries
from chronopolis.web.api.parameters import First, Found, Last, Tick, Told, agent_named, span
from chronopolis.web.histories import Histories
from chronopolis.web.remembering import conversation_of, texts_of
from chronopolis.web.services import Using
from domain.biography import biography
from domain.codes import N_TRAITS, Occupation
from domain.columns import BORN, FAMILY_NAME, GIVEN_NAME, OCCUPATION, TRAITS
from domain.events import AGENT_BORN, AGENT_JOINED
from domain.ports import Run
from domain.state import World
from replay import scenarios_of

router = APIRouter(tags=["agents"], route_class=Described)

AgentInPath = Annotated[str, Path(max_length=100, description="Id or name of the agent.")]
_POINTS_MAX = 4_000


@router.get("/api/runs/{run}/agents/{agent}", response_model=AgentAnswer)
async def one_agent(run: Found, agent: AgentInPath, using: Using, tick: Tick = None, told: Told = False) -> Response:
    """Return an agent as `polis state --agent` does, with the texts of what it remembers and of its conversation.

    One that has died by then, or is not born yet, has `alive` false, and the event that tells of it.
    """
    histories = using.histories
    wanted = await histories.tick(run, tick)
    number = await agent_named(using, run, agent, await histories.head(run))
    assert number is not None

    # Who people are comes from the genesis, also where a fork goes on with another seed.
    genesis = await histories.quick.do(lambda: scenarios_of(using.store, run).root)

    def described(world: World) -> tuple[str, dict[str, Any] | None]:
        alive = world.row(number) is not None
        found = people.describe(world, number) | {"persona": _persona(world, number, genesis.seed)} if alive else None
        return world.state_hash.hex(), found

    state_hash, values = await histories.look(run, lambda cursor: described(cursor.at(wanted)))
    names = histories.names(run)
    head = {"run": run.id, "run_name": run.name, "tick": wanted, "state_hash": state_hash, "agent": number}

    def completed() -> bytes:
        if values is None:
            answer: dict[str, Any] = head | _absent(histories, run, number, wanted)
            for event in filter(None, (answer["arrival"], answer["last_event"])) if told else ():
                event["told"] = parts(event)
        else:
            name_the_dead(values, using.store, run, names)
            answer = head | {"alive": True} | values | _in_mind(histories, run, wanted, values)
        return json.dumps(answer, ensure_ascii=False).encode()

    return Response(await histories.quick.do(completed), media_type="application/json")


def _persona(world: World, agent: int, seed: int) -> dict[str, Any]:
    """Return who an agent is in words, the same for life: what a mind is told of itself."""
    a = world.agents[:, world.row(agent)].tolist()
    told = biography(
        agent=agent, given=a[GIVEN_NAME], family=a[FAMILY_NAME], occupation=Occupation(a[OCCUPATION]),
        traits=a[TRAITS : TRAITS + N_TRAITS], born=a[BORN], seed=seed,
    )  # fmt: skip
    return {"values": list(told.values), "backstory": told.backstory, "style": told.style}


def _in_mind(histories: Histories, run: Run, tick: int, values: dict[str, Any]) -> dict[str, Any]:
    """Return the texts of what an agent remembers, and the words of the conversation that it is in."""
    mind = values["mind"]
    if mind is None:
        return {"memories": [], "conversation": None}
    texts = texts_of(histories.browsing, run, values["agent"], tick)
    memories = [kept | texts.get(kept["memory"], {}) for kept in mind["memories"]]
    talk = mind["conversation"]
    if talk is not None:
        talk = talk | {
            "speeches": conversation_of(histories.browsing, run, talk["conversation"], values["agent"], tick)
        }
    return {"memories": memories, "conversation": talk}


def _absent(histories: Histories, run: Run, agent: int, tick: int) -> dict[str, Any]:
    """Return what is known of an agent that does not live at a tick.

    Raises
    ------
    UnknownAgent
        If nobody of that id ever came.
    """
    from chronopolis.errors import UnknownAgent

    browsing, end = histories.browsing, 2**31 - 1
    came = [AGENT_JOINED.number, AGENT_BORN.number]
    arrivals = browsing.page_of_events(run, 0, end, limit=1, kinds=came, agent=agent, patience_s=inf).events
    if not len(arrivals):
        raise UnknownAgent(run.name, tick, str(agent))
    arrival = next(iter(arrivals))
    last = browsing.page_of_events(run, 0, tick, limit=1, agent=agent, newest_first=True, patience_s=inf).events
    return {
        "alive": False,
        "name": arrival.get("name"),
        "occupation": arrival.get("occupation"),
        "unborn": not len(last),
        "arrival": arrival,
        "last_event": next(iter(last), None),
    }


@router.get("/api/runs/{run}/names")
async def names(
    run: Found,
    using: Using,
    agents: Annotated[
        str, Query(pattern=r"^\d{1,10}(,\d{1,10})*$", max_length=4_000, description="Ids, with commas between them.")
    ],
) -> dict[int, str]:
    """Return the names of agents by id, of the dead and of those born after whatever tick one looks at too.

    Whoever never came into the run is left out.
    """
    histories = using.histories
    await histories.head(run)
    wanted = {int(agent) for agent in agents.split(",")}

    def found() -> dict[int, str]:
        known = histories.names(run)
        if missing := wanted - known.keys():
            known |= recorded_names(using.store, run, missing)
        return {agent: known[agent] for agent in sorted(wanted & known.keys())}

    return await histories.quick.do(found)


@router.get("/api/runs/{run}/agents/{agent}/history")
async def history(
    run: Found,
    agent: AgentInPath,
    using: Using,
    columns: Annotated[
        str, Query(max_length=200, description=f"Names with commas between: {', '.join(COLUMNS)}.")
    ] = "energy,satiety,company",
    first: First = 0,
    last: Last = None,
    points: Annotated[int, Query(ge=1, le=_POINTS_MAX)] = 400,
) -> AgentSeries:
    """Return how an agent fared: the value of each column at the end of each bin of ticks, null outside its life."""
    histories = using.histories
    low, high = span(first, last, await histories.head(run))
    number = await agent_named(using, run, agent, high)
    assert number is not None
    names = [name.strip() for name in columns.split(",") if name.strip()]
    found = await histories.slow.do(lambda: history_of(histories.browsing, run, number, names, low, high, points))
    return AgentSeries(**found)
