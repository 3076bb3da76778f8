"""What looks closer at balance gives no small group away."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import check_frame, make_frame
from yoseval.reporting.disclosure import find_policy
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES, protect_balance

POLICY = find_policy("tre_10")


def sizes(n=200):
    rows = [("p", s, a, n, float(n)) for s in ("before", "after") for a in ("treated", "comparison")]
    return make_frame("sizes", pd.DataFrame(rows, columns=["programme", "sample", "arm", "n", "effective_n"]))


def subgroups(treated):
    """One term in the subgroups a, b, c of one column."""
    rows = [
        {"subgroup": f"area: {v}", "sample": s, "term": "age", "kind": "numeric", "n_treated": k, "n_comparison": 300}
        for v, k in treated.items()
        for s in ("before", "after")
    ]
    numbers = {"mean_treated": 14.2, "mean_comparison": 14.0, "std_mean_diff": 0.12345, "variance_ratio": 1.1, "ks": 0.07}
    return make_frame("subgroup_balance", pd.DataFrame(rows).assign(programme="p", **numbers))


def safe(**frames):
    return protect_balance({"sizes": sizes(), **frames}, POLICY)


def test_a_small_subgroup_is_hidden_with_another_from_which_it_would_follow():
    found = safe(subgroup_balance=subgroups({"a": 4, "b": 40, "c": 60})).frames["subgroup_balance"]

    shown = found.dropna(subset=["std_mean_diff"])
    assert set(shown["subgroup"]) == {"area: c"}
    assert found.loc[found["subgroup"] != "area: c", "n_treated"].isna().all()


def test_subgroups_show_rounded_differences_and_no_means():
    found = safe(subgroup_balance=subgroups({"a": 50, "b": 40})).frames["subgroup_balance"]

    assert set(found["std_mean_diff"]) == {0.12}
    assert found[["mean_treated", "mean_comparison", "variance_ratio", "ks"]].isna().all().all()


def test_sizes_of_subgroups_are_rounded_where_the_policy_says_so():
    frames = {"sizes": sizes(), "subgroup_balance": subgroups({"a": 53, "b": 48})}

    found = protect_balance(frames, find_policy("opensafely")).frames["subgroup_balance"]

    assert set(found["n_treated"]) == {55, 50}


def products(shares, kind="binary"):
    rows = [
        {"sample": s, "term": t, "kind": kind, "mean_treated": m, "mean_comparison": 0.3}
        for t, m in shares.items()
        for s in ("before", "after")
    ]
    numbers = {"std_mean_diff": 0.05678, "variance_ratio": np.nan, "ks": 0.01}
    return make_frame("interactions", pd.DataFrame(rows).assign(programme="p", **numbers))


def test_one_small_cell_hides_the_means_of_its_whole_family():
    frame = products({"sex: f × area: n": 0.02, "sex: m × area: n": 0.4, "sex: m × race: w": 0.5})

    found = safe(interactions=frame).frames["interactions"]

    assert found.loc[found["term"].str.contains("area"), ["mean_treated", "mean_comparison", "ks"]].isna().all().all()
    assert found.loc[found["term"].str.contains("race"), "mean_treated"].notna().all()
    assert set(found["std_mean_diff"]) == {0.06}


def test_means_of_products_of_numbers_are_no_shares():
    found = safe(interactions=products({"age squared": 0.02}, kind="numeric")).frames["interactions"]

    assert found["mean_treated"].notna().all()


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

    assert found["high"].tolist() == [3.0, 4.0, 5.0]
    assert found["cumulative"].tolist() == [round(13 / 63, 3), round(33 / 63, 3), 1.0]


def test_numbers_of_units_in_steps_are_never_shown():
    assert safe(distributions=steps([30, 20])).frames["distributions"]["n"].isna().all()


@pytest.mark.parametrize("name", ["distribution_balance", "imputed_balance"])
def test_nothing_is_shown_of_a_design_with_a_small_arm(name):
    numbers = {"overlap_coefficient": 0.912, "energy_distance": 0.0312} if name == "distribution_balance" else {"ks": 0.1}
    frame = make_frame(name, pd.DataFrame([{"programme": "p", "sample": "after", "term": "age", "kind": "numeric", **numbers}]))

    shown = protect_balance({"sizes": sizes(), name: frame}, POLICY).frames[name][list(numbers)]
    hidden = protect_balance({"sizes": sizes(6), name: frame}, POLICY).frames[name][list(numbers)]

    assert shown.notna().all().all()
    assert hidden.isna().all().all()


def test_every_safe_frame_is_one_of_the_vocabulary():
    found = safe(
        subgroup_balance=subgroups({"a": 50, "b": 40}), distributions=steps([30, 20]), interactions=products({"a × b": 0.5})
    )

    for name, frame in found.frames.items():
        check_frame(frame, name)
    assert set(found.frames) <= set(BALANCE_FRAMES)


def test_a_frame_without_a_rule_cannot_leave():
    with pytest.raises(KeyError):
        safe(design_units=make_frame("design_units", {}))


def test_without_sizes_nothing_leaves():
    with pytest.raises(KeyError):
        protect_balance({"distributions": steps([30, 20])}, POLICY)
