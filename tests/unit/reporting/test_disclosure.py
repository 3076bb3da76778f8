"""What may leave: small counts, what they make, and what would give them away."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.cohort.build import next_step, starting_flow
from yoseval.errors import StudyError
from yoseval.frames import check_frame, join_frames, make_frame
from yoseval.reporting.disclosure import is_small, protect
from yoseval.reporting.policies import HIDDEN_MARK, POLICIES, find_policy
from yoseval.reporting.suppression import secondary

TRE = POLICIES["tre_10"]
RESULTS = ["treated_value", "comparison_value", "estimate", "std_error", "conf_low", "conf_high", "p_value", "p_adjusted"]


def flow_of(read, losses, programme="a"):
    """Return a flow: everybody who was read, then losses as (treated, comparison)."""
    flow = starting_flow(programme, np.repeat([True, False], read))
    for i, (treated, comparison) in enumerate(losses):
        flow = next_step(flow, stage="design", reason=f"reason {i}", lost_treated=treated, lost_comparison=comparison)
    return next_step(flow, stage="analysis", reason="analysed", lost_treated=0, lost_comparison=0)


def effect(**changes):
    row = {
        "programme": "a",
        "outcome": "again",
        "measure": "risk_difference",
        "method": "nearest",
        "role": "primary",
        "n_treated": 100,
        "n_comparison": 200,
        "effective_n": 180.4,
        "events_treated": 31,
        "events_comparison": 77,
        "horizon": 365.0,
        **dict.fromkeys(RESULTS, 0.12345678),
    }
    return {**row, **changes}


def frames_of(name, rows, *, flow=None, **others):
    flow = flow_of((100, 200), []) if flow is None else flow
    sizes = make_frame(
        "sizes",
        pd.DataFrame(
            {
                "programme": "a",
                "sample": ["before", "before", "after", "after"],
                "arm": ["treated", "comparison"] * 2,
                "n": [100, 200, 100, 200],
                "effective_n": [100.0, 200.0, 100.0, 180.4],
            }
        ),
    )
    frame = rows if isinstance(rows, pd.DataFrame) else make_frame(name, pd.DataFrame(rows))
    return {"attrition": flow, "sizes": sizes, **others, name: frame}


def safe(name, rows, policy=TRE, **others):
    """Return one frame after disclosure control, and where it is hidden."""
    done = protect(frames_of(name, rows, **others), policy)
    return done.frames[name], done.hidden[name]


# ---- policies


def test_the_policies_are_those_of_the_definitions():
    rules = {name: (p.threshold, p.round_to, p.rate_decimals, p.min_residual_df) for name, p in POLICIES.items()}

    assert rules == {
        "local": (5, 1, None, 10),
        "tre_10": (10, 1, None, 10),
        "opensafely": (8, 5, 3, 10),
        "dfe": (10, 10, 2, 10),
    }


def test_a_policy_is_found_by_name_and_an_unknown_one_refused():
    assert find_policy("tre_10") is TRE
    with pytest.raises(StudyError, match=r"no disclosure policy 'none'\. Choose one of: local, tre_10, opensafely, dfe"):
        find_policy("none")


@pytest.mark.parametrize("name", POLICIES)
def test_counts_from_1_to_one_below_the_threshold_are_small(name):
    threshold = POLICIES[name].threshold

    small = is_small(np.array([0, 1, threshold - 1, threshold, np.nan]), threshold)

    assert small.tolist() == [False, True, True, False, False]


def test_a_frame_without_a_rule_cannot_pass():
    with pytest.raises(KeyError, match="design_units"):
        protect({"design_units": make_frame("design_units", {})}, TRE)


def test_every_frame_of_a_service_passes_and_keeps_its_shape(effect_frames):
    done = protect(effect_frames, TRE)

    for name, frame in done.frames.items():
        assert check_frame(frame, name) is frame
        assert done.hidden[name].shape == frame.shape
        assert frame.astype(object).where(done.hidden[name], None).replace("", None).isna().all(axis=None)


def test_raw_frames_are_not_changed(effect_frames):
    before = {name: f.copy() for name, f in effect_frames.items()}

    protect(effect_frames, POLICIES["dfe"])

    for name, frame in effect_frames.items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_hidden_values_are_marked_and_counted():
    done = protect(frames_of("estimates", [effect(events_treated=3)]), TRE)

    marked = done.with_marks("estimates").iloc[0]
    assert marked["events_treated"] == HIDDEN_MARK
    assert marked["n_treated"] == 100
    hidden = done.hidden["estimates"].loc[0]
    assert set(hidden.index[hidden]) == {"events_treated", "interval", *RESULTS}
    assert done.counts() == {"attrition": 0, "sizes": 0, "estimates": 2 + len(RESULTS)}


# ---- effects


@pytest.mark.parametrize(
    "counts",
    [
        {"events_treated": 9},
        {"events_comparison": 9},
        {"events_treated": 91},
        {"events_comparison": 191},
        {"events_treated": 0},
        {"events_treated": 100},
    ],
    ids=["numerator", "other numerator", "complement", "other complement", "nobody", "everybody"],
)
@pytest.mark.parametrize("name", ["estimates", "findings"])
def test_a_rate_hides_with_its_numerator_or_complement_and_takes_every_result_along(name, counts):
    row = effect(**counts)
    columns = ["estimate", "naive_estimate", "mde", "e_value"] if name == "findings" else ["estimate"]
    given = {c: v for c, v in row.items() if c != "role"} | {"naive_estimate": 0.1, "mde": 0.1, "e_value": 2.0}

    frame, hidden = safe(name, [given if name == "findings" else row])

    (column,) = counts
    assert frame[[column, *RESULTS, *columns]].isna().all(axis=None)
    assert hidden.loc[0, [column, *RESULTS, *columns]].all()


def test_a_rate_at_the_threshold_is_shown():
    frame, hidden = safe("estimates", [effect(events_treated=10, events_comparison=190)])

    assert not hidden.any(axis=None)
    assert frame.loc[0, "estimate"] == 0.12345678


def test_an_arm_below_the_threshold_is_hidden_with_everything_on_it():
    flow = flow_of((9, 200), [])

    frame, hidden = safe("estimates", [effect(n_treated=9, events_treated=4)], flow=flow)

    assert hidden.loc[0, ["n_treated", "events_treated", *RESULTS]].all()
    assert frame.loc[0, "n_comparison"] == 200


def test_an_effective_size_below_the_threshold_is_hidden():
    _, hidden = safe("estimates", [effect(effective_n=8.5)])

    assert hidden.loc[0, "effective_n"]


def test_an_estimate_on_too_few_units_for_a_model_is_hidden():
    # Local: 5 and 6 are no small counts, but 9 residual degrees of freedom are too few.
    flow = flow_of((5, 6), [])

    _, hidden = safe("estimates", [effect(n_treated=5, n_comparison=6)], POLICIES["local"], flow=flow)

    assert hidden.loc[0, RESULTS].all()


@pytest.mark.parametrize("n", [97, 103, 91, 109])
def test_a_size_that_with_a_size_of_the_flow_gives_a_small_loss_is_hidden_with_its_events(n):
    _, hidden = safe("estimates", [effect(), effect(role="secondary", n_treated=n)])

    assert not hidden.loc[0].any()
    assert hidden.loc[1, ["n_treated", "events_treated"]].all()


def test_nothing_else_on_a_row_gives_its_hidden_size_back():
    # 31 of 97 would be the only fraction of that size; 96 degrees of freedom are 97 children.
    rate = {**dict.fromkeys(RESULTS, 31 / 97), "df": 96.0, "interval": "t, 96 df; sandwich over 297 children"}

    frame, hidden = safe("estimates", [effect(), effect(role="secondary", n_treated=97, **rate)])

    assert hidden.loc[1, ["df", "interval"]].all()
    assert frame.loc[1, ["treated_value", "estimate", "conf_low"]].tolist() == [0.32] * 3
    assert frame.loc[0, "estimate"] == 0.12345678


def test_a_size_is_compared_with_every_size_of_the_flow_not_only_the_last():
    flow = flow_of((200, 200), [(50, 0), (20, 0)])

    # 150 are shown after the first loss: 147 on another outcome would say that three have none.
    _, hidden = safe("estimates", [effect(n_treated=130), effect(role="secondary", n_treated=147)], flow=flow)

    assert not hidden.loc[0, "n_treated"]
    assert hidden.loc[1, "n_treated"]


def test_the_effective_size_of_a_hidden_comparison_is_hidden():
    # Unweighted, it is the number itself.
    _, hidden = safe("estimates", [effect(role="secondary", n_comparison=197, effective_n=197.0)])

    assert hidden.loc[0, ["n_comparison", "effective_n", "events_comparison"]].all()


# ---- the flow


def published(flow, arm="treated", policy=TRE):
    """Return what is shown of one arm's flow: losses and sizes, None where hidden."""
    sizes = frames_of("attrition", flow)["sizes"].iloc[:0]
    frame = protect({"attrition": flow, "sizes": sizes}, policy).frames["attrition"]
    own = frame[frame["arm"] == arm]
    return tuple([None if pd.isna(v) else int(v) for v in own[c]] for c in ("n_lost", "n_left"))


