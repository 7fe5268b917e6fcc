"""`polis minds`: the language models that think for agents: set up, serve, measure, look."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chronopolis.cli.options import AsJson, Quiet, examples
from chronopolis.cli.output import Output, facts, mebibytes

app = typer.Typer(
    name="minds",
    help="The language models that think for agents: set up, serve, measure, look.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "polis minds status",
        "polis minds calibrate llama > profile.json  # polis run --profile profile.json",
        "polis minds setup vllm",
    ),
)

_LOOK_S = 2.0


class Ours(StrEnum):
    """Engines whose servers we run."""

    LLAMA = "llama"
    VLLM = "vllm"


class Known(StrEnum):
    """Engines."""

    LLAMA = "llama"
    VLLM = "vllm"
    OPENAI = "openai"


OurEngine = Annotated[Ours, typer.Argument(metavar="ENGINE", help="llama or vllm.")]
AnyEngine = Annotated[Known, typer.Argument(metavar="ENGINE", help="llama, vllm or openai.")]
Slots = Annotated[
    int, typer.Option("--slots", min=1, max=256, metavar="N", help="Answers made at once, if we start the server.")
]
CoresOfLlama = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=256, metavar="N", help="Of llama's server; all cores but one if left out."),
]
Reasoning = Annotated[
    int, typer.Option("--reasoning", min=0, metavar="N", help="Tokens that a model may think before it answers.")
]


@app.command(epilog=examples("polis minds setup vllm", "polis minds setup llama --json"))
def setup(
    engine: OurEngine,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="URL", help="One more package index, for PyTorch's CPU builds."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make what an engine needs: for vllm an environment of its own (about 3 GB) and the model as safetensors.

    llama needs nothing that `make install` does not bring; here its server is started once, to see that it works.
    Interrupted, it goes on from where it was.
    """
    from workers.bootstrap import Settings, engine_identity, open_engine, setup_vllm

    output = Output(as_json=as_json, quiet=quiet)
    settings = Settings.from_environment()
    began = time.monotonic()
    if engine is Ours.VLLM:
        setup_vllm(settings.home, model=_gguf(settings.mind_model), index=index, say=output.say)
    else:
        open_engine(engine.value, settings, say=output.say).close()
    identity = engine_identity(engine.value, settings)
    took = round(time.monotonic() - began, 1)
    if as_json:
        output.result({"engine": engine.value, "ready": True, "identity": identity, "seconds": took})
    else:
        output.show(_panel(engine.value, identity, {"ready": f"after {took:,.1f} s"}))


def _gguf(model: str | None) -> str | None:
    return None if model is not None and Path(model).expanduser().is_dir() else model


