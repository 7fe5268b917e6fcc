"""Adapters of PEFT's kind as llama.cpp reads them: the same matrices, in its order, or a refusal with the reason."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from infrastructure.engines.adapters import find_adapters, install_adapter
from infrastructure.engines.gguf import read_header, write_gguf
from infrastructure.engines.peft_to_gguf import reordered
from infrastructure.errors import AdapterUnusable
from infrastructure.models import find_gguf
from tests.support.lora import write_peft_lora, write_peft_noise

pytestmark = pytest.mark.unit


def converted(home: Path, source: Path, name: str = "poet", base: Path | None = None) -> Path:
    install_adapter(home, name, source)
    found = find_adapters(home, [name], form="gguf", base=base or find_gguf())[name].gguf
    assert found is not None
    return found


def test_a_header_that_was_written_is_read_again(tmp_path: Path):
    keys = {"general.architecture": "llama", "llama.attention.head_count": 9, "scale": 0.5}
    write_gguf(tmp_path / "some.gguf", keys, {"a": np.zeros((3, 5), np.float32), "b": np.ones((2,), np.float32)})
    header = read_header(tmp_path / "some.gguf")
    assert header.keys == keys
    assert header.shapes == {"a": (3, 5), "b": (2,)}


def test_the_header_of_a_whole_model_is_read():
    header = read_header(find_gguf())
    assert header.keys["general.architecture"] == "llama"
    assert (header.keys["llama.attention.head_count"], header.keys["llama.attention.head_count_kv"]) == (9, 3)
    assert header.shapes["blk.0.attn_k.weight"] == (192, 576)


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF" + b"\x03" + bytes(30), b"GGUF" + b"\xff" * 64, b"nonsense"])
def test_what_is_no_gguf_is_said_to_be_none(tmp_path: Path, data: bytes):
    (tmp_path / "some.gguf").write_bytes(data)
    with contextlib.suppress(ValueError):
        assert read_header(tmp_path / "some.gguf").shapes == {}


def test_matrices_keep_their_values_and_queries_stand_in_pairs(tmp_path: Path):
    matrices = write_peft_noise(tmp_path / "lora", layers=2)
    file = converted(tmp_path, tmp_path / "lora")
    header, data = read_header(file), file.read_bytes()
    assert header.keys["adapter.type"] == "lora" and header.keys["adapter.lora.alpha"] == 8.0
    assert len(header.shapes) == len(matrices)
    assert header.shapes["blk.1.ffn_down.weight.lora_a"] == (4, 1536)
    kept = matrices["base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"]
    assert kept.tobytes() in data
    queries = matrices["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]
    assert queries.tobytes() not in data and reordered(queries, 9).tobytes() in data


def test_a_row_of_the_second_half_of_a_head_follows_its_like_of_the_first():
    rows = np.arange(2 * 8, dtype=np.float32).reshape(16, 1)  # two heads of eight rows
    assert reordered(rows, 2).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]


@pytest.mark.parametrize(
    ("settings", "times"),
    [({}, 1.0), ({"use_rslora": True}, 2.0), ({"alpha_pattern": {"down_proj": 24.0}}, 3.0)],
)
def test_a_strength_that_llama_does_not_know_is_in_the_matrix(tmp_path: Path, settings: dict, times: float):
    matrices = write_peft_noise(tmp_path / "lora", layers=1, rank=4, alpha=8.0, **settings)
    kept = matrices["base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"] * np.float32(times)
    assert kept.tobytes() in converted(tmp_path, tmp_path / "lora").read_bytes()


def test_the_same_adapter_becomes_the_same_bytes_and_keeps_its_hash(tmp_path: Path):
    write_peft_noise(tmp_path / "lora", layers=1)
    one, other = (converted(tmp_path / home, tmp_path / "lora") for home in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    forms = [find_adapters(tmp_path / "one", ["poet"], form=f, base=find_gguf())["poet"] for f in ("peft", "gguf")]
    assert forms[0].hash == forms[1].hash


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"peft_type": "IA3"}, "IA3"),
    ],
)
def test_what_llama_has_no_place_for_is_refused_by_name(tmp_path: Path, settings: dict, because: str):
    write_peft_noise(tmp_path / "lora", layers=1, **settings)
    with pytest.raises(AdapterUnusable, match=because):
        converted(tmp_path, tmp_path / "lora")


def test_an_adapter_of_another_model_is_refused_with_the_matrix_that_does_not_fit(tmp_path: Path):
    write_peft_lora(tmp_path / "wide", hidden=1024)
    with pytest.raises(AdapterUnusable, match=r"layer 0, self_attn.q_proj does not fit .* 576 × 576"):
        converted(tmp_path, tmp_path / "wide")
    write_peft_noise(tmp_path / "deep", layers=31)
    with pytest.raises(AdapterUnusable, match=r"layer 30, self_attn.q_proj is not in the base model"):
        converted(tmp_path, tmp_path / "deep", "deep")
    write_gguf(tmp_path / "phi.gguf", {"general.architecture": "phi3"}, {})
    write_peft_noise(tmp_path / "lora", layers=1)
    with pytest.raises(AdapterUnusable, match="phi3"):
        converted(tmp_path, tmp_path / "lora", "other", base=tmp_path / "phi.gguf")


def test_damaged_weights_are_refused(tmp_path: Path):
    write_peft_noise(tmp_path / "lora", layers=1)
    weights = tmp_path / "lora" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(AdapterUnusable, match="can't be made into GGUF"):
        converted(tmp_path, tmp_path / "lora")
    weights.write_bytes(b"")
    with pytest.raises(AdapterUnusable):
        converted(tmp_path, tmp_path / "lora", "empty")
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps([]))
    with pytest.raises(AdapterUnusable):
        converted(tmp_path, tmp_path / "lora", "list")
