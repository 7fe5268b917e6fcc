"""A fork that is killed with -9: resumed, it ends at the hash of one that nobody disturbed."""

from __future__ import annotations

import signal

import pytest

import replay
from domain.configuration import Configuration
from infrastructure.postgres_store import PostgresStore
from tests.support.crashes import ForkedRunner
from tests.support.postgres import FreshDatabase
from tests.support.stores import chain_of, go_on, make_run

pytestmark = pytest.mark.integration

TICKS = 90
WHAT = {
    "settings": {"hunger": 90, "regrowth_percent": 40},
    "seed": 8,
    "interventions": [{"add": {"agents": 3}}, {"agent": 2, "remove": True, "at": 60}],
}


@pytest.mark.parametrize(
    ("durability", "failpoint"),
    [("tick", "before_copy@41"), ("tick", "between_copy_and_header@60"), ("group", "before_copy@41")],
)
def test_a_fork_killed_at_a_failpoint_resumes_to_the_same_hash(
    postgres_store: PostgresStore, migrated: FreshDatabase, durability: str, failpoint: str
) -> None:
    village = Configuration(agents=20, width=14, height=14, homes=40)
    parent = make_run(postgres_store, "parent", ticks=50, configuration=village)
    undisturbed = replay.fork(postgres_store, parent, at=40, name="undisturbed", **WHAT)  # type: ignore[arg-type]
    go_on(postgres_store, undisturbed, TICKS)
    fork = replay.fork(postgres_store, parent, at=40, name="fork", **WHAT)  # type: ignore[arg-type]
    command = ("--name", "fork", "--ticks", TICKS, "--durability", durability, "--pace", 2)
    killed = ForkedRunner({"POLIS_DATABASE_URL": migrated.admin_url}, *command, failpoint=failpoint)
    assert killed.wait() == -signal.SIGKILL
    partly = replay.verify(postgres_store, fork)
    assert partly.ok and partly.ticks <= TICKS + 1, partly
    summary = go_on(postgres_store, fork, TICKS, durability=durability)
    assert (summary.status, summary.head_tick) == ("complete", TICKS)
    assert chain_of(postgres_store, fork) == chain_of(postgres_store, undisturbed)
    assert replay.verify(postgres_store, fork, deep=True).ok and replay.reexecute(postgres_store, fork).identical
