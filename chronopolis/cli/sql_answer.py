"""An answer of `polis sql`, as a person or a program wants it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronopolis.cli.output import Output

if TYPE_CHECKING:
    from workers.bootstrap import Analyst


def show_answer(
    analyst: Analyst,
    query: str,
    output: Output,
    *,
    limit: int | None,
    as_csv: bool = False,
    parquet: Path | None = None,
) -> Any:
    """Ask, and write the rows as they come; return the answer."""
    from chronopolis import answers
    from chronopolis.asking import ask

    answer = ask(analyst, query, limit=limit)
    if parquet is not None:
        from chronopolis.parquet_file import write_parquet

        count = write_parquet((answers.chunk_frame(answer.columns, chunk) for chunk in answer), parquet)
        output.say(f"{count:,} rows written to {parquet}")
    elif output.as_json or as_csv:
        first = True
        for chunk in answer:
            if output.as_json:
                sys.stdout.write(answers.json_lines(answer.columns, chunk))
            else:
                sys.stdout.write(answers.csv_lines(chunk, header=answer.columns if first else ()))
            first = False
        sys.stdout.flush()
    else:
        rows = [row for chunk in answer for row in chunk]
        if answer.columns:
            output.show(answers.table_of(answer.columns, rows, width=output.out.width))
        output.say(f"{len(rows):,} row{'' if len(rows) == 1 else 's'} in {answer.seconds:.2f} s")
    if answer.cut:
        output.warn(f"cut after {limit:,} rows; --limit 0 gives all")
    return answer
