"""Frames as one Parquet file, which is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from chronopolis.errors import NoSuchHost, WrongUsage


def write_parquet(frames: Iterable[pl.DataFrame], file: Path) -> int:
    """Write frames of the same columns one after the other, and return how many rows there were.

    Raises
    ------
    WrongUsage
        If the folder is not there, or what is named is one.
    NoSuchHost
        If the file can't be written.
    """
    import pyarrow.parquet as pq

    if not file.absolute().parent.is_dir():
        raise WrongUsage(f"there is no folder {file.absolute().parent}")
    if not file.name:
        raise WrongUsage(f"{file} is a folder: name the file to write")
    new, count, writer = file.with_name(f".{file.name}.{os.getpid()}.new"), 0, None
    try:
        try:
            for frame in frames:
                table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                if writer is None:
                    writer = pq.ParquetWriter(new, table.schema, compression="zstd")
                writer.write_table(table)
                count += frame.height
        finally:
            if writer is not None:
                writer.close()
        if writer is not None:
            os.replace(new, file)
    except OSError as error:
        raise NoSuchHost(f"{file} can't be written: {error.strerror or error}") from None
    finally:
        new.unlink(missing_ok=True)
    return count
