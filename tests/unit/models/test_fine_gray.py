"""The model of Fine and Gray: against the model written out, its derivatives, and what it says when it cannot be fitted."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.cox import fit_cox
from yoseval.models.fine_gray import fit_fine_gray
from yoseval.models.incidence import cumulative_incidence
from yoseval.models.variance import clustered_sandwich


def sample(n=40, seed=0, *, late=False):
    rng = np.random.default_rng(seed)
    given = {
        "time": np.ceil(rng.exponential(6.0, n)),
        "cause": rng.integers(0, 3, n),
        "covariates": np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float),
        "weight": rng.uniform(0.3, 2.0, n),
    }
    # Half are there from the start; the others enter at whole times, together with events and censorings.
    entry = np.where(np.arange(n) % 4 < 2, 0.0, np.floor(rng.random(n) * np.minimum(given["time"], 7.0)))
    return given | {"entry": entry} if late else given


def share_kept(given, strata, t, j):
    """Return unit j's share at t: what of its group was not censored since it left, over what had entered by then."""
    time, weight, own, entry = given["time"], given["weight"], strata == strata[j], begins(given)
    censored, kept = own & (given["cause"] == 0), 1.0
    for s in sorted({*time, *entry}):
        if time[j] <= s < t:
            kept *= 1 - weight[censored & (time == s)].sum() / max(weight[own & (entry < s) & (s <= time)].sum(), 1e-9)
            kept /= 1 - weight[own & (entry == s)].sum() / max(weight[own & (entry <= s) & (s < time)].sum(), 1e-9)
    return kept


def begins(given):
    entry = given.get("entry", np.zeros(len(given["time"])))
    return np.where(entry > 0, entry, -1.0)


def shares_at(given, strata, t):
    """Return the share with which each unit is at risk at t."""
    time, cause = given["time"], given["cause"]
    followed = (begins(given) < t) & (t <= time)
    past = (cause == 2) & (time < t)
    return np.array([followed[j] + (share_kept(given, strata, t, j) if past[j] else 0.0) for j in range(len(time))])


def brute_score(beta, given, strata, ties):
    time, cause, x, weight = (given[key] for key in ("time", "cause", "covariates", "weight"))
    total, information = np.zeros(2), np.zeros((2, 2))
    for t in set(time[cause == 1]):
        dead, risk = (time == t) & (cause == 1), weight * shares_at(given, strata, t) * np.exp(x @ beta)
        total += weight[dead] @ x[dead]
        for k in range(dead.sum()):
            lost = k / dead.sum() if ties == "efron" else 0.0
            part = risk * (1 - lost * dead) / (risk * (1 - lost * dead)).sum()
            total -= weight[dead].mean() * part @ x
            information += weight[dead].mean() * ((x.T * part) @ x - np.outer(part @ x, part @ x))
    return total, information


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("grouped", [False, True])
def test_score_written_out_is_zero_at_the_fit_and_the_information_is_the_curvature(ties, grouped, late):
    given = sample(seed=1, late=late)
    strata = np.arange(40) % 3 if grouped else np.zeros(40)

    fit = fit_fine_gray(**given, ties=ties, strata=strata if grouped else None)

    score, information = brute_score(fit.coefficients, given, strata, ties)
    np.testing.assert_allclose(score, 0.0, atol=1e-10)
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), information, rtol=1e-10)