def consistent_losses(lost, left, threshold):
    """Return every list of losses that fits what is shown: hidden ones are 1 or more, sizes are what the losses leave."""
    hidden = [i for i, v in enumerate(lost) if v is None]
    anchors = [i for i, v in enumerate(left) if v is not None]
    totals = {(a, b): left[a] - left[b] for a, b in itertools.pairwise(anchors)}
    most = 3 * threshold
    for values in itertools.product(range(1, most + 1), repeat=len(hidden)):
        full = list(lost)
        for i, v in zip(hidden, values, strict=True):
            full[i] = v
        if all(sum(full[a + 1 : b + 1]) == t for (a, b), t in totals.items()):
            yield full


def test_nobody_lost_is_shown():
    assert published(flow_of((100, 10), [(0, 0), (20, 0)])) == ([0, 0, 20, 0], [100, 100, 80, 80])


def test_one_small_loss_hides_what_it_could_be_worked_out_from():
    lost, left = published(flow_of((100, 10), [(3, 0)]))

    assert lost == [0, None, 0]
    assert left == [None, 97, 97]


def test_one_small_loss_takes_a_larger_one_along():
    lost, left = published(flow_of((100, 10), [(3, 0), (20, 0)]))

    assert lost == [0, None, None, 0]
    assert left == [100, None, 77, 77]


