"""Whether a ratio of hazards is the same over the whole follow-up, and what can be read where it is not.

Takes an estimate of a ratio of hazards and what it was made from; gives the score test of proportional hazards, the ratios
of both halves of the follow-up and the difference that presumes nothing. No count of children is ever written into an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from yoseval.design.imputed import Designs
from yoseval.design.types import Design
from yoseval.errors import EstimationError
from yoseval.models.proportional_hazards import proportional_hazards_test
from yoseval.outcomes.clusters import cluster_codes
from yoseval.outcomes.contrast import align_followup
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.probing import Check, Probed, as_check, in_words, p_band, try_effect

ALPHA = 0.05
#: Ratios that presume proportional hazards, and what to read where these are not. Where other events compete, the time
#: without the outcome would be that of a world without them.
READ_INSTEAD: Mapping[str, str] = {
    "hazard_ratio": "restricted_mean_difference",
    "cause_specific_ratio": "incidence_difference",
}
_INSTEAD_IN_WORDS = {
    "restricted_mean_difference": "the difference in mean time without {noun}",
    "incidence_difference": "the difference in the share with {noun} by the end",
}
_QUESTION = "Is the ratio the same over the whole follow-up?"


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """The same ratio in the first and in the second half of the follow-up."""

    first: Estimate
    second: Estimate


def check_proportional_hazards(probed: Probed) -> Check | None:
    """Ask whether a ratio of hazards is the same over the whole follow-up; asked of no other measure."""
    measure = probed.estimate.measure
    if measure not in READ_INSTEAD:
        return None
    p_value = proportionality_p_value(probed.followup, probed.design)
    halves = split_effect(probed)
    instead = try_effect(probed, probed.design, measure=READ_INSTEAD[measure])
    found = [halves.first, halves.second] if halves is not None else []
    found += [instead] if instead is not None else []
    answer = _answer(probed, p_value, halves, instead)
    value = "not tested" if p_value is None else p_band(p_value)
    agrees = None if p_value is None else p_value >= ALPHA
    return as_check(probed, "proportional_hazards", _QUESTION, answer, value, agrees, tuple(found))


def proportionality_note(estimate: Estimate, followup: FollowUp, design: Designs) -> str:
    """Return what must stand beside a ratio of hazards that has no checks of its own; empty for other measures.

    Parameters
    ----------
    estimate : Estimate
        The ratio.
    followup, design
        What it was made from.

    Examples
    --------
    >>> proportionality_note(estimate, followup, design)  # doctest: +SKIP
    """
    if estimate.measure not in READ_INSTEAD:
        return ""
    p_value = proportionality_p_value(followup, design)
    if p_value is None:
        return "Whether the ratio is the same over the whole follow-up could not be tested."
    if p_value < ALPHA:
        return f"The ratio is not constant over the follow-up ({_of_studies(p_value)}): it is not to be read as one number."
    return f"No sign that the ratio changes over the follow-up ({_of_studies(p_value)})."


def proportionality_p_value(followup: FollowUp, design: Designs) -> float | None:
    """Test whether the arms' hazards are proportional up to the horizon, with the weights and clusters of the design.

    The score test on ranks of the event times by 1 - Kaplan-Meier, with the robust variance over children or matched sets;
    weights are taken as known. Of imputed designs the median of their p-values counts.

    Parameters
    ----------
    followup : FollowUp
        Events of other causes end it, as being censored does.
    design : Design or ImputedDesigns
        Who counts, and how much.

    Returns
    -------
    float or None
        None where it cannot be tested: too few events, or all at too few times. It is exact, and may give counts of a small
        group away: say it as ``p_band``.

    References
    ----------
    grambsch1994 : Grambsch and Therneau (1994), Biometrika 81(3), 515-526.

    Examples
    --------
    >>> proportionality_p_value(followup, design)  # doctest: +SKIP
    """
    designs = (design,) if isinstance(design, Design) else design.designs
    try:
        return float(np.median([_p_value(followup, d) for d in designs]))
    except EstimationError:
        return None


def split_effect(probed: Probed) -> Halves | None:
    """Estimate the ratio in each half of the follow-up, with intervals made as that of the whole.

    The second is of those still followed and free of the event half way, who are at risk from then on. They are no longer
    alike as the design made them: whom the programme kept free of the event until then differ from whom nothing kept.

    Parameters
    ----------
    probed : Probed
        The estimate of the whole follow-up and what it rests on.

    Returns
    -------
    Halves or None
        The second has its ``entry`` at half the horizon. None where one of them cannot be estimated: which of them would
        tell that an arm had no event in it.

    References
    ----------
    hernan2010 : Hernán (2010), Epidemiology 21(1), 13-15.

    Examples
    --------
    >>> split_effect(probed).first  # doctest: +SKIP
    """
    half = probed.followup.horizon / 2.0
    first = try_effect(probed, probed.design, replace(probed.followup, horizon=half))
    second = try_effect(probed, probed.design, _from(probed.followup, half))
    if first is None or second is None:
        return None
    return Halves(first, replace(second, entry=half, notes=("second half of the follow-up",)))


def _p_value(followup: FollowUp, design: Design) -> float:
    sample = align_followup(followup, design)
    used = sample.weight > 0
    return proportional_hazards_test(
        np.minimum(sample.time, sample.horizon)[used],
        (sample.event & (sample.time <= sample.horizon))[used],
        design.treated[used, None].astype(np.float64),
        sample.weight[used],
        clusters=cluster_codes(design)[used],
    ).global_p_value


def _from(followup: FollowUp, entry: float) -> FollowUp:
    """Keep the units still followed and free of the event after a time, as their times and causes go on."""
    kept = followup.time > entry
    return FollowUp(
        unit_id=followup.unit_id[kept],
        time=followup.time[kept],
        event=followup.event[kept],
        horizon=followup.horizon,
        outcome=followup.outcome,
        time_unit=followup.time_unit,
        cause=None if followup.cause is None else followup.cause[kept],
    )


def _answer(probed: Probed, p_value: float | None, halves: Halves | None, instead: Estimate | None) -> str:
    name = _INSTEAD_IN_WORDS[READ_INSTEAD[probed.estimate.measure]].format(noun=probed.noun)
    shown = f"{name}: {in_words(instead)}" if instead is not None else f"{name}, which could not be estimated here"
    split = _split_in_words(halves)
    if p_value is None:
        return f"It could not be tested: there are too few events, or they stand at too few times. {split} Read {shown}."
    if p_value < ALPHA:
        return f"The ratio is not constant over the follow-up, so read {shown}. The test: {_of_studies(p_value)}. {split}"
    return f"No sign that it changes: {_of_studies(p_value)}. {split} What presumes no constant ratio is {shown}."


def _split_in_words(halves: Halves | None) -> str:
    if halves is None:
        return "The two halves of the follow-up could not be told apart."
    return (
        f"In the first half of the follow-up it is {in_words(halves.first)}, in the second half, among those still followed, "
        f"{in_words(halves.second)}."
    )


def _of_studies(p_value: float) -> str:
    return f"with a constant ratio a change like this would come up in {p_band(p_value)} studies"
