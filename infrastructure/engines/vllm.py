"""vLLM on loopback, from an environment of its own: it wants another numpy than the rest of Chronopolis.

The CPU build is served here; on a GPU host the same server runs from the CUDA build, and POLIS_MIND_URL names it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infrastructure.engines.adapters import Adapter, require_fits
from infrastructure.engines.client import ChatEngine, Dialect
from infrastructure.engines.server import ModelServer, Running
from infrastructure.engines.supervised import SupervisedEngine
from infrastructure.engines.vllm_setup import environment, exported, installed_version
from infrastructure.errors import ModelNotFound
from infrastructure.models import folder_hash

SLOTS = 4
CONTEXT_TOKENS = 2_048
RANK_MAX = 16
ADAPTERS_MAX = 8
START_TIMEOUT_S = 600.0
NICE = 10
_TEXTS = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def model_folder(model: str | None, home: Path) -> Path:
    """Return the folder of safetensors to serve: one named by its path, or the export of a GGUF file.

    Raises
    ------
    ModelNotFound, EnvironmentNotMade
    """
    if model is not None and Path(model).expanduser().is_dir():
        folder = Path(model).expanduser().resolve()
        if not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
            raise ModelNotFound(model, "the folder has no config.json, or no *.safetensors")
        return folder
    return exported(model, home)


def identity(model: str | None, home: Path, adapters: Mapping[str, Adapter]) -> dict[str, Any]:
    """Return what a run records of this engine, without starting it.

    Raises
    ------
    ModelNotFound, EnvironmentNotMade
    """
    version = installed_version(home)
    folder = model_folder(model, home)
    texts = [name for name in _TEXTS if (folder / name).exists()]
    weights = sorted(path.name for path in folder.glob("*.safetensors"))
    return {
        "name": "vllm",
        "version": f"vllm {version}",
        "model": folder.name,
        "model_hash": folder_hash(folder, (*texts, *weights), home),
        "adapters": {name: adapter.hash for name, adapter in adapters.items()},
        "sampling": "temperature by request",
    }


def command(python: Path | str, folder: Path, served: str, adapters: Mapping[str, Adapter], *, slots: int) -> list[str]:
    """Return the command line; ``{port}`` in it is filled in when a port is found."""
    words = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    words += ["--served-model-name", served, "--host", "127.0.0.1", "--port", "{port}", "--dtype", "bfloat16"]
    words += ["--max-model-len", str(CONTEXT_TOKENS), "--max-num-seqs", str(slots)]
    # Compiling takes a minute and wins little on a model this small. A request with a seed and a prefill in
    # chunks ends the CPU build: both are left out.
    words += ["--enforce-eager", "--no-enable-chunked-prefill", "--enable-prefix-caching"]
    # A model that is unsure fills its answer with white space, for as long as the schema lets it.
    words += ["--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})]
    # A line a request would grow the log for ever.
    words += ["--disable-log-stats", "--disable-uvicorn-access-log"]
    if adapters:
        words += ["--enable-lora", "--max-loras", str(min(len(adapters), ADAPTERS_MAX))]
        words += ["--max-lora-rank", str(RANK_MAX), "--lora-modules"]
        words += [f"{adapter.served_name}={adapter.folder}" for adapter in adapters.values()]
    return words


def shared_server(
    model: str | None,
    home: Path,
    adapters: Mapping[str, Adapter],
    *,
    slots: int = SLOTS,
    say: Callable[[str], None] | None = None,
) -> ModelServer:
    """Return the server of a model and its adapters under `home`; nothing is started yet.

    Raises
    ------
    AdapterUnusable
        If an adapter is not for this model.
    And as `identity`.
    """
    python = environment(home)
    who, folder = identity(model, home, adapters), model_folder(model, home)
    for adapter in adapters.values():
        require_fits(adapter, folder, rank_max=RANK_MAX)
    key = hashlib.sha256(json.dumps([who["model_hash"], sorted(who["adapters"].items())]).encode()).hexdigest()
    plan = {
        "kind": "command",
        "command": command(python, folder, who["model"], adapters, slots=slots),
        "environ": {
            "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; by default it takes a large part of the machine
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
            "VLLM_LOGGING_LEVEL": "WARNING",
        },
        "key_variable": "VLLM_API_KEY",  # an argument could be read by every user of the machine
        "nice": NICE,
    }
    return ModelServer(home, "vllm", key, plan, progress=say, start_timeout_s=START_TIMEOUT_S)


def open_vllm(
    model: str | None,
    home: Path,
    adapters: Mapping[str, Adapter],
    *,
    slots: int = SLOTS,
    reasoning_tokens: int = 0,
    say: Callable[[str], None] | None = None,
) -> SupervisedEngine:
    """Start or join the server, and return the engine; arguments as `llama.open_llama`.

    Raises
    ------
    ModelNotFound, EnvironmentNotMade, AdapterUnusable, EngineServerFailed, DataFolderUnusable
    """
    who = identity(model, home, adapters)
    names = {name: adapter.served_name for name, adapter in adapters.items()}

    def client(running: Running) -> ChatEngine:
        dialect = Dialect(who["model"], names, sends_seed=False, checks_model=True, reasoning_tokens=reasoning_tokens)
        return ChatEngine(running.url, dialect, who, key=running.key)

    return SupervisedEngine(shared_server(model, home, adapters, slots=slots, say=say), who, client)