@pytest.mark.parametrize("grouped", [False, True])
def test_influence_is_the_derivative_of_the_score_written_out(grouped):
    given = sample(n=24, seed=2)
    strata = np.arange(24) % 2 if grouped else np.zeros(24)

    fit = fit_fine_gray(**given, ties="efron", strata=strata if grouped else None)

    # The derivative of the solution is the inverse information times that of the score.
    step = 1e-5
    for i in range(24):
        change = np.where(np.arange(24) == i, step * given["weight"], 0.0)
        up, down = (
            brute_score(fit.coefficients, given | {"weight": given["weight"] + sign * change}, strata, "efron")[0]
            for sign in (1, -1)
        )
        np.testing.assert_allclose(fit.influence[i], fit.covariance @ (up - down) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("grouped", [False, True])
def test_influence_is_the_derivative_of_the_coefficients_in_the_weights(ties, grouped, late):
    given = sample(n=40, seed=3, late=late)
    asked = {"ties": ties, "strata": np.array(["north", "south"])[np.arange(40) % 2] if grouped else None}

    fit = fit_fine_gray(**given, **asked)

    for i in range(40):
        change = np.where(np.arange(40) == i, 1e-5 * given["weight"], 0.0)
        up, down = (
            fit_fine_gray(**given | {"weight": given["weight"] + sign * change}, **asked).coefficients for sign in (1, -1)
        )
        np.testing.assert_allclose(fit.influence[i], (up - down) / 2e-5, atol=1e-8)
    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("late", [False, True])
def test_without_competing_events_it_is_the_cox_model(late):
    given = sample(seed=4, late=late)
    given["cause"] = given["cause"] % 2

    fit = fit_fine_gray(**given, ties="efron")

    time, cause, x, weight = list(given.values())[:4]
    cox = fit_cox(time, cause == 1, x, weight, entry=given.get("entry"))
    np.testing.assert_allclose(fit.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.influence, cox.influence, atol=1e-12)
    assert fit.n_competing == 0


def test_without_censoring_a_competing_event_is_never_leaving():
    given = sample(seed=5)
    given["cause"] = given["cause"] % 2 + 1

    fit = fit_fine_gray(**given)

    time, cause, x, weight = given.values()
    cox = fit_cox(np.where(cause == 2, 1e4, time), cause == 1, x, weight, ties="breslow")
    np.testing.assert_allclose(fit.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.influence, cox.influence, atol=1e-12)


@pytest.mark.parametrize("late", [False, True])
def test_it_is_the_cox_model_of_rows_that_linger_with_changing_weights(late):
    given = sample(n=30, seed=6, late=late)
    time, cause, x, weight = list(given.values())[:4]
    times = np.unique(time[cause == 1])
    pieces = [(begins(given)[j], time[j], cause[j] == 1, j, 1.0) for j in range(30)]
    for j in np.flatnonzero(cause == 2):
        for before, t in zip(np.concatenate(([time[j]], times[times > time[j]])), times[times > time[j]], strict=False):
            pieces.append((before, t, False, j, share_kept(given, np.zeros(30), t, j)))
    entry, end, event, row, share = (np.array(column) for column in zip(*pieces, strict=True))

    expanded = fit_cox(end, event, x[row], weight[row] * share, ties="breslow", entry=entry)

    np.testing.assert_allclose(fit_fine_gray(**given).coefficients, expanded.coefficients, rtol=1e-9)


@pytest.mark.parametrize("late", [False, True])
def test_whole_weights_equal_repeated_units(late):
    given = sample(seed=7, late=late)
    repeats = np.arange(40) % 3 + 1
    again = {key: np.repeat(values, repeats, axis=0) for key, values in given.items()}

    weighted = fit_fine_gray(**given | {"weight": repeats.astype(float)})
    repeated = fit_fine_gray(**again | {"weight": np.ones(repeats.sum())})

    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-9)
    # Units of one cluster are one unit of their summed weight: variances agree with the estimated curves too.
    np.testing.assert_allclose(
        clustered_sandwich(repeated.influence, np.repeat(np.arange(40), repeats)),
        clustered_sandwich(weighted.influence, np.arange(40)),
        rtol=1e-8,
    )


def test_a_unit_of_weight_zero_is_as_if_absent():
    given = sample(seed=8)
    given["weight"] = np.where(np.arange(40) % 5 == 0, 0.0, given["weight"])
    kept = given["weight"] > 0

    fit, without = fit_fine_gray(**given), fit_fine_gray(**{key: values[kept] for key, values in given.items()})

    np.testing.assert_allclose(fit.coefficients, without.coefficients, rtol=1e-12)
    np.testing.assert_allclose(fit.influence[kept], without.influence, atol=1e-13)
    assert not fit.influence[~kept].any()
    assert (fit.n, fit.n_events, fit.n_competing) == (without.n, without.n_events, without.n_competing)


def test_the_cause_of_interest_is_named_by_its_code():
    given = sample(seed=9)
    other = given | {"cause": np.array([0, 7, 3])[given["cause"]]}

    np.testing.assert_array_equal(fit_fine_gray(**other, of=7).coefficients, fit_fine_gray(**given).coefficients)


def test_one_group_of_censoring_is_none():
    given = sample(seed=10)

    np.testing.assert_array_equal(fit_fine_gray(**given, strata=np.full(40, "all")).influence, fit_fine_gray(**given).influence)


def test_confidence_intervals_cover_the_truth_where_censoring_depends_on_nothing():
    # Subdistribution hazard ratio exp(0.5) by construction (Fine and Gray 1999, section 5); half are censored.
    rng, hits, n = np.random.default_rng(11), 0, 400
    for _ in range(100):
        arm = rng.integers(0, 2, n).astype(float)
        never = 0.5 ** np.exp(0.5 * arm)
        first = rng.random(n) > never
        u = rng.random(n)
        time = np.where(
            first, -np.log1p((np.power(1 - u * (1 - never), np.exp(-0.5 * arm)) - 1) / 0.5), rng.exponential(1.0, n)
        )
        censoring = rng.uniform(0.0, 2.0, n)
        cause = np.where(time <= censoring, np.where(first, 1, 2), 0)

        fit = fit_fine_gray(np.minimum(time, censoring), cause, arm[:, None], np.ones(n))

        error = (fit.influence[:, 0] ** 2).sum() ** 0.5
        hits += abs(fit.coefficients[0] - 0.5) < 1.96 * error
    # Of 100 intervals of 95 %, fewer than 88 or 100 would be seen once in a hundred times.
    assert 88 <= hits <= 99


def test_a_sample_without_events_of_the_cause_is_refused():
    given = sample()

    with pytest.raises(EstimationError, match="needs events of its cause; there are none"):
        fit_fine_gray(**given, of=4)


