"""The folder of an export is there whole, whatever breaks an export off and whenever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrastructure import export_folder
from infrastructure.errors import ExportFailed, ExportRefused
from infrastructure.export_folder import made_whole

pytestmark = pytest.mark.unit

DEAD = 2**22 + 1  # above what the kernel gives


def fill(folder: Path, text: str) -> None:
    (folder / "events").mkdir(parents=True)
    (folder / "manifest.json").write_text(text)


def content(folder: Path) -> str:
    return (folder / "manifest.json").read_text()


def test_a_new_export_takes_the_place_of_the_old_one_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with made_whole(tmp_path / "out", overwrite=True) as new:
        fill(new, "new")
    assert content(tmp_path / "out") == "new" and os.listdir(tmp_path) == ["out"]


def test_the_old_export_is_put_back_if_the_new_one_can_not_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "old")
    rename = os.rename

    def refused(source: Path, target: Path) -> None:
        if source.name.endswith(".new"):
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(export_folder.os, "rename", refused)
    with pytest.raises(ExportFailed, match="Input/output"), made_whole(tmp_path / "out", overwrite=True) as new:
        fill(new, "new")
    assert content(tmp_path / "out") == "old" and os.listdir(tmp_path) == ["out"]


def test_what_a_killed_export_took_aside_is_put_back_and_then_refused_as_ever(tmp_path: Path) -> None:
    fill(tmp_path / f".out.{DEAD}.old", "old")
    fill(tmp_path / f".out.{DEAD}.new", "half")
    fill(tmp_path / f".out.2.{DEAD}.old", "that of out.2")
    with pytest.raises(ExportRefused, match="--overwrite"), made_whole(tmp_path / "out", overwrite=False):
        pass
    assert content(tmp_path / "out") == "old"
    assert sorted(os.listdir(tmp_path)) == [f".out.2.{DEAD}.old", "out"]


def test_what_was_taken_aside_goes_where_a_new_one_is_in_its_place(tmp_path: Path) -> None:
    fill(tmp_path / "out", "new")
    fill(tmp_path / f".out.{DEAD}.old", "old")
    with pytest.raises(ExportRefused), made_whole(tmp_path / "out", overwrite=False):
        pass
    assert content(tmp_path / "out") == "new" and os.listdir(tmp_path) == ["out"]


def test_what_was_taken_aside_stays_where_something_else_is_in_its_place(tmp_path: Path) -> None:
    fill(tmp_path / f".out.{DEAD}.old", "old")
    (tmp_path / "out").write_text("somebody's")
    with pytest.raises(ExportRefused), made_whole(tmp_path / "out", overwrite=True):
        pass
    assert content(tmp_path / f".out.{DEAD}.old") == "old"
