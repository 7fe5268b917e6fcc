"""vLLM for real, on CPU: serves SmolLM2 and a LoRA adapter that PEFT has just made. `make test-vllm` runs it.

It needs `polis minds setup vllm` under POLIS_HOME, so it is not among the tests that always run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from domain.errors import EngineRefused
from domain.ports import Completion
from infrastructure.engines import engine_identity, open_engine
from infrastructure.engines.adapters import find_adapters, install_adapter, served_name
from infrastructure.engines.supervised import SupervisedEngine
from infrastructure.engines.vllm import model_folder, shared_server
from infrastructure.engines.vllm_setup import environment
from infrastructure.errors import AdapterUnusable, EnvironmentNotMade
from infrastructure.settings import Settings
from tests.contract.test_engine import ASKED, MESSAGES, Promises
from tests.support.lora import write_peft_lora

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1800)]

SETTINGS = Settings.from_environment()
MAKE_ADAPTER = """
import sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
torch.manual_seed(7)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
config = LoraConfig(r=int(sys.argv[3]), lora_alpha=int(sys.argv[4]), target_modules=["q_proj", "v_proj"],
                    task_type="CAUSAL_LM",
                    init_lora_weights=False)  # random: it must change what is said, not improve it
model = get_peft_model(model, config)
model.save_pretrained(sys.argv[2])
"""
PLAIN = Completion(MESSAGES, None, max_tokens=12, seed=7)


@pytest.fixture(scope="module")
def python() -> Path:
    if not os.environ.get("POLIS_TEST_VLLM"):
        pytest.skip("`make test-vllm` runs these")
    try:
        return environment(SETTINGS.home)
    except EnvironmentNotMade as error:
        pytest.skip(str(error))


def made_by_peft(python: Path, folder: Path, rank: int, *, alpha: int = 32) -> Path:
    """Have PEFT save a random adapter; the larger `alpha`, the more it disturbs what the model says."""
    model = model_folder(None, SETTINGS.home)
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    words = [python, "-P", "-c", MAKE_ADAPTER, model, folder, str(rank), str(alpha)]
    subprocess.run(words, check=True, capture_output=True, env=environ)
    return folder


@pytest.fixture(scope="module")
def odd(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the name of an adapter made just now; PEFT writes sets, so its bytes are never those of the last time."""
    name = f"test-{os.getpid()}"
    folder = install_adapter(SETTINGS.home, name, made_by_peft(python, tmp_path_factory.mktemp("lora"), 8))
    yield name
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(odd: str) -> Iterator[SupervisedEngine]:
    recorded = engine_identity("vllm", SETTINGS, adapters=[odd])
    engine = open_engine(recorded, SETTINGS, say=print)
    assert isinstance(engine, SupervisedEngine)
    yield engine
    engine.close()


class TestVllm(Promises):
    """The promises of every engine, by vLLM."""

    def test_closing_it_twice_is_closing_it(self) -> None:  # type: ignore[override]
        """Not here: the others go on with this engine."""


def test_with_and_without_the_adapter_another_one_answers(engine: SupervisedEngine, odd: str) -> None:
    before = engine.complete(PLAIN, timeout_s=300)
    turned = engine.complete(Completion(MESSAGES, None, 12, 7, adapter=odd), timeout_s=300)
    after = engine.complete(PLAIN, timeout_s=300)
    print(f"\nbase:     {before.text!r}\n{odd}: {turned.text!r}\nengine:   {turned.engine}")
    assert (before.adapter, turned.adapter, after.adapter) == (None, odd, None)
    assert before.text == after.text != turned.text


def test_the_adapter_too_answers_by_the_schema(engine: SupervisedEngine, odd: str) -> None:
    said = engine.complete(Completion(MESSAGES, ASKED.schema, 32, 7, adapter=odd), timeout_s=300)
    assert json.loads(said.text)["intention"] in ("forage", "rest")


def test_it_serves_the_adapter_under_its_hash_on_loopback_at_low_priority(engine: SupervisedEngine, odd: str) -> None:
    digest = engine.identity["adapters"][odd]
    assert {m["id"] for m in engine._client.models()} == {engine.identity["model"], served_name(odd, digest)}
    assert httpx.get(f"{engine.url}/v1/models", trust_env=False).status_code == 401
    tree = [psutil.Process(engine.pid), *psutil.Process(engine.pid).children(recursive=True)]
    assert all(p.nice() >= 10 for p in tree)
    listening = {c.laddr.ip for p in tree for c in p.net_connections("tcp") if c.status == "LISTEN"}
    print(f"\nlistens on {listening}; {sum(p.memory_info().rss for p in tree) >> 20} MiB")


def test_a_killed_server_comes_back_with_its_adapters(engine: SupervisedEngine, odd: str) -> None:
    before = engine.pid
    os.kill(before, signal.SIGKILL)
    said = engine.complete(Completion(MESSAGES, ASKED.schema, 32, 7, adapter=odd), timeout_s=600)
    assert json.loads(said.text)["intention"] in ("forage", "rest") and engine.pid != before


def test_a_rank_or_a_base_model_that_does_not_fit_is_refused_before_the_start(python: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"  # its adapters alone: the environment stays where it is
    install_adapter(home, "broad", made_by_peft(python, tmp_path / "broad", 64))
    install_adapter(home, "other-base", write_peft_lora(tmp_path / "other", hidden=1024))
    found = find_adapters(home, ["broad", "other-base"], form="peft")
    with pytest.raises(AdapterUnusable, match="rank is 64, and the server takes ranks up to 16"):
        shared_server(None, SETTINGS.home, {"broad": found["broad"]})
    with pytest.raises(AdapterUnusable, match="another base model"):
        shared_server(None, SETTINGS.home, {"other-base": found["other-base"]})


def test_an_adapter_that_nobody_installed_is_refused(python: Path) -> None:
    with pytest.raises(AdapterUnusable, match="there is no folder"):
        engine_identity("vllm", SETTINGS, adapters=["nobody"])
    with pytest.raises(EngineRefused, match="was made with model_hash"):
        open_engine(engine_identity("vllm", SETTINGS) | {"model_hash": "0"}, SETTINGS)
