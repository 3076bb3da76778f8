"""What looks closer at balance gives no small group away."""

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.cohort.build import Cohort, starting_flow
from yoseval.design.balance import assess_balance
from yoseval.design.methods import build_design
from yoseval.evaluation.balance_frames import balance_frames
from yoseval.frames import check_frame, make_frame
from yoseval.layouts import FRAMES
from yoseval.reporting.disclosure import is_small, protect
from yoseval.reporting.disclosure_balance import _RULES, BALANCE_FRAMES, IMPUTED, protect_balance
from yoseval.reporting.policies import POLICIES, find_policy

POLICY = find_policy("tre_10")
BEHIND = ["mean_treated", "mean_comparison", "variance_ratio", "ks"]


def around(n=200, flags=None):
    """The flow, sizes, and the balance of numbers and of flags with these shares in the programme group."""
    rows = [("p", s, a, n, float(n)) for s in ("before", "after") for a in ("treated", "comparison")]
    sizes = make_frame("sizes", pd.DataFrame(rows, columns=["programme", "sample", "arm", "n", "effective_n"]))
    terms = {"age": ("numeric", 14.2), "prior": ("numeric", 2.0), **{t: ("binary", v) for t, v in (flags or {}).items()}}
    balance = [
        {"programme": "p", "sample": s, "term": t, "kind": k, "mean_treated": m, "mean_comparison": 0.5, "std_mean_diff": 0.1}
        for s in ("before", "after")
        for t, (k, m) in terms.items()
    ]
    flow = starting_flow("p", np.repeat([True, False], n))
    return {"attrition": flow, "sizes": sizes, "balance": make_frame("balance", pd.DataFrame(balance))}


def protected(frames, policy=POLICY):
    others = protect({n: f for n, f in frames.items() if n not in (*BALANCE_FRAMES, IMPUTED)}, policy)
    return protect_balance(frames, others, policy)


def safe(policy=POLICY, n=200, flags=None, **frames):
    return protected({**around(n, flags), **frames}, policy)


@functools.cache
def usual(policy):
    """Return frames that no test changes, and what is shown of them."""
    return around(), protect(around(), find_policy(policy))


def subgroups(treated, term="age", kind="numeric", mean=14.2):
    """One term in the subgroups a, b, c of one column."""
    rows = [
        {"subgroup": f"area: {v}", "sample": s, "term": term, "kind": kind, "n_treated": k, "n_comparison": 300}
        for v, k in treated.items()
        for s in ("before", "after")
    ]
    numbers = {"mean_treated": mean, "mean_comparison": mean, "std_mean_diff": 0.12345, "variance_ratio": 1.1, "ks": 0.07}
    return make_frame("subgroup_balance", pd.DataFrame(rows).assign(programme="p", **numbers))


# ---- subgroups


def test_a_small_subgroup_is_hidden_with_another_from_which_it_would_follow():
    found = safe(subgroup_balance=subgroups({"a": 4, "b": 40, "c": 60})).frames["subgroup_balance"]

    assert set(found.dropna(subset=["std_mean_diff"])["subgroup"]) == {"area: c"}


def test_subgroups_show_rounded_differences_and_neither_means_nor_sizes():
    found = safe(subgroup_balance=subgroups({"a": 50, "b": 40})).frames["subgroup_balance"]

    assert set(found["std_mean_diff"]) == {0.12}
    assert found[[*BEHIND, "n_treated", "n_comparison"]].isna().all().all()


def test_a_term_that_few_of_a_subgroup_have_is_hidden_there_with_its_sisters_and_the_numbers_are_not():
    rare = subgroups({"a": 50}, "court: x", "binary", 0.06)  # 3 of 50
    parts = [rare, subgroups({"a": 50}, "court: y", "binary", 0.5), subgroups({"a": 50}, "court"), subgroups({"a": 50})]

    found = safe(subgroup_balance=pd.concat(parts, ignore_index=True)).frames["subgroup_balance"]

    shown = found.groupby("term")["std_mean_diff"].apply(lambda d: d.notna().all())
    assert shown.to_dict() == {"age": True, "court": True, "court: x": False, "court: y": False}


# ---- squares and products


def products(shares, kind="binary"):
    rows = [
        {"sample": s, "term": t, "kind": kind, "mean_treated": m, "mean_comparison": 0.3}
        for t, m in shares.items()
        for s in ("before", "after")
    ]
    numbers = {"std_mean_diff": 0.05678, "variance_ratio": 1.2, "ks": 0.01}
    return make_frame("interactions", pd.DataFrame(rows).assign(programme="p", **numbers))


