"""LoRA adapters under a home folder: known by the hash of their bytes, and looked at before a server loads them.

::

    <home>/adapters/<name>/
    ├── adapter_config.json, adapter_model.safetensors   PEFT, for vLLM
    ├── adapter.gguf                                     llama.cpp's form of it, if somebody made one
    └── converted-….gguf                                 what we made of PEFT's form, for one base model: a cache
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.engines.peft_to_gguf import CONVERTER, convert
from infrastructure.errors import AdapterUnusable, ModelNotFound
from infrastructure.models import folder_hash, weights_hash

CONFIG, WEIGHTS, GGUF = "adapter_config.json", "adapter_model.safetensors", "adapter.gguf"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_HEADER_BYTES_MAX = 64 << 20


@dataclass(frozen=True)
class Adapter:
    """An adapter that an engine can load.

    Attributes
    ----------
    name : as persona groups call it
    folder : where it lies
    hash : SHA-256 in hex; of a PEFT adapter, converted or not, over its configuration and weights; else of the
        GGUF file
    gguf : llama.cpp's form of it
    """

    name: str
    folder: Path
    hash: str
    gguf: Path | None = None

    @property
    def served_name(self) -> str:
        """As `served_name`."""
        return served_name(self.name, self.hash)


def served_name(name: str, digest: str) -> str:
    """Return the name under which a server offers an adapter: with its hash, so that no other can answer to it."""
    return f"{name}@{digest[:16]}"


def find_adapters(home: Path, names: Iterable[str], *, form: str, base: Path | None = None) -> dict[str, Adapter]:
    """Return the adapters of these names, in the order of names.

    Parameters
    ----------
    home : Path
    names : names
    form : {"peft", "gguf"}
        What the engine reads.
    base : Path, optional
        GGUF file of the model that they are for: then one that is there as PEFT alone is made into GGUF.

    Raises
    ------
    AdapterUnusable
        If one is not there in this form, and can't be made into it.
    """
    return {name: _find(home, name, form, base) for name in sorted(set(names))}


def _find(home: Path, name: str, form: str, base: Path | None = None) -> Adapter:
    if not _NAME.fullmatch(name):
        raise AdapterUnusable(name, "a name is of small letters, digits, - and _, at most 40")
    folder = home / "adapters" / name
    if not folder.is_dir():
        raise AdapterUnusable(name, f"there is no folder {folder}; `polis minds adapter {name} FOLDER` puts one there")
    try:
        if form == "peft":
            return Adapter(name, folder, folder_hash(folder, (CONFIG, WEIGHTS), home))
        path = folder / GGUF
        if not path.exists() and base is not None and (folder / WEIGHTS).exists():
            return _converted(home, name, folder, base)
        if not path.exists():
            raise AdapterUnusable(name, f"llama.cpp reads {GGUF}, which is not in {folder}, and nothing to make it of")
        return Adapter(name, folder, weights_hash(path, home), path)
    except ModelNotFound as error:
        raise AdapterUnusable(name, f"{error.model}: {error.because}") from None


def _converted(home: Path, name: str, folder: Path, base: Path) -> Adapter:
    """Return a PEFT adapter with its form for llama.cpp, made now if it was not yet.

    It is known by the hash of what it was made of: it is the same adapter whoever serves it.
    """
    digest = folder_hash(folder, (CONFIG, WEIGHTS), home)
    target = folder / f"converted-{weights_hash(base, home)[:16]}-{CONVERTER}.gguf"
    if not target.exists():
        convert(name, folder / CONFIG, folder / WEIGHTS, base, target)
    return Adapter(name, folder, digest, target)


def install_adapter(home: Path, name: str, source: Path) -> Path:
    """Copy an adapter's files under `home`, so that nothing changes them later; return the folder.

    Raises
    ------
    AdapterUnusable
        If there is nothing to copy, or another adapter has the name: runs may rely on that one.
    """
    if not _NAME.fullmatch(name):
        raise AdapterUnusable(name, "a name is of small letters, digits, - and _, at most 40")
    files = [source / f for f in (CONFIG, WEIGHTS, GGUF) if (source / f).is_file()]
    if not files or (len(files) == 1 and files[0].name == CONFIG):
        raise AdapterUnusable(name, f"{source} has neither {WEIGHTS} with {CONFIG} nor {GGUF}")
    folder = home / "adapters" / name
    if folder.exists():
        same = all((folder / f.name).is_file() and (folder / f.name).read_bytes() == f.read_bytes() for f in files)
        if not same:
            raise AdapterUnusable(name, f"{folder} is another one of that name, and runs may rely on it; choose a name")
        return folder
    new = folder.with_name(f".{name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, new / file.name)
    new.replace(folder)
    return folder


def adapter_names(home: Path, name: str) -> dict[str, str]:
    """Return for each form in which the adapter is there the name with its hash, under which it is served."""
    found = {}
    for form in ("peft", "gguf"):
        with contextlib.suppress(AdapterUnusable):
            found[form] = _find(home, name, form).served_name
    return found


def require_fits(adapter: Adapter, model: Path, *, rank_max: int) -> None:
    """Refuse a PEFT adapter that was not made for this model, before a server fails on it with less to say.

    Names of base models say little: one model has many. So the shape of every matrix is compared.

    Parameters
    ----------
    adapter : Adapter
    model : Path
        Folder of the base model, in safetensors.
    rank_max : int
        What the server was told to make room for.

    Raises
    ------
    AdapterUnusable
        Saying rank, kind or the first matrix that does not fit.
    """
    name = adapter.name
    config = _config(adapter)
    if config.get("peft_type") != "LORA":
        raise AdapterUnusable(name, f"it is of type {config.get('peft_type')!r}, and only LORA can be served")
    ranks = [int(config.get("r", 0)), *(int(r) for r in (config.get("rank_pattern") or {}).values())]
    if not 0 < max(ranks) <= rank_max:
        raise AdapterUnusable(name, f"its rank is {max(ranks)}, and the server takes ranks up to {rank_max}")
    base: dict[str, tuple[int, ...]] = {}
    for file in sorted(model.glob("*.safetensors")):
        base |= _shapes(name, file)
    for key, shape in sorted(_shapes(name, adapter.folder / WEIGHTS).items()):
        found = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])\.(?:\w+\.)?weight", key)
        if found is None:
            raise AdapterUnusable(name, f"it holds {key}, which is no LoRA matrix")
        module, side = found.groups()
        own = base.get(f"{module}.weight")
        if own is None:
            raise AdapterUnusable(name, f"it changes {module}, which {model.name} does not have: another base model")
        if len(own) != 2 or len(shape) != 2 or (shape[1] != own[1] if side == "A" else shape[0] != own[0]):
            raise AdapterUnusable(
                name,
                f"its matrix for {module} is {_by(shape)} and {model.name} has {_by(own)} there: another base model",
            )


def _config(adapter: Adapter) -> Mapping[str, Any]:
    try:
        config = json.loads((adapter.folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterUnusable(adapter.name, f"{CONFIG} can't be read: {error}") from None
    if not isinstance(config, dict):
        raise AdapterUnusable(adapter.name, f"{CONFIG} is no JSON object")
    return config


def _shapes(adapter: str, file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every matrix of a safetensors file, from its header alone."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > _HEADER_BYTES_MAX:
                raise ValueError("its header is too long")
            header = json.loads(stream.read(length))
            shapes = {k: tuple(int(n) for n in v["shape"]) for k, v in header.items() if k != "__metadata__"}
            held = max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)
            if file.stat().st_size != 8 + length + held:
                raise ValueError("it is cut off, or has more than its header says")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise AdapterUnusable(adapter, f"{file} is damaged: {error}") from None
    return shapes


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
