"""Risk sets: places, sums with causes and late entries, and what is spread over the units."""

import numpy as np
import pytest

from yoseval.errors import EstimationError, FollowUpTooShortError
from yoseval.models.risk_sets import (
    arrange_risk_sets,
    event_places,
    log_survival_steps,
    require_followed,
    reverse_cumsum,
    spread_steps,
)

TIME = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0])
EVENT = np.array([True, True, True, False, False, True, False, True, False])
CAUSE = np.array([1, 3, 1, 0, 0, 2, 0, 1, 0])
WEIGHT = np.array([0.5, 1.2, 0.7, 2.0, 1.0, 1.5, 0.4, 0.9, 1.1])
ENTRY = np.array([0.0, 1.0, 0.5, 1.0, 2.0, 2.0, 3.5, 2.0, 0.0])


def test_whole_and_broken_times_give_the_same_places():
    whole, broken = event_places(TIME, EVENT), event_places(TIME / 7.0, EVENT)

    np.testing.assert_allclose(whole[0] / 7.0, broken[0], rtol=1e-15)
    assert whole[1].tolist() == broken[1].tolist() == [1, 2, 2, 2, 2, 3, 3, 4, 4]


def test_very_late_whole_times_are_placed_without_a_table():
    late = TIME * 1e9

    assert event_places(late, EVENT)[1].tolist() == event_places(TIME, EVENT)[1].tolist()


@pytest.mark.parametrize("entry", [None, ENTRY])
def test_sums_are_those_of_going_through_every_unit(entry):
    sets = arrange_risk_sets(TIME, CAUSE, WEIGHT, entry, n_causes=3)

    start = np.zeros(9) if entry is None else entry
    for k, t in enumerate(sets.time):
        followed = (start < t) & (t <= TIME)
        assert sets.at_risk[k] == pytest.approx(WEIGHT[followed].sum(), rel=1e-14)
        assert sets.n_at_risk[k] == followed.sum()
        for j in range(3):
            mine = (t == TIME) & (j + 1 == CAUSE)
            assert sets.events[k, j] == pytest.approx(WEIGHT[mine].sum(), rel=1e-14)
            assert sets.n_events[k, j] == mine.sum()
        assert sets.survivors[k] == pytest.approx(WEIGHT[followed & ~((t == TIME) & EVENT)].sum(), rel=1e-12)


@pytest.mark.parametrize("entry", [None, ENTRY])
def test_each_unit_gathers_its_own_steps_between_entry_and_end(entry):
    sets = arrange_risk_sets(TIME, CAUSE, WEIGHT, entry, n_causes=3)
    rng = np.random.default_rng(0)
    gain, own = rng.normal(size=sets.time.size), rng.normal(size=(sets.time.size, 3))

    found = spread_steps(sets, gain, own).gathered()

    start = np.zeros(9) if entry is None else entry
    for i in range(9):
        followed = (start[i] < sets.time) & (sets.time <= TIME[i])
        expected = gain[followed].sum()
        if CAUSE[i]:
            k = int(np.flatnonzero(sets.time == TIME[i])[0])
            expected += own[k, CAUSE[i] - 1] - gain[k]
        assert found[i] == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_whole_and_broken_times_have_the_same_late_entries():
    # Beyond the table of whole times, within it, and between whole times.
    late = [ENTRY, ENTRY + 0.5 * (ENTRY > 0) * (TIME - ENTRY)]

    for entry in late:
        whole = arrange_risk_sets(TIME, EVENT, WEIGHT, entry)
        for factor in (1 / 7, 1e6):
            other = arrange_risk_sets(factor * TIME, EVENT, WEIGHT, factor * entry)
            assert other.entered.tolist() == whole.entered.tolist()
        assert whole.entered.tolist() == [(whole.time <= e).sum() if e > 0 else 0 for e in entry]


def test_where_nobody_stays_nobody_gains():
    sets = arrange_risk_sets(np.array([1.0, 2.0, 2.0]), np.ones(3, dtype=bool), np.ones(3))

    gain, loss = log_survival_steps(sets)

    np.testing.assert_allclose(gain, [1 / 6, 0.0], rtol=1e-14)
    np.testing.assert_allclose(loss, [-1 / 3, -1 / 2], rtol=1e-14)


def test_an_event_of_weight_zero_makes_no_time():
    sets = arrange_risk_sets(TIME, EVENT, np.where(TIME == 1.0, 0.0, WEIGHT))

    assert sets.time.tolist() == [2.0, 4.0, 5.0]
    assert sets.longest == 6.0


def test_a_sample_without_weight_is_refused():
    with pytest.raises(EstimationError, match="positive weight"):
        arrange_risk_sets(TIME, EVENT, np.zeros(9))


def test_a_horizon_beyond_follow_up_is_refused_unless_the_curve_is_at_zero():
    require_followed(5.0, 5.0)
    require_followed(9.0, 5.0, np.array([0.5, 0.0]))
    for survival in (None, np.array([0.5]), np.array([])):
        with pytest.raises(FollowUpTooShortError, match="beyond 5"):
            require_followed(9.0, 5.0, survival)


def test_reverse_cumsum_sums_to_the_end():
    assert reverse_cumsum(np.array([1.0, 2.0, 4.0])).tolist() == [7.0, 6.0, 4.0]