def test_losses_that_add_up_to_the_threshold_are_still_bounded_below_it():
    # Two hidden losses of 10 together, each of one at least, are nine at most.
    lost, left = published(flow_of((100, 10), [(4, 0), (6, 0)]))

    assert lost == [0, None, None, 0]
    assert left[0] is None


def test_a_size_below_the_threshold_is_hidden():
    lost, left = published(flow_of((30, 10), [(25, 0)]))

    assert (lost, left) == ([0, 25, 0], [30, None, None])


FLOWS = st.tuples(st.integers(40, 60), st.lists(st.integers(0, 13), min_size=1, max_size=3))


@settings(max_examples=150, deadline=None)
@given(FLOWS)
def test_no_hidden_loss_can_be_worked_out_or_known_to_be_small(flow):
    read, losses = flow
    threshold = POLICIES["local"].threshold

    lost, left = published(flow_of((read, 10), [(n, 0) for n in losses]), policy=POLICIES["local"])

    fits = list(consistent_losses(lost, left, threshold))
    assert [0, *losses, 0] in fits
    for i, shown in enumerate(lost):
        if shown is None:
            possible = {f[i] for f in fits}
            assert len(possible) > 1
            assert max(possible) >= threshold


@settings(max_examples=60, deadline=None)
@given(FLOWS, st.integers(0, 12))
def test_sizes_and_findings_give_no_hidden_loss_away(flow, more):
    """Everything that names a size is put beside the flow, and the losses that fit all of it are counted."""
    read, losses = flow
    local = POLICIES["local"]
    attrition = flow_of((read, 50), [(n, 0) for n in losses])
    n = read - sum(losses)
    if n - more < local.threshold:
        return
    sizes = make_frame(
        "sizes",
        pd.DataFrame(
            {"programme": "a", "sample": ["before", "after"], "arm": "treated", "n": [read, n], "effective_n": [read, n]}
        ),
    )
    rows = [
        effect(n_treated=n, n_comparison=50, events_treated=n // 2, events_comparison=20),
        effect(role="secondary", n_treated=n - more, n_comparison=50, events_treated=(n - more) // 2, events_comparison=20),
    ]
    frames = {"attrition": attrition, "sizes": sizes, "estimates": make_frame("estimates", pd.DataFrame(rows))}

    done = protect(frames, local).frames

    own = done["attrition"][done["attrition"]["arm"] == "treated"]
    lost, left = ([None if pd.isna(v) else int(v) for v in own[c]] for c in ("n_lost", "n_left"))
    # Whoever reads all tables knows the size that was read from any of them.
    left[0] = left[0] if pd.isna(done["sizes"]["n"].iloc[0]) else int(done["sizes"]["n"].iloc[0])
    possible = list(consistent_losses(lost, left, local.threshold))
    for i, shown in enumerate(lost):
        assert shown is not None or len({f[i] for f in possible}) > 1
    # The two outcomes' sizes must not differ by a small number that both are shown for.
    shown_n = done["estimates"]["n_treated"]
    if shown_n.notna().all():
        assert not 0 < abs(int(shown_n.iloc[0]) - int(shown_n.iloc[1])) < local.threshold


def test_in_a_service_the_four_without_outcome_cannot_be_worked_out(effect_frames):
    done = protect(effect_frames, TRE).frames
    mine = {name: f[(f["programme"] == "mentoring")] for name, f in done.items()}

    # 260 started and 256 are analysed: only one of the two may be seen, in any table.
    shown = set(mine["attrition"]["n_left"].dropna()) | set(mine["sizes"]["n"].dropna())
    shown |= set(mine["findings"]["n_treated"].dropna()) | set(mine["estimates"]["n_treated"].dropna())
    bins = mine["overlap"]
    summed = bins[(bins["arm"] == "treated") & bins["n"].notna()].groupby("sample")["n"].sum()
    shown |= set(summed)
    assert 256 in shown
    assert 260 not in shown


@pytest.mark.parametrize(
    ("values", "primary", "hidden"),
    [
        ([3, 40, 60], [1, 0, 0], [1, 1, 0]),
        ([3, 4, 60], [1, 1, 0], [1, 1, 1]),
        ([3, 9, 60], [1, 1, 0], [1, 1, 0]),
        ([30, 40], [0, 0], [0, 0]),
        ([3, 0], [1, 0], [1, 1]),
        ([3], [1], [1]),
    ],
    ids=["one takes the smallest along", "two too small", "two enough", "none", "nothing else will do", "alone"],
)
def test_cells_are_hidden_until_the_hidden_sum_tells_nothing(values, primary, hidden):
    found = secondary(np.array(values, dtype=float), np.array(primary, dtype=bool), 10)

    assert found.tolist() == [bool(h) for h in hidden]


# ---- balance


def balance_rows(levels, *, sample="before", n=(100, 200)):
    """Return the balance of one category: counts of each level in the two arms."""
    return [
        {
            "programme": "a",
            "sample": sample,
            "term": term,
            "kind": "binary",
            "mean_treated": t / n[0],
            "mean_comparison": c / n[1],
            "std_mean_diff": 0.123456,
            "ks": 0.1,
        }
        for term, (t, c) in levels.items()
    ]


def test_a_term_rare_in_both_arms_has_no_standardised_difference():
    # With nobody of one arm, the difference is a function of the other's count alone.
    frame, hidden = safe("balance", balance_rows({"others: one": (0, 1), "area: b": (0, 80), "area: c": (40, 120)}))

    assert hidden["std_mean_diff"].tolist() == [True, False, False]
    assert frame["std_mean_diff"].iloc[1] == 0.12


def test_one_small_level_hides_a_second():
    frame, hidden = safe("balance", balance_rows({"area: a": (5, 60), "area: b": (25, 80), "area: c": (70, 60)}))

    assert hidden["mean_treated"].tolist() == [True, True, False]
    assert hidden["mean_comparison"].tolist() == [True, True, False]
    assert frame["mean_treated"].iloc[2] == 0.7


def test_a_level_that_nearly_everybody_has_is_hidden():
    _, hidden = safe("balance", balance_rows({"sex: f": (4, 60), "sex: m": (96, 140)}))

    assert hidden["mean_treated"].tolist() == [True, True]


def test_other_categories_and_flags_are_not_touched():
    rows = balance_rows({"area: a": (5, 60), "area: b": (95, 140), "looked after": (40, 50), "sex: f": (40, 50)})

    assert safe("balance", rows)[1]["mean_treated"].tolist() == [True, True, False, False]


def test_a_small_flag_is_hidden_and_its_difference_rounded():
    frame, hidden = safe("balance", balance_rows({"looked after": (5, 60)}))

    assert hidden.loc[0, ["mean_treated", "mean_comparison", "ks"]].all()
    assert frame.loc[0, "std_mean_diff"] == 0.12


def test_the_mean_of_a_number_is_shown():
    rows = [{**balance_rows({"age": (5, 60)})[0], "kind": "numeric", "mean_treated": 15.2, "mean_comparison": 14.9}]

    frame, hidden = safe("balance", rows)

    assert not hidden.any(axis=None)
    assert frame.loc[0, "mean_treated"] == 15.2


# ---- curves and overlap


def curve(events, *, n=200, censored=0):
    """Return one arm's curve: events at days 1, 2, …, and the horizon without any."""
    counts = [0, *events, 0]
    at_risk = n - np.concatenate([[0], np.cumsum(counts)[:-1]]) - np.array([0] * (len(counts) - 1) + [censored])
    rows = {
        "programme": "a",
        "outcome": "again",
        "kind": "curve",
        "arm": "treated",
        "time": np.arange(len(counts), dtype=float),
        "incidence": np.cumsum(counts) / n,
        "conf_low": 0.0,
        "conf_high": 0.9,
        "n_at_risk": at_risk,
        "n_events": counts,
    }
    return make_frame("curves", pd.DataFrame(rows))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 60))
