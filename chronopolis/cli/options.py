"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Durability(StrEnum):
    """When a tick counts as written."""

    TICK = "tick"
    GROUP = "group"


class Answers(StrEnum):
    """Where the answers of minds come from."""

    RECORD = "record"
    REUSE = "reuse"
    ONLY = "only"


Founders = Annotated[int, typer.Option(metavar="N", help="Founders at tick 0.")]
Width = Annotated[int, typer.Option(help="Cells in a row of the grid.")]
Height = Annotated[int, typer.Option(help="Rows of the grid.")]
Mind = Annotated[str, typer.Option(help="Who forms intentions: reflex, scripted, llama, vllm or openai.")]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter", metavar="GROUP=NAME", help="LoRA adapter of a persona group (an occupation); may be repeated."
    ),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of the run, its id, or the beginning of its name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON; the last line of standard output is the result.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks; warnings still come.")]
DurabilityMode = Annotated[
    Durability,
    typer.Option(help="tick: each tick is synced before the next begins; group: up to 256 ticks are under way."),
]
Threads = Annotated[int, typer.Option(min=1, max=64, help="Threads that a tick is spread over; they change no result.")]
Pace = Annotated[
    float | None,
    typer.Option(
        metavar="MS", min=0.001, max=60_000, help="Milliseconds from tick to tick; as fast as it goes if left out."
    ),
]
FiguresFile = Annotated[
    Path | None,
    typer.Option(
        "--figures", metavar="FILE", help="Add a JSON line a minute: its ticks, their p50, p99 and max, memory."
    ),
]
AnswersMode = Annotated[
    Answers,
    typer.Option(
        help="record: ask the engine; reuse: first look for an answer to the same question in the same past; "
        "only: stop where there is none."
    ),
]
BreakAt = Annotated[
    str | None,
    typer.Option("--break", metavar="EXPR", help="Pause at the tick where this becomes true; as for `polis bisect`."),
]
Patience = Annotated[
    float, typer.Option(metavar="S", min=1, max=3_600, help="Seconds to wait for a late thought before it is refused.")
]
TickOfRun = Annotated[
    int | None, typer.Option("--tick", min=0, metavar="T", help="The tick to look at; the newest if left out.")
]


def examples(*lines: str) -> str:
    """Return an epilog that shows commands; each line is a command and what it does."""
    return "\n\n".join(
        ("[bold]Examples[/bold]", *(f"  [cyan]{line.split('  #')[0]}[/cyan]{_remark(line)}" for line in lines))
    )


def _remark(line: str) -> str:
    _, mark, remark = line.partition("  #")
    return f"  [dim]#{remark}[/dim]" if mark else ""
