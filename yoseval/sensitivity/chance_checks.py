"""Checks of what chance did: who was drawn, who was matched among equals, and whether it alone could have dealt the result."""

from dataclasses import replace

import numpy as np

from yoseval.design.types import Design
from yoseval.errors import EstimationError
from yoseval.outcomes.contrast import align_followup
from yoseval.outcomes.exact_tests import exact_set_test
from yoseval.outcomes.measures import MEASURES
from yoseval.sensitivity.probing import Check, Probed, as_check, in_words, lies_inside, one_in_words, p_band, try_effect

_ALPHA = 0.05


def check_bootstrap(probed: Probed) -> Check | None:
    """Ask whether the interval holds when children are drawn anew and the design is built again each time."""
    question = "Does the interval allow for how the comparison group was chosen?"
    if probed.redrawn is None:
        return None
    again = probed.redrawn.estimate
    if again is None:
        return as_check(probed, "bootstrap", question, f"It could not be asked. {probed.redrawn.problem}", "", None, ())
    null = MEASURES[again.measure].null
    same = (again.conf_low <= null <= again.conf_high) == (probed.estimate.conf_low <= null <= probed.estimate.conf_high)
    answer = (
        f"{'Yes' if same else 'No'}: with the design built again on samples drawn anew it is {in_words(again)}; "
        f"the interval of the result is {in_words(probed.estimate)}."
    )
    marked = replace(again, notes=("with the bootstrap's interval", *again.notes))
    return as_check(probed, "bootstrap", question, answer, in_words(again), same, (marked,))


def check_ties(probed: Probed) -> Check | None:
    """Ask whether the order of rows, which decides among equals who is matched, has a say in the result."""
    ties, e = probed.ties, probed.estimate
    if ties is None or ties.measure != e.measure:
        return None
    question = "Does it matter which of several equal matches was taken?"
    if not ties.different:
        answer = f"No: with the rows in {ties.reorderings} other orders the same people were matched. No ties decide it."
        return as_check(probed, "ties", question, answer, "no ties", None, ())
    shown = f"{one_in_words(e, ties.estimate_low)} to {one_in_words(e, ties.estimate_high)}"
    inside = e.conf_low <= ties.estimate_low and ties.estimate_high <= e.conf_high
    verb = "Not by more than chance" if inside else "Yes, by more than chance"
    answer = (
        f"{verb}: with the rows in {ties.reorderings} other orders, so that ties are broken otherwise, the estimate lies "
        f"between {shown.replace(' to ', ' and ')}; as designed it is {one_in_words(e, ties.estimate)}."
    )
    return as_check(probed, "ties", question, answer, shown, inside, ())


def check_missing_category(probed: Probed) -> Check | None:
    """Ask whether it matters that what was not recorded was imputed, rather than made a category of its own."""
    found = None if probed.with_category is None else try_effect(probed, probed.with_category)
    if found is None:
        return None
    marked = replace(found, notes=("missing as a category", *found.notes))
    shown = in_words(found)
    answer = (
        f"With 'not recorded' as a category of its own it is {shown}; with imputed values it is {in_words(probed.estimate)}."
    )
    question = "Does it matter how missing covariates were dealt with?"
    return as_check(probed, "missing_category", question, answer, shown, lies_inside(found, probed.estimate), (marked,))


def check_exact_test(probed: Probed) -> Check | None:
    """Ask whether chance alone could have dealt it, by the exact test inside matched sets, of outcomes that happened or not."""
    e, design = probed.estimate, probed.design
    # Imputations differ in who is matched with whom: there is no one allocation to permute.
    if not MEASURES[e.measure].shares or not isinstance(design, Design) or not (design.weighting.set_id >= 0).any():
        return None
    sample = align_followup(probed.followup, design)
    used, happened = sample.weight > 0, sample.event & (sample.time <= sample.horizon)
    if (used & ~happened & (sample.time < sample.horizon)).any():
        return None
    try:
        found = exact_set_test(happened, design.treated, np.where(used, design.weighting.set_id, -1))
    except EstimationError:
        return None
    # An exact p-value beside a difference would give away how many sets are discordant.
    band = p_band(found.p_value)
    answer = (
        f"If the programme changed nothing and chance alone decided who of a matched set started it, differences like this or "
        f"less likely ones would come up in {band} of all allocations (exact test inside sets, which needs no large sample)."
    )
    # It disagrees where the interval leaves out no difference and the test does not.
    agrees = not (e.p_value <= _ALPHA < found.p_value)
    return as_check(probed, "exact_test", "Could chance alone have dealt this?", answer, band, agrees, ())