def test_each_step_stands_on_enough_events_and_leaves_enough_without(events, others):
    n = sum(events) + others
    if n == 0:
        return

    frame, _ = safe("curves", curve(events, n=n))

    steps = frame["n_events"].iloc[1:].astype(int)
    assert (steps >= TRE.threshold).all()
    if len(steps):
        shown = int(steps.sum())
        assert n - shown >= TRE.threshold
        assert frame["incidence"].iloc[-1] == pytest.approx(shown / n, abs=1e-12)
        # All events are shown, or so many are not that they make no small count.
        assert sum(events) == shown or sum(events) - shown >= TRE.threshold


def test_the_last_step_reaches_the_end_and_all_events_are_there():
    frame, _ = safe("curves", curve([4] * 13))

    assert frame["time"].iloc[-1] == 14.0
    assert frame["n_events"].sum() == 52


def test_a_curve_of_few_events_is_not_drawn():
    frame, _ = safe("curves", curve([1, 2, 3]))

    assert frame["time"].tolist() == [0.0]
    assert frame["incidence"].tolist() == [0.0]


def test_a_curve_that_all_but_a_few_have_left_does_not_reach_the_end():
    frame, _ = safe("curves", curve([10, 10, 10, 15], n=50))

    # Five are left without the outcome.
    assert frame["n_events"].sum() == 30
    assert frame["time"].iloc[-1] == 3.0


