"""What people are told of series: means of what has a value, prices by what was paid, small numbers as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from chronopolis.cli.measuring import _figure
from chronopolis.measured import drawn, means_of, sparkline

pytestmark = pytest.mark.unit

NAN = float("nan")
TRADED = {
    "price_food": np.array([NAN, 2.0, 4.0, NAN]),
    "paid_food": np.array([0.0, 2.0, 36.0, 0.0]),
    "sold_food": np.array([0.0, 1_000.0, 9_000.0, 0.0]),  # thousandths
}


def test_a_mean_price_is_what_was_paid_over_what_was_bought_in_words_and_pictures():
    assert means_of("price_food", TRADED, np.array([0])).tolist() == [3.8]
    assert means_of("price_food", TRADED, np.array([0, 2])).tolist() == [2.0, 4.0]
    assert drawn("price_food", TRADED, 7)[0] == [7, 8, 9, 10]
    assert sparkline("price_food", TRADED, 4) == "·▁█·"


def test_a_mean_of_other_measures_is_that_of_the_ticks_that_have_a_value():
    found = {"hungry": np.array([0.25, 0.75, NAN, NAN]), "food": np.array([1_000.0, 3_000.0, 2_000.0, 0.0])}
    assert means_of("hungry", found, np.array([0])).tolist() == [0.5]
    assert np.isnan(means_of("hungry", found, np.array([0, 2]))[1])
    assert means_of("food", found, np.array([0, 2])).tolist() == [2.0, 1.0], "in units"
    assert sparkline("hungry", found, 2) == "▁·"


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.0, "0"), (0.000278, "0.000278"), (-0.00499, "-0.00499"), (0.0787, "0.079"), (0.3, "0.300"),
     (5.688, "5.688"), (309.44, "309.4"), (12_345.6, "12,346"), (60, "60")],
)  # fmt: skip
def test_a_figure_is_told_to_digits_that_say_something(value, told):
    assert str(_figure(value)) == told
