"""Disclosure control of the frames about records: nothing small is shown, and nothing small follows from what is shown."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.frames import check_frame, make_frame
from yoseval.reporting.disclosure_records import RECORD_FRAMES, protect_records
from yoseval.reporting.policies import POLICIES, find_policy

TRE = find_policy("tre_10")
RESULTS = ("reached", "not_reached", "not_recorded")
STAGES = ("referred", "offered", "started", "session_held", "session_attended", "completed")


def funnel(programme, *splits, unit="referrals", first=1):
    """Return the rows of one programme, a triple of counts a stage."""
    stages = STAGES if unit == "referrals" else ("planned", "held", "attended")
    rows = [
        {
            "programme": programme,
            "name": programme.upper(),
            "step": step,
            "unit": unit,
            "stage": stages[step - first],
            "result": result,
            "n": n,
            "share": n / max(sum(split), 1),
        }
        for step, split in enumerate(splits, start=first)
        for result, n in zip(RESULTS, split, strict=True)
    ]
    return make_frame("delivery", pd.DataFrame(rows))


def protected(frame, policy=TRE, **others):
    return protect_records({"delivery": frame, **others}, policy)


def hidden_cells(safe):
    frame, mask = safe.frames["delivery"], safe.hidden["delivery"]["n"].to_numpy()
    return set(zip(frame["programme"][mask], frame["stage"][mask], frame["result"][mask], strict=True))


def suitability(programme, *counts):
    answers = ("met", "not_met", "not_assessed", "not_recorded")
    rows = [
        {"programme": programme, "name": programme, "suitability": a, "n": n, "share": n / sum(counts)}
        for a, n in zip(answers, counts, strict=True)
    ]
    return make_frame("suitability", pd.DataFrame(rows))


def test_a_small_count_is_hidden_with_company_of_its_own_stage():
    safe = protected(funnel("a", (100, 0, 0), (97, 3, 0), (60, 40, 0)))

    assert hidden_cells(safe) == {("a", "offered", "not_reached"), ("a", "offered", "reached")}


def test_shares_are_hidden_with_their_counts():
    safe = protected(funnel("a", (100, 0, 0), (97, 3, 0)))

    assert (safe.hidden["delivery"]["share"] == safe.hidden["delivery"]["n"]).all()
    assert safe.frames["delivery"].loc[safe.hidden["delivery"]["n"], ["n", "share"]].isna().all(axis=None)


def test_a_small_step_down_the_funnel_is_hidden_although_both_counts_are_large():
    safe = protected(funnel("a", (200, 0, 0), (150, 50, 0), (147, 53, 0), (120, 80, 0)))

    assert {c[1] for c in hidden_cells(safe)} == {"started"}


def test_a_small_step_over_a_hidden_stage_is_hidden_too():
    safe = protected(funnel("a", (200, 0, 0), (150, 50, 0), (147, 53, 0), (144, 56, 0)))

    assert {c[1] for c in hidden_cells(safe)} == {"started", "session_held"}


def test_a_programme_of_few_shows_nothing():
    safe = protected(funnel("a", (6, 0, 0), (6, 0, 0), (3, 2, 1)))

    assert safe.frames["delivery"]["n"].isna().all()


def test_sessions_of_few_children_are_hidden_however_many_they_are():
    frame = pd.concat(
        [funnel("a", (100, 0, 0), (80, 20, 0), (4, 96, 0)), funnel("a", (400, 0, 0), (200, 200, 0), unit="sessions", first=7)],
        ignore_index=True,
    )
    safe = protected(frame)

    assert safe.hidden["delivery"].loc[frame["unit"] == "sessions", "n"].all()


def test_one_hidden_programme_does_not_follow_from_the_sum_over_all():
    safe = protected(
        pd.concat([funnel("a", (100, 0, 0), (95, 5, 0)), funnel("b", (100, 0, 0), (70, 30, 0))], ignore_index=True)
    )

    assert hidden_cells(safe) == {(p, "offered", r) for p in "ab" for r in ("reached", "not_reached")}


def counts_strategy():
    split = st.lists(st.integers(0, 40), min_size=3, max_size=3)
    return st.lists(st.lists(split, min_size=2, max_size=4), min_size=1, max_size=3)


@given(counts_strategy())
@settings(max_examples=60, deadline=None)
def test_no_small_count_is_shown_and_none_is_alone_in_its_split(programmes):
    # The total of a programme is the same at every stage: 120 less what is in the first two cells is not recorded.
    frames = [
        funnel(f"p{i}", *[(x % 60, y % 60, 120 - x % 60 - y % 60) for x, y, _ in [(120, 0, 0), *stages]][1:])
        for i, stages in enumerate(programmes)
    ]
    frame = pd.concat(frames, ignore_index=True)
    safe = protected(frame)
    shown = safe.frames["delivery"]["n"].astype("float64")

    assert not ((shown > 0) & (shown < TRE.threshold)).any()
    raw = frame["n"].astype(int)
    for _, rows in frame.groupby(["programme", "step"]):
        hidden = safe.hidden["delivery"].loc[rows.index, "n"].to_numpy()
        values = raw[rows.index].to_numpy()
        if hidden.any() and not hidden.all():
            # From the total of the split only the sum of what is hidden follows.
            assert hidden.sum() >= 2
            assert values[hidden].sum() >= TRE.threshold


@given(st.lists(st.lists(st.integers(0, 25), min_size=4, max_size=4), min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_small_suitability_count_is_pinned_by_totals(tables):
    tables = [t if sum(t) else [30, 0, 0, 0] for t in tables]
    frame = pd.concat([suitability(f"p{i}", *t) for i, t in enumerate(tables)], ignore_index=True)
    safe = protect_records({"suitability": frame}, TRE)
    values, hidden = np.array(tables), safe.hidden["suitability"]["n"].to_numpy().reshape(-1, 4)

    for row, mask in zip(values, hidden, strict=True):
        small = (row > 0) & (row < TRE.threshold)
        assert mask[small].all()
        if mask.any():
            # Another split of the same total agrees with all that is shown and has the small count elsewhere.
            options = [
                o
                for o in itertools.product(range(row[mask].sum() + 1), repeat=int(mask.sum()) - 1)
                if sum(o) <= row[mask].sum()
            ]
            assert len(options) > 1


def test_a_hidden_start_hides_every_total_that_would_tell_it():
    delivery = funnel("a", (100, 0, 0), (80, 20, 0), (5, 95, 0))
    delays = make_frame(
        "delays",
        pd.DataFrame(
            [
                {
                    "programme": "a",
                    "name": "A",
                    "wait": w,
                    "n": 5,
                    "lower_quartile": 1.0,
                    "median": 2.0,
                    "upper_quartile": 3.0,
                    "n_reversed": 0,
                    "n_not_recorded": 0,
                }
                for w in ("order_to_start",)
            ]
        ),
    )
    notes = make_frame(
        "delivery_notes", pd.DataFrame([{"programme": "a", "name": "A", "issue": "concurrent", "n": 5, "n_of": 5}])
    )

    safe = protect_records({"delivery": delivery, "delays": delays, "delivery_notes": notes}, TRE)

    assert safe.frames["delays"][["n", "lower_quartile", "median", "upper_quartile"]].isna().all(axis=None)
    assert safe.frames["delivery_notes"][["n", "n_of"]].isna().all(axis=None)


def test_quartiles_of_a_few_are_hidden_and_those_of_many_are_not():
    rows = [
        {
            "programme": p,
            "name": p,
            "wait": "order_to_start",
            "n": n,
            "lower_quartile": 1.0,
            "median": 2.0,
            "upper_quartile": 3.0,
            "n_reversed": 0,
            "n_not_recorded": 40 - n,
        }
        for p, n in (("a", 9), ("b", 10))
    ]
    safe = protect_records({"delays": make_frame("delays", pd.DataFrame(rows))}, TRE)

    assert safe.frames["delays"]["median"].isna().tolist() == [True, False]


def test_how_many_unsuitable_did_not_start_does_not_follow():
    delivery = funnel("a", (100, 0, 0), (80, 20, 0), (60, 40, 0))
    note = make_frame(
        "delivery_notes", pd.DataFrame([{"programme": "a", "name": "A", "issue": "started_unsuitable", "n": 19, "n_of": 60}])
    )

    far, near = (
        protect_records({"delivery": delivery, "suitability": suitability("a", *counts), "delivery_notes": note}, TRE).frames[
            "delivery_notes"
        ]
        for counts in ((40, 30, 20, 10), (40, 22, 20, 18))
    )

    assert far["n"].tolist() == [19]
    assert near["n"].isna().all()


def test_owners_and_unused_programmes_are_no_children():
    rows = [
        {"programme": "a", "name": "A", "issue": "two_owners", "n": 2, "n_of": 2},
        {"programme": "b", "name": "B", "issue": "nobody_referred", "n": 0, "n_of": 0},
    ]
    safe = protect_records({"delivery_notes": make_frame("delivery_notes", pd.DataFrame(rows))}, find_policy("dfe"))

    assert safe.frames["delivery_notes"]["n"].tolist() == [2, 0]


def quality(*rows):
    usual = {"table": "starts", "column": "status", "source": "starts.csv", "dimension": "completeness", "rule": "recorded"}
    return make_frame(
        "quality", pd.DataFrame([{**usual, "score": 100.0 * (r["n"] - r["failing"]) / r["n"], **r} for r in rows])
    )


@pytest.mark.parametrize(
    ("n", "failing", "is_hidden"),
    [(100, 0, False), (100, 9, True), (100, 10, False), (100, 91, True), (100, 100, False), (9, 0, True)],
)
def test_few_failures_and_few_passes_are_hidden_with_the_score(n, failing, is_hidden):
    safe = protect_records({"quality": quality({"n": n, "failing": failing})}, TRE)

    assert safe.hidden["quality"][["failing", "score"]].to_numpy().tolist() == [[is_hidden, is_hidden]]


def test_a_rule_that_leaves_few_rows_out_hides_how_many_it_concerns():
    frame = quality(
        {"n": 100, "failing": 0},
        {"n": 95, "failing": 50, "dimension": "consistency"},
        {"n": 60, "failing": 30, "column": "reason"},
    )
    safe = protect_records({"quality": frame}, TRE)

    assert safe.hidden["quality"]["n"].tolist() == [False, True, False]


def test_rows_set_aside_do_not_hide_what_the_rest_is_scored_on():
    frame = quality({"n": 97, "failing": 0}, {"n": 100, "failing": 3, "column": "", "dimension": "validity"})
    safe = protect_records({"quality": frame}, TRE)

    assert safe.hidden["quality"]["n"].tolist() == [False, True]


def test_months_and_programmes_are_no_children():
    months = {"n": 12, "failing": 5, "dimension": "timeliness", "rule": "months with rows, of the last 12 before the extract"}
    frame = quality(months, {"table": "programmes", "column": "owner", "n": 8, "failing": 3})

    assert not protect_records({"quality": frame}, find_policy("dfe")).hidden["quality"].any(axis=None)
    assert protect_records({"quality": frame}, find_policy("dfe")).frames["quality"]["failing"].tolist() == [5, 3]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.name)
def test_what_is_shown_is_rounded_as_the_policy_says(policy):
    safe = protected(funnel("a", (123, 0, 0), (77, 46, 0)), policy)
    shown = safe.frames["delivery"]["n"].dropna().astype(int)

    assert (shown % policy.round_to == 0).all()
    assert (shown > 0).any()


@pytest.mark.parametrize("name", RECORD_FRAMES)
def test_empty_frames_pass(name):
    safe = protect_records({name: make_frame(name, {})}, TRE)

    assert check_frame(safe.frames[name], name).empty


def test_a_frame_without_a_rule_cannot_pass():
    with pytest.raises(KeyError):
        protect_records({"findings": make_frame("findings", {})}, TRE)
