"""Which counts are hidden: an attacker who knows every total, and that programmes share children, learns no small count."""

import itertools

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting.suppression import hidden_flow, is_bounded, is_small

STAGES = ("index", "eligibility", "eligibility", "follow-up")


def flow(treated, comparison, *, start=(300, 900), stages=STAGES):
    """Return the flow of one programme from its losses in each arm."""
    left = list(start)
    rows = []
    for step, (stage, *lost) in enumerate([("extract", 0, 0), *zip(stages, treated, comparison, strict=True)], start=1):
        for i, arm in enumerate(("treated", "comparison")):
            left[i] -= lost[i]
            rows.append({"step": step, "stage": stage, "reason": f"r{step}", "arm": arm, "n_lost": lost[i], "n_left": left[i]})
    return make_frame("attrition", pd.DataFrame(rows).assign(programme="p"))


def masks(frame, threshold=10):
    lost, left = hidden_flow(frame, threshold)
    arm = frame["arm"].to_numpy()
    return {a: (lost[arm == a], left[arm == a]) for a in ("treated", "comparison")}


def test_a_loss_that_is_hidden_in_one_arm_is_hidden_in_the_other():
    told = masks(flow((2, 40, 0, 60), (187, 50, 30, 60)))

    assert told["treated"][0].tolist() == [False, True, True, False, False]
    assert told["comparison"][0].tolist() == [False, True, True, False, False]


def test_a_loss_at_the_design_is_hidden_in_its_own_arm_alone():
    told = masks(flow((60, 2, 50, 0), (50, 400, 30, 0), stages=("index", "design", "design", "design")))

    assert told["treated"][0].tolist() == [False, False, True, True, False]
    assert not told["comparison"][0].any()


def test_the_total_of_a_step_in_another_programme_does_not_give_a_loss_away():
    # Of both programmes the same 191 children have no index event: one shows all of them in the comparison.
    total = 191
    whole, split = flow((0, 0, 0, 0), (total, 50, 30, 60)), flow((2, 40, 0, 60), (total - 2, 50, 30, 60))
    shown = masks(split)["comparison"][0]

    assert not masks(whole)["comparison"][0][1]
    assert shown[1]
    left = split[split["arm"] == "comparison"]["n_left"].to_numpy()
    told = masks(split)["comparison"][1]
    # What is left after the step would give it away as well.
    assert told[1]
    assert left[0] - left[1] == total - 2


def test_empty_losses_hide_nothing():
    told = masks(flow((0, 0, 0, 0), (0, 0, 0, 0)))

    assert not any(m.any() for pair in told.values() for m in pair)


def test_small_and_bounded_are_what_they_say():
    assert is_small(np.array([0.0, 1.0, 9.0, 10.0, np.nan]), 10).tolist() == [False, True, True, False, False]
    assert is_bounded(np.array([9.0]), 10)
    assert is_bounded(np.array([4.0, 6.0]), 10)
    assert not is_bounded(np.array([4.0, 7.0]), 10)


LOW = 3
THREE = ("index", "eligibility", "follow-up")


@pytest.mark.parametrize(
    ("treated", "comparison"),
    [((1, 0, 2), (3, 2, 3)), ((0, 1, 2), (3, 2, 1)), ((2, 0, 0), (1, 3, 2)), ((0, 0, 0), (1, 2, 3)), ((1, 1, 1), (2, 2, 2))],
)
def test_no_hidden_loss_follows_from_what_is_shown_and_from_the_totals_of_other_programmes(treated, comparison):
    """Search every pair of losses that agrees with all that is shown.

    The attacker knows how many are in the extract, and the losses that another programme shows, which divides the same children
    otherwise.
    """
    frame = flow(treated, comparison, start=(100, 900), stages=THREE)
    told = masks(frame, LOW)
    everything = np.concatenate(
        [np.array(a)[m[0][1:]] for a, m in ((treated, told["treated"]), (comparison, told["comparison"]))]
    )
    # Of an extract of which all but a few are kept the number lost is the difference of two sizes.
    assert not is_bounded(everything, LOW)
    for known in _known_totals([t + c for t, c in zip(treated, comparison, strict=True)]):
        options = [_options(treated[i], comparison[i], told, i + 1, is_known=known[i]) for i in range(3)]
        found = [pairs for pairs in itertools.product(*options) if _agrees(pairs, (treated, comparison), told)]
        for place, arm in enumerate(("treated", "comparison")):
            for i, n in enumerate((treated, comparison)[place]):
                if 0 < n < LOW:
                    assert told[arm][0][i + 1]
                    assert len({pairs[i][place] for pairs in found}) > 1


def _known_totals(totals):
    """Tell of which steps another programme may show both losses: one set of flags for each way to divide all of them."""
    known = set()
    base = flow((0, 0, 0), (0, 0, 0), start=(100, 900), stages=THREE)
    for split in itertools.product(*(range(t + 1) for t in totals)):
        lost = np.array([(0, *split), (0, *(t - s for t, s in zip(totals, split, strict=True)))])
        left = np.array([[100], [900]]) - np.cumsum(lost, axis=1)
        told = masks(base.assign(n_lost=lost.T.ravel(), n_left=left.T.ravel()), LOW)
        known.add(tuple(~told["treated"][0][1:] & ~told["comparison"][0][1:]))
    return known


def _options(treated, comparison, told, i, *, is_known):
    """Return the losses of both arms at one step that agree with what is shown there, and with a total that is known."""
    total = treated + comparison
    most = total if is_known else 9
    return [
        (t, c)
        for t in range(most + 1)
        for c in range(most + 1)
        if (t + c == total or not is_known)
        and (t > 0 if told["treated"][0][i] else t == treated)
        and (c > 0 if told["comparison"][0][i] else c == comparison)
    ]


def _agrees(pairs, truth, told):
    """Tell whether losses agree with the numbers left that are shown, and with how many are in the extract."""
    sums = []
    for place, arm in enumerate(("treated", "comparison")):
        after = [sum(p[place] for p in pairs[i:]) for i in range(4)]
        true = [sum(truth[place][i:]) for i in range(4)]
        sums.append(after[0])
        if any(a != b and not is_hidden for a, b, is_hidden in zip(after, true, told[arm][1], strict=True)):
            return False
    return sum(sums) == sum(map(sum, truth))


@pytest.mark.parametrize("threshold", [5, 8, 10])
def test_the_flow_of_a_prepared_file_is_hidden_arm_by_arm(threshold):
    frame = flow((3, 40, 60, 0), (50, 60, 70, 0), stages=("cohort", "design", "design", "outcome"))

    assert not masks(frame, threshold)["comparison"][0].any()
