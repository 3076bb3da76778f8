"""Arms and time zero by each rule, at the edges of its days."""

import numpy as np
import pytest

from yoseval.cohort.exposure import NEVER, Entries, line_up
from yoseval.cohort.sections import TimeZeroSection

INDEX = 1_000


def entries_of(entry, *, any_entry=None, index=None, before=None, content=None):
    """Return entries so many days after the index event; None = never."""
    entry = days(entry)
    n = entry.size
    return Entries(
        np.full(n, INDEX) if index is None else np.array(index),
        entry,
        entry if any_entry is None else days(any_entry),
        np.zeros(n, bool) if before is None else np.array(before),
        np.arange(n) if content is None else np.array(content),
    )


def days(after_index):
    return np.array([NEVER if d is None else INDEX + d for d in after_index])


def rows_of(found):
    """Return (child, days from the index event to time zero, treated, trial) of those who fit, sorted."""
    rows = zip(found.child, found.time_zero - INDEX, found.treated, found.trial, found.fits, strict=True)
    return sorted((int(c), int(z), bool(a), int(t)) for c, z, a, t, fits in rows if fits)


@pytest.mark.parametrize("rule", ["grace", "clone_censor"])
@pytest.mark.parametrize(("day", "is_treated"), [(0, True), (59, True), (60, True), (61, False), (None, False)])
def test_who_enters_within_the_grace_period_is_treated_from_the_index_event_on(rule, day, is_treated):
    found = line_up(entries_of([day]), TimeZeroSection(rule=rule, days=60))

    assert rows_of(found) == [(0, 0, is_treated, 0)]


@pytest.mark.parametrize(("day", "is_treated"), [(0, True), (59, True), (60, True), (61, False), (None, False)])
def test_who_had_entered_by_the_landmark_is_treated_from_the_landmark_on(day, is_treated):
    found = line_up(entries_of([day]), TimeZeroSection(rule="landmark", days=60))

    assert rows_of(found) == [(0, 60, is_treated, 0)]


def test_at_the_landmark_who_entered_a_part_of_a_joint_strategy_fits_neither_arm():
    both, one, none, later = (10, 5), (None, 60), (None, None), (None, 61)
    entry, any_entry = zip(both, one, none, later, strict=True)

    found = line_up(entries_of(entry, any_entry=any_entry), TimeZeroSection(rule="landmark", days=60))

    assert found.fits.tolist() == [True, False, True, True]
    assert found.treated.tolist() == [True, False, False, False]


@pytest.mark.parametrize("rule", ["grace", "clone_censor", "landmark", "nested"])
def test_without_an_index_event_there_is_no_time_zero_and_the_arm_is_whether_it_ever_started(rule):
    entries = Entries(
        np.full(2, NEVER), np.full(2, NEVER), np.full(2, NEVER), before=np.array([True, False]), content=np.zeros(2, dtype=int)
    )

    found = line_up(entries, TimeZeroSection(rule=rule, days=60))

    assert found.time_zero.tolist() == [NEVER, NEVER]
    assert found.treated.tolist() == [True, False]


@pytest.mark.parametrize("rule", ["grace", "clone_censor", "landmark", "nested"])
def test_who_started_before_the_index_event_is_one_candidate_called_treated(rule):
    found = line_up(entries_of([None], before=[True]), TimeZeroSection(rule=rule, days=60))

    assert found.child.tolist() == [0]
    assert found.treated.tolist() == [True]


def test_a_nested_trial_begins_on_the_day_of_entry_and_ends_with_the_days_in_which_trials_begin():
    entries = entries_of([0, 29, 30, 89, 90])

    found = rows_of(line_up(entries, TimeZeroSection(rule="nested", days=30, within_days=90)))

    treated = [row for row in found if row[2]]
    # Day 29 is of the first trial, day 30 of the second, day 89 of the third; day 90 is of none.
    assert treated == [(0, 0, True, 0), (1, 29, True, 0), (2, 30, True, 1), (3, 89, True, 2)]


def test_comparison_children_are_dealt_the_waits_of_those_who_enter_their_trial():
    entries = entries_of([3, 7, *[None] * 1000], content=np.arange(1002) * 7919)

    found = rows_of(line_up(entries, TimeZeroSection(rule="nested", days=30, within_days=30)))

    waits = np.array([zero for child, zero, treated, _ in found if not treated and child >= 2])
    assert sorted(set(waits)) == [3, 7]
    assert 400 < (waits == 3).sum() < 600


def test_who_enters_on_the_dealt_day_or_before_is_no_comparison_and_who_enters_a_day_later_is():
    entries = entries_of([10, 11, None])

    found = rows_of(line_up(entries, TimeZeroSection(rule="nested", days=11, within_days=11)))

    # Only the child of day 10 enters the trial; the child of day 11 is at risk on day 10 and is a comparison.
    assert found == [(0, 10, True, 0), (1, 10, False, 0), (2, 10, False, 0)]


def test_who_entered_a_part_of_a_joint_strategy_is_no_comparison_of_a_nested_trial():
    entries = entries_of([10, None, None], any_entry=[4, 10, 11])

    found = rows_of(line_up(entries, TimeZeroSection(rule="nested", days=30, within_days=30)))

    assert found == [(0, 10, True, 0), (2, 10, False, 0)]


def test_a_trial_that_nobody_enters_has_no_comparison_children():
    found = line_up(entries_of([40, None]), TimeZeroSection(rule="nested", days=30, within_days=60))

    assert set(found.trial) == {1}


def test_the_day_that_is_dealt_depends_on_content_and_not_on_the_row():
    content = np.array([5, 99, 12_345, 7, 31, 8])
    entry = [2, 9, None, None, None, None]
    section = TimeZeroSection(rule="nested", days=30, within_days=30)
    order = np.array([5, 4, 0, 3, 1, 2])

    plain = line_up(entries_of(entry, content=content), section)
    shuffled = line_up(entries_of([entry[i] for i in order], content=content[order]), section)

    again = sorted((int(order[c]), z, a, t) for c, z, a, t in rows_of(shuffled))
    assert again == rows_of(plain)


@pytest.mark.parametrize("rule", ["grace", "clone_censor", "landmark"])
def test_entries_beyond_the_days_of_the_rule_have_no_say(rule):
    section = TimeZeroSection(rule=rule, days=60)

    near, far, never = (line_up(entries_of([5, last]), section) for last in (61, 300, None))

    assert rows_of(near) == rows_of(far) == rows_of(never)


def test_entries_after_the_last_nested_trial_have_no_say():
    section = TimeZeroSection(rule="nested", days=30, within_days=90)

    near, far, never = (line_up(entries_of([5, 70, last]), section) for last in (90, 300, None))

    assert rows_of(near) == rows_of(far) == rows_of(never)
