"""An answer of SQL as one Parquet file, which is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from chronopolis.answers import chunk_frame
from chronopolis.errors import WrongUsage


def write_parquet(answer: Any, file: Path) -> int:
    """Write the rows of an answer, a chunk at a time, and return how many there were.

    Raises
    ------
    WrongUsage
        If the folder is not there.
    """
    import polars as pl
    import pyarrow.parquet as pq

    if not file.absolute().parent.is_dir():
        raise WrongUsage(f"there is no folder {file.absolute().parent}")
    new, count, writer = file.with_name(f".{file.name}.{os.getpid()}.new"), 0, None
    try:
        for chunk in answer:
            frame = chunk_frame(answer.columns, chunk)
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                writer = pq.ParquetWriter(new, table.schema, compression="zstd")
            writer.write_table(table)
            count += frame.height
        if writer is not None:
            writer.close()
            os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
    return count
