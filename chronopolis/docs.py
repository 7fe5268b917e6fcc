"""The pages that are made from the code: ``python -m chronopolis.docs [--check]``.

docs/events.md comes from the catalogue of kinds, docs/commands.md from the help of the commands, docs/python.md from
docstrings.
With --check nothing is written, and the exit code is 1 if a page is not what would be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from chronopolis.python_page import python_page
from domain.codes import Good, Intention, MemoryKind, Purpose, Reason, Skill
from domain.events import (
    CATALOGUE_VERSION,
    CAUSE,
    KINDS,
    PART_SHIFTS,
    EventKind,
    Field,
    as_json,
    empty_records,
    payload_of,
)

FOLDER = Path(__file__).resolve().parent.parent / "docs"
_MADE = "<!-- Made by `python -m chronopolis.docs`: change the code, not this page. -->"

_SAMPLES: dict[str, int] = {
    "agent": 17, "target": 42, "cell": 5037, "goal": 5140, "from_cell": 5036, "household": 3, "elevation": 214,
    "energy": 7350, "satiety": 6120, "company": 4900, "good": Good.FOOD, "quantity": 1500, "holding": 4200,
    "taken_good": Good.WOOD, "taken_quantity": 1000, "taken_holding": 3000, "stock": 8200, "regrowth": 900,
    "skill": Skill.FARMING,
    "level": 431, "tool_uses": 40, "tie_slot": 2, "tie_strength": 350, "because": 2, "due": 1210,
    "intention": Intention.FORAGE, "purpose": Purpose.INTENTION, "reason": Reason.SPOKEN_TO,
    "memory_kind": MemoryKind.CONVERSATION, "importance": 500, "cause_tick": 1199, "cause_ordinal": 63,
}  # fmt: skip
"""An example value for each field; a page of examples must not change with the rules."""

_PAYLOAD_SAMPLES: dict[str, Any] = {
    "width": 100, "height": 100, "biome": "forest", "capacity": [9000, 20000, 2000, 0],
    "regrowth": [900, 400, 20, 0], "stock": [6100, 15000, 2000, 0], "name": "Ida Fox", "given": 27, "family": 50,
    "occupation": "farmer", "born": -2200, "lifespan": 28750, "traits": [512, 430, 771, 290, 655],
    "skills": [340, 120, 88, 51], "text": "The berries are ripe by the lake.", "asked": 1188, "purpose": "intention",
    "call": 0, "because": "timeout", "by": "anna", "why": "what if the harvest fails?", "minds": True,
    "instead_of": "rest", "unsaid": None, "act": "propose", "conversation": "1188:12", "news": "1040:3",
    "terms": {"give": "wood", "quantity": 1000, "take": "food", "taken": 1500}, "proposal": "1190:4",
    "pledge": "1195:7", "cites": ["1102:31"], "memory": "903:18",
    "settings": {"hunger": {"before": 45, "after": 30}}, "seed": None,
}  # fmt: skip


def events_page() -> str:
    """Return docs/events.md."""
    return "\n".join(_events_lines()).rstrip() + "\n"


def _events_lines() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield _MADE
    yield ""
    yield (
        f"Every kind of event, from `domain/events.py` (catalogue version {CATALOGUE_VERSION}). An event says "
        "what happened, outcome included: amounts are those *afterwards*, so folding needs no rules. Within a "
        "run, `tick` and `ordinal` order all events without a gap."
    )
    yield ""
    yield (
        "Each kind has an SQL view in schema `polis` with one row an event: `run`, `tick`, `ordinal`, the fields "
        "below, `cause_tick` and `cause_ordinal`, and where the kind has a payload `payload` (jsonb) and a column for "
        "each of its keys. The view `events` has them all."
    )
    yield ""
    yield "```sql"
    yield "SELECT tick, agent, target, good, quantity, taken_good, taken_quantity"
    yield "FROM polis.trades JOIN polis.runs USING (run) WHERE name = 'brave-otter' ORDER BY tick, ordinal;"
    yield "```"
    yield ""
    yield (
        "*milli* is thousandths of a unit. A field with a *part* lies packed with others in one column of "
        "`stored_events`: shift right, then mask. An absent value is NULL in SQL and left out in JSON. Every event may "
        "also have a cause:"
    )
    yield ""
    yield from _fields_table(CAUSE)
    yield ""
    yield "| part | shift | mask |"
    yield "|---|---:|---:|"
    for part, (shift, mask) in PART_SHIFTS.items():
        yield f"| {part} | {shift} | 0x{mask:X} |"
    yield ""
    yield "| number | kind | view | version | what happened |"
    yield "|---:|---|---|---:|---|"
    for kind in _kinds():
        yield (
            f"| {kind.number} | [{kind.name}](#{kind.name.lower()}) | `{kind.view}` | {kind.version} "
            f"| {_cell(kind.summary)} |"
        )
    for kind in _kinds():
        yield ""
        yield from _kind_lines(kind)


def _kinds() -> list[EventKind]:
    return sorted(KINDS, key=lambda kind: kind.number)


def _kind_lines(kind: EventKind) -> Iterator[str]:
    yield f"## {kind.name}"
    yield ""
    yield f"{kind.summary} Number {kind.number}, view `{kind.view}`, schema version {kind.version}."
    yield ""
    if kind.fields:
        yield from _fields_table(kind.fields)
        yield ""
    if kind.payload:
        yield "| key of the payload | meaning |"
        yield "|---|---|"
        for key, meaning in sorted(kind.payload.items()):
            yield f"| `{key}` | {_cell(meaning)} |"
        yield ""
    yield "```json"
    yield json.dumps(example(kind), ensure_ascii=False)
    yield "```"


def _fields_table(fields: tuple[Field, ...]) -> Iterator[str]:
    yield "| field | column | part | unit | meaning |"
    yield "|---|---|---|---|---|"
    for f in fields:
        coded: Any = f.codes
        codes = f": {', '.join(f'{c.value} {c.name.lower()}' for c in coded)}" if coded else ""
        yield f"| `{f.name}` | `{f.column}` | {f.part} | {f.unit} | {_cell(f.meaning + codes)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def example(kind: EventKind) -> dict[str, Any]:
    """Return an example of a kind as people read it, made by the code that reads stored events."""
    record = empty_records(1)
    record["kind"], record["tick"], record["ordinal"] = kind.number, 1200, 64
    # Where an agent founds the world nothing has caused it yet.
    fields = kind.fields if kind.number <= 4 else (*kind.fields, *CAUSE)
    packed: dict[str, int] = {}
    for f in fields:
        shift, _ = PART_SHIFTS[f.part] if f.part else (0, 0)
        packed[f.column] = packed.get(f.column, 0) | int(_SAMPLES[f.name]) << shift
    for column, value in packed.items():
        record[column] = value
    payload = payload_of(**{key: _PAYLOAD_SAMPLES.get(key, "…") for key in kind.payload}) if kind.payload else b""
    return as_json(np.atleast_1d(record)[0], payload)


# -- commands ----------------------------------------------------------------------------------------


def commands_page() -> str:
    """Return docs/commands.md."""
    return "\n".join(_commands_lines()).rstrip() + "\n"


def _commands_lines() -> Iterator[str]:
    import typer

    from chronopolis.cli import errors, main

    root: Any = typer.main.get_command(main.app)
    yield "# Commands"
    yield ""
    yield _MADE
    yield ""
    yield root.help
    yield ""
    yield "Results go to standard output, all else (progress, remarks, warnings, errors) to standard error. With"
    yield "`--json` the last line of standard output is one JSON object, also when a command fails:"
    yield '`{"error": {"type": "UnknownRun", "message": "…", "exit_code": 2}}`. `polis runs` and `polis events` write'
    yield "one object a line. A run is named by its name, its number, or any beginning of its name that no other has."
    yield ""
    yield from _exit_codes(errors.__doc__ or "")
    yield ""
    yield "| variable | meaning |"
    yield "|---|---|"
    yield "| `POLIS_HOME` | folder of everything embedded; the user's data folder if not set |"
    yield "| `POLIS_DATABASE_URL` | a Postgres of your own, 15 or later; the embedded one if not set |"
    yield "| `POLIS_BROKER_URL` | a Redis or Valkey of your own; the embedded one if not set |"
    yield "| `POLIS_CHROMA_URL` | a Chroma of your own; the embedded one if not set |"
    yield "| `POLIS_READER` | `libpq` or `adbc`: how events are read |"
    yield "| `POLIS_MIND_URL` | an OpenAI-compatible server that thinks for `openai` and `vllm` |"
    yield "| `POLIS_MIND_MODEL` | its model; for a server of our own a GGUF file or a folder, else SmolLM2 |"
    yield "| `POLIS_MIND_KEY` | the key that it asks for |"
    yield "| `POLIS_DEBUG_TOKEN` | what clients of `polis debug` have to show, without `--token` |"
    yield "| `POLIS_DEBUG` | 1: show tracebacks and the log |"
    yield from _group_lines(root, "polis")


def _exit_codes(text: str) -> Iterator[str]:
    yield "| exit code | meaning |"
    yield "|---:|---|"
    rows = [line for line in text.split("\n") if line[:1].isdigit()]
    for row in rows:
        code, meaning = row.split(maxsplit=1)
        yield f"| {code} | {_cell(meaning)} |"


def _group_lines(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        yield ""
        if hasattr(command, "commands"):
            yield f"## {path} {name}"
            yield ""
            yield command.help
            yield ""
            yield from _examples(command.epilog)
            yield from _group_lines(command, f"{path} {name}")
        else:
            yield from _command_lines(command, f"{path} {name}")


def _command_lines(command: Any, path: str) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    yield f"{'#' * len(path.split())} {path}"
    yield ""
    yield f"`{' '.join([path, *((p.metavar or p.name.upper()) for p in arguments), '[OPTIONS]' if options else ''])}`"
    yield ""
    yield " ".join(command.help.split("\n\n")[0].split())
    for paragraph in command.help.split("\n\n")[1:]:
        yield ""
        yield " ".join(paragraph.split())
    yield ""
    if arguments or options:
        yield "| option | default | meaning |"
        yield "|---|---|---|"
        for p in (*arguments, *options):
            yield f"| {_names(p)} | {_default(p)} | {_cell(p.help or '')} |"
        yield ""
    yield from _examples(command.epilog)


def _names(p: Any) -> str:
    if p.param_type_name == "argument":
        return f"`{p.metavar or p.name.upper()}`"
    kind = p.type_descriptor.annotation
    if p.is_flag:
        value = ""
    elif isinstance(kind, type) and issubclass(kind, Enum):
        value = " " + " or ".join(choice.value for choice in kind)
    else:
        value = " " + (p.metavar or {int: "N", float: "X"}.get(kind, "TEXT"))
    return ", ".join(f"`{option}{value}`" for option in (*p.opts, *p.secondary_opts))


def _default(p: Any) -> str:
    value = getattr(p.default, "value", p.default)
    if p.param_type_name == "argument" or p.is_flag or value is None or callable(value):
        return ""
    return f"{value}"


def _examples(epilog: str | None) -> Iterator[str]:
    lines = [line for line in _without_markup(epilog or "").splitlines() if line.startswith("  ")]
    if lines:
        yield "```sh"
        yield from (line.strip() for line in lines)
        yield "```"


def _without_markup(text: str) -> str:
    from rich.text import Text

    return Text.from_markup(text).plain


# -- writing -----------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or check that they are current."""
    given = sys.argv[1:] if arguments is None else arguments
    pages = {
        FOLDER / "events.md": events_page(),
        FOLDER / "commands.md": commands_page(),
        FOLDER / "python.md": python_page(_MADE),
    }
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    if given == ["--check"]:
        for path in stale:
            print(f"docs/{path.name} is not current: make docs", file=sys.stderr)
        return 1 if stale else 0
    if given:
        print("usage: python -m chronopolis.docs [--check]", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(pages[path], "utf-8")
        print(f"wrote docs/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
