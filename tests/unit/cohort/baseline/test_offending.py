"""Offences known at time zero (15 June 2020; the index event is of 1 June 2020), solved by hand."""

from datetime import date

import numpy as np
import pytest

T0, INDEX = date(2020, 6, 15), date(2020, 6, 1)
AFTER = date(2020, 6, 16)


def offence(dated, proven=None, **more):
    return {"offence_date": dated, "proof_date": proven, **more}


EARLY = offence(date(2019, 1, 1), date(2019, 3, 1))


@pytest.mark.parametrize(
    ("row", "n"),
    [
        (EARLY, 1),
        (EARLY | {"result": "cautioned"}, 1),
        (EARLY | {"result": "diverted"}, 0),
        (EARLY | {"result": "not_proven"}, 0),
        (EARLY | {"result": "overturned"}, 0),
        (EARLY | {"offence_group": "breach_of_bail"}, 0),
        (offence(date(2019, 1, 1), T0), 1),  # proven on the day
        (offence(date(2019, 1, 1), AFTER), 0),  # and the day after: convicted in the records, not yet at time zero
        (offence(date(2019, 1, 1)), 0),  # proven, nobody wrote when
        (offence(T0, T0), 1),
        (offence(AFTER, AFTER), 0),
        (offence(date(2019, 1, 1), INDEX), 0),  # proven with the index event
        (offence(date(2019, 1, 1), date(2020, 5, 31)), 1),
        (offence(date(2019, 1, 1), date(2020, 6, 2)), 1),
        (EARLY | {"offence_id": "index"}, 0),  # the index offence itself, whenever proven
        (EARLY | {"person_id": "b"}, 0),
    ],
)
def test_prior_offences_are_proven_by_time_zero_outside_the_index_occasion(value_of, row, n):
    moment = {"index_offence_id": "index"}

    assert value_of("prior_offences", offences=[row], moment=moment) == n


def test_an_offence_in_two_rows_counts_once(value_of):
    assert value_of("prior_offences", offences=[EARLY | {"offence_id": "x"}] * 2) == 1


def test_prior_offences_add_up_over_their_groups(frame_of):
    rows = [EARLY, EARLY | {"offence_group": "robbery"}, EARLY | {"offence_group": "robbery"}]

    frame = frame_of(
        ["prior_offences", "prior_offences.robbery", "prior_offences.drugs", "prior_offences.arson"], {"offences": rows}
    )

    assert frame.iloc[0, 1:].tolist() == [3.0, 2.0, 1.0, 0.0]


def test_prior_breaches_are_proven_breaches(value_of):
    breach = EARLY | {"offence_group": "breach_of_statutory_order"}

    assert value_of("prior_breaches", offences=[EARLY, breach, breach | {"result": "not_proven"}]) == 1


@pytest.mark.parametrize(
    ("row", "alleged", "pending"),
    [
        (EARLY, 1, 0),
        (offence(date(2019, 1, 1), T0), 1, 0),
        (offence(date(2019, 1, 1), AFTER), 1, 1),
        (offence(T0, result="pending"), 1, 1),
        (offence(AFTER, result="pending"), 0, 0),
        (EARLY | {"result": "not_proven"}, 1, 0),  # closed by then
        (offence(date(2019, 1, 1), result="not_proven"), 1, 1),  # closed, nobody wrote when
        (offence(date(2019, 1, 1), result="diverted", offence_id="index"), 0, 0),  # dealt with by the index event
        (offence(date(2019, 1, 1), INDEX), 0, 0),
    ],
)
def test_allegations_are_known_from_the_offence_and_results_from_the_proof(frame_of, row, alleged, pending):
    frame = frame_of(["prior_allegations", "pending_offences"], {"offences": [row]}, [{"index_offence_id": "index"}])

    assert frame.iloc[0, 1:].tolist() == [alleged, pending]


@pytest.mark.parametrize(("dated", "n"), [(INDEX, 0), (date(2020, 6, 2), 1), (T0, 1), (AFTER, 0)])
def test_offences_since_the_index_event_go_up_to_time_zero(value_of, dated, n):
    assert value_of("offences_since_index", offences=[offence(dated, result="pending")]) == n


@pytest.mark.parametrize(
    ("rows", "age"),
    [
        ([EARLY], 13),
        ([EARLY, offence(date(2018, 6, 15), INDEX)], 13),  # 13 on that birthday; the occasion counts here
        ([EARLY, offence(date(2018, 6, 14), INDEX)], 12),
        ([EARLY, offence(date(2017, 1, 1), AFTER)], 13),  # older, and proven too late to be known
        ([EARLY, offence(date(2017, 1, 1), date(2017, 2, 1), offence_group="breach_of_bail")], 13),
    ],
)
def test_the_first_offence_is_the_earliest_proven_by_time_zero(value_of, rows, age):
    assert value_of("age_at_first_offence", offences=rows) == age


def test_without_a_proven_offence_there_is_no_age_at_the_first(value_of):
    assert np.isnan(value_of("age_at_first_offence", offences=[offence(date(2019, 1, 1), AFTER)]))


def kinds(frame_of, rows, **moment):
    values = frame_of(["seriousness", "offence_group"], {"offences": rows}, [moment]).iloc[0, 1:].tolist()
    return [None if isinstance(v, float) and np.isnan(v) else v for v in values]


ON_THE_DAY = offence(date(2020, 1, 1), INDEX, seriousness=3)


def test_the_index_offence_is_the_one_named_even_if_another_is_more_serious(frame_of):
    named = offence(date(2020, 1, 1), result="pending", seriousness=2, offence_id="index", offence_group="arson")

    assert kinds(frame_of, [named, ON_THE_DAY], index_offence_id="index") == [2.0, "arson"]


def test_else_it_is_the_most_serious_proven_on_the_index_date(frame_of):
    rows = [ON_THE_DAY, ON_THE_DAY | {"seriousness": 6, "offence_group": "sexual"}, EARLY | {"seriousness": 8}]

    assert kinds(frame_of, rows) == [6.0, "sexual"]


def test_of_equally_serious_ones_the_first_group_of_the_standard_is_taken(frame_of):
    rows = [ON_THE_DAY | {"offence_group": g} for g in ("other", "robbery", "drugs")]

    assert kinds(frame_of, rows) == [3.0, "robbery"]
    assert kinds(frame_of, rows[::-1]) == [3.0, "robbery"]


def test_an_index_offence_dated_after_time_zero_is_not_looked_at(frame_of):
    named = offence(AFTER, AFTER, seriousness=8, offence_id="index")

    assert kinds(frame_of, [named, ON_THE_DAY], index_offence_id="index") == [3.0, "drugs"]


def test_an_index_offence_without_seriousness_leaves_it_not_recorded(frame_of):
    named = offence(date(2020, 1, 1), INDEX, offence_id="index", offence_group="arson")

    assert kinds(frame_of, [named, ON_THE_DAY], index_offence_id="index") == [None, "arson"]


def test_without_an_index_offence_neither_is_recorded(frame_of):
    assert kinds(frame_of, [EARLY]) == [None, None]


def test_a_child_without_offences_has_none(frame_of):
    names = ["prior_offences", "prior_breaches", "prior_allegations", "pending_offences", "offences_since_index"]

    assert frame_of(names, {}).iloc[0, 1:].tolist() == [0.0] * 5
