"""Figures of a society, read from its state. Looking changes nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.codes import N_GOODS, Good
from domain.columns import ALIVE, COMPANY, ENERGY, GOODS, N_TIES, SATIETY, TIE_OTHER
from domain.state import World


def gini(values: NDArray[np.int64]) -> float:
    """Return the Gini coefficient of non-negative amounts, in [0, 1); 0 if there is nothing to share.

    References
    ----------
    .. [1] Sen (1973), On Economic Inequality, Oxford, ch. 2: G = (2 Σ i·x_i) / (n Σ x_i) - (n + 1) / n
    """
    n, total = len(values), int(values.sum())
    if n == 0 or total == 0:
        return 0.0
    ranked = np.sort(values)
    return float(2 * int((np.arange(1, n + 1) * ranked).sum()) / (n * total) - (n + 1) / n)


def society_figures(world: World) -> dict[str, float | int]:
    """Return the base figures of a state: means in units (not milli), sums over the living."""
    a = world.agents[:, : world.n]
    living = a[:, a[ALIVE] != 0]
    n = max(1, living.shape[1])
    figures: dict[str, float | int] = {
        "population": world.population,
        "energy": round(float(living[ENERGY].sum()) / n / 1000, 3),
        "satiety": round(float(living[SATIETY].sum()) / n / 1000, 3),
        "company": round(float(living[COMPANY].sum()) / n / 1000, 3),
        "gini_coins": round(gini(living[GOODS + Good.COIN]), 4),
        "gini_food": round(gini(living[GOODS + Good.FOOD]), 4),
        "ties": int((living[TIE_OTHER : TIE_OTHER + N_TIES] >= 0).sum()),
    }
    for good in range(N_GOODS):
        name, total = Good(good).name.lower(), int(living[GOODS + good].sum())
        figures[name] = total if good in (Good.COIN, Good.TOOL) else round(total / 1000, 3)
    return figures
