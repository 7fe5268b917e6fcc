"""Two who drop one run."""

from __future__ import annotations

import pytest

from domain.errors import RunDropped, UnknownRun
from infrastructure.dropping import drop_run
from infrastructure.postgres_store import PostgresStore
from tests.support.stores import make_run

pytestmark = pytest.mark.integration


def test_who_comes_second_is_told_that_it_was_dropped(postgres_store: PostgresStore) -> None:
    run = make_run(postgres_store, "twice", ticks=3)
    drop_run(postgres_store.database, run, "the first")
    with pytest.raises(RunDropped, match="because 'the first'") as caught:
        drop_run(postgres_store.database, run, "the second")
    with pytest.raises(UnknownRun) as asked:
        postgres_store.find("twice")
    assert str(caught.value) == str(asked.value)
