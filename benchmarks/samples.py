"""Samples of a measurement: their percentiles, and their bytes kept compactly in a JSON file."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNIT_US = 10
"""What a packed sample counts in: enough for a tick, and half the bytes of microseconds."""


def summary_of(ms: ArrayLike) -> dict[str, float]:
    """Return count, mean and the percentiles that the bars speak of, of samples in milliseconds."""
    values = np.asarray(ms, np.float64)
    if not len(values):
        return {"n": 0}
    p50, p95, p99, p999 = np.percentile(values, [50, 95, 99, 99.9])
    figures = {"mean": values.mean(), "p50": p50, "p95": p95, "p99": p99, "p99.9": p999, "max": values.max()}
    return {"n": len(values), **{name: round(float(value), 3) for name, value in figures.items()}}


def pack(ms: ArrayLike) -> str:
    """Return samples in milliseconds as text: counts of 10 µs, uint32, deflated, base64."""
    counts = np.round(np.asarray(ms, np.float64) * 1000 / UNIT_US).astype("<u4")
    # Byte planes: the high bytes of short times are all zero, and lie together so.
    planes = counts.view(np.uint8).reshape(-1, 4).T.tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode()


def unpack(text: str) -> NDArray[np.float64]:
    """Return the samples of `pack`, in milliseconds."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<u4").ravel() * (UNIT_US / 1000)


def median(values: Sequence[float]) -> float:
    """Return the median, 0 if there is nothing."""
    return float(np.median(values)) if len(values) else 0.0


def spread(values: Sequence[float], digits: int = 1) -> dict[str, Any]:
    """Return the median of a few repetitions, and all of them: how far they lie apart is the noise."""
    return {"median": round(median(values), digits), "all": [round(float(v), digits) for v in values]}


def slope(seconds: ArrayLike, values: ArrayLike) -> float:
    """Return the slope of a straight line through the samples, per minute."""
    x, y = np.asarray(seconds, np.float64), np.asarray(values, np.float64)
    if len(x) < 3 or float(np.ptp(x)) == 0:
        return 0.0
    return float(np.polyfit(x, y, 1)[0] * 60)


def trend(seconds: ArrayLike, values: ArrayLike) -> tuple[float, float, float]:
    """Return the drift of a series per minute, and the interval that holds it with 95 % [1]_ [2]_.

    The median of the slopes between all pairs, which a few noisy samples do not move as they move a line of least
    squares. An interval that holds 0 says that no drift can be told from noise.

    References
    ----------
    .. [1] Theil (1950), A rank-invariant method of linear and polynomial regression analysis, Proc. KNAW 53.
    .. [2] Sen (1968), Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63.
    """
    x, y = np.asarray(seconds, np.float64) / 60, np.asarray(values, np.float64)
    n = len(x)
    if n < 3 or len(np.unique(x)) < n:
        return 0.0, 0.0, 0.0
    one, other = np.triu_indices(n, 1)
    slopes = np.sort((y[other] - y[one]) / (x[other] - x[one]))
    reach = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low, high = int((len(slopes) - reach) // 2), int(-((-len(slopes) - reach) // 2))
    return float(np.median(slopes)), float(slopes[max(0, low)]), float(slopes[min(len(slopes) - 1, high)])
