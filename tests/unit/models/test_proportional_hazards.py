"""The test of proportional hazards: against a model with the covariate times time in it, cut row by row."""

import numpy as np
import pytest
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.models.cox import fit_cox
from yoseval.models.proportional_hazards import proportional_hazards_test, scaled_schoenfeld


def rows(n=40, seed=0, entry=True, strata=True):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n).astype(float), rng.normal(size=n)])
    given = {
        "time": np.ceil(rng.exponential(np.exp(-0.5 * x[:, 0]) * 6.0)),
        "event": rng.random(n) < 0.7,
        "covariates": x,
        "weight": rng.uniform(0.3, 2.0, n),
    }
    if entry:
        given["entry"] = np.floor(given["time"] * rng.random(n) * 0.6 - 1e-9)
    if strata:
        given["strata"] = np.array(["a", "b"])[rng.integers(0, 2, n)]
    return given


def cut_at_events(given, function):
    """Cut rows at every event time and add the covariates times a function of the end."""
    times = np.unique(given["time"][given["event"]])
    pieces = {key: [] for key in given}
    for i in range(len(given["time"])):
        begin = given.get("entry", np.zeros(len(given["time"])))[i]
        cuts = times[(times > begin) & (times < given["time"][i])]
        for end in [*cuts, given["time"][i]]:
            x = given["covariates"][i]
            new = {key: values[i] for key, values in given.items()} | {
                "time": end,
                "entry": begin,
                "event": given["event"][i] and end == given["time"][i],
                "covariates": np.concatenate([x, x * function(end)]),
            }
            for key, value in new.items():
                pieces.setdefault(key, []).append(value)
            begin = end
    return {key: np.array(values) for key, values in pieces.items()}


def written_out(given, ties, function, columns):
    """Return the score statistic of added columns at the fit without them, from the likelihood of the larger model."""
    big = cut_at_events(given, function)
    fit = fit_cox(**given, ties=ties)
    start = np.concatenate([fit.coefficients, np.zeros(2)])
    score, information = derivatives(start, big, ties)
    kept = [0, 1, *(2 + c for c in columns)]
    own = score[kept]
    own[:2] = 0.0
    return own @ np.linalg.solve(information[np.ix_(kept, kept)], own)


def derivatives(beta, given, ties):
    time, event, x, weight, entry = (given[k] for k in ("time", "event", "covariates", "weight", "entry"))
    strata = given.get("strata", np.zeros(len(time)))
    score, information = np.zeros(beta.size), np.zeros((beta.size, beta.size))
    for t, s in {(t, s) for t, s, e in zip(time, strata, event, strict=True) if e}:
        inside, dead = (strata == s) & (entry < t) & (t <= time), (strata == s) & (time == t) & event
        score += weight[dead] @ x[dead]
        for k in range(dead.sum()):
            lost = k / dead.sum() if ties == "efron" else 0.0
            risk = weight * np.exp(x @ beta) * (inside - lost * dead)
            share = risk / risk.sum()
            score -= weight[dead].mean() * share @ x
            information += weight[dead].mean() * ((x.T * share) @ x - np.outer(share @ x, share @ x))
    return score, information


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("entry", "strata"), [(False, False), (True, True)])
@pytest.mark.parametrize(("transform", "function"), [("identity", float), ("log", np.log)])
def test_statistics_are_those_of_the_larger_model_written_out(ties, entry, strata, transform, function):
    given = rows(seed=1, entry=entry, strata=strata)

    found = proportional_hazards_test(**given, ties=ties, transform=transform)

    for j in (0, 1):
        assert found.statistic[j] == pytest.approx(written_out(given, ties, function, [j]), rel=1e-7)
    assert found.global_statistic == pytest.approx(written_out(given, ties, function, [0, 1]), rel=1e-7)
    assert found.df.tolist() == [1, 1]
    assert found.global_df == 2
    np.testing.assert_allclose(found.p_value, stats.chi2.sf(found.statistic, 1), rtol=1e-12)
    assert found.global_p_value == pytest.approx(stats.chi2.sf(found.global_statistic, 2), rel=1e-12)


def test_columns_of_one_term_are_tested_together():
    given = rows(seed=2)
    three = given | {"covariates": np.column_stack([given["covariates"], np.random.default_rng(3).normal(size=40)])}

    apart = proportional_hazards_test(**three)
    together = proportional_hazards_test(**three, terms=np.array(["x", "y", "x"]))

    assert together.df.tolist() == [2, 1]
    assert together.statistic[1] == apart.statistic[1]
    assert together.statistic[0] >= max(apart.statistic[0], apart.statistic[2])
    assert together.global_statistic == apart.global_statistic


