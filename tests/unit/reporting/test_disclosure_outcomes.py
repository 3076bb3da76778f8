"""What may leave of the frames of records: small counts, and every way we know to work one out."""

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.frames import check_frame, make_frame
from yoseval.outcomes import jdl
from yoseval.outcomes.during_follow_up import during_follow_up
from yoseval.reporting import disclosure_outcomes
from yoseval.reporting.disclosure import protect
from yoseval.reporting.disclosure_outcomes import OUTCOME_FRAMES, TOO_FEW, protect_outcomes
from yoseval.reporting.policies import POLICIES
from yoseval.reporting.run_folder import fill_run, open_run

TRE = POLICIES["tre_10"]
TIERS = ["jdl_first_summary", "jdl_first_either_way", "jdl_first_indictable"]
VALUES = ["treated_value", "comparison_value", "difference", "conf_low", "conf_high"]
EVENTS = ["events_treated", "events_comparison"]
SIZES = ["n_treated", "n_comparison"]


def observed_arms(treated, comparison):
    """Return units of two arms, each (units, counts of reoffenders by tier, reoffences, custody), as they were observed."""
    parts = []
    for n, tiers, reoffences, custody in (treated, comparison):
        tier = np.repeat(["summary", "either_way", "indictable", "none"], [*tiers, n - sum(tiers)]).astype(object)
        again = tier != "none"
        number = again.astype(int)
        number[: max(again.sum(), 1)][0] += reoffences - number.sum()
        days = np.where(again, 30.0 + np.arange(n) % 300, np.nan)
        part = pd.DataFrame({"first_tier": np.where(again, tier, ""), "n_reoffences": number, "reoffence_days": days})
        parts.append(part.assign(first_custodial=np.arange(n) < custody, is_mature=True))
    return pd.concat(parts, ignore_index=True), np.repeat([True, False], [treated[0], comparison[0]])


USUAL = (200, (40, 30, 20), 180, 25)


def jdl_of(treated=USUAL, comparison=USUAL, **changes):
    """Return the raw frame; with equal weights a share is a fraction of counts, the hardest case to protect."""
    observed, is_treated = observed_arms(treated, comparison)
    frame = jdl.jdl_outputs(observed.assign(**changes), is_treated, np.ones(len(observed)), programme="a")
    return frame


def around(*, left=200, estimates=()):
    """Return the other frames of a run: a flow that ends with ``left`` treated units, sizes, estimates of (n, events)."""
    flow = {"programme": "a", "step": 1, "stage": "file", "reason": "read", "arm": ["treated", "comparison"], "n_lost": 0}
    rows = [
        {
            "programme": "a",
            "measure": "risk_difference",
            "role": "primary",
            "n_treated": n,
            "n_comparison": 200,
            "effective_n": 200.0,
        }
        | {"events_treated": e, "events_comparison": 90}
        for n, e in estimates
    ]
    return {
        "attrition": make_frame("attrition", pd.DataFrame({**flow, "n_left": [left, 200]})),
        "sizes": make_frame("sizes", {}),
        "estimates": make_frame("estimates", pd.DataFrame(rows) if rows else {}),
    }


@functools.cache
def usual(policy):
    """Return the usual other frames, which no test changes, and what is shown of them."""
    return around(), protect(around(), POLICIES[policy])


def safe(name, frame, policy=TRE, others=None, **more):
    others, shown = usual(policy.name) if others is None else (others, protect(others, policy))
    done = protect_outcomes({**others, **more, name: frame}, shown, policy)
    assert check_frame(done.frames[name], name) is done.frames[name]
    return done.frames[name], done.hidden[name]


def by_measure(frame, mask):
    keys = pd.Index(frame["measure"])
    return frame.set_index(keys), mask.set_index(keys)


# ---- what may pass at all


def test_frames_without_trouble_are_shown_whole():
    frame, hidden = safe("jdl", jdl_of())

    assert not hidden.any(axis=None)
    assert frame["shown"].all()


