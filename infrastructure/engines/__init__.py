"""Language models behind the `Engine` port: one client, and the servers that `polis` supervises itself.

========== ==================================================== ==========================================
name       where it answers                                     which model
========== ==================================================== ==========================================
``llama``  a server of ours on loopback                         POLIS_MIND_MODEL: a GGUF file; or SmolLM2
``vllm``   POLIS_MIND_URL, else a server of ours on loopback    POLIS_MIND_MODEL: a folder; or SmolLM2
``openai`` POLIS_MIND_URL, with POLIS_MIND_KEY                  POLIS_MIND_MODEL: a name, or the only one
========== ==================================================== ==========================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from domain.errors import EngineRefused
from domain.ports import Engine
from infrastructure.models import find_gguf
from infrastructure.settings import Settings

__all__ = ["ENGINES", "engine_identity", "open_engine"]

ENGINES = ("llama", "vllm", "openai")
"""Minds that have an engine; `reflex` and `scripted` need none."""
SAID = "said:"
"""Begins a hash over what a server says of a model whose weights we can't see."""
_FIXED = ("name", "model", "model_hash", "adapters")


def engine_identity(mind: str, settings: Settings, *, adapters: Iterable[str] = ()) -> dict[str, Any]:
    """Return what a run records of its engine; no server is started for it.

    Parameters
    ----------
    mind : one of ENGINES
    settings : Settings
    adapters : names of LoRA adapters that persona groups ask for

    Returns
    -------
    dict of name, version, model, model_hash, adapters (name to hash), sampling

    Raises
    ------
    ModelNotFound, AdapterUnusable, EnvironmentNotMade
        If something of it is not here.
    EngineUnavailable, EngineRefused, EngineTimedOut, EngineAnsweredNonsense
        If a server by URL has to be asked, and does not say.
    """
    from infrastructure.engines import llama, vllm
    from infrastructure.engines.adapters import find_adapters

    home = settings.home
    if mind == "llama":
        base = find_gguf(settings.mind_model)
        return llama.identity(settings.mind_model, home, find_adapters(home, adapters, form="gguf", base=base))
    if mind == "vllm" and settings.mind_url is None:
        return vllm.identity(settings.mind_model, home, find_adapters(home, adapters, form="peft"))
    if mind == "vllm":
        found = find_adapters(home, adapters, form="peft")
        return _said_by(mind, settings, {name: adapter.hash for name, adapter in found.items()})
    if mind == "openai":
        wanted = ", ".join(adapters)
        if wanted:
            raise EngineRefused(f"adapters ({wanted}) are served by vllm and llama; an `openai` engine has none")
        return _said_by(mind, settings, {})
    raise EngineRefused(f"there is no engine {mind!r}; there are {', '.join(ENGINES)}")


def open_engine(
    wanted: str | Mapping[str, Any],
    settings: Settings,
    *,
    say: Callable[[str], None] | None = None,
    slots: int = 4,
    threads: int | None = None,
    reasoning_tokens: int = 0,
) -> Engine:
    """Open an engine, starting or joining its server if that is ours.

    Parameters
    ----------
    wanted : str or mapping
        One of ENGINES; or an identity that a run has recorded: then model and adapters must be those very ones.
    settings : Settings
    say : callable, optional
        Is told what takes longer than a second.
    slots : int
        How many answers a server of ours makes at once, if we are the one to start it.
    threads : int, optional
        Of a llama server, if we are the one to start it; by default one core is left to ticks.
    reasoning_tokens : int
        How many tokens a model may think before it answers under the schema.

    Raises
    ------
    EngineRefused
        If what is here is not what the run recorded; nothing stands in for it.
    EngineServerFailed, DataFolderUnusable
        If a server of ours does not start.
    And as `engine_identity`.
    """
    from infrastructure.engines import llama, vllm
    from infrastructure.engines.adapters import find_adapters
    from infrastructure.engines.client import ChatEngine, Dialect

    recorded: Mapping[str, Any] = {"name": wanted} if isinstance(wanted, str) else wanted
    mind, names = str(recorded["name"]), tuple(recorded.get("adapters", {}))
    here = engine_identity(mind, settings, adapters=names)
    require_same(recorded, here)
    home = settings.home
    if mind == "llama":
        adapters = find_adapters(home, names, form="gguf", base=find_gguf(settings.mind_model))
        return llama.open_llama(
            settings.mind_model,
            home,
            adapters,
            slots=slots,
            threads=threads,
            reasoning_tokens=reasoning_tokens,
            say=say,
        )
    adapters = find_adapters(home, names, form="peft")
    if settings.mind_url is None:
        return vllm.open_vllm(
            settings.mind_model, home, adapters, slots=slots, reasoning_tokens=reasoning_tokens, say=say
        )
    dialect = Dialect(
        here["model"],
        {name: adapter.served_name for name, adapter in adapters.items()},
        sends_seed=mind != "vllm",
        checks_model=mind == "vllm",
        reasoning_tokens=reasoning_tokens,
    )
    return ChatEngine(settings.mind_url, dialect, here, key=settings.mind_key)


def require_same(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuse an engine that is not the one recorded; only its version may be another.

    Raises
    ------
    EngineRefused
    """
    for part in _FIXED:
        if part in recorded and recorded[part] != here[part]:
            raise EngineRefused(
                f"the run was made with {part} {recorded[part]!r} and here is {here[part]!r}; "
                "name the recorded one by POLIS_MIND_MODEL, or put the adapter back"
            )


def _said_by(mind: str, settings: Settings, adapters: dict[str, str]) -> dict[str, Any]:
    """Return the identity of an engine at a URL: its weights can't be seen, so what it says of them is hashed."""
    from infrastructure.engines.adapters import served_name
    from infrastructure.engines.client import ChatEngine, Dialect

    if settings.mind_url is None:
        raise EngineRefused("POLIS_MIND_URL is not set: it names the server to ask, such as http://localhost:11434")
    unknown = {"name": mind, "version": "", "model": "", "model_hash": ""}
    engine = ChatEngine(settings.mind_url, Dialect(""), unknown, key=settings.mind_key)
    try:
        rows = engine.models()
    finally:
        engine.close()
    by_id = {str(row["id"]): row for row in rows}
    base = [row for row in rows if not row.get("parent")]
    model = settings.mind_model or (str(base[0]["id"]) if len(base) == 1 else None)
    if model is None or model not in by_id:
        have = ", ".join(by_id) or "none"
        raise EngineRefused(f"POLIS_MIND_MODEL is {settings.mind_model or 'not set'}, and the server has: {have}")
    for name, digest in adapters.items():
        if served_name(name, digest) not in by_id:
            raise EngineRefused(f"the server has no {served_name(name, digest)!r} (it has: {', '.join(by_id)})")
    passing = ("created", "permission", "status")
    says = json.dumps({k: v for k, v in by_id[model].items() if k not in passing}, sort_keys=True)
    return {
        "name": mind,
        "version": f"{by_id[model].get('owned_by') or 'OpenAI-compatible'}",
        "model": model,
        "model_hash": SAID + hashlib.sha256(says.encode()).hexdigest(),
        "adapters": adapters,
        "sampling": "temperature by request" if mind == "vllm" else "temperature and seed by request",
    }
