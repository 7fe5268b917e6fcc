"""Quotients of whole numbers: the one way in which a figure becomes a fraction, the same on every machine."""

from __future__ import annotations

NO_VALUE = float("nan")
"""Stands where a fraction has no value: the mean of nobody, the price of what was not traded."""


def quotient(numerator: int, denominator: int) -> float:
    """Return the float64 nearest to a quotient; no value if there is nothing to divide by."""
    return int(numerator) / int(denominator) if denominator else NO_VALUE