def test_the_rules_are_of_the_frames_named_and_no_other_frame_passes_through_them():
    assert set(disclosure_outcomes._RULES) == set(OUTCOME_FRAMES)
    assert (
        protect_outcomes({**around(), "design_units": make_frame("design_units", {})}, protect(around(), TRE), TRE).frames == {}
    )


def test_empty_frames_stay_empty():
    for name in OUTCOME_FRAMES:
        frame, hidden = safe(name, make_frame(name, {}))
        assert frame.empty
        assert hidden.shape == frame.shape


def test_raw_frames_are_not_changed():
    frame = jdl_of(treated=(200, (40, 30, 3), 180, 4))
    before = frame.copy()

    safe("jdl", frame, POLICIES["dfe"])

    pd.testing.assert_frame_equal(frame, before)


def test_the_reason_that_may_be_said_is_the_rule_of_the_outputs():
    assert disclosure_outcomes._LEAST_REOFFENDERS == jdl.MIN_REOFFENDERS


# ---- Justice Data Lab outputs


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize(
    "tiers", [(9, 0, 0), (0, 0, 0), (60, 70, 61), (80, 70, 50)], ids=["few", "nobody", "nearly all", "all"]
)
def test_a_rate_of_few_or_of_nearly_all_hides_everything_that_rests_on_who_reoffended(arm, tiers):
    arms = [USUAL, USUAL]
    arms[arm] = (200, tiers, 2 * sum(tiers), 0)

    frame, hidden = safe("jdl", jdl_of(*arms))

    # Not the size of the arms, which the flow shows; everything else.
    assert hidden[[*VALUES, *EVENTS]].all(axis=None)
    assert hidden.loc[frame["conditioned"].astype(bool), SIZES].all(axis=None)
    assert not hidden.loc[~frame["conditioned"].astype(bool), SIZES].any(axis=None)
    assert not frame["shown"].any()
    assert set(frame["reason"]) == {TOO_FEW}


def test_few_who_reoffended_more_than_once_hide_the_number_of_reoffences():
    # 90 reoffenders with 97 reoffences: at most seven of them reoffended again.
    frame, hidden = by_measure(*safe("jdl", jdl_of(treated=(200, (40, 30, 20), 97, 25))))

    assert hidden.loc["jdl_frequency", VALUES].all()
    assert not hidden.loc["jdl_rate"].any()
    assert frame.loc["jdl_frequency", "reason"] == TOO_FEW


def test_a_small_tier_takes_another_along():
    frame, hidden = by_measure(*safe("jdl", jdl_of(treated=(200, (52, 34, 4), 180, 25))))

    assert hidden.loc[TIERS, "treated_value"].tolist() == [False, True, True]
    assert hidden.loc[TIERS, "events_treated"].tolist() == [False, True, True]
    assert hidden.loc[TIERS, "comparison_value"].tolist() == [False, True, True]
    assert set(frame.loc[TIERS[1:], "reason"]) == {TOO_FEW}


def test_a_row_hidden_as_company_looks_like_the_small_one():
    frame, hidden = by_measure(*safe("jdl", jdl_of(treated=(200, (52, 34, 4), 180, 25))))

    second, third = (frame.loc[t].drop(["measure", "label"]).astype(str).tolist() for t in TIERS[1:])
    assert second == third
    assert hidden.loc[TIERS[1]].tolist() == hidden.loc[TIERS[2]].tolist()


COUNTS = st.tuples(st.integers(0, 16), st.integers(0, 16), st.integers(0, 40))


