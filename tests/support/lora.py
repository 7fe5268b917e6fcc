"""LoRA adapters made of nothing but numbers: small files that a real server loads."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

HIDDEN = 576
"""Width of SmolLM2-135M."""


def write_gguf_lora(path: Path, *, hidden: int = HIDDEN, rank: int = 4, seed: int = 1, strength: float = 0.5) -> Path:
    """Write an adapter of llama.cpp's kind that turns the queries of the first ten layers aside.

    The format is that of ggml/docs/gguf.md: magic, counts, keys, descriptions of tensors, then data, aligned.
    """
    noise = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for layer in range(10):
        for side, rows, columns in (("a", rank, hidden), ("b", hidden, rank)):
            matrix = noise.standard_normal((rows, columns)).astype("<f4") * strength
            tensors[f"blk.{layer}.attn_q.weight.lora_{side}"] = matrix
    keys = b"".join(
        _string(key) + struct.pack("<I", 8) + _string(value)
        for key, value in (("general.type", "adapter"), ("general.architecture", "llama"), ("adapter.type", "lora"))
    ) + _string("adapter.lora.alpha") + struct.pack("<If", 6, float(rank))  # fmt: skip
    about, data = b"", b""
    for name, matrix in tensors.items():
        about += _string(name) + struct.pack("<I", 2) + struct.pack("<QQ", *matrix.shape[::-1])
        about += struct.pack("<IQ", 0, len(data))
        data += _aligned(matrix.tobytes())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 4) + keys + about
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_aligned(head) + data)
    return path


def write_peft_lora(folder: Path, *, hidden: int = HIDDEN, rank: int = 4, said_rank: int | None = None) -> Path:
    """Write an adapter of PEFT's kind, all of zeros: it changes nothing and has the right form."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": said_rank or rank, "lora_alpha": rank, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    shapes = {
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": (rank, hidden),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": (hidden, rank),
    }
    write_safetensors(folder / "adapter_model.safetensors", shapes)
    return folder


def write_peft_noise(
    folder: Path, *, rank: int = 4, alpha: float = 8.0, layers: int = 10, seed: int = 1, strength: float = 0.05,
    **settings: object,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Write an adapter of PEFT's kind for SmolLM2 that changes all it may change; return its matrices."""
    noise = np.random.default_rng(seed)
    sizes = {
        "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (192, HIDDEN), "self_attn.v_proj": (192, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (1536, HIDDEN), "mlp.down_proj": (HIDDEN, 1536),
    }  # fmt: skip
    matrices = {}
    for layer in range(layers):
        for module, (rows, columns) in sizes.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            for side, shape in (("A", (rank, columns)), ("B", (rows, rank))):
                matrices[f"{name}.lora_{side}.weight"] = (noise.standard_normal(shape) * strength).astype("<f4")
    header, at = {}, 0
    for name, matrix in matrices.items():
        header[name] = {"dtype": "F32", "shape": list(matrix.shape), "data_offsets": [at, at + matrix.nbytes]}
        at += matrix.nbytes
    text = json.dumps(header).encode()
    data = b"".join(matrix.tobytes() for matrix in matrices.values())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none", **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return matrices


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Write a file of zeros with these shapes."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 32)