FLAGS = {"sex: f": 0.5, "sex: m": 0.5, "area: n": 0.5, "area × b: s": 0.5, "care": 0.02}


def shown_products(frame):
    found = safe(flags=FLAGS, interactions=frame).frames["interactions"]
    assert found[BEHIND].isna().all().all()
    return set(found.dropna(subset=["std_mean_diff"])["term"])


def test_of_products_only_the_rounded_difference_is_shown():
    frame = products({"sex: f × area: n": 0.3})

    assert shown_products(frame) == {"sex: f × area: n"}
    assert set(safe(flags=FLAGS, interactions=frame).frames["interactions"]["std_mean_diff"]) == {0.06}


def test_a_product_of_a_small_cell_or_of_nobody_is_hidden():
    frame = products({"sex: f × area: n": 0.02, "sex: m × area: n": 0.0, "sex: f × area × b: s": 0.3})

    assert shown_products(frame) == {"sex: f × area × b: s"}


def test_a_product_with_a_term_that_few_have_is_hidden_though_it_is_a_number():
    frame = products({"age × care": 0.4, "age × area: n": 0.4, "age squared": 4.0}, kind="numeric")

    assert shown_products(frame) == {"age × area: n", "age squared"}


def test_a_product_of_terms_that_nobody_knows_is_hidden():
    assert shown_products(products({"age × height": 0.4, "height squared": 4.0}, kind="numeric")) == set()


# ---- distributions


def steps(n):
    parts = []
    for s in ("before", "after"):
        for a in ("treated", "comparison"):
            own = np.array(n if a == "treated" else [50] * len(n))
            frame = {"sample": s, "arm": a, "term": "age", "high": np.arange(1.0, len(n) + 1), "n": own}
            parts.append(pd.DataFrame(frame).assign(cumulative=np.cumsum(own) / own.sum()))
    return make_frame("distributions", pd.concat(parts, ignore_index=True).assign(programme="p"))


def test_steps_are_merged_until_each_holds_enough_of_every_group():
    found = safe(distributions=steps([3, 4, 6, 20, 30])).frames["distributions"].query("arm == 'treated' and sample == 'after'")

    # The last edge would tell how high the highest value is.
    assert found["high"].fillna(-1).tolist() == [3.0, 4.0, -1.0]
    assert found["cumulative"].tolist() == [round(13 / 63, 2), round(33 / 63, 2), 1.0]


def test_numbers_of_units_in_steps_are_never_shown():
    assert safe(distributions=steps([30, 20])).frames["distributions"]["n"].isna().all()


def test_where_steps_cannot_hold_enough_nothing_of_the_number_is_left():
    assert safe(distributions=steps([3, 4])).frames["distributions"].empty


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 25)] * 4), min_size=1, max_size=12),
    st.sampled_from(sorted(POLICIES)),
)
def test_no_step_that_is_shown_rests_on_few(counts, policy):
    n = np.array(counts)
    series = list(itertools.product(("before", "after"), ("treated", "comparison")))
    parts = [
        pd.DataFrame({"sample": s, "arm": a, "high": np.arange(1.0, len(n) + 1), "n": n[:, j]}).assign(
            cumulative=np.cumsum(n[:, j]) / max(n[:, j].sum(), 1)
        )
        for j, (s, a) in enumerate(series)
    ]
    frame = make_frame("distributions", pd.concat(parts, ignore_index=True).assign(programme="p", term="age"))

    others, shown = usual(policy)
    found = protect_balance({**others, "distributions": frame}, shown, find_policy(policy)).frames["distributions"]

    for j, (s, a) in enumerate(series):
        edges = found.loc[(found["sample"] == s) & (found["arm"] == a), "high"].tolist()
        ends = [*(int(e) for e in edges[:-1]), len(n)] if edges else []
        held = np.diff([0, *(int(n[:e, j].sum()) for e in ends)])
        assert not is_small(held.astype(float), find_policy(policy).threshold).any()


# ---- distances of distributions


@pytest.mark.parametrize("name", ["distribution_balance", IMPUTED])
def test_nothing_is_shown_of_a_design_with_a_small_arm(name):
    numbers = {"overlap_coefficient": 0.912, "energy_distance": 0.0312} if name == "distribution_balance" else {"ks": 0.1}
    frame = make_frame(name, pd.DataFrame([{"programme": "p", "sample": "after", "term": "age", "kind": "numeric", **numbers}]))

    shown = safe(**{name: frame}).frames[name][list(numbers)]
    hidden = safe(n=6, **{name: frame}).frames[name][list(numbers)]

    assert shown.notna().all().all()
    assert hidden.isna().all().all()