def test_entries_at_zero_are_no_entries_and_an_event_at_time_zero_counts():
    given = sample()
    given["time"] = given["time"] - 1.0

    plain, at_zero = fit_fine_gray(**given), fit_fine_gray(**given, entry=np.zeros(40))
    one_late = fit_fine_gray(**given, entry=np.where(given["time"] == given["time"].max(), 1.0, 0.0))

    np.testing.assert_array_equal(at_zero.influence, plain.influence)
    assert one_late.n_events == plain.n_events
    assert (given["time"][given["cause"] == 1] == 0).any()


def test_without_ties_those_at_risk_are_those_of_the_incidence_of_aalen_and_johansen():
    # Geskus (2011): Y(t) (1 - F(t-)) / S(t-) are at risk, so Breslow's null likelihood is known from the incidence alone.
    rng, given = np.random.default_rng(12), sample(n=200, seed=12, late=True)
    time = given["time"] + rng.random(200)
    given |= {"time": time, "entry": np.where(given["entry"] > 0, rng.random(200) * time, 0.0)}

    fit = fit_fine_gray(**given)

    curve = cumulative_incidence(time, given["cause"], given["weight"], given["entry"])
    survival = np.concatenate(([1.0], curve.survival[:-1]))
    incidence = np.concatenate(([0.0], curve.incidence[:-1, 0]))
    assert (survival > 0).all()
    at_risk = curve.at_risk * (1 - incidence) / survival
    assert fit.loglik_null == pytest.approx(-curve.events[:, 0] @ np.log(at_risk), rel=1e-12)
    for t, expected in list(zip(curve.time, at_risk, strict=True))[10::40]:
        assert given["weight"] @ shares_at(given, np.zeros(200), t) == pytest.approx(expected, rel=1e-10)


def with_gap(given, *, at):
    """Put ten more units before all others, censored before these enter, at ``at`` or later."""
    early = {
        "time": np.arange(10) / 10 + 1.0,
        "cause": np.zeros(10, dtype=np.int64),
        "covariates": given["covariates"][:10],
        "weight": np.ones(10),
        "entry": np.zeros(10),
    }
    moved = given | {"time": given["time"] + at, "entry": given["entry"] + at}
    return {key: np.concatenate((early[key], moved[key])) for key in early}


def test_an_infinite_share_is_refused():
    given = with_gap(sample(late=True), at=5.0)
    given["cause"][3] = 2

    with pytest.raises(EstimationError, match=r"At 1 times \(last: 5\) everybody followed just afterwards had entered then"):
        fit_fine_gray(**given)
    later = {key: values[10:] for key, values in given.items()}
    assert fit_fine_gray(**later).converged


def test_a_gap_before_any_competing_event_touches_nobody():
    given = with_gap(sample(late=True), at=5.0)
    later = {key: values[10:] for key, values in given.items()}

    fit, alone = fit_fine_gray(**given), fit_fine_gray(**later)

    np.testing.assert_allclose(fit.coefficients, alone.coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.influence[10:], alone.influence, atol=1e-12)
    np.testing.assert_allclose(fit.influence[:10], 0.0, atol=1e-12)


@pytest.mark.parametrize("cause", [0, 2])
def test_whoever_enters_after_all_events_of_the_cause_touches_nobody(cause):
    given = sample(seed=13, late=True)
    strata = np.arange(40) % 2
    # All of one group are censored at 4 or before; the other is followed to the end, and then the first again.
    first = (strata == 0) & (given["time"] >= 4) & (given["entry"] < 4)
    given["time"], given["cause"] = np.where(first, 4.0, given["time"]), np.where(first, 0, given["cause"])
    back = (strata == 0) & (given["entry"] >= 4)
    given["time"], given["entry"] = given["time"] + 100.0 * back, given["entry"] + 100.0 * back
    given["cause"] = np.where(back, cause, given["cause"])

    fit = fit_fine_gray(**given, strata=strata)

    assert back.any()
    assert first.any()
    np.testing.assert_allclose(brute_score(fit.coefficients, given, strata, "breslow")[0], 0.0, atol=1e-10)
    np.testing.assert_allclose(fit.influence[back], 0.0, atol=1e-12)


@pytest.mark.parametrize("wrong", [np.nan, 1e3])
def test_an_entry_at_or_after_the_end_or_without_a_number_is_refused(wrong):
    with pytest.raises(EstimationError, match="1 of 40 rows do not end after their entry"):
        fit_fine_gray(**sample(), entry=np.where(np.arange(40) == 3, wrong, 0.0))


def test_an_arm_without_events_of_the_cause_is_refused():
    given = sample()
    given["cause"] = np.where((given["covariates"][:, 0] == 1) & (given["cause"] == 1), 2, given["cause"])

    with pytest.raises(EstimationError, match="Fine-Gray model has no finite maximum"):
        fit_fine_gray(**given | {"covariates": given["covariates"][:, :1]})


def test_a_constant_column_is_refused_by_its_place():
    given = sample()

    with pytest.raises(EstimationError, match="columns of the Fine-Gray model have one value only"):
        fit_fine_gray(**given | {"covariates": np.column_stack([given["covariates"], np.ones(40)])})
