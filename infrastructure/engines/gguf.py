"""GGUF files, as far as adapters need them: what a model says of itself, and a writer of a few matrices.

The format is that of ggml's docs/gguf.md: magic, version, counts, keys with values, descriptions of tensors, then data.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
_F32 = 0
_U32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_COUNT_MAX, _TEXT_MAX = 1 << 24, 1 << 24


@dataclass(frozen=True)
class Header:
    """What stands before the data.

    Attributes
    ----------
    keys : scalars and strings by their names; lists are passed over
    shapes : of each tensor, rows before columns, as numpy has them
    """

    keys: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]


def read_header(path: Path) -> Header:
    """Return what a GGUF file says of itself.

    Raises
    ------
    ValueError
        If it is none, or is damaged.
    OSError
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("it does not begin as a GGUF file does")
        version, tensors, keys = struct.unpack("<IQQ", _exactly(file, 20))
        if version not in (2, 3) or max(tensors, keys) > _COUNT_MAX:
            raise ValueError(f"it is of GGUF version {version}, which is not read here")
        said = {name: value for name, value in (_key(file) for _ in range(keys)) if value is not None}
        return Header(said, dict(_tensor(file) for _ in range(tensors)))


def write_gguf(path: Path, keys: Mapping[str, str | int | float], tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a file of float32 matrices; the same arguments give the same bytes."""
    about = [_text(name) + _value(value) for name, value in keys.items()]
    data: list[bytes] = []
    at = 0
    for name, matrix in tensors.items():
        dimensions = struct.pack(f"<I{matrix.ndim}Q", matrix.ndim, *reversed(matrix.shape))
        about.append(_text(name) + dimensions + struct.pack("<IQ", _F32, at))
        data.append(_aligned(np.ascontiguousarray(matrix, "<f4").tobytes()))
        at += len(data[-1])
    head = MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(keys)) + b"".join(about)
    path.write_bytes(_aligned(head) + b"".join(data))


def _value(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    return struct.pack("<II", _U32, value) if isinstance(value, int) else struct.pack("<If", _FLOAT32, value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("it ends too soon")
    return data


def _string(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", _exactly(file, 8))
    if size > _TEXT_MAX:
        raise ValueError(f"it holds a text of {size:,} bytes")
    return _exactly(file, size).decode("utf-8", "replace")


def _key(file: BinaryIO) -> tuple[str, Any]:
    name = _string(file)
    (kind,) = struct.unpack("<I", _exactly(file, 4))
    if kind != _ARRAY:
        return name, _scalar(file, kind)
    kind, count = struct.unpack("<IQ", _exactly(file, 12))
    if count > _COUNT_MAX:
        raise ValueError(f"it holds a list of {count:,}")
    if kind in _NUMBERS:
        _exactly(file, count * struct.calcsize(_NUMBERS[kind]))
    else:
        for _ in range(count):
            _scalar(file, kind)
    return name, None


def _scalar(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind not in _NUMBERS:
        raise ValueError(f"it holds a value of an unknown type ({kind})")
    form = _NUMBERS[kind]
    return struct.unpack(form, _exactly(file, struct.calcsize(form)))[0]


def _tensor(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    name = _string(file)
    (dimensions,) = struct.unpack("<I", _exactly(file, 4))
    if dimensions > 4:
        raise ValueError(f"its tensor {name} has {dimensions} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", _exactly(file, 8 * dimensions))
    _exactly(file, 12)  # its type, and where it begins
    return name, tuple(reversed(shape))
