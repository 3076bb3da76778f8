"""The Cox model: likelihood written out, exact influence, and errors that say what to do."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.cox import baseline_hazard, fit_cox, score_test


def sample(n=40, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n).astype(float), rng.normal(size=n)])
    time = rng.exponential(np.exp(-0.5 * x[:, 0]) * 4.0)
    time = np.ceil(time) if ties else time
    event = rng.random(n) < 0.7
    return time, event, x, rng.uniform(0.3, 2.0, n)


def log_likelihood(beta, time, event, x, weight, ties):
    """Return the weighted partial likelihood term by term, as the papers print it."""
    total = 0.0
    risk = weight * np.exp(x @ beta)
    for t in np.unique(time[event]):
        dead = (time == t) & event
        m = int(dead.sum())
        total += weight[dead] @ (x[dead] @ beta)
        for k in range(m):
            share = k / m if ties == "efron" else 0.0
            total -= weight[dead].mean() * np.log(risk[time >= t].sum() - share * risk[dead].sum())
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_likelihood_equals_the_sum_written_out(ties):
    time, event, x, weight = sample()

    fit = fit_cox(time, event, x, weight, ties=ties)

    assert fit.loglik == pytest.approx(log_likelihood(fit.coefficients, time, event, x, weight, ties), rel=1e-12)
    assert fit.loglik_null == pytest.approx(log_likelihood(np.zeros(2), time, event, x, weight, ties), rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_covariance_inverts_the_curvature_of_the_likelihood_at_its_maximum(ties):
    time, event, x, weight = sample(seed=1)

    fit = fit_cox(time, event, x, weight, ties=ties)

    def value(a, b):
        return log_likelihood(fit.coefficients + np.array([a, b]), time, event, x, weight, ties)

    h = 1e-4
    slope = [(value(h, 0) - value(-h, 0)) / (2 * h), (value(0, h) - value(0, -h)) / (2 * h)]
    mixed = (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h)
    first = (value(h, 0) - 2 * value(0, 0) + value(-h, 0)) / h**2
    second = (value(0, h) - 2 * value(0, 0) + value(0, -h)) / h**2
    # Differences of a likelihood near 100 at steps of 1e-4 are good to about 1e-6.
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), [[-first, -mixed], [-mixed, -second]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_influence_is_the_derivative_of_the_coefficients_in_the_weights(ties):
    time, event, x, weight = sample(n=20, seed=2)

    fit = fit_cox(time, event, x, weight, ties=ties)

    expected = np.zeros((20, 2))
    for i in range(20):
        step = np.where(np.arange(20) == i, 1e-5 * weight[i], 0.0)
        up = fit_cox(time, event, x, weight + step, ties=ties).coefficients
        down = fit_cox(time, event, x, weight - step, ties=ties).coefficients
        expected[i] = (up - down) / 2e-5
    np.testing.assert_allclose(fit.influence, expected, atol=1e-8)


def test_influence_sums_to_zero():
    fit = fit_cox(*sample(seed=3))

    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-12)


def test_methods_for_ties_agree_where_there_are_none():
    time, event, x, weight = sample(seed=4, ties=False)

    efron, breslow = fit_cox(time, event, x, weight), fit_cox(time, event, x, weight, ties="breslow")

    np.testing.assert_allclose(efron.coefficients, breslow.coefficients, rtol=1e-12)
    np.testing.assert_allclose(efron.influence, breslow.influence, atol=1e-12)


def test_whole_weights_equal_repeated_rows_with_breslow():
    time, event, x, _ = sample(seed=5)
    repeats = np.arange(40) % 3 + 1
    again = np.repeat(np.arange(40), repeats)

    weighted = fit_cox(time, event, x, repeats.astype(float), ties="breslow")
    repeated = fit_cox(time[again], event[again], x[again], np.ones(again.size), ties="breslow")

    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-10)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-10)


def test_a_unit_of_weight_zero_is_as_if_absent():
    time, event, x, weight = sample(seed=6)
    weight = np.where(np.arange(40) % 5 == 0, 0.0, weight)
    kept = weight > 0

    with_them, without = fit_cox(time, event, x, weight), fit_cox(time[kept], event[kept], x[kept], weight[kept])

    np.testing.assert_allclose(with_them.coefficients, without.coefficients, rtol=1e-12)
    np.testing.assert_allclose(with_them.influence[kept], without.influence, atol=1e-13)
    assert not with_them.influence[~kept].any()
    assert with_them.n == 32


def test_shifted_and_stretched_columns_give_the_same_fit():
    time, event, x, weight = sample(seed=7)

    plain, moved = fit_cox(time, event, x, weight), fit_cox(time, event, 1e6 + 1e3 * x, weight)

    # Centring a column near 1e6 costs six digits.
    np.testing.assert_allclose(moved.coefficients * 1e3, plain.coefficients, rtol=1e-7)
    assert moved.loglik == pytest.approx(plain.loglik, rel=1e-9)


def test_arguments_are_left_as_they_were():
    given = sample(seed=8)
    before = [a.copy() for a in given]

    fit_cox(*given)

    assert all((a == b).all() for a, b in zip(given, before, strict=True))


def test_three_units_have_the_closed_form():
    # Risk sets {a, b, c} then {b, c}: events of treated a and comparison b give beta = log of a root of a quadratic.
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    x = np.array([[1.0], [0.0], [1.0]])

    fit = fit_cox(time, event, x, np.ones(3))

    # L = e^b/(2e^b + 1) * 1/(1 + e^b); its maximum is at e^b = 1/sqrt(2).
    assert fit.coefficients[0] == pytest.approx(-0.5 * np.log(2.0), rel=1e-10)
    assert fit.converged
    assert fit.n_events == 2


def test_a_sample_without_events_is_refused():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="needs events; there are none"):
        fit_cox(time, np.zeros_like(event), x, weight)


def test_an_arm_without_events_is_refused_because_there_is_no_maximum():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="no finite maximum") as caught:
        fit_cox(time, event & (x[:, 0] == 0), x[:, :1], weight)

    assert "risk difference" in caught.value.remedy


def test_a_constant_column_is_refused_by_its_place():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="first: column 3"):
        fit_cox(time, event, np.column_stack([x, np.ones(40)]), weight)


def test_a_column_made_of_others_is_refused():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="combination of the others"):
        fit_cox(time, event, np.column_stack([x, x[:, 0] + x[:, 1]]), weight)


def test_a_strong_effect_still_converges():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(500, 1))
    time = rng.exponential(np.exp(-3.0 * x[:, 0]))

    fit = fit_cox(time, np.ones(500, dtype=bool), x, np.ones(500))

    # The truth is 3; the standard error is near 0.12.
    assert fit.coefficients[0] == pytest.approx(3.0, abs=4 * fit.covariance[0, 0] ** 0.5)


# ---- delayed entry, strata, ties and weights together -------------------------------------------------------------------


def rows(n=26, seed=0, entry=True, strata=True):
    """Return rows with tied times, weights and, where asked, entries and strata: keywords of ``fit_cox``."""
    rng = np.random.default_rng(seed)
    given = dict(zip(("time", "event", "covariates", "weight"), sample(n, seed), strict=True))
    if entry:
        # Many enter exactly at a time of events: they are not at risk there.
        given["entry"] = np.where(rng.random(n) < 0.3, 0.0, np.floor(given["time"] * rng.random(n) - 1e-9))
    if strata:
        given["strata"] = np.array(["b", "a", "c"])[rng.integers(0, 3, n)]
    return given


def with_parts(given):
    n = len(given["time"])
    return (
        *(given[k] for k in ("time", "event", "covariates", "weight")),
        given.get("entry", np.full(n, -np.inf)),
        given.get("strata", np.zeros(n)),
    )


def brute_derivatives(beta, given, ties):
    """Return the score and the information, written out event by event over everybody at risk."""
    time, event, x, weight, entry, strata = with_parts(given)
    score, information = np.zeros(x.shape[1]), np.zeros((x.shape[1], x.shape[1]))
    risk = weight * np.exp(x @ beta)
    for t, s in {(t, s) for t, s, e in zip(time, strata, event, strict=True) if e}:
        inside = (strata == s) & (entry < t) & (t <= time)
        dead = (strata == s) & (time == t) & event
        score += weight[dead] @ x[dead]
        for k in range(dead.sum()):
            lost = k / dead.sum() if ties == "efron" else 0.0
            share = risk * (inside - lost * dead) / (risk * (inside - lost * dead)).sum()
            score -= weight[dead].mean() * share @ x
            information += weight[dead].mean() * ((x.T * share) @ x - np.outer(share @ x, share @ x))
    return score, information


def brute_fit(given, ties, start=(0.0, 0.0), steps=9):
    beta = np.array(start)
    for _ in range(steps):
        score, information = brute_derivatives(beta, given, ties)
        beta = beta + np.linalg.solve(information, score)
    return beta


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("entry", "strata"), [(False, False), (True, False), (False, True), (True, True)])
def test_fit_is_that_of_the_model_written_out(ties, entry, strata):
    given = rows(seed=11, entry=entry, strata=strata)

    fit = fit_cox(**given, ties=ties)

    np.testing.assert_allclose(fit.coefficients, brute_fit(given, ties), rtol=1e-9)
    score, information = brute_derivatives(np.zeros(2), given, ties)
    np.testing.assert_allclose(fit.score_null, score, atol=1e-12)
    np.testing.assert_allclose(fit.information_null, information, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), brute_derivatives(fit.coefficients, given, ties)[1], rtol=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("entry", "strata"), [(True, False), (False, True), (True, True)])
def test_influence_is_the_derivative_of_the_model_written_out(ties, entry, strata):
    given = rows(seed=26, entry=entry, strata=strata)

    fit = fit_cox(**given, ties=ties)

    n, step = 26, 1e-4
    for i in range(n):
        change = np.where(np.arange(n) == i, step * given["weight"], 0.0)
        up, down = (
            brute_fit(given | {"weight": given["weight"] + sign * change}, ties, fit.coefficients, 3) for sign in (1.0, -1.0)
        )
        np.testing.assert_allclose(fit.influence[i], (up - down) / (2 * step), atol=1e-6)
    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_rows_cut_into_pieces_change_nothing(ties):
    given = rows(seed=13)
    pieces = {key: [] for key in given}
    row_of = []
    for i in range(26):
        cuts = [c for c in (0.5, 1.0, 2.0, 3.5) if given["entry"][i] < c < given["time"][i]]
        ends = [*cuts, given["time"][i]]
        for begin, end in zip([given["entry"][i], *cuts], ends, strict=True):
            new = {key: values[i] for key, values in given.items()}
            new |= {"entry": begin, "time": end, "event": given["event"][i] and end == given["time"][i]}
            for key, value in new.items():
                pieces[key].append(value)
            row_of.append(i)

    whole, cut = fit_cox(**given, ties=ties), fit_cox(**{k: np.array(v) for k, v in pieces.items()}, ties=ties)

    assert cut.n > whole.n
    # Centring differs by the pieces; the sums do not.
    np.testing.assert_allclose(cut.coefficients, whole.coefficients, rtol=1e-9)
    np.testing.assert_allclose(cut.covariance, whole.covariance, rtol=1e-9)
    assert cut.loglik == pytest.approx(whole.loglik, rel=1e-12)
    summed = np.vstack([np.bincount(row_of, column, 26) for column in cut.influence.T]).T
    np.testing.assert_allclose(summed, whole.influence, atol=1e-10)


def test_whole_weights_equal_repeated_rows_with_breslow_entry_and_strata():
    given = rows(seed=14)
    repeats = np.arange(26) % 3 + 1
    again = {key: np.repeat(values, repeats, axis=0) for key, values in given.items()}

    weighted = fit_cox(**given | {"weight": repeats.astype(float)}, ties="breslow")
    repeated = fit_cox(**again | {"weight": np.ones(repeats.sum())}, ties="breslow")

    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-9)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9)


def test_whole_weights_differ_from_repeated_rows_with_efron_because_ties_are_counted_by_rows():
    time, event, x = np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), np.array([[1.0], [0.0], [1.0]])
    repeats = np.array([2, 1, 1])

    weighted = fit_cox(time, event, x, repeats.astype(float))
    repeated = fit_cox(np.repeat(time, repeats), np.repeat(event, repeats), np.repeat(x, repeats, axis=0), np.ones(4))

    assert abs(weighted.coefficients[0] - repeated.coefficients[0]) > 0.1


def test_entry_before_all_times_and_one_stratum_change_nothing():
    given = rows(entry=False, strata=False, seed=15)

    plain, general = fit_cox(**given), fit_cox(**given, entry=np.zeros(26), strata=np.full(26, "all"))

    np.testing.assert_allclose(general.coefficients, plain.coefficients, rtol=1e-12)
    np.testing.assert_allclose(general.influence, plain.influence, atol=1e-14)
    np.testing.assert_allclose(general.baseline.increment, plain.baseline.increment, rtol=1e-12)


def test_the_order_of_rows_does_not_matter():
    given = rows(seed=27)
    order = np.random.default_rng(0).permutation(26)

    fit, moved = fit_cox(**given), fit_cox(**{key: values[order] for key, values in given.items()})

    np.testing.assert_allclose(moved.coefficients, fit.coefficients, rtol=1e-12)
    np.testing.assert_allclose(moved.influence, fit.influence[order], atol=1e-13)


def test_strata_a_thousandfold_apart_in_hazard_do_not_disturb_each_other():
    given = rows(n=60, entry=False, seed=16)
    shift = {"a": 0.0, "b": 30.0, "c": -30.0}
    apart = given["covariates"] + np.array([[0.0, shift[s]] for s in given["strata"]])

    fit, moved = fit_cox(**given), fit_cox(**given | {"covariates": apart})

    np.testing.assert_allclose(moved.coefficients, fit.coefficients, rtol=1e-9)


def test_a_stratum_without_events_tells_nothing():
    given = rows(seed=17)
    quiet = given | {"event": given["event"] & (given["strata"] != "b")}
    kept = quiet["strata"] != "b"

    fit, without = fit_cox(**quiet), fit_cox(**{k: v[kept] for k, v in quiet.items()})

    np.testing.assert_allclose(fit.coefficients, without.coefficients, rtol=1e-9)
    np.testing.assert_allclose(fit.influence[kept], without.influence, atol=1e-10)
    np.testing.assert_allclose(fit.influence[~kept], 0.0, atol=1e-13)


def test_late_risk_sets_of_few_are_not_drowned_by_large_ones_elsewhere():
    rng = np.random.default_rng(18)
    n, few = 20_000, 12
    early = {"time": np.arange(1.0, few + 1), "entry": np.zeros(few), "event": np.ones(few, dtype=bool)}
    late = {
        "time": 1000.0 + rng.integers(1, 50, n), "entry": np.full(n, 500.0), "event": rng.random(n) < 0.5,
    }  # fmt: skip
    given = {key: np.concatenate([early[key], late[key]]) for key in early}
    x = rng.normal(size=(n + few, 1))

    together = fit_cox(**given, covariates=x, weight=np.ones(n + few))
    apart = fit_cox(**given, covariates=x, weight=np.ones(n + few), strata=given["entry"])

    # Risk sets of 12 beside 20,000: nobody is in both, so strata change nothing.
    np.testing.assert_allclose(together.influence[:few], apart.influence[:few], rtol=1e-8, atol=1e-14)


def test_a_row_that_ends_at_its_entry_is_refused_by_its_place():
    given = rows(seed=19)
    entry = given["entry"].copy()
    entry[4] = given["time"][4]

    with pytest.raises(EstimationError, match=r"1 of 26 rows do not end after their entry \(first at row 5\)"):
        fit_cox(**given | {"entry": entry})


def test_a_column_that_only_tells_the_strata_apart_is_refused():
    given = rows(seed=20, entry=False)

    with pytest.raises(EstimationError, match="one value in each set of those at risk"):
        fit_cox(**given | {"covariates": (given["strata"] == "a")[:, None].astype(float)})


# ---- baseline and score test -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_baseline_hazard_is_the_sum_written_out(ties):
    given = rows(seed=21)
    time, event, x, weight, entry, strata = with_parts(given)
    fit, person = fit_cox(**given, ties=ties), np.array([1.0, -0.5])

    found = baseline_hazard(fit, person, stratum="a")

    own, total = strata == "a", 0.0
    risk = weight * np.exp((x - person) @ fit.coefficients) * own
    assert found.time.tolist() == sorted(set(time[event & own]))
    for t, hazard in zip(found.time, found.hazard, strict=True):
        dead = own & event & (time == t)
        for k in range(dead.sum()):
            lost = k / dead.sum() if ties == "efron" else 0.0
            total += weight[dead].mean() / ((risk * (entry < t) * (t <= time)).sum() - lost * risk[dead].sum())
        assert hazard == pytest.approx(total, rel=1e-10)


def test_baseline_hazard_of_several_strata_needs_the_name_of_one():
    with pytest.raises(EstimationError, match="3 strata with events; no stratum was named"):
        baseline_hazard(fit_cox(**rows(seed=22)), np.zeros(2))


def test_baseline_hazard_does_not_overflow_where_covariates_are_far_from_zero():
    time, event, x, weight = sample(seed=23)

    far, near = fit_cox(time, event, x + 5_000.0, weight), fit_cox(time, event, x, weight)

    found = baseline_hazard(far, np.full(2, 5_000.0)).hazard
    np.testing.assert_allclose(found, baseline_hazard(near, np.zeros(2)).hazard, rtol=1e-8)


def test_score_test_of_two_arms_without_ties_is_the_log_rank_test():
    time, event, x, _ = sample(seed=24, ties=False)
    arm = x[:, 0] == 1

    fit = fit_cox(time, event, x[:, :1], np.ones(40))

    excess, variance = 0.0, 0.0
    for t in time[event]:
        share = arm[time >= t].mean()
        excess += arm[time == t][0] - share
        variance += share * (1 - share)
    assert score_test(fit) == pytest.approx(excess**2 / variance, rel=1e-10)
