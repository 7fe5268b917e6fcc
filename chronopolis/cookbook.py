"""The cookbook, docs/cookbook.md: ``python -m chronopolis.cookbook [--check]``.

Questions in SQL, asked of one recorded village, each with its answer and a picture of it. The village is recorded
first if it is not there: its seed and constants give the same history on every machine. With --check nothing is
asked; the exit code is 1 if the page does not show the queries as they are.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

FOLDER = Path(__file__).resolve().parent.parent / "docs"
QUERIES = FOLDER / "cookbook"
PAGE = FOLDER / "cookbook.md"

NAME, SEED, TICKS = "cookbook", 5, 1_200
SETTINGS: dict[str, Any] = {
    "agents": 60, "width": 24, "height": 24, "mind": "scripted", "hunger": 110, "lifespan": 900, "adulthood": 60,
    "birth_interval": 90, "homes": 80, "regrowth_percent": 60, "think_delay": 3, "think_budget": 1_500, "hearing": 4,
    "reflect_at": 1_200,
}  # fmt: skip
"""A village in want, whose people live short lives and think by a planner: something of everything happens in it."""

_ROWS_SHOWN = 12


@dataclass(frozen=True)
class Question:
    """One question of the cookbook: a file that begins with the question as a remark."""

    name: str
    sql: str

    @property
    def title(self) -> str:
        """The question itself."""
        return self._remarks()[0]

    @property
    def remark(self) -> str:
        """What else there is to say of it."""
        return " ".join(self._remarks()[1:])

    @property
    def query(self) -> str:
        """The SQL without the remarks that it begins with."""
        return "\n".join(self.sql.splitlines()[len(self._remarks()) :]).strip() + "\n"

    def _remarks(self) -> list[str]:
        found = []
        for line in self.sql.splitlines():
            if not line.startswith("--"):
                break
            found.append(line.lstrip("- ").strip())
        return found


def questions() -> list[Question]:
    """Return all questions, in the order of their numbers."""
    return [Question(file.stem, file.read_text(encoding="utf-8")) for file in sorted(QUERIES.glob("*.sql"))]


def record_village(*, quiet: bool = False) -> None:
    """Record the village, or the rest of it, if it is not there."""
    from chronopolis.cli.driving import create_run, drive
    from chronopolis.cli.output import Output
    from chronopolis.cli.run_options import configuration_of
    from workers.bootstrap import open_store

    output = Output(quiet=quiet)
    with open_store(say=output.say) as store:
        if NAME in store.names():
            run = store.find(NAME)
        else:
            run = create_run(store, NAME, seed=SEED, configuration=configuration_of(SETTINGS, []), target=TICKS)
        head = store.head(run)
        if head is None or head.tick < TICKS:
            drive(output, store, run, target=TICKS, durability="group")


def write_page() -> None:
    """Ask every question of the village, and write the page and its pictures."""
    import chronopolis
    from chronopolis.cookbook_pictures import draw

    record_village()
    with chronopolis.open(NAME) as run:
        lines = _beginning(run)
        for question in questions():
            rows = run.sql(question.sql)
            draw(question.name, rows, QUERIES / f"{question.name}.png")
            lines += _section(question, rows)
            print(f"asked {question.name}: {rows.height:,} rows", file=sys.stderr)
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _beginning(run: Any) -> list[str]:
    options = " ".join(f"--set {k}={v}" for k, v in SETTINGS.items() if k not in ("agents", "width", "height", "mind"))
    command = (
        f"polis run --name {NAME} --seed {SEED} --ticks {TICKS} --agents {SETTINGS['agents']} --width "
        f"{SETTINGS['width']} --height {SETTINGS['height']} --mind {SETTINGS['mind']} {options}"
    )
    contents = [f"{i}. [{q.title}](#{_anchor(q.title)})" for i, q in enumerate(questions(), 1)]
    return [
        "# Cookbook",
        "",
        "<!-- Made by `python -m chronopolis.cookbook`: change the queries in docs/cookbook, not this page. -->",
        "",
        f"{len(contents)} questions to a recorded society, each with its SQL, its answer and a picture. The same files "
        "run on Postgres and, over an exported folder, on DuckDB; a test compares the answers. What the views hold is "
        "in [sql.md](sql.md).",
        "",
        "```sh",
        "polis sql RUN -f docs/cookbook/03-price-of-food.sql",
        "polis export RUN --parquet folder && cd folder && duckdb -init views.sql",
        "```",
        "",
        f"All answers here are of one village of {SETTINGS['agents']} founders whose minds are a scripted planner. Its "
        f"history is the same wherever it is recorded, up to the head hash `{run.head_hash[:16]}…`; only the times "
        "that thoughts took are the machine's own:",
        "",
        "```sh",
        *_folded(command),
        "```",
        "",
        *contents,
        "",
    ]


def _folded(command: str) -> list[str]:
    words, lines, line = command.split(" --"), [], ""
    for i, word in enumerate(words):
        part = word if i == 0 else f"--{word}"
        if len(line) + len(part) > 100:
            lines.append(f"{line} \\")
            line = "   "
        line = f"{line} {part}" if line else part
    return [*lines, line]


def _section(question: Question, rows: pl.DataFrame) -> list[str]:
    left_out = rows.height - _ROWS_SHOWN
    return [
        f"## {question.title}",
        "",
        *([question.remark, ""] if question.remark else []),
        f"[{question.name}.sql](cookbook/{question.name}.sql)",
        "",
        "```sql",
        question.query.rstrip(),
        "```",
        "",
        *markdown_table(rows.head(_ROWS_SHOWN)),
        "",
        *([f"… and {left_out:,} more rows.", ""] if left_out > 0 else []),
        f"![{question.title}](cookbook/{question.name}.png)",
        "",
    ]


def markdown_table(rows: pl.DataFrame) -> list[str]:
    """Return rows as a Markdown table."""
    right = [kind.is_numeric() for kind in rows.dtypes]
    return [
        f"| {' | '.join(rows.columns)} |",
        f"|{'|'.join('---:' if r else '---' for r in right)}|",
        *(f"| {' | '.join(_cell(v) for v in row)} |" for row in rows.iter_rows()),
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return str(value).replace("|", "\\|").replace("\n", " ")


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def problems() -> list[str]:
    """Return where the page does not show the queries as they are."""
    page = PAGE.read_text(encoding="utf-8")
    found = [f"{q.name} is not in the page as it stands" for q in questions() if q.query.rstrip() not in page]
    return found + [f"{q.name} has no picture" for q in questions() if not (QUERIES / f"{q.name}.png").is_file()]


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m chronopolis.cookbook [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write_page()
        return 0
    for problem in problems():
        print(f"docs/cookbook.md: {problem}; run python -m chronopolis.cookbook", file=sys.stderr)
    return int(bool(problems()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
