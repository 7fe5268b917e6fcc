"""Who answers for the agents of a run when they are interviewed: the very mind that it recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.configuration import Configuration
from domain.errors import EngineRefused, InvalidConfiguration
from domain.ports import Run
from infrastructure.settings import Settings
from tests.support.engines import Engines, engines  # noqa: F401
from workers.minds.scripted import ScriptedEngine
from workers.staff import identity_of, lent_mind

pytestmark = pytest.mark.unit


def made_with(mind: str, engine: dict) -> Run:
    configuration = Configuration(mind=mind) if mind != "reflex" else Configuration()
    return Run(1, "brave-otter", 7, configuration, b"", engines=engine)


@pytest.fixture
def settings(engines: Engines, tmp_path: Path) -> Settings:  # noqa: F811
    return Settings(home=tmp_path, mind_url=engines.url("good"))


def test_the_runs_own_engine_answers_with_the_adapters_of_its_groups(settings: Settings) -> None:
    recorded = identity_of("openai", settings) | {"groups": {"farmer": "dialect"}}
    with lent_mind(made_with("openai", recorded), "openai", settings) as (engine, adapters):
        assert engine.identity["model"] == "base"
        assert adapters == {"farmer": "dialect"}


def test_another_engine_than_the_one_recorded_is_refused(settings: Settings) -> None:
    recorded = identity_of("openai", settings) | {"model_hash": "0" * 64}
    with (
        pytest.raises(EngineRefused, match="was made with model_hash"),
        lent_mind(made_with("openai", recorded), "openai", settings),
    ):
        pass


def test_another_mind_answers_as_it_is_if_it_is_named(settings: Settings) -> None:
    run = made_with("llama", {"mind": "llama", "name": "llama", "model": "tiny", "groups": {"farmer": "dialect"}})
    with lent_mind(run, "openai", settings) as (engine, adapters):
        assert (engine.identity["name"], adapters) == ("openai", {})


def test_the_scripted_mind_answers_without_an_engine(settings: Settings) -> None:
    run = made_with("scripted", identity_of("scripted", settings))
    with lent_mind(run, "scripted", settings) as (engine, adapters):
        assert isinstance(engine, ScriptedEngine) and not adapters


def test_a_mind_without_words_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidConfiguration), lent_mind(made_with("reflex", {}), "reflex", settings):
        pass


def test_a_mind_that_does_not_exist_is_refused_with_those_that_do(settings: Settings) -> None:
    run = made_with("scripted", identity_of("scripted", settings))
    with pytest.raises(InvalidConfiguration, match="scripted, llama, vllm, openai"), lent_mind(run, "lama", settings):
        pass
