"""Disclosure control of what trials tell before any outcome: attempts to work hidden counts back."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import FRAMES, check_frame, make_frame
from yoseval.reporting.disclosure import protect
from yoseval.reporting.disclosure_records import protect_records
from yoseval.reporting.disclosure_trials import TRIAL_FRAMES, protect_trials
from yoseval.reporting.policies import find_policy

TRE = find_policy("tre_10")


def outlook(**changes):
    row = {
        "programme": "p",
        "name": "P",
        "state": "now",
        "n_started": 200,
        "n_eligible": 150,
        "n_mature": 120,
        "n_comparable": 900,
        "n_recent": 40,
        "from_month": "",
        "extrapolated": False,
        "mde_now": 0.12345,
        "remedy": "Go on.",
    }
    return make_frame("evaluability", {**row, **changes})


def flow(*lost):
    """Return a flow of the programme group that ends with 120, and a comparison that ends with 900 and loses many."""
    rows, left = [], {"treated": 120 + sum(lost), "comparison": 900 + 100 * len(lost)}
    for step, n in enumerate((0, *lost), start=1):
        for arm, k in (("treated", n), ("comparison", 100 if step > 1 else 0)):
            left[arm] -= k
            rows.append((step, "design" if step > 1 else "extract", f"r{step}", arm, k, left[arm]))
    columns = ["step", "stage", "reason", "arm", "n_lost", "n_left"]
    return make_frame("attrition", pd.DataFrame(rows, columns=columns).assign(programme="p"))


def shown(frames, policy=TRE):
    """Return what leaves of the frames of trials, beside a protected flow and funnel."""
    hidden = {}
    if "attrition" in frames:
        hidden |= protect({"attrition": frames["attrition"]}, policy).hidden
    if "delivery" in frames:
        hidden |= protect_records({"delivery": frames["delivery"]}, policy).hidden
    return protect_trials(frames, hidden, policy)


def row_of(evaluability, policy=TRE, **others):
    safe = shown({"evaluability": evaluability, **others}, policy)
    return safe.with_marks("evaluability").iloc[0]


def test_large_counts_far_apart_are_shown_as_they_are():
    row = row_of(outlook(), attrition=flow(60, 30))

    assert row[["n_started", "n_eligible", "n_mature", "n_comparable", "n_recent"]].tolist() == [200, 150, 120, 900, 40]
    assert row["mde_now"] == 0.12


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({"n_mature": 9}, {"n_mature", "mde_now"}),
        ({"n_comparable": 3}, {"n_comparable", "mde_now"}),
        ({"n_eligible": 123}, {"n_eligible"}),
        ({"n_started": 155}, {"n_started"}),
        ({"n_recent": 4}, {"n_recent"}),
        # Starts before the last twelve months would be 7.
        ({"n_recent": 143}, {"n_recent"}),
    ],
)
def test_small_counts_and_those_a_few_from_another_are_hidden(changes, hidden):
    row = row_of(outlook(**changes))

    assert {c for c in row.index if row[c] == "[c]"} == hidden


def test_a_number_that_is_hidden_in_the_flow_is_hidden_here():
    # 3 were lost, so the flow hides that loss, another, and what was left between.
    frames = {"attrition": flow(3, 30, 40), "evaluability": outlook(n_eligible=190, n_mature=120, n_started=400)}
    safe = shown(frames)
    left = protect({"attrition": frames["attrition"]}, TRE).frames["attrition"].query("arm == 'treated'")["n_left"]

    assert pd.isna(left.iloc[1])
    assert pd.isna(safe.frames["evaluability"]["n_eligible"].iloc[0])


def test_no_count_less_one_of_the_flow_is_a_small_loss():
    for eligible in range(110, 200):
        frames = {"attrition": flow(20, 30), "evaluability": outlook(n_eligible=eligible, n_mature=120, n_started=400)}
        told = shown(frames).frames["evaluability"].iloc[0]
        if pd.notna(told["n_eligible"]):
            gaps = np.abs(np.array([170, 150, 120]) - int(told["n_eligible"]))
            assert not ((gaps > 0) & (gaps < TRE.threshold)).any()


def test_starts_that_are_hidden_in_the_funnel_are_hidden_here():
    rows = [("referred", "reached", 203), ("started", "reached", 200), ("started", "not_reached", 3)]
    delivery = pd.DataFrame(rows, columns=["stage", "result", "n"]).assign(
        programme="p", step=[1, 3, 3], unit="referrals", share=[1.0, 0.98, 0.02]
    )

    assert row_of(outlook(), delivery=make_frame("delivery", delivery))["n_started"] == "[c]"


def test_a_month_that_follows_from_few_starts_is_hidden_with_what_could_be_seen_then():
    row = row_of(
        outlook(
            state="from_date", n_mature=12, n_eligible=12, n_recent=4, from_month="2031-05", extrapolated=True, mde_later=0.3
        )
    )

    assert (row["from_month"], row["mde_later"], row["n_recent"]) == ("[c]", "[c]", "[c]")


def test_a_month_that_rests_on_children_who_have_started_is_shown_without_a_day():
    row = row_of(outlook(state="from_date", n_mature=20, n_eligible=40, n_recent=20, from_month="2026-11", mde_later=0.3141))

    assert (row["from_month"], row["mde_later"]) == ("2026-11", 0.31)


def test_no_frame_of_trials_has_a_column_for_a_day():
    text = {c for n in TRIAL_FRAMES for c in FRAMES[n]}

    assert not {c for c in text if "date" in c or "day" in c}


def lost_rows(n_lost, n_kept, **means):
    """Return rows of one arm and reason; means are (kept, lost)."""
    kinds = {"age": "numeric", "events": "numeric"}
    rows = [
        {"term": t.replace("_", ": "), "kind": kinds.get(t, "binary"), "mean_kept": k, "mean_lost": v, "std_mean_diff": 0.1234}
        for t, (k, v) in means.items()
    ]
    shared = {"programme": "p", "arm": "treated", "stage": "design", "reason": "r2", "n_kept": n_kept, "n_lost": n_lost}
    return make_frame("lost", pd.DataFrame(rows).assign(**shared))


def test_of_few_who_were_lost_nothing_is_shown():
    safe = shown({"lost": lost_rows(9, 120, age=(15.1, 14.2), sex_male=(0.5, 0.5))}).frames["lost"]

    assert safe[["n_lost", "mean_lost", "std_mean_diff"]].isna().all(axis=None)
    assert safe["mean_kept"].tolist() == [15.1, 0.5]


def test_a_loss_that_is_hidden_in_the_flow_for_anothers_sake_is_hidden_here_with_its_means():
    frames = {"attrition": flow(12, 3), "lost": lost_rows(12, 120, age=(15.1, 14.2))}
    safe = shown(frames).frames["lost"]

    assert safe[["n_lost", "mean_lost", "std_mean_diff"]].isna().all(axis=None)


def test_a_share_of_few_or_of_all_but_few_is_hidden_with_a_sister_level():
    levels = {"area_east": (0.4, 0.04), "area_north": (0.3, 0.36), "area_west": (0.3, 0.6)}
    safe = shown({"lost": lost_rows(100, 200, **levels, sex_male=(0.5, 0.95))}).frames["lost"].set_index("term")

    assert safe["mean_lost"].isna().tolist() == [True, True, False, True]
    assert safe["std_mean_diff"].isna().tolist() == [True, True, False, True]
    # From the others only the sum of two follows: 40, of which 4 are in the east.
    assert 1 - safe.loc["area: west", "mean_lost"] == pytest.approx(0.4)


def test_a_mean_that_is_one_for_all_but_few_is_hidden():
    safe = shown({"lost": lost_rows(100, 200, events=(1.5, 1.04), age=(15.0, 14.04))}).frames["lost"]

    assert safe["mean_lost"].isna().tolist() == [True, False]


def test_values_are_too_coarse_for_a_fraction_to_give_a_size_back():
    safe = shown({"lost": lost_rows(53, 109, sex_male=(98 / 109, 20 / 53))}).frames["lost"]

    assert safe[["mean_kept", "mean_lost", "std_mean_diff"]].to_numpy().tolist() == [[0.9, 0.38, 0.12]]


def others(*n, n_of=120, arm="treated"):
    rows = {"programme": "p", "other": [f"o{i}" for i in range(len(n))], "other_name": "O", "arm": arm, "when": "at time zero"}
    return make_frame("coexposure", pd.DataFrame({**rows, "n": n, "n_of": n_of, "share": np.array(n) / n_of}))


def test_few_on_another_programme_and_all_but_few_are_hidden_with_their_shares():
    safe = shown({"coexposure": others(0, 40, 30, 4, 115)}).frames["coexposure"]

    assert safe["n"].isna().tolist() == [False, False, False, True, True]
    assert safe["share"].isna().tolist() == safe["n"].isna().tolist()


def test_the_sum_over_other_programmes_does_not_give_a_count_back():
    # The balance table shows the mean number of other programmes, so their sum is known.
    for few in range(1, 10):
        safe = shown({"coexposure": others(few, 25, 60)}).frames["coexposure"]["n"]
        assert safe.isna().sum() >= 2


def test_a_size_that_is_hidden_in_the_flow_is_hidden_with_the_shares_that_would_give_it_back():
    frames = {"attrition": flow(3, 30, 40), "coexposure": others(40, 50, n_of=190)}
    safe = shown(frames).frames["coexposure"]

    assert safe[["n_of", "share"]].isna().all(axis=None)
    assert safe["n"].tolist() == [40, 50]


@pytest.mark.parametrize("policy", ["opensafely", "dfe"])
def test_counts_are_rounded_as_the_policy_says(policy):
    rules = find_policy(policy)
    frames = {"evaluability": outlook(), "lost": lost_rows(53, 118, age=(15.0, 14.0)), "coexposure": others(43, 53)}
    safe = shown(frames, rules).frames

    counts = [safe["evaluability"]["n_started"], safe["lost"]["n_kept"], safe["lost"]["n_lost"], safe["coexposure"]["n"]]
    assert all((c.dropna() % rules.round_to == 0).all() for c in counts)


@pytest.mark.parametrize("name", TRIAL_FRAMES)
def test_an_empty_frame_stays_empty_and_of_the_vocabulary(name):
    safe = shown({name: make_frame(name, {})})

    assert len(check_frame(safe.frames[name], name)) == 0