@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_whole_weights_equal_repeated_rows_with_breslow(transform):
    given = rows(seed=4)
    repeats = np.arange(40) % 3 + 1
    again = {key: np.repeat(values, repeats, axis=0) for key, values in given.items()}

    weighted = proportional_hazards_test(**given | {"weight": repeats.astype(float)}, ties="breslow", transform=transform)
    repeated = proportional_hazards_test(**again | {"weight": np.ones(repeats.sum())}, ties="breslow", transform=transform)

    np.testing.assert_allclose(weighted.statistic, repeated.statistic, rtol=1e-8)


def test_a_later_zero_of_time_does_not_matter():
    given = rows(seed=5)
    later = given | {"time": given["time"] + 100.0, "entry": given["entry"] + 100.0}

    found = proportional_hazards_test(**given, transform="identity")

    np.testing.assert_allclose(proportional_hazards_test(**later, transform="identity").statistic, found.statistic, rtol=1e-8)


def test_robust_test_does_not_depend_on_the_scale_of_weights():
    given, who = rows(seed=6), np.arange(40) // 2

    found = proportional_hazards_test(**given, clusters=who)
    scaled = proportional_hazards_test(**given | {"weight": 7.0 * given["weight"]}, clusters=who)

    np.testing.assert_allclose(scaled.statistic, found.statistic, rtol=1e-8)


def test_robust_test_of_rows_given_twice_is_that_of_rows_given_once():
    given = rows(seed=7)
    twice = {key: np.repeat(values, 2, axis=0) for key, values in given.items()}
    who = np.arange(40)

    once = proportional_hazards_test(**given, ties="breslow", clusters=who)
    both = proportional_hazards_test(**twice, ties="breslow", clusters=np.repeat(who, 2))
    plain = proportional_hazards_test(**twice, ties="breslow")

    np.testing.assert_allclose(both.statistic, once.statistic, rtol=1e-8)
    assert plain.global_statistic == pytest.approx(2 * proportional_hazards_test(**given, ties="breslow").global_statistic)


def test_robust_test_holds_its_level_under_weights_and_the_plain_one_does_not():
    rng = np.random.default_rng(8)
    robust, plain = 0, 0
    for _ in range(120):
        x = rng.normal(size=(150, 1))
        time, weight = rng.exponential(1.0, 150), rng.exponential(1.0, 150) ** 2 + 0.01
        ones = np.ones(150, dtype=bool)
        robust += proportional_hazards_test(time, ones, x, weight, clusters=np.arange(150)).p_value[0] < 0.05
        plain += proportional_hazards_test(time, ones, x, weight).p_value[0] < 0.05

    # Six of 120 are expected of an honest test; weights of such spread leave a third of the effective size.
    assert robust <= 13
    assert plain >= 24


def test_scaled_residuals_scatter_about_the_coefficients():
    given = rows(seed=9)

    found, fit = scaled_schoenfeld(**given, transform="identity"), fit_cox(**given)

    own = given["weight"][found.row]
    np.testing.assert_allclose(own @ found.residual / own.sum(), fit.coefficients, rtol=1e-8)
    np.testing.assert_array_equal(found.time, given["time"][found.row])
    np.testing.assert_array_equal(found.transformed, found.time)
    assert found.residual.shape == (given["event"].sum(), 2)


def test_scaled_residuals_of_three_rows_by_hand():
    # Of test_cox: exp(beta) = 1/sqrt(2), so means 2/(2 + sqrt 2) and 1/(1 + sqrt 2), which sum to 1.
    time, event, x = np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), np.array([[1.0], [0.0], [1.0]])

    found = scaled_schoenfeld(time, event, x, np.ones(3))

    first, second = 2 / (2 + 2**0.5), 1 / (1 + 2**0.5)
    scale = 2 / (first * (1 - first) + second * (1 - second))
    beta = -0.5 * np.log(2)
    np.testing.assert_allclose(found.residual[:, 0], [beta + scale * (1 - first), beta - scale * second], rtol=1e-8)
    # Nobody had the event before 1; one of three before 2.
    np.testing.assert_allclose(found.transformed, [0, 1 / 3], rtol=1e-12)


def test_events_at_one_time_only_are_refused():
    time, x = np.array([1.0, 1.0, 2.0, 1.0, 2.0]), np.array([[1.0], [0.0], [1.0], [0.0], [0.0]])

    with pytest.raises(EstimationError, match="too few times to test 1 coefficients"):
        proportional_hazards_test(time, time == 1, x, np.ones(5))


def test_the_logarithm_of_an_event_at_zero_is_refused():
    given = rows(seed=10, entry=False)

    with pytest.raises(EstimationError, match="event times above 0; the least is 0"):
        proportional_hazards_test(**given | {"time": given["time"] - given["time"][given["event"]].min()}, transform="log")
