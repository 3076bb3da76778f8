"""Laws that every matched or stratified design obeys, whatever its options."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.cohort.build import Cohort
from yoseval.design.ledger import kept_and_dropped, ledger_frame
from yoseval.design.methods import build_design, design_digest
from yoseval.errors import DesignError

LAWS = settings(max_examples=6, deadline=None, derandomize=True)
REQUESTS = {
    "replacement": ("nearest", {"replace": True, "ratio": 2}),
    "limited reuse": ("nearest", {"replace": True, "reuse_max": 2, "caliper": 0.5}),
    "closest": ("nearest", {"m_order": "closest", "caliper": None}),
    "smallest": ("nearest", {"m_order": "smallest", "ratio": 2, "exact": "sex"}),
    "variable ratio": ("nearest", {"ratio": 1.5, "max_controls": 3, "caliper": None}),
    "Mahalanobis": ("nearest", {"distance": "mahalanobis", "caliper": None}),
    "ranks": ("nearest", {"distance": "robust_mahalanobis"}),
    "scaled": ("nearest", {"distance": "scaled_euclidean", "caliper": None}),
    "within a caliper": ("nearest", {"mahvars": ("age", "prior"), "caliper": 0.5}),
    "covariate calipers": ("nearest", {"caliper": {"age": 1.0, "prior": 2.0}, "std_caliper": False, "antiexact": "team"}),
    "exact": ("exact", {}),
    "cem": ("cem", {"cutpoints": {"age": 3, "prior": [1, 3]}}),
    "cem pairs": ("cem", {"cutpoints": 3, "k2k": True}),
    "subclass": ("subclass", {"subclass": 3}),
}
every_request = pytest.mark.parametrize("request_name", REQUESTS)


def a_file(seed, n=70):
    rng = np.random.default_rng(seed)
    age, prior = rng.integers(10, 18, n).astype(float), rng.poisson(2, n).astype(float)
    started = (rng.random(n) < 1 / (1 + np.exp(-(age - 14.5) / 3))).astype(int)
    columns = {"id": [f"k{i:03d}" for i in range(n)], "started": started, "age": age, "prior": prior}
    return pd.DataFrame({**columns, "sex": rng.choice(["f", "m"], n), "team": rng.choice(["a", "b", "c"], n)})


def designed(frame, name):
    method, options = REQUESTS[name]
    # The team is read for exact columns only; identical children may still be told apart by it.
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=("age", "prior", "sex", "team"))
    try:
        return build_design(cohort, method, **options)
    except DesignError as error:
        return str(error)


@every_request
@LAWS
@given(seed=st.integers(0, 10**6))
def test_shuffled_rows_and_columns_change_nothing(request_name, seed):
    frame = a_file(seed)
    other = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    found = [designed(f, request_name) for f in (frame, other)]

    assert found[0] == found[1] if isinstance(found[0], str) else design_digest(found[0]) == design_digest(found[1])


@every_request
@LAWS
@given(seed=st.integers(0, 10**6))
def test_other_names_for_the_children_change_no_weight_and_no_pair(request_name, seed):
    frame = a_file(seed)
    renamed = frame.assign(id=np.random.default_rng(seed).permutation(frame["id"].to_numpy()))
    found = [designed(f, request_name) for f in (frame, renamed)]

    if isinstance(found[0], str):
        assert found[0] == found[1]
    else:
        assert (found[0].weight == found[1].weight).all()
        assert (found[0].weighting.set_id == found[1].weighting.set_id).all()
        assert (found[0].weighting.pairs is None) == (found[1].weighting.pairs is None)


@every_request
@LAWS
@given(seed=st.integers(0, 10**6))
def test_everybody_is_kept_or_has_one_reason(request_name, seed):
    design = designed(a_file(seed), request_name)

    if not isinstance(design, str):
        given = np.sum([who for _, who in design.weighting.left], axis=0) if design.weighting.left else 0 * design.weight
        assert (given == (design.weight == 0)).all()
        ledger = ledger_frame(design)
        assert ((ledger["reason"] == "") == (ledger["status"] == "kept")).all()
        counts = kept_and_dropped(design).groupby("arm")[["n_kept", "n_dropped"]].first().sum(axis=1)
        assert counts["treated"] == design.treated.sum()


@every_request
@LAWS
@given(seed=st.integers(0, 10**6))
def test_weights_of_each_arm_add_up_to_its_units_used(request_name, seed):
    design = designed(a_file(seed), request_name)

    if not isinstance(design, str):
        for arm in (design.treated, ~design.treated):
            assert design.weight[arm].sum() == pytest.approx((design.weight[arm] > 0).sum(), abs=1e-9)


@LAWS
@given(seed=st.integers(0, 10**6))
def test_pairs_obey_calipers_and_columns_that_must_differ(seed):
    design = designed(a_file(seed), "covariate calipers")

    if not isinstance(design, str):
        units = design.cohort.units.assign(set=design.weighting.set_id).query("set >= 0").groupby("set")
        assert (units["age"].max() - units["age"].min()).max() <= 1.0
        assert (units["prior"].max() - units["prior"].min()).max() <= 2.0
        assert (units["team"].nunique() == 2).all()
