"""The folder of an export: there whole or not at all, and never in the place of anything else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from infrastructure.errors import ExportFailed, ExportRefused
from infrastructure.files import says_disk_full


@contextmanager
def made_whole(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Lend a new folder that takes the place of `folder` at the end, and is gone if anything went wrong.

    Parameters
    ----------
    folder : absolute; not there, or empty, or an earlier export if `overwrite`

    Raises
    ------
    ExportRefused, ExportFailed
    """
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        _sweep(folder)
        _require_free(folder, overwrite=overwrite)
        new.mkdir(parents=True)
        yield new
        if folder.exists() and any(folder.iterdir()):
            old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            os.rename(folder, old)
            try:
                os.rename(new, folder)
            except BaseException:
                os.rename(old, folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(new, folder)
    except OSError as error:
        full = says_disk_full(str(error))
        raise ExportFailed(folder, "its disk is full" if full else f"{error.strerror or error}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _require_free(folder: Path, *, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportRefused(folder, "it is no folder")
    if not any(folder.iterdir()):
        return
    if not (folder / "manifest.json").is_file() or not (folder / "events").is_dir():
        raise ExportRefused(folder, "it is not empty, and no export of ours", "Name another folder.")
    if not overwrite:
        hint = "--overwrite (overwrite=True in Python) puts the new one in its place."
        raise ExportRefused(folder, "it holds an export already", hint)


def _sweep(folder: Path) -> None:
    """Put right what exports that were killed left beside the folder: its old content is put back if it is gone."""
    for rest in folder.parent.glob(f".{folder.name}.*") if folder.parent.is_dir() else ():
        pid, _, what = rest.name.removeprefix(f".{folder.name}.").partition(".")
        if what not in ("new", "old") or not pid.isdecimal() or psutil.pid_exists(int(pid)):
            continue
        if what == "old" and (not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))):
            os.rename(rest, folder)
        elif what == "new" or (folder / "manifest.json").is_file():
            shutil.rmtree(rest, ignore_errors=True)
