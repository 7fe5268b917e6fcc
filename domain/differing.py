"""Differing: the rows of two states in which one value differs, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Values = Sequence[Any] | Ints


@dataclass(frozen=True)
class Differing:
    """The rows in which one value differs.

    Attributes
    ----------
    area : area of state
    what : the value, such as "energy"
    of : what a row is: "agent", "cell" or "society"
    ids : of the rows, shape (n,)
    a, b : the value on either side, n of each
    by : by how much b exceeds a, or how far apart they are, shape (n,); None if that means nothing
    unit : of `by`
    word : turns a value into what people and JSON read
    other : the second agent of a tie, shape (n,)
    """

    area: str
    what: str
    of: str
    ids: Ints
    a: Values
    b: Values
    by: Ints | None = None
    unit: str = ""
    word: Callable[[Any], Any] = int
    other: Ints | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sizes(self) -> Ints:
        """How large each difference is; 0 where it has no size."""
        return np.zeros(len(self), np.int64) if self.by is None else np.abs(self.by)

    def entry(self, i: int) -> dict[str, Any]:
        """Return one of them as plain values."""
        entry: dict[str, Any] = {"area": self.area}
        if self.of != "society":
            entry[self.of] = int(self.ids[i])
        if self.other is not None:
            entry["with"] = int(self.other[i])
        entry |= {"what": self.what, "a": self.word(self.a[i]), "b": self.word(self.b[i])}
        if self.by is not None:
            entry |= {"by": int(self.by[i]), "unit": self.unit}
        return entry