def test_events_on_the_first_day_are_no_step_of_their_own():
    first = curve([0, 12, 12])
    first.loc[0, ["n_events", "incidence"]] = [3, 0.015]

    frame, _ = safe("curves", first)

    assert frame.loc[0, "incidence"] == 0.0
    assert frame["n_events"].sum() == 27


def test_numbers_at_risk_are_rounded_to_5_and_hidden_when_small():
    rows = {"programme": "a", "outcome": "again", "kind": "at_risk", "arm": "treated", "time": [0.0, 1.0, 2.0, 3.0]}
    frame, hidden = safe("curves", make_frame("curves", pd.DataFrame({**rows, "n_at_risk": [198, 43, 9, 0]})))

    assert frame["n_at_risk"].tolist() == [200, 45, pd.NA, 0]
    assert hidden["n_at_risk"].tolist() == [False, False, True, False]


@pytest.mark.parametrize("name", POLICIES)
def test_each_bin_of_the_overlap_holds_nobody_or_enough(effect_frames, name):
    bins = protect(effect_frames, POLICIES[name]).frames["overlap"]
    shown = bins["n"].dropna().astype(int)

    assert len(shown) > 0
    assert ((shown == 0) | (shown >= POLICIES[name].threshold)).all()


# ---- checks


def check_rows():
    names = ("naive", "other_designs", "half_way", "lag", "hidden_bias", "linkage", "exact_test", "proportional_hazards")
    return make_frame(
        "checks",
        pd.DataFrame({"programme": "a", "outcome": "again", "check": names, "question": "?", "value": "1", "answer": "x"}),
    )