def test_the_overlap_of_a_flag_that_few_have_is_hidden_as_its_mean_is():
    rows = {"programme": "p", "sample": "after", "term": ["area: n", "care"], "kind": "binary"}
    frame = make_frame("distribution_balance", pd.DataFrame({**rows, "overlap_coefficient": 0.97, "ks": 0.03}))

    found = safe(flags=FLAGS, distribution_balance=frame).frames["distribution_balance"]

    assert found["overlap_coefficient"].notna().tolist() == found["ks"].notna().tolist() == [True, False]


# ---- all of them


def test_every_frame_of_balance_of_the_vocabulary_has_a_rule():
    assert set(_RULES) == {*BALANCE_FRAMES, IMPUTED} <= set(FRAMES)


def test_every_safe_frame_is_one_of_the_vocabulary():
    found = safe(
        flags=FLAGS,
        subgroup_balance=subgroups({"a": 50, "b": 40}),
        distributions=steps([30, 20]),
        interactions=products({"sex: f × area: n": 0.5}),
    )

    for name, frame in found.frames.items():
        check_frame(frame, name)
        assert found.hidden[name].shape == frame.shape


@pytest.mark.parametrize("name", [*BALANCE_FRAMES, IMPUTED])
def test_empty_frames_stay_empty(name):
    assert safe(**{name: make_frame(name, {})}).frames[name].empty


def test_a_frame_that_is_not_of_balance_does_not_pass():
    others = protect(around(), POLICY)

    assert protect_balance({**around(), "design_units": make_frame("design_units", {})}, others, POLICY).frames == {}


@pytest.mark.parametrize("missing", ["sizes", "balance"])
def test_without_sizes_and_balance_nothing_leaves(missing):
    frames = {**around(), "distributions": steps([30, 20])}
    others = protect(around(), POLICY)

    with pytest.raises(KeyError):
        protect_balance({n: f for n, f in frames.items() if n != missing}, others, POLICY)


@pytest.fixture(scope="module")
def small_design():
    """120 children, some of whose categories have a few."""
    rng = np.random.default_rng(8)
    n = 120
    area = rng.choice(["n", "s", "rare"], n, p=[0.6, 0.34, 0.06])
    frame = pd.DataFrame(
        {
            "started": np.arange(n) < 50,
            "age": rng.integers(10, 18, n) + (np.arange(n) < 50),
            "area": area,
            "care": rng.random(n) < 0.15,
        }
    ).assign(sex=rng.choice(["f", "m"], n, p=[0.2, 0.8]))
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age", "area", "care", "sex"])
    return build_design(cohort, "ipw", estimand="ATE")


@pytest.mark.parametrize("policy", POLICIES)
def test_of_a_small_design_no_cell_of_few_children_is_told(small_design, policy):
    balance, units = assess_balance(small_design), small_design.cohort.units
    treated, rule = small_design.treated, find_policy(policy)
    flow = starting_flow("programme", treated)
    frames = {"attrition": flow, "sizes": balance.sizes, "balance": balance.statistics}

    found = protected({**frames, **balance_frames(small_design, ["sex", "area"])}, rule).frames

    told = {n: f.dropna(subset=["std_mean_diff"]) for n, f in found.items() if "std_mean_diff" in f}
    assert len(told["interactions"]) > 0
    assert len(told["subgroup_balance"]) > 0
    for term in told["interactions"].query("kind == 'binary'")["term"]:
        assert not few_in(units, term.split(" × "), treated, rule.threshold), term
    for row in told["subgroup_balance"].to_dict("records"):
        parts = [row["subgroup"], *([row["term"]] if row["kind"] == "binary" else [])]
        assert not few_in(units, parts, treated, rule.threshold), parts


def few_in(units, terms, treated, threshold):
    """Tell whether a cell holds 1 to threshold - 1 of an arm."""
    inside = np.ones(len(units), dtype=bool)
    for term in terms:
        column, _, value = term.partition(": ")
        inside &= units[column].astype(str).to_numpy() == (value or "True")
    return is_small(np.array([(inside & a).sum() for a in (treated, ~treated)], dtype=float), threshold).any()
