"""Bisection for the largest number for which a condition holds."""

import numpy as np
import pytest

from scopf.dynamics.critical import LEAST, MOST, bisected, largest


@pytest.mark.parametrize("growth", [np.inf, 2.0])
@pytest.mark.parametrize("limit", [0.0015, 0.37, 64.0, 99.0])
def test_the_limit_is_found_from_below_to_the_precision(limit, growth):
    asked = []

    def holds(x):
        asked.append(x)
        return x <= limit

    found = largest(holds, 1e-6, growth=growth)
    assert found <= limit < found * (1 + 1e-6)
    good = LEAST
    for x in asked[2:]:  # after the ends
        assert x <= good * growth
        good = max(good, x) if x <= limit else good


def test_outside_the_range_there_is_no_limit():
    assert largest(lambda x: False, 1e-6) == 0
    assert largest(lambda x: True, 1e-6) == np.inf
    assert largest(lambda x: x < 2 * MOST, 1e-6, most=4 * MOST) == pytest.approx(2 * MOST)
    assert bisected(lambda x: x < 0.5, 0.1, 1.0, 1e-9) == pytest.approx(0.5)
