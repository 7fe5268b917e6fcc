"""How far the answers of a survey are the agents' own: agreement with themselves, and intervals of shares.

A language model draws its words by chance. Who asks each agent several times learns how much of an answer is that.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

Z_95 = NormalDist().inv_cdf(0.975)
_T_95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060)
"""The same of Student's t, with one degree of freedom and more."""


def krippendorff_alpha(answers: Sequence[Sequence[float]], *, is_scale: bool) -> float | None:
    """Return how alike the answers of one agent are, beside those of any: Krippendorff's alpha.

    1 where each agent always says the same and they differ from each other, 0 where an agent's answers are no more
    alike than anybody's, below 0 where less. Of choices it counts whether two differ, of a scale by how much, squared.

    Parameters
    ----------
    answers : by agent, its answers as numbers; who gave fewer than two is left out
    is_scale : whether their distance means anything

    Returns
    -------
    float; None where it says nothing: fewer than two agents answered twice, or all answers are the same

    Source: K. Krippendorff, Content Analysis, 2nd edition (2004), chapter 11, with agents as units.
    """
    paired = [np.asarray(each, dtype=np.float64) for each in answers if len(each) > 1]
    if len(paired) < 2:  # one agent's answers are all that its own are compared with: always 0
        return None
    everything = np.concatenate(paired)
    among_all = _differences(everything, is_scale=is_scale) / (len(everything) - 1)
    if among_all == 0:
        return None
    within = sum(_differences(each, is_scale=is_scale) / (len(each) - 1) for each in paired)
    return float(1 - within / among_all)


def _differences(values: np.ndarray, *, is_scale: bool) -> float:
    """Return the sum, over all ordered pairs, of how much two differ."""
    if is_scale:
        centred = values - values.mean()
        return float(2 * len(values) * (centred**2).sum())
    counts = np.unique(values, return_counts=True)[1]
    return float(len(values) ** 2 - (counts**2).sum())


def share_interval(took: Sequence[int], answered: Sequence[int]) -> tuple[float, float] | None:
    """Return between what a share lies, with 95 % confidence, were these agents drawn from very many.

    Wilson's score interval. Answers of one agent are alike, so they count for less than as many of different ones: for
    what the spread of the agents' own shares says (Kish's effective sample size), the less the fewer agents tell of
    it, and for one each at the least.

    Parameters
    ----------
    took : by agent, how many of its answers took the choice
    answered : by agent, how many answers it gave

    Returns
    -------
    (low, high), of 1; None if nobody answered

    Source: E. B. Wilson, JASA 22 (1927); Korn and Graubard, Survey Methodology 24 (1998), for the effective size.
    """
    own, each = np.asarray(took, dtype=np.float64), np.asarray(answered, dtype=np.float64)
    own, each = own[each > 0], each[each > 0]
    agents, answers = len(each), float(each.sum())
    if not agents:
        return None
    share = float(own.sum() / answers)
    size = float(agents)
    if answers > agents > 1 and 0 < share < 1:
        variance = agents / (agents - 1) * float(((own - share * each) ** 2).sum()) / answers**2
        known = (_t_95(int(answers) - 1) / _t_95(agents - 1)) ** 2
        size = min(answers, max(size, known * (share * (1 - share) / variance if variance else answers)))
    middle = share + Z_95**2 / (2 * size)
    half = Z_95 * float(np.sqrt(share * (1 - share) / size + Z_95**2 / (4 * size**2)))
    whole = 1 + Z_95**2 / size
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def _t_95(freedom: int) -> float:
    """Return the 97.5th percentile of Student's t, to three decimals (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    z = Z_95
    terms = (z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return sum(term / freedom**power for power, term in enumerate(terms))


__all__ = ["krippendorff_alpha", "share_interval"]