def test_a_check_does_not_say_in_words_what_is_hidden_in_figures():
    estimates = make_frame("estimates", pd.DataFrame([effect(events_treated=3)]))

    frame, hidden = safe("checks", check_rows(), estimates=estimates)

    assert frame["answer"].tolist() == [""] * 8
    assert hidden[["value", "answer"]].all(axis=None)
    assert not hidden[["question", "check"]].any(axis=None)


@pytest.mark.parametrize(
    ("own", "check"),
    [
        ({"method": "unadjusted"}, {"naive"}),
        ({"horizon": 182.5}, {"half_way", "proportional_hazards"}),
        ({"entry": 182.5}, {"proportional_hazards"}),
        ({"measure": "restricted_mean_difference"}, {"proportional_hazards"}),
        ({"measure": "risk_ratio"}, {"hidden_bias"}),
        ({"method": "overlap"}, {"other_designs", "hidden_bias"}),
        ({}, {"other_designs", "hidden_bias", "lag"}),
    ],
)
def test_a_check_is_hidden_with_the_estimate_it_made(own, check):
    rows = [effect(), effect(role="check", events_treated=3, **own)]
    frame, hidden = safe("checks", check_rows(), estimates=make_frame("estimates", pd.DataFrame(rows)))

    assert set(frame.loc[hidden["answer"], "check"]) == check


@pytest.mark.parametrize("horizon", [365.0, 182.5], ids=["lag", "half way"])
@pytest.mark.parametrize("fewer", [1, 9])
@pytest.mark.parametrize("arm", ["treated", "comparison"])
def test_how_few_had_the_outcome_in_the_days_a_check_leaves_out_is_not_to_be_had(arm, fewer, horizon):
    own = effect()
    check = effect(role="check", horizon=horizon, **{f"events_{arm}": own[f"events_{arm}"] - fewer})
    estimates = make_frame("estimates", pd.DataFrame([own, check]))

    frame, hidden = safe("estimates", estimates)
    answers, masks = safe("checks", check_rows(), estimates=estimates)

    assert not hidden.loc[0].any()
    assert frame.loc[1, ["events_treated", "events_comparison", *RESULTS]].isna().all()
    assert masks.loc[answers["check"] == ("lag" if horizon == 365.0 else "half_way"), "answer"].all()


def test_the_second_half_of_the_follow_up_says_nothing_of_sizes():
    # 100 entered; of 80 half way and 15 with the event until then follows that 5 left otherwise.
    rows = [effect(), effect(role="check", entry=182.5, n_treated=80, events_treated=16, interval="t, 78.0 df")]

    frame, hidden = safe("estimates", pd.DataFrame(rows).pipe(lambda r: make_frame("estimates", r)))

    sizes = ["n_treated", "n_comparison", "effective_n", "events_treated", "events_comparison", "interval"]
    assert hidden.loc[1, sizes].all()
    assert frame.loc[1, ["estimate", "conf_low", "conf_high"]].notna().all()
    assert not hidden.loc[0].any()


@pytest.mark.parametrize(
    ("n", "events", "is_hidden"),
    [
        (200, 77, False),
        (250, 100, False),
        (203, 77, True),  # three whom the calendar kept out
        (215, 80, True),  # of fifteen three had the outcome
        (215, 90, True),  # of fifteen two had not
        (200, 80, True),  # three started later and had it then
        (180, 74, True),
    ],
)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_an_instrument_does_not_tell_by_subtraction_of_those_a_calendar_kept_out(n, events, is_hidden, policy):
    of_instrument = {"measure": "instrument", "method": "two_stage_least_squares", "role": "secondary"}
    rows = [effect(), effect(**of_instrument, n_comparison=n, events_comparison=events, interval="t, 212 df")]

    frame, hidden = safe("estimates", rows, policy=policy)

    sizes = ["n_treated", "n_comparison", "effective_n", "events_treated", "events_comparison", "interval"]
    assert hidden.loc[1, sizes].all() == is_hidden
    assert hidden.loc[1, sizes].any() == is_hidden
    assert frame.loc[1, ["estimate", "conf_low", "conf_high"]].notna().all()
    assert not hidden.loc[0].any()


