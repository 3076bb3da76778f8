"""Comparison children who enter the programme later: who stands for them.

From its entry on a comparison child is no longer without the programme. Where children enter by what is known of them, those
who are left differ; they are weighted up by the chance that a child like them, still out of trouble, had not entered by then.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import next_step
from yoseval.design.types import Design, WeightEstimation
from yoseval.models.glm import independent_columns
from yoseval.models.start_hazard import cumulative_hazard, fit_start_hazard
from yoseval.outcomes.time_zero import MOST_REFITS

#: With fewer later entries their children are followed until they enter, and nobody is weighted up.
LEAST_LATER = 10
REASON = "entered the programme later; those like them who did not stand for them"
NOTE = (
    "Comparison children who entered the programme later are not counted; those like them who had not entered by the end of "
    "their own follow-up, or by their own new offence, stand for them."
)


def stand_for_later(design: Design, entry: Floats, trouble: Floats, end: Floats, *, first_day: int) -> Design:
    r"""Weight up the comparison units that stay without the programme.

    .. math:: w_i \, e^{H_i(d_i)}, \qquad d_i = \min(\text{trouble}_i, \text{end}_i),

    :math:`H_i` being the cumulative hazard of entering while out of trouble, by the logit of the propensity score; 0 for
    who entered before trouble.

    Parameters
    ----------
    design : Design
        n units.
    entry, trouble, end : (n,) floats
        Days from time zero to entry and to the first new offence, custody or exit (infinite where none), and to the end of
        follow-up.
    first_day : int
        The first day on which an entry is a later one.

    Returns
    -------
    Design
        The same design where too few entered later for a model.

    References
    ----------
    robins2000 : Robins and Finkelstein (2000), Biometrics 56(3), 779-788, inverse probability of censoring weights.
    """
    pool = ~design.treated & (design.weight > 0)
    later = pool & (entry < trouble) & (entry <= end) & (entry >= first_day)
    if int(later.sum()) < LEAST_LATER:
        return design
    last = float(end.max()) + 1.0
    days = np.clip(np.where(later, entry + 1.0, np.minimum(trouble, end + 1.0)), first_day, last) - first_day
    score = np.clip(design.weighting.score, 1e-6, 1.0 - 1e-6)
    again = partial(_factors, np.log(score / (1.0 - score))[:, None], design.treated, later, days, last - first_day)
    factor, gradient, influence = again(np.arange(pool.size), pool)
    weighting = replace(
        design.weighting,
        weight=design.weight * factor,
        estimation=_joined(design, factor, gradient, influence),
        reweight=partial(_reweighted, design, again) if not design.is_matched else None,
        most_refits=MOST_REFITS,
    )
    flow = next_step(design.attrition, stage="follow-up", reason=REASON, lost_treated=0, lost_comparison=int(later.sum()))
    return replace(design, weighting=weighting, attrition=flow, notes=(*design.notes, NOTE))


def _factors(
    logit: Floats, treated: Flags, later: Flags, days: Floats, last: float, kept: Indices, pool: Flags
) -> tuple[Floats, Floats, Floats]:
    """Return each kept unit's factor, its gradient in the hazard's parameters and their influence values."""
    used = kept[pool]
    x = logit[used][:, independent_columns(logit[used])]
    fit = fit_start_hazard(days[used], later[used], x, last)
    total, by = cumulative_hazard(fit, x, days[used])
    factor = np.ones(kept.size)
    factor[pool] = np.where(later[used], 0.0, np.exp(total))
    gradient = np.zeros((kept.size, by.shape[1]))
    gradient[pool] = factor[pool][:, None] * by
    influence = np.zeros_like(gradient)
    influence[pool] = fit.influence
    return factor, gradient, influence


def _joined(design: Design, factor: Floats, gradient: Floats, influence: Floats) -> WeightEstimation | None:
    """Say how the weights depend on what they depended on before, and on the hazard of entering."""
    own = WeightEstimation(design.weight[:, None] * gradient, influence)
    before = design.weighting.estimation
    if before is None:
        return own
    return WeightEstimation(
        np.hstack([before.gradient * factor[:, None], own.gradient]), np.hstack([before.influence, own.influence])
    )


def _reweighted(design: Design, again: "partial[tuple[Floats, Floats, Floats]]", kept: Indices) -> Floats:
    before = design.weighting.reweight
    weight = before(kept) if before is not None else design.weight[kept]
    pool = ~design.treated[kept] & (weight > 0)
    return weight * again(kept, pool)[0]