@app.command(epilog=examples("polis minds serve llama", "polis minds serve vllm --adapter scholar --adapter poet"))
def serve(
    engine: OurEngine,
    adapter: Annotated[
        list[str] | None, typer.Option("--adapter", metavar="NAME", help="A LoRA adapter to load; may be repeated.")
    ] = None,
    slots: Slots = 4,
    threads: CoresOfLlama = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Serve a model on loopback until Ctrl-C, and start it again if it is killed.

    A run starts its server itself; this one it finds and shares, so that the next run need not wait for it.
    """
    from workers.bootstrap import Settings, engine_identity, open_engine

    output = Output(as_json=as_json, quiet=quiet)
    settings = _local(Settings.from_environment())
    wanted = engine_identity(engine.value, settings, adapters=adapter or ())
    served: Any = open_engine(wanted, settings, say=output.say, slots=slots, threads=threads)
    try:
        where = {"pid": served.pid, "url": served.url}
        if as_json:
            output.result({"engine": engine.value, "identity": served.identity} | where)
        else:
            output.show(_panel(engine.value, served.identity, {"serves at": where["url"], "pid": where["pid"]}))
        output.say("Ctrl-C stops it, unless a run uses it too")
        while True:
            time.sleep(_LOOK_S)
            pid = served.pid
            served.ensure_running()
            if served.pid != pid:
                output.warn(f"the server (pid {pid}) was gone; it runs again: pid {served.pid}, {served.url}")
    finally:
        served.close()


def _local(settings: Any) -> Any:
    import dataclasses

    return dataclasses.replace(settings, mind_url=None)


@app.command(
    epilog=examples(
        "polis minds calibrate llama > profile.json",
        "polis run --mind llama --profile profile.json",
        "polis minds calibrate vllm --pace 20 --concurrency 1 --concurrency 8",
    )
)
def calibrate(
    engine: AnyEngine = Known.LLAMA,
    pace: Annotated[
        float, typer.Option("--pace", min=0.1, max=60_000, metavar="MS", help="Milliseconds a tick of the run.")
    ] = 10.0,
    concurrency: Annotated[
        list[int] | None,
        typer.Option("--concurrency", min=1, max=256, metavar="N", help="Questions under way; may be repeated."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, max=600, metavar="S", help="How long to ask at each.")
    ] = 10.0,
    threads: CoresOfLlama = None,
    reasoning: Reasoning = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure an engine with a society's own questions, and print a profile for `polis run --profile`.

    The profile says how many ticks an answer may take (think_delay) and how many questions 1,000 ticks may ask
    (think_budget), so that answers take 2 s at most in the mean. Leaves with 1 if this machine can't hold that.
    """
    from workers.bootstrap import Settings, open_engine
    from workers.calibration import CONCURRENCIES
    from workers.calibration import calibrate as measure

    output = Output(as_json=as_json, quiet=quiet)
    tried = tuple(concurrency or CONCURRENCIES)
    opened = open_engine(
        engine.value,
        Settings.from_environment(),
        say=output.say,
        slots=max(tried),
        threads=threads,
        reasoning_tokens=reasoning,
    )
    try:
        profile = measure(opened, pace_ms=pace, concurrencies=tried, seconds=seconds, say=output.say)
    finally:
        opened.close()
    for row in profile["measured"]:
        output.say(
            f"  {row['concurrency']} at a time: {row['per_second']:.2f} answers/s, latency mean "
            f"{row['latency_ms_mean']:,} ms, p95 {row['latency_ms_p95']:,} ms, {row['failed']} failed, "
            f"tokens {row['tokens_in']} in, {row['tokens_out']} out"
        )
    # A profile is JSON either way: on one line where that was asked for.
    print(json.dumps(profile, ensure_ascii=False, indent=None if as_json else 2), flush=True)
    if not profile["ok"]:
        output.warn("no concurrency keeps the mean latency at 2 s: a smaller model, or another machine, is needed")
        raise typer.Exit(1)


@app.command(epilog=examples("polis minds adapter scholar ./my-lora", "polis minds adapter scholar ./my-lora --json"))
def adapter(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As persona groups will call it.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where PEFT saved it, or an adapter.gguf lies.")],
    as_json: AsJson = False,
) -> None:
    """Copy a LoRA adapter to where engines look for it, under a name; its hash goes into every run that uses it."""
    from workers.bootstrap import Settings, adapter_names, install_adapter

    output = Output(as_json=as_json)
    home = Settings.from_environment().home
    where = install_adapter(home, name, folder)
    names = adapter_names(home, name)
    if as_json:
        output.result({"adapter": name, "folder": str(where), "served": names})
    else:
        output.show(facts({"folder": where} | {f"as {k}": v for k, v in names.items()}, title=name, good=True))


@app.command(epilog=examples("polis minds status", "polis minds status --json"))
def status(as_json: AsJson = False) -> None:
    """Show which engines are ready on this machine, and which of their servers run. Nothing is started."""
    from workers.bootstrap import Settings, engines_status

    output = Output(as_json=as_json)
    settings = Settings.from_environment()
    rows = []
    for row in engines_status(settings):
        rows.append(row)
        if as_json:
            continue
        servers = [
            f"pid {s['pid']} at {s['url']}, {mebibytes(s['memory_bytes'])}{'' if s['answers'] else ', does not answer'}"
            for s in row["servers"]
        ]
        more: dict[str, Any] = {"runs": "\n".join(servers) or "no", "not ready": row["problem"]}
        output.show(_panel(row["engine"], row["identity"] or {}, more, good=row["ready"] or None))
    if as_json:
        output.result({"home": str(settings.home), "engines": rows})


def _panel(engine: str, identity: dict[str, Any], more: dict[str, Any], *, good: bool | None = True) -> Any:
    adapters = ", ".join(f"{name} ({digest[:12]})" for name, digest in identity.get("adapters", {}).items())
    rows = {
        "version": identity.get("version"),
        "model": identity.get("model"),
        "model hash": identity.get("model_hash"),
        "adapters": adapters or None,
    }
    return facts(rows | more, title=engine, good=good)