@pytest.mark.parametrize("fewer", [0, 10])
def test_a_check_that_leaves_out_nothing_or_enough_is_shown(fewer):
    rows = [effect(), effect(role="check", events_treated=31 - fewer)]

    assert not safe("estimates", rows)[1].any(axis=None)


@pytest.mark.parametrize(("value", "is_hidden"), [(0.8, False), (0.79, True), (0.71, True), (0.7, False)])
def test_few_events_that_a_check_leaves_out_are_told_by_a_mean_number_too(value, is_hidden):
    both = {"measure": "mean_count_difference", "comparison_value": 0.5}
    rows = [effect(**both, treated_value=0.8), effect(**both, treated_value=value, role="check")]

    # Of 100 units 0.79 are 79 events: one less.
    assert safe("estimates", rows)[1].loc[1, "estimate"] == is_hidden


@pytest.mark.parametrize(("value", "is_hidden"), [(0.8, False), (0.79, True), (0.7, False)])
@pytest.mark.parametrize("measure", ["mean_count_ratio", "rate_ratio"])
def test_few_events_that_a_check_leaves_out_are_told_by_ratios_of_numbers_and_rates_too(measure, value, is_hidden):
    both = {"measure": measure, "comparison_value": 0.5, "horizon": 365.25, "time_unit": "days"}
    rows = [effect(**both, treated_value=0.8), effect(**both, treated_value=value, role="check")]

    assert safe("estimates", rows)[1].loc[1, "estimate"] == is_hidden


def test_checks_on_safe_estimates_are_shown():
    estimates = make_frame("estimates", pd.DataFrame([effect()]))

    assert not safe("checks", check_rows(), estimates=estimates)[1].any(axis=None)


IN_WORDS = "it is −15.2 per 100 (−28.7 to +0.3), with a factor of 1.34 after 182.5 days"
ROUNDED = "it is −15 per 100 (−29 to +0), with a factor of 1.34 after 182.5 days"


def test_a_check_is_no_finer_in_words_than_the_estimate_it_made_in_figures():
    # 97 of 100 that were read would say that three were lost: the row keeps whole numbers per 100 only.
    rows = [effect(df=99.0), effect(role="check", method="overlap", n_treated=97, df=96.0)]
    checks = check_rows().assign(answer=IN_WORDS)

    frame, hidden = safe("checks", checks, estimates=make_frame("estimates", pd.DataFrame(rows)))

    by_check = frame.set_index("check")["answer"]
    assert not hidden["answer"].any()
    assert set(by_check[by_check == ROUNDED].index) == {"other_designs", "hidden_bias"}
    assert set(by_check[by_check != ROUNDED]) == {IN_WORDS}


@pytest.mark.parametrize(("name", "answer"), [("dfe", ROUNDED), ("opensafely", IN_WORDS), ("local", IN_WORDS)])
def test_checks_are_as_fine_in_words_as_the_policy_lets_rates_be(name, answer):
    estimates = make_frame("estimates", pd.DataFrame([effect(df=99.0)]))

    frame, _ = safe("checks", check_rows().assign(answer=IN_WORDS), POLICIES[name], estimates=estimates)

    assert set(frame["answer"]) == {answer}


# ---- rounding


def test_opensafely_rounds_counts_to_5_and_rates_to_3_decimals():
    frame, _ = safe("estimates", [effect(n_treated=113, n_comparison=287)], POLICIES["opensafely"])
    row = frame.iloc[0]

    assert (row["n_treated"], row["n_comparison"], row["events_treated"], row["events_comparison"]) == (115, 285, 30, 75)
    assert (row["treated_value"], row["estimate"], row["conf_low"]) == (0.123, 0.123, 0.123)


def test_dfe_rounds_counts_to_10_and_rates_to_whole_per_cents():
    frame, _ = safe("estimates", [effect(n_treated=113, n_comparison=287)], POLICIES["dfe"])
    row = frame.iloc[0]

    assert (row["n_treated"], row["n_comparison"], row["events_treated"], row["events_comparison"]) == (110, 290, 30, 80)
    assert (row["treated_value"], row["estimate"], row["conf_low"]) == (0.12, 0.12, 0.12)


def test_mean_counts_are_rounded_like_rates():
    frame, _ = safe("estimates", [effect(measure="mean_count_difference")], POLICIES["dfe"])

    assert frame.loc[0, ["treated_value", "estimate", "conf_low"]].tolist() == [0.12, 0.12, 0.12]