@settings(max_examples=40, deadline=None)
@given(COUNTS, COUNTS)
def test_no_hidden_tier_can_be_worked_out_or_known_to_be_small(first, second):
    arms = [(200, tiers, 2 * sum(tiers), sum(tiers) // 2) for tiers in (first, second)]
    frame, _ = by_measure(*safe("jdl", jdl_of(*arms)))

    for arm, tiers in zip(("treated", "comparison"), (first, second), strict=True):
        total = frame.loc[TIERS[0], f"n_{arm}"]
        counts = [_published_count(frame.loc[t], arm) for t in TIERS]
        hidden = [i for i, c in enumerate(counts) if c is None]
        if pd.isna(total) or not hidden:
            continue
        rest = int(total) - sum(c for c in counts if c is not None)
        possible = [v for v in itertools.product(range(rest + 1), repeat=len(hidden)) if sum(v) == rest]
        assert tuple(tiers[i] for i in hidden) in possible
        for values in zip(*possible, strict=True):
            assert len(set(values)) > 1
            assert max(values) >= TRE.threshold


def _published_count(row, arm):
    """Return a count as a reader has it: as shown, or from the share and the number it is of."""
    if pd.notna(row[f"events_{arm}"]):
        return int(row[f"events_{arm}"])
    return None if pd.isna(row[f"{arm}_value"]) else round(row[f"{arm}_value"] * row[f"n_{arm}"])


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.integers(0, 30), st.integers(170, 200)), st.integers(0, 25), st.integers(0, 60))
def test_no_small_number_of_children_can_be_read_off_any_row(reoffenders, again, custody):
    """Every count a reader can form of one arm: who did, who did not, who did more than once."""
    tiers = (reoffenders - reoffenders // 2, reoffenders // 2, 0)
    arm = (200, tiers, reoffenders + min(again, 3 * reoffenders), min(custody, reoffenders))
    frame, _ = by_measure(*safe("jdl", jdl_of(treated=arm)))

    for code, row in frame.iterrows():
        n = row["n_treated"]
        if code == "jdl_days_to_first" or pd.isna(n):
            continue
        value = row["treated_value"]
        if code == "jdl_frequency":
            did = frame.loc["jdl_rate", "events_treated"]
            formed = [] if pd.isna(value) or pd.isna(did) else [round(value * n) - did]
        else:
            did = _published_count(row, "treated")
            formed = [] if did is None else [did, n - did]
        assert [c for c in formed if c < TRE.threshold] == []


def test_a_size_that_differs_by_few_from_the_flow_is_hidden_and_nothing_gives_it_back():
    # 197 are mature of the 200 that the flow shows.
    treated = (197, (40, 30, 20), 180, 25)

    frame, hidden = by_measure(*safe("jdl", jdl_of(treated=treated)))

    assert hidden[["n_treated", "events_treated"]].all(axis=None)
    assert not hidden[["n_comparison", "treated_value"]].any(axis=None)
    # 90 of 197 would be the only such fraction of that size.
    assert frame.loc["jdl_rate", ["treated_value", "difference", "conf_low"]].tolist() == [0.46, 0.01, -0.09]
    assert frame.loc["jdl_days_to_first", "treated_value"] == round(frame.loc["jdl_days_to_first", "treated_value"])
    fits = {n for n in range(150, 251) for k in range(n + 1) if round(k / n, 2) == frame.loc["jdl_rate", "treated_value"]}
    assert len(fits) == 101


def test_a_size_that_differs_by_few_from_one_beside_an_estimate_is_hidden():
    others = around(left=250, estimates=[(200, 90)])

    _, hidden = by_measure(*safe("jdl", jdl_of(treated=(205, (40, 30, 20), 180, 25)), others=others))

    assert hidden["n_treated"].all()


def test_how_many_have_no_tier_cannot_be_worked_out():
    observed, treated = observed_arms(USUAL, USUAL)
    observed.loc[[0, 1, 2], "first_tier"] = ""
    raw = jdl.jdl_outputs(observed, treated, np.ones(len(observed)), programme="a")

    frame, hidden = by_measure(*safe("jdl", raw))

    # 87 of the 90 reoffenders.
    assert hidden.loc[TIERS, ["n_treated", "events_treated"]].all(axis=None)
    assert not hidden.loc[["jdl_rate", "jdl_days_to_first", "jdl_first_custody"]].any(axis=None)
    assert frame.loc[TIERS, "treated_value"].tolist() == [0.43, 0.34, 0.23]


def test_too_few_units_for_a_model_keep_no_value():
    arm = (5, (2, 2, 1), 8, 2)
    _, hidden = safe("jdl", jdl_of(treated=arm, comparison=(6, (2, 1, 0), 5, 1)), POLICIES["local"])

    assert hidden[VALUES].all(axis=None)


def test_that_fewer_than_thirty_reoffended_is_said_where_how_many_is_shown():
    frame, hidden = by_measure(*safe("jdl", jdl_of(treated=(200, (14, 14, 0), 60, 12))))

    assert frame.loc["jdl_days_to_first", "reason"] == jdl.FEW_REOFFENDERS
    assert not hidden.loc["jdl_days_to_first"].any()
    assert frame.loc["jdl_rate", "events_treated"] == 28


@pytest.mark.parametrize(("name", "multiple", "decimals"), [("opensafely", 5, 3), ("dfe", 10, 2)])
def test_policies_round_counts_and_shares(name, multiple, decimals):
    frame, _ = safe("jdl", jdl_of(treated=(237, (44, 33, 26), 180, 31)), POLICIES[name], around(left=237))

    assert (frame[[*SIZES, *EVENTS]].astype(float) % multiple == 0).all(axis=None)
    values = frame.loc[frame["measure"] != "jdl_days_to_first", VALUES]
    pd.testing.assert_frame_equal(values, values.round(decimals), rtol=0, atol=1e-12)


def test_days_are_whole():
    frame, _ = by_measure(*safe("jdl", jdl_of()))

    assert (frame.loc["jdl_days_to_first", VALUES].astype(float) % 1 == 0).all()


# ---- reoffences not yet proven


def completeness(**changes):
    row = {"programme": "a", "outcome": "reoffended", "arm": "treated", "n": 200, "n_reoffended": 90, "n_reoffences": 180}
    means = {"uncorrected": 0.912345, "corrected": 1.123456, "n_truncated": 20, "share_complete": 0.5, "lowest_share": 0.4567}
    return make_frame("completeness", {**row, **means, "longest_delay": 1841.0, **changes})


ABOUT_REOFFENCES = ["n_reoffended", "n_reoffences", "uncorrected", "corrected", "n_truncated", "share_complete", "lowest_share"]


def test_a_row_without_trouble_is_shown_with_its_numbers_rounded():
    frame, hidden = safe("completeness", completeness())

    assert not hidden.any(axis=None)
    row = frame.iloc[0]
    # The lowest share is of one reoffence, the longest delay of the earliest records: both are rounded down further.
    assert row[["uncorrected", "corrected", "lowest_share", "longest_delay"]].tolist() == [0.91, 1.12, 0.4, 1830.0]


@pytest.mark.parametrize(
    "changes",
    [{"n_reoffended": 9}, {"n_reoffended": 191, "n_reoffences": 400}, {"n_reoffences": 99}, {"n": 8, "n_reoffended": 8}],
    ids=["few reoffended", "few did not", "few more than once", "few children"],
)
def test_means_hide_with_the_counts_they_rest_on(changes):
    _, hidden = safe("completeness", completeness(**changes))

    assert hidden.loc[0, ABOUT_REOFFENCES].all()
    assert hidden.loc[0, "n"] == ("n" in changes)


@pytest.mark.parametrize(
    ("truncated", "is_hidden"), [(0, False), (9, True), (10, False), (170, False), (171, True), (180, True)]
)
def test_few_reoffences_counted_once_are_hidden_and_so_are_few_others(truncated, is_hidden):
    _, hidden = safe("completeness", completeness(n_truncated=truncated))

    assert hidden.loc[0, "n_truncated"] == is_hidden
    assert not hidden.loc[0, ["corrected", "n_reoffences"]].any()


@pytest.mark.parametrize(("complete", "is_hidden"), [(0, False), (3, True), (60, False), (175, True), (180, False)])
def test_a_share_of_few_reoffences_is_hidden(complete, is_hidden):
    _, hidden = safe("completeness", completeness(share_complete=complete / 180))

    assert hidden.loc[0, "share_complete"] == is_hidden


def test_a_size_near_one_shown_elsewhere_is_hidden_with_its_counts():
    _, hidden = safe("completeness", completeness(n=196))

    assert hidden.loc[0, ["n", "n_reoffended", "n_reoffences", "n_truncated"]].all()
    assert not hidden.loc[0, ["uncorrected", "corrected"]].any()


def test_a_size_near_one_of_the_other_outputs_is_hidden():
    _, hidden = safe("completeness", completeness(n=196), others=around(left=300), jdl=jdl_of())

    assert hidden.loc[0, "n"]


def test_the_lowest_share_is_rounded_down_never_up():
    shares = [0.0, 0.099, 0.1, 0.3, 0.999, 1.0]
    frame, _ = safe("completeness", pd.concat([completeness(lowest_share=s) for s in shares], ignore_index=True))

    assert frame["lowest_share"].tolist() == [0.0, 0.0, 0.1, 0.3, 0.9, 1.0]


@pytest.mark.parametrize(("name", "multiple"), [("opensafely", 5), ("dfe", 10)])
def test_policies_round_counts_of_reoffences(name, multiple):
    counts = ["n", "n_reoffended", "n_reoffences", "n_truncated"]
    frame, _ = safe("completeness", completeness(n=237, n_reoffended=93, n_truncated=21), POLICIES[name])

    assert (frame[counts].astype(float) % multiple == 0).all(axis=None)


# ---- what happened during follow-up


HAPPENED = ["n_pseudo", "n_turned_18", "n_died", "n_moved", "n_custody"]
MEANS = ["mean_days_at_risk", "mean_days_not_at_risk"]


def follow_up(n=200, *, pseudo=20, adult=30, died=20, left=20, custody=30, days=37, **changes):
    """Return the raw row of one arm: whoever dies or leaves does so on day ``days``, custody lasts as many; equal weights."""
    place = np.arange(n)
    # Those who die, leave and are in custody are different units where there is room: nothing averages out.
    reason = np.where(place < died, "died", np.where(place < died + left, "moved_away", ""))
    aside = np.where(place >= n - custody, float(days), 0.0)
    observed = pd.DataFrame(
        {
            "n_pseudo": (place < pseudo).astype(int),
            "turned_18_days": np.where(place < adult, 100.0, np.nan),
            "exit_reason": reason,
            "days_not_at_risk": aside,
            "days_at_risk": np.where(reason == "", 365.0, float(days)) - np.where(reason == "", aside, 0.0),
        }
    )
    frame = during_follow_up(observed, np.full(n, True), np.ones(n), programme="a")
    return make_frame("follow_up", frame.iloc[:1].assign(**changes))


def test_what_happened_is_shown_where_it_happened_to_enough():
    frame, hidden = safe("follow_up", follow_up())

    assert not hidden.any(axis=None)
    assert frame.loc[0, ["n", *HAPPENED]].tolist() == [200, 20, 30, 20, 20, 30]
    assert (frame[MEANS].astype(float) % 1 == 0).all(axis=None)


def shown_row(**given):
    frame, hidden = safe("follow_up", follow_up(**given))
    return frame.astype(object).mask(hidden, "[c]").astype(str).iloc[0].tolist()


@pytest.mark.parametrize("what", ["pseudo", "adult", "died", "left", "custody"])
@pytest.mark.parametrize("days", [1, 37, 300])
def test_whatever_a_small_count_is_the_row_that_is_shown_is_the_same(what, days):
    rows = [shown_row(**{what: k}, days=days) for k in range(1, 10)]

    assert all(row == rows[0] for row in rows)
    assert "[c]" in rows[0]


@pytest.mark.parametrize("what", ["pseudo", "adult", "died", "left", "custody"])
def test_whatever_a_small_complement_is_the_row_that_is_shown_is_the_same(what):
    none = dict.fromkeys(("died", "left", "custody"), 0)
    rows = [shown_row(**{**none, what: k}) for k in range(191, 201)]

    assert all(row == rows[0] for row in rows)
    assert "[c]" in rows[0]


def test_that_it_happened_to_nobody_is_shown():
    frame, hidden = safe("follow_up", follow_up(pseudo=0, died=0, left=0, custody=0))

    assert not hidden.any(axis=None)
    assert frame.loc[0, MEANS].tolist() == [365.0, 0.0]


@pytest.mark.parametrize("n", [1, 9])
def test_of_few_units_nothing_is_shown(n):
    _, hidden = safe("follow_up", follow_up(n, pseudo=0, adult=0, died=0, left=0, custody=0))

    assert hidden.loc[0, ["n", *HAPPENED, *MEANS]].all()


@pytest.mark.parametrize("n", [191, 199, 201, 209])
def test_a_number_followed_near_one_shown_elsewhere_is_hidden(n):
    _, hidden = safe("follow_up", follow_up(n))

    assert hidden.loc[0, "n"]


def test_a_number_followed_near_that_of_the_reoffences_not_yet_proven_is_hidden():
    far = around(left=300)

    assert not safe("follow_up", follow_up(196), others=far)[1].loc[0, "n"]
    assert safe("follow_up", follow_up(196), others=far, completeness=completeness())[1].loc[0, "n"]


def test_what_was_not_recorded_is_empty_and_not_confidential():
    bare = dict.fromkeys(("n_died", "n_moved", "n_custody", *MEANS))
    frame, hidden = safe("follow_up", follow_up(**bare))

    assert frame[list(bare)].isna().all(axis=None)
    assert not hidden[list(bare)].any(axis=None)


@pytest.mark.parametrize(("name", "multiple"), [("opensafely", 5), ("dfe", 10)])
def test_policies_round_what_happened(name, multiple):
    frame, _ = safe("follow_up", follow_up(237, pseudo=23, adult=31, died=24, left=22, custody=36), POLICIES[name])

    assert (frame[["n", *HAPPENED]].astype(float) % multiple == 0).all(axis=None)


# ---- the run folder


class Study:
    """The least a run folder is written from."""

    policy = "tre_10"

    def __init__(self, **frames):
        self._frames = {**around(), "findings": make_frame("findings", {}), **frames}

    def frames(self):
        return self._frames

    def private_frames(self):
        return {}

    def manifest(self):
        return {"programmes": [{"id": "a", "name": "A"}], "lock": {"digests": {}}, "study": {"title": "T"}}


def test_both_frames_are_written_protected_and_read_again(tmp_path):
    fill_run(
        Study(jdl=jdl_of(treated=(200, (52, 34, 4), 180, 25)), completeness=completeness(n_truncated=3)), tmp_path, earlier=[]
    )

    run = open_run(tmp_path)

    assert run.hidden("jdl").set_index(run.frame("jdl")["measure"]).loc[TIERS, "treated_value"].tolist() == [False, True, True]
    assert run.hidden("completeness").loc[0, "n_truncated"]
    assert run.manifest["disclosure"]["hidden"]["completeness"] == 1
    assert {"jdl.csv", "completeness.csv"} <= set(run.manifest["outputs"])


def test_a_run_without_them_reads_them_as_empty(tmp_path):
    fill_run(Study(), tmp_path, earlier=[])

    run = open_run(tmp_path)

    for name in OUTCOME_FRAMES:
        assert not (tmp_path / f"{name}.csv").exists()
        assert check_frame(run.frame(name), name).empty
        assert run.hidden(name).empty


def test_a_frame_nobody_has_a_rule_for_stops_the_run(tmp_path):
    with pytest.raises(KeyError, match="followup_units"):
        fill_run(Study(followup_units=make_frame("followup_units", {})), tmp_path, earlier=[])
