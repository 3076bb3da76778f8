"""What to record: every criterion has its code, and the costliest loss its sentence."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.eligibility import Known, Menu, criteria
from yoseval.cohort.exposure import Candidates
from yoseval.evaluation.remedies import GAPS, LOSSES, OTHER, REASONS, code_of, losses_of, remedies_of

MORE = ("treated", "2023-05-01")


@pytest.mark.parametrize("joint", [(), ("mentoring", "health")])
def test_every_criterion_has_a_code_with_a_sentence(make_trial, kind, joint):
    protocol = make_trial(kind(1, *MORE), joint=joint).protocol
    children = pd.DataFrame(
        {"date_of_birth": [np.datetime64("2008-01-01")], "exit_date": [pd.NaT], "resident": [True], "index_date": [pd.NaT]}
    )
    one, no = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool)
    found = criteria(
        protocol,
        children,
        Candidates(one, one, no, one, ~no),
        Known(no, one, one),
        before=no,
        menu=Menu(),
        extract_day=0,
        mature_day=one,
    )
    codes = [code_of(c.reason) for c in found]

    assert OTHER not in codes
    assert len(set(codes)) == len(found)
    assert set(codes) - {"wait"} <= set(LOSSES)


def test_no_code_is_without_a_criterion_or_a_gap():
    assert set(REASONS.values()) - {"wait"} == set(LOSSES) - {OTHER, "started_later"}
    assert not set(GAPS) & set(LOSSES)


def test_losses_add_up_to_those_who_ever_started_and_are_not_eligible(make_trial, kind):
    lost = [kind(3, *MORE, "in custody at time zero"), kind(8, *MORE, "hosted for another service")]
    trial = make_trial(
        kind(5, *MORE), kind(4, "treated", "2024-12-01", immature=True), *lost, kind(9, "comparison", "2023-05-01")
    )
    counts = losses_of(trial, started=30)

    assert counts.to_dict() == {"started_later": 10, "hosted": 8, "in_custody": 3}
    assert counts.sum() == 30 - 5 - 4


def test_a_programme_that_can_be_evaluated_is_told_to_go_on_recording(make_trial, kind):
    codes, sentences = remedies_of(make_trial(kind(40, *MORE)), 40, (), "now", enough=(True, True))

    assert codes == ()
    assert sentences == ("Go on recording every start with its first day, and how it ended.",)


def test_where_enough_have_started_the_only_thing_left_is_to_wait(make_trial, kind):
    trial = make_trial(kind(40, "treated", "2024-12-01", immature=True))

    assert remedies_of(trial, 40, (), "from_date", enough=(True, True))[0] == ("wait",)