def test_rounding_keeps_ratios_times_and_p_values_as_they_are():
    rows = [effect(measure="hazard_ratio"), effect(measure="restricted_mean_difference")]

    frame, _ = safe("estimates", rows, POLICIES["dfe"])

    assert frame["estimate"].tolist() == [0.12345678] * 2
    assert frame["p_value"].tolist() == [0.12345678] * 2


@pytest.mark.parametrize(("name", "multiple"), [("opensafely", 5), ("dfe", 10)])
def test_every_count_of_a_service_is_a_multiple(effect_frames, name, multiple):
    done = protect(effect_frames, POLICIES[name]).frames
    counts = {
        "findings": ["n_treated", "n_comparison", "effective_n", "events_treated", "events_comparison"],
        "estimates": ["n_treated", "n_comparison", "effective_n", "events_treated", "events_comparison"],
        "sizes": ["n", "effective_n"],
        "attrition": ["n_lost", "n_left"],
        "curves": ["n_at_risk", "n_events"],
        "overlap": ["n"],
    }

    for frame, columns in counts.items():
        for column in columns:
            assert (done[frame][column].dropna().astype(float) % multiple == 0).all(), (frame, column)


@pytest.mark.parametrize("name", POLICIES)
def test_no_count_of_a_service_is_small(effect_frames, name):
    policy = POLICIES[name]
    done = protect(effect_frames, policy).frames
    counts = join_counts(done)

    assert not is_small(counts, policy.threshold).any()


def join_counts(frames):
    wanted = ("n_treated", "n_comparison", "events_treated", "events_comparison", "n", "n_lost", "n_left", "n_at_risk")
    found = [f[c].astype("Float64").dropna().to_numpy(dtype=float) for f in frames.values() for c in wanted if c in f]
    return np.concatenate(found)


def test_a_flow_of_two_programmes_keeps_them_apart():
    both = join_frames("attrition", [flow_of((100, 50), [(3, 0)], "a"), flow_of((100, 50), [(20, 0)], "b")])

    frame, _ = safe("attrition", both)

    shown = frame[(frame["arm"] == "treated") & (frame["programme"] == "b")]
    assert shown["n_left"].tolist() == [100, 80, 80]


# ---- covariances between programmes


def together(correlation, *, errors=(0.0512345, 0.0412345), policy=TRE, **changes):
    """Return the safe rows (a, a), (a, b), (b, b) of two programmes, the second with the given changes."""
    rows = [effect(std_error=errors[0]), {**effect(programme="b", std_error=errors[1]), **changes}]
    flow = pd.concat([flow_of((100, 200), []), flow_of((100, 200), [], programme="b")], ignore_index=True)
    frame = make_frame(
        "programme_covariance",
        pd.DataFrame(
            {
                "programme": ["a", "a", "b"],
                "other": ["a", "b", "b"],
                "covariance": [errors[0] ** 2, correlation * errors[0] * errors[1], errors[1] ** 2],
                "correlation": [1.0, correlation, 1.0],
            }
        ),
    )
    return safe("programme_covariance", frame, policy, flow=flow, estimates=make_frame("estimates", pd.DataFrame(rows)))


def test_a_correlation_leaves_in_steps_and_the_covariance_follows_from_what_is_shown():
    frame, hidden = together(0.4321)

    assert not hidden.to_numpy().any()
    assert frame["correlation"].tolist() == [1.0, 0.45, 1.0]
    assert frame["covariance"].tolist() == pytest.approx([0.0512345**2, 0.45 * 0.0512345 * 0.0412345, 0.0412345**2], rel=1e-12)


def test_a_few_children_who_are_shared_do_not_show():
    frame, _ = together(0.0249)

    assert frame["correlation"].tolist() == [1.0, 0.0, 1.0]
    assert frame["covariance"][1] == 0.0


def test_where_an_error_is_confidential_so_is_what_it_makes():
    _, hidden = together(0.4, events_treated=4)

    assert hidden["covariance"].tolist() == hidden["correlation"].tolist() == [False, True, True]


def test_a_policy_that_rounds_errors_rounds_what_they_make():
    frame, _ = together(0.4, policy=POLICIES["dfe"])

    assert frame["covariance"].tolist() == pytest.approx([0.05**2, 0.4 * 0.05 * 0.04, 0.04**2], rel=1e-9)
