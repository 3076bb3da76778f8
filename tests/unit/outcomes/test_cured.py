"""The contrast of the fractions who never have the event: laws, truth and refusals."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.outcomes.cured import cure_fraction_difference

END = 60.0


def draw(seed=0, n=300, *, cured=(0.3, 0.5), location=1.0):
    """Return times, events, arms and weights; ``cured`` is of the comparison and the treated arm."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    ever = rng.random(n) > np.where(treated, cured[1], cured[0])
    time = np.where(ever, np.exp(location + 0.8 * rng.normal(size=n)), np.inf)
    return np.minimum(time, END), time <= END, treated, rng.uniform(0.3, 3.0, n)


def test_over_samples_the_truth_is_found_and_so_is_its_error():
    found = [cure_fraction_difference(*draw(seed)[:3], np.ones(300), END) for seed in range(120)]

    values = np.array([c.value for c in found])
    # 120 samples of error 0.056: the mean to 0.005, a standard deviation to 6.5 %.
    assert values.mean() == pytest.approx(0.2, abs=0.016)
    assert np.mean([(c.influence**2).sum() ** 0.5 for c in found]) == pytest.approx(values.std(), rel=0.2)


def test_swapped_arms_flip_the_sign():
    time, event, treated, weight = draw()

    one, other = (cure_fraction_difference(time, event, arm, weight, END) for arm in (treated, ~treated))

    assert one.value == -other.value
    np.testing.assert_array_equal(one.influence, -other.influence)
    assert (one.treated_value, one.comparison_value) == (other.comparison_value, other.treated_value)


def test_the_scale_of_the_weights_changes_nothing():
    time, event, treated, weight = draw()

    one, other = (cure_fraction_difference(time, event, treated, f * weight, END) for f in (1.0, 250.0))

    assert one.value == pytest.approx(other.value, abs=1e-9)
    np.testing.assert_allclose(one.influence, other.influence, atol=1e-9)


@pytest.mark.parametrize("distribution", ["weibull", "lognormal", "loglogistic", "exponential"])
def test_influence_sums_to_nothing_and_is_the_derivative_in_each_weight(distribution):
    time, event, treated, weight = draw(n=60)

    def value(weight):
        return cure_fraction_difference(time, event, treated, weight, END, distribution=distribution).value

    found = cure_fraction_difference(time, event, treated, weight, END, distribution=distribution).influence

    some = np.arange(0, 60, 7)
    derivative = [(value(weight + h) - value(weight - h)) / 2e-4 for h in (1e-4 * weight * np.eye(60))[some]]
    assert abs(found.sum()) < 1e-9
    np.testing.assert_allclose(found[some], derivative, atol=1e-7)


def test_what_happened_after_the_horizon_is_not_used():
    time, event, treated, weight = draw()

    found = cure_fraction_difference(time, event, treated, weight, 20.0)

    cut = cure_fraction_difference(np.minimum(time, 20.0), event & (time <= 20.0), treated, weight, END)
    assert found.value == cut.value


def test_a_curve_without_a_plateau_is_refused():
    # The median of those who would is 148 and follow-up ends at 60; or nobody is cured.
    refused = 0
    for seed in range(20):
        for drawn in (draw(seed, location=5.0), draw(seed, cured=(0.0, 0.0), location=3.5)):
            try:
                cure_fraction_difference(*drawn, END)
            except EstimationError:
                refused += 1

    # By chance a curve seems to end in a twentieth of arms, where the distribution is the right one.
    assert refused >= 36


def test_a_refusal_names_its_sign():
    with pytest.raises(EstimationError, match=r"no plateau|flat|without end|interior maximum"):
        cure_fraction_difference(*draw(location=5.0), END)


def test_an_empty_arm_is_refused():
    time, event, treated, weight = draw()

    with pytest.raises(EstimationError, match="no unit"):
        cure_fraction_difference(time, event, treated, weight * treated, END)
