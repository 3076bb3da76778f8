"""From arms to contrasts: the chain rule, with the part that goes through weights or without it."""

import numpy as np
import pytest

from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_odds_ratio, log_ratio

ONE, NOUGHT = np.array([0.02, -0.02, 0.0]), np.array([0.0, 0.01, -0.01])


@pytest.mark.parametrize(
    ("of_means", "scale"),
    [(difference, lambda p: p), (log_ratio, np.log), (log_odds_ratio, lambda p: np.log(p / (1 - p)))],
)
def test_a_contrast_is_a_difference_on_its_scale_and_its_influence_the_derivative(of_means, scale):
    found = of_means(ArmMean(0.3, ONE, ONE / 2), ArmMean(0.2, NOUGHT, NOUGHT / 2))

    slopes = [(scale(p + 1e-6) - scale(p - 1e-6)) / 2e-6 for p in (0.3, 0.2)]
    assert found.value == pytest.approx(scale(0.3) - scale(0.2), rel=1e-12)
    np.testing.assert_allclose(found.influence, slopes[0] * ONE - slopes[1] * NOUGHT, atol=1e-9)
    np.testing.assert_allclose(found.by_weight, found.influence / 2)
    assert (found.treated_value, found.comparison_value) == (0.3, 0.2)


def test_where_all_influence_goes_through_weights_no_part_is_named():
    assert difference(ArmMean(0.3, ONE), ArmMean(0.2, NOUGHT)).by_weight is None
