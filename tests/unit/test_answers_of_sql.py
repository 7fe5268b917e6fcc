"""Rows of an answer as JSON lines, CSV and frames."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from chronopolis.answers import chunk_frame, csv_lines, frame_of, json_lines, table_of
from chronopolis.errors import NoSuchHost, WrongUsage
from chronopolis.parquet_file import write_parquet
from infrastructure.asking import AnswerColumn

pytestmark = pytest.mark.unit

COLUMNS = (
    AnswerColumn("n", "int4"),
    AnswerColumn("x", "numeric"),
    AnswerColumn("ok", "bool"),
    AnswerColumn("at", "timestamptz"),
    AnswerColumn("list", "int4[]"),
    AnswerColumn("body", "jsonb"),
    AnswerColumn("n", "text"),
)
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
ROWS = [
    (1, 2, True, NOON, [1, 2], '{"a": [1, null]}', "é"),
    (None, float("nan"), False, None, None, None, 'say "so", please'),
]


def test_json_lines_parse_and_keep_every_column_even_of_one_name():
    first, second = (json.loads(line) for line in json_lines(COLUMNS, ROWS).splitlines())
    assert first == {
        "n": 1, "x": 2, "ok": True, "at": "2026-01-02T12:00:00+00:00", "list": [1, 2], "body": {"a": [1, None]},
        "n_2": "é",
    }  # fmt: skip
    assert second["x"] is None, "JSON has no NaN"
    assert second["n_2"] == 'say "so", please'


def test_what_json_has_no_word_for_is_put_plainly_in_lists_too():
    columns = [AnswerColumn(name, f"{name}[]") for name in ("timestamptz", "float8", "interval")]
    row = ([NOON, None], [[float("nan")], [1.5]], [dt.timedelta(hours=1)])
    lists = [["2026-01-02T12:00:00+00:00", None], [[None], [1.5]], ["1:00:00"]]
    assert list(json.loads(json_lines(columns, [row])).values()) == lists
    assert [json.loads(cell) for cell in next(csv.reader(csv_lines([row]).splitlines()))] == lists
    assert table_of(columns, [row]).row_count == 1


def test_csv_has_a_line_of_names_and_quotes_what_needs_it():
    lines = csv_lines(ROWS, header=COLUMNS).splitlines()
    assert lines[0] == "n,x,ok,at,list,body,n_2"
    assert lines[1] == '1,2,true,2026-01-02T12:00:00+00:00,"[1, 2]","{""a"": [1, null]}",é'
    assert lines[2].endswith('"say ""so"", please"')


def test_frames_have_the_types_of_their_columns_also_without_rows():
    frame = frame_of(COLUMNS, [ROWS[:1], [], ROWS[1:]])
    assert frame.dtypes == [
        pl.Int32, pl.Float64, pl.Boolean, pl.Datetime("us", "UTC"), pl.List(pl.Int32), pl.String, pl.String,
    ]  # fmt: skip
    assert frame.height == 2
    assert frame_of(COLUMNS, []).schema == frame.schema


def test_what_frames_have_no_type_for_becomes_text():
    columns = (AnswerColumn("lasted", "interval"), AnswerColumn("flags", "bool[]"), AnswerColumn("n", "numeric"))
    frame = frame_of(columns, [[(dt.timedelta(hours=1), [True, None], 3), (None, None, 0.5)]])
    assert frame.rows() == [("1:00:00", "[True, None]", 3.0), (None, None, 0.5)]


def test_whole_numbers_of_any_length_are_floats_in_frames():
    frame = frame_of((AnswerColumn("n", "numeric"),), [[(10**40,), (None,), (-(10**400),)]])
    assert frame["n"].to_list() == [1e40, None, float("-inf")]


def test_arrays_of_arrays_are_refused_by_frames_instead_of_becoming_null():
    column = AnswerColumn("grid", "int4[]")
    with pytest.raises(WrongUsage, match="grid holds arrays of arrays\nAsk for it as text: grid::text"):
        frame_of((column,), [[([1],), ([[1, 2], [3, 4]],)]])
    assert frame_of((column,), [[([],), (None,), ([1],)]])["grid"].to_list() == [[], None, [1]]


def test_a_table_shows_as_many_rows_as_there_are():
    assert table_of(COLUMNS, ROWS).row_count == 2


def test_a_table_that_is_too_wide_becomes_lines_so_that_no_number_is_folded():
    columns = [AnswerColumn(f"taken_quantity_{i}", "int4") for i in range(9)]
    row = tuple(range(1_000_000, 1_000_009))

    def printed(width: int) -> str:
        out = Console(file=io.StringIO(), width=width)
        out.print(table_of(columns, [row], width=width))
        return out.file.getvalue()

    for width in (200, 100, 40):
        assert all(str(value) in printed(width) for value in row), width
    assert len(printed(200).splitlines()) < len(printed(100).splitlines())
    assert table_of(columns, [], width=40).row_count == 0


class Chunks(list):
    """An answer, and perhaps what it ends with."""

    columns = COLUMNS[:1]

    def __init__(self, *chunks, error=None):
        super().__init__(chunks)
        self.error = error

    def __iter__(self):
        yield from super().__iter__()
        if self.error is not None:
            raise self.error


def frames(answer):
    return (chunk_frame(answer.columns, chunk) for chunk in answer)


def test_a_parquet_file_is_there_whole_or_not_at_all_and_what_was_begun_is_closed(tmp_path, monkeypatch):
    writers = []

    class Writer(pq.ParquetWriter):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            writers.append(self)

    monkeypatch.setattr(pq, "ParquetWriter", Writer)
    with pytest.raises(KeyError):
        write_parquet(frames(Chunks([(1,)], error=KeyError("x"))), tmp_path / "rows.parquet")
    (tmp_path / "taken").mkdir()
    with pytest.raises(NoSuchHost, match="can't be written: Is a directory"):
        write_parquet(frames(Chunks([(1,)])), tmp_path / "taken")
    with pytest.raises(WrongUsage, match="name the file"):
        write_parquet(frames(Chunks([(1,)])), Path())
    assert not any(writer.is_open for writer in writers)
    assert write_parquet(frames(Chunks([(1,)], [(2,), (3,)])), tmp_path / "rows.parquet") == 3
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["rows.parquet", "taken"]


@pytest.mark.parametrize("width", [10, 200])
def test_a_terminal_obeys_nothing_that_a_value_or_a_name_says(width):
    columns, row = (
        [AnswerColumn("na\x1bme", "text"), AnswerColumn("list", "text[]")],
        ("a\x1b[31m\x07b\x9b\tc", ["\x1b"]),
    )
    shown = io.StringIO()
    Console(file=shown, width=width).print(table_of(columns, [row], width=width))
    assert not set("\x1b\x07\x9b") & set(shown.getvalue())
    assert r"\x1b" in shown.getvalue()
