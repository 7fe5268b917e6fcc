"""Packing: columns of integers in as few whole bytes as their values take. It makes snapshots small and quick.

Most columns need one or two bytes of eight, and some none at all: a column keeps its least value, and of each row how
much more it is. What is left to compress is a third, and takes a third of the time.

The form is canonical: equal columns give equal bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain._jit import inline, kernel

_WIDTHS = (0, 1, 2, 4, 8)
"""Bytes that a value can take; none where all are equal."""
_LINE = 8
"""Columns begin at multiples of it, so that they can be read where they lie."""
_U8, _U16, _U32, _U64 = (np.dtype(f"<u{size}") for size in (1, 2, 4, 8))


@kernel
def _measure(columns, n, least, most):  # type: ignore[no-untyped-def]
    for k in range(columns.shape[0]):
        column = columns[k, :n]
        low = high = column[0]
        for i in range(n):
            low, high = min(low, column[i]), max(high, column[i])
        least[k], most[k] = low, high


# Parts of arrays, rather than places in them, or the loops would not become vector instructions.


@inline
def _shrink(column, low, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        out[i] = column[i] - low


@inline
def _widen(column, low, kept):  # type: ignore[no-untyped-def]
    for i in range(kept.shape[0]):
        column[i] = low + np.int64(kept[i])


@kernel
def _pack(columns, n, least, widths, starts, in_1, in_2, in_4, in_8):  # type: ignore[no-untyped-def]
    for k in range(columns.shape[0]):
        column, low, start, width = columns[k, :n], least[k], starts[k], widths[k]
        if width == 1:
            _shrink(column, low, in_1[start : start + n])
        elif width == 2:
            _shrink(column, low, in_2[start // 2 : start // 2 + n])
        elif width == 4:
            _shrink(column, low, in_4[start // 4 : start // 4 + n])
        elif width == 8:
            _shrink(column, low, in_8[start // 8 : start // 8 + n])


@kernel
def _unpack(columns, n, least, widths, starts, end, in_1, in_2, in_4, in_8):  # type: ignore[no-untyped-def]
    """Return whether all between the columns is 0, as it was packed."""
    clean, filled = True, 9 * columns.shape[0]
    for k in range(columns.shape[0]):
        for i in range(filled, starts[k]):
            clean &= in_1[i] == 0
        column, low, start, width = columns[k, :n], least[k], starts[k], widths[k]
        filled = start + n * np.int64(width)
        if width == 0:
            column[:] = low
        elif width == 1:
            _widen(column, low, in_1[start : start + n])
        elif width == 2:
            _widen(column, low, in_2[start // 2 : start // 2 + n])
        elif width == 4:
            _widen(column, low, in_4[start // 4 : start // 4 + n])
        else:
            _widen(column, low, in_8[start // 8 : start // 8 + n])
    for i in range(filled, end):
        clean &= in_1[i] == 0
    return clean


def pack(columns: NDArray[np.signedinteger[Any]], n: int) -> NDArray[np.uint8]:
    """Return the packed bytes of the first n rows of columns.

    Parameters
    ----------
    columns : ndarray of int64 or int32, shape (n_columns, n or more), each column contiguous
    n : int

    Returns
    -------
    ndarray of uint8, a multiple of 8 long: the least value of each column (int64), how many bytes a value takes in it
        (uint8), the columns
    """
    count = len(columns)
    least, most = np.zeros(count, np.int64), np.zeros(count, np.int64)
    if n:
        _measure(columns, n, least, most)
    span = most.astype(np.uint64) - least.astype(np.uint64)  # modulo 2**64, so right for any two
    widths = np.array(_WIDTHS, np.uint8)[np.searchsorted([0, 2**8 - 1, 2**16 - 1, 2**32 - 1], span)]
    starts, end = _starts(widths, n)
    packed = np.zeros(end, np.uint8)
    packed[: 8 * count] = least.astype("<i8").view(np.uint8)
    packed[8 * count : 9 * count] = widths
    if n:
        _pack(columns, n, least, widths, starts, *(packed.view(kind) for kind in (_U8, _U16, _U32, _U64)))
    return packed


def unpack(packed: NDArray[np.uint8], columns: NDArray[np.signedinteger[Any]]) -> int:
    """Write what `pack` was given to `columns`, and return how many bytes it took; more may follow.

    Raises
    ------
    ValueError
        If these are not the packed bytes of as many columns and rows.
    """
    count, n = columns.shape
    widths = packed[8 * count : 9 * count]
    if len(widths) != count or not np.isin(widths, _WIDTHS).all() or (widths > columns.itemsize).any():
        raise ValueError("these are not packed columns")
    starts, end = _starts(widths, n)
    if end > len(packed):
        raise ValueError("packed columns are cut short")
    least, room = packed[: 8 * count].view("<i8"), np.iinfo(columns.dtype)
    views = (packed[:end].view(kind) for kind in (_U8, _U16, _U32, _U64))
    in_range = bool(((least >= room.min) & (least <= room.max)).all())
    if not in_range or not _unpack(columns, n, least, widths, starts, end, *views):
        raise ValueError("these are not packed columns")
    return end


def _starts(widths: NDArray[np.uint8], n: int) -> tuple[NDArray[np.int64], int]:
    """Return where each column begins, and where the last ends: all at multiples of 8."""
    sizes = -(-(widths.astype(np.int64) * n) // _LINE) * _LINE
    ends = -(-9 * len(widths) // _LINE) * _LINE + np.cumsum(sizes)
    return ends - sizes, int(ends[-1])
