"""Laws that every weighting obeys."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design, design_digest
from yoseval.errors import DesignError
from yoseval.models.variance import correct_for_estimated_weights

LAWS = settings(max_examples=15, deadline=None, derandomize=True)
SEEDS = st.integers(0, 10**6)
WEIGHTINGS = {
    "overlap": ("overlap", "ATO", {}),
    "entropy": ("entropy", "ATT", {}),
    "ipw att": ("ipw", "ATT", {}),
    "ipw ate": ("ipw", "ATE", {"stabilize": True}),
    "ipw atc": ("ipw", "ATC", {}),
    "ipw trimmed": ("ipw", "ATE", {"trim": "crump"}),
    "ipw truncated": ("ipw", "ATE", {"truncate": 0.05}),
    "ipw firth": ("ipw", "ATT", {"propensity": "firth"}),
    "ipw ridge": ("ipw", "ATT", {"propensity": "ridge"}),
    "matching weights": ("matching_weights", "ATM", {}),
    "cbps att": ("cbps", "ATT", {}),
    "cbps ate": ("cbps", "ATE", {}),
    "cbps over": ("cbps", "ATE", {"over": True}),
}
EXACT = ["overlap", "entropy", "cbps att", "cbps ate"]
EVERY = pytest.mark.parametrize("name", list(WEIGHTINGS))


def a_file(seed, n=120):
    rng = np.random.default_rng(seed)
    age, prior = rng.integers(10, 18, n).astype(float), rng.poisson(2, n).astype(float)
    started = (rng.random(n) < 1 / (1 + np.exp(-(age - 14.5) / 3))).astype(int)
    columns = {"id": [f"k{i:03d}" for i in range(n)], "started": started, "age": age, "prior": prior}
    return pd.DataFrame({**columns, "sex": rng.choice(["f", "m"], n)})


def designed(frame, name):
    method, estimand, options = WEIGHTINGS[name]
    try:
        cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=("age", "prior", "sex"))
        return build_design(cohort, method, estimand=estimand, **options)
    except DesignError as error:
        return str(error)


def weights_of(design):
    return pd.Series(design.weight, index=design.cohort.units["unit_id"]).sort_index()


@EVERY
@LAWS
@given(seed=SEEDS)
def test_weights_are_positive_but_for_those_who_left(name, seed):
    design = designed(a_file(seed), name)

    if not isinstance(design, str):
        left = np.zeros(len(design.weight), dtype=bool)
        for _, who in design.weighting.left:
            left |= who
        assert ((design.weight > 0) == ~left).all()
        assert np.isfinite(design.weight).all()


@pytest.mark.parametrize("name", [n for n, (_, e, _) in WEIGHTINGS.items() if e == "ATT"])
@LAWS
@given(seed=SEEDS)
def test_weights_about_the_treated_leave_them_at_one(name, seed):
    design = designed(a_file(seed), name)

    if not isinstance(design, str):
        assert (design.weight[design.treated & (design.weight > 0)] == 1).all()


@pytest.mark.parametrize("name", EXACT)
@LAWS
@given(seed=SEEDS)
def test_means_of_exact_methods_agree(name, seed):
    design = designed(a_file(seed), name)

    if not isinstance(design, str):
        values, w, t = design.cohort.matrix().values, design.weight, design.treated
        gap = np.average(values[t], axis=0, weights=w[t]) - np.average(values[~t], axis=0, weights=w[~t])
        assert np.abs(gap / values.std(axis=0)).max() < 1e-8


@pytest.mark.parametrize("name", ["entropy", "cbps att", "cbps ate"])
@LAWS
@given(seed=SEEDS)
def test_balancing_weights_sum_to_the_same_in_both_arms(name, seed):
    design = designed(a_file(seed), name)

    if not isinstance(design, str):
        assert design.weight[design.treated].sum() == pytest.approx(design.weight[~design.treated].sum(), rel=1e-8)


@EVERY
@LAWS
@given(seed=SEEDS)
def test_shuffled_rows_change_nothing(name, seed):
    frame = a_file(seed)
    one, other = (designed(f, name) for f in (frame, frame.sample(frac=1, random_state=seed)))

    assert (one == other) if isinstance(one, str) else (design_digest(one) == design_digest(other))


@EVERY
@LAWS
@given(seed=SEEDS)
def test_other_names_for_the_children_change_no_weight(name, seed):
    frame = a_file(seed)
    renamed = frame.assign(id="z" + frame["id"].str[::-1])
    one, other = designed(frame, name), designed(renamed, name)

    if isinstance(one, str):
        assert one == other
    else:
        assert np.sort(one.weight) == pytest.approx(np.sort(other.weight), rel=1e-9)


@EVERY
@LAWS
@given(seed=SEEDS, unit=st.sampled_from([0.001, 12.0, 365.25]))
def test_the_unit_in_which_age_is_measured_changes_no_weight(name, seed, unit):
    frame = a_file(seed)
    one, other = (designed(f, name) for f in (frame, frame.assign(age=frame["age"] * unit)))

    if not isinstance(one, str):
        assert weights_of(one).to_numpy() == pytest.approx(weights_of(other).to_numpy(), rel=1e-6)


@EVERY
@LAWS
@given(seed=SEEDS)
def test_a_file_taken_twice_gives_each_copy_the_weight_of_its_original(name, seed):
    # The penalties of Firth and of the ridge count as so many units, and so do corrections for small samples.
    if "firth" in name or "ridge" in name:
        return
    frame = a_file(seed)
    one, other = designed(frame, name), designed(pd.concat([frame, frame.assign(id="b" + frame["id"])]), name)

    if not isinstance(one, str) and "trunc" not in name:
        copies = weights_of(other)
        both = [copies[~copies.index.str.startswith("b")], copies[copies.index.str.startswith("b")]]
        # Overlap weights add up to one in each arm, so that each copy has half.
        factor = 2.0 if name == "overlap" else 1.0
        for half in both:
            assert factor * half.to_numpy() == pytest.approx(weights_of(one).to_numpy(), rel=1e-6)


@pytest.mark.parametrize("name", [n for n in WEIGHTINGS if "trunc" not in n])
def test_stacked_errors_are_those_of_a_bootstrap(name):
    rng = np.random.default_rng(7)
    frame = a_file(3, n=700)
    frame["y"] = frame["prior"] + frame["age"] / 4 + rng.normal(size=700)
    design = designed(frame, name)
    y = frame.set_index("id")["y"].loc[design.cohort.units["unit_id"]].to_numpy()
    w, t = design.weight, design.treated

    influence = np.zeros(len(y))
    for arm, sign in ((t, 1.0), (~t, -1.0)):
        influence[arm] = sign * w[arm] * (y[arm] - np.average(y[arm], weights=w[arm])) / w[arm].sum()
    estimation = design.weighting.estimation
    corrected = correct_for_estimated_weights(influence, w, estimation.gradient, estimation.influence)

    values = []
    for _ in range(300):
        sample = np.sort(rng.integers(0, 700, 700))
        again, arm = design.weighting.reweight(sample), t[sample]
        values.append(np.average(y[sample][arm], weights=again[arm]) - np.average(y[sample][~arm], weights=again[~arm]))
    # Monte Carlo error of the SD of 300 replicates is 4 %.
    assert np.sqrt(corrected @ corrected) == pytest.approx(np.std(values), rel=0.14)
