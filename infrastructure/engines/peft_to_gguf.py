"""LoRA adapters as PEFT saves them become what llama.cpp reads, for models of the Llama family.

A LoRA adds (alpha / rank) · B A to a matrix. llama.cpp does the same with the matrices of its own format, in which the
rows of queries and keys stand in another order, since it turns pairs that lie side by side and transformers pairs
that lie half a head apart. So B is reordered there as the converter of whole models reorders the matrix itself.
The same adapter and base model always give the same bytes.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infrastructure.engines.gguf import Header, read_header, write_gguf
from infrastructure.errors import AdapterUnusable

CONVERTER = "1"
"""Raised whenever the same adapter would become other bytes."""
_ARCHITECTURE = "llama"  # SmolLM2, Llama 2 and 3, Mistral
_MODULES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip
_MATRIX = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.([\w.]+)\.lora_([AB])\.(?:\w+\.)?weight")
_UNKNOWN = ("use_dora", "fan_in_fan_out", "modules_to_save", "layer_replication", "trainable_token_indices")
"""Settings of PEFT that mean more than B A, and that llama.cpp has no place for."""
_HEADER_BYTES_MAX = 64 << 20


def convert(name: str, config: Path, weights: Path, base: Path, target: Path) -> None:
    """Write a PEFT adapter as GGUF.

    Parameters
    ----------
    name : the adapter's, for errors
    config, weights : adapter_config.json and adapter_model.safetensors
    base : GGUF file of the model that it is for
    target : written whole or not at all

    Raises
    ------
    AdapterUnusable
        If it holds what llama.cpp can't do, or was made for another model.
    """
    try:
        said, model = json.loads(config.read_text("utf-8")), read_header(base)
        tensors = dict(_converted(name, said, dict(_matrices(weights)), model))
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise AdapterUnusable(name, f"it can't be made into GGUF: {error}") from None
    keys: dict[str, str | int | float] = {
        "general.type": "adapter", "general.architecture": _ARCHITECTURE, "adapter.type": "lora",
        "adapter.lora.alpha": float(said["lora_alpha"]),
    }  # fmt: skip
    new = target.with_name(f".{target.name}.{os.getpid()}")
    write_gguf(new, keys, tensors)
    new.replace(target)


def _converted(
    name: str, config: Mapping[str, Any], matrices: Mapping[str, NDArray[np.float32]], model: Header
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    architecture = model.keys.get("general.architecture")
    if architecture != _ARCHITECTURE:
        raise AdapterUnusable(name, f"only adapters of the Llama family can be made into GGUF, not of {architecture}")
    if config.get("peft_type") != "LORA":
        raise AdapterUnusable(name, f"it is of type {config.get('peft_type')!r}, and only LORA can be served")
    more = [setting for setting in _UNKNOWN if config.get(setting)]
    if more or config.get("bias", "none") != "none":
        raise AdapterUnusable(name, f"llama.cpp has nothing for its setting {(more or ['bias'])[0]!r}")
    for key in matrices:
        found = _MATRIX.fullmatch(key)
        if found is None or found[2] not in _MODULES:
            raise AdapterUnusable(name, f"it holds {key}, which is no LoRA matrix of a layer that llama.cpp knows")
        if found[3] == "B":
            continue
        layer, module = found[1], found[2]
        a, b = matrices[key], matrices[key.replace(".lora_A.", ".lora_B.")]
        place = f"blk.{layer}.{_MODULES[module]}.weight"
        own = model.shapes.get(place)
        if own is None or (b.shape[0], a.shape[1]) != own or a.shape[0] != b.shape[1]:
            fits = "is not in the base model" if own is None else f"does not fit the base model's {own[0]} × {own[1]}"
            raise AdapterUnusable(name, f"its matrix for layer {layer}, {module} {fits}: another base model")
        b = b * np.float32(_strength(config, f"model.layers.{layer}.{module}", a.shape[0]))
        if module in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = "head_count" if module.endswith("q_proj") else "head_count_kv"
            b = reordered(b, int(model.keys[f"{_ARCHITECTURE}.attention.{heads}"]))
        yield f"{place}.lora_a", a
        yield f"{place}.lora_b", b


def reordered(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Return the rows of a matrix of queries or keys in llama.cpp's order.

    Within each head, row i of the first half is followed by row i of the second.
    """
    rows, columns = matrix.shape
    halves = matrix.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def _strength(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return by how much PEFT multiplies B A beyond the (alpha / rank) that llama.cpp does."""
    alpha = _of_module(config.get("alpha_pattern"), module, float(config["lora_alpha"]))
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return scale * rank / float(config["lora_alpha"])


def _of_module(pattern: Mapping[str, Any] | None, module: str, otherwise: float) -> float:
    for ending, value in (pattern or {}).items():
        if re.fullmatch(rf"(.*\.)?({ending})", module):
            return float(value)
    return otherwise


def _matrices(file: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the matrices of a safetensors file: a length, a header of JSON, then the data."""
    with file.open("rb") as opened:
        (size,) = struct.unpack("<Q", opened.read(8))
        if size > _HEADER_BYTES_MAX:
            raise ValueError("its header is too large")
        header = json.loads(opened.read(size))
        data = opened.read()
    for key, about in header.items():
        if key == "__metadata__":
            continue
        first, last = about["data_offsets"]
        yield key, _as_float32(data[first:last], about["dtype"]).reshape(about["shape"])


def _as_float32(data: bytes, dtype: str) -> NDArray[np.float32]:
    if dtype == "F32":
        return np.frombuffer(data, "<f4").astype(np.float32)
    if dtype == "F16":
        return np.frombuffer(data, "<f2").astype(np.float32)
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    raise ValueError(f"its numbers are of type {dtype}")
