"""The adjustment of matching with replacement for what distance was left between a treated unit and its matches.

Takes a contrast of two means and covariates as they were at time zero, and gives the contrast less what the difference in
these covariates explains.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.cohort.covariates import code_covariates
from yoseval.design.types import Design
from yoseval.errors import UsageError
from yoseval.models.matching_variance import equal_shares, predict_untreated
from yoseval.outcomes.types import Contrast

MEANS = ("risk_difference", "mean_count_difference")
"""Measures that are differences of means over units, to which the adjustment applies."""


def adjust_for_bias(contrast: Contrast, design: Design, weight: Floats, measure: str, adjust: Sequence[str]) -> Contrast:
    r"""Take from a difference of means what least squares predicts from the covariates that matching left apart.

    .. math:: \hat\tau = \frac{1}{N_1} \sum_{i: A_i = 1} \Big( Y_i - \sum_{j \in M(i)} s_{ij}
        \big( Y_j + \hat\mu_0(X_i) - \hat\mu_0(X_j) \big) \Big)

    which is the same difference for :math:`Y - \hat\mu_0(X)`, with :math:`\hat\mu_0` fitted on comparison units as matched.
    Where follow-up was cut short, :math:`Y` is the pseudo-value of the unit: the value of its arm plus its influence per
    share of the arm's weight.

    Parameters
    ----------
    contrast : Contrast
        A difference of means.
    design : Design
        Of matching with replacement.
    weight : (n,) floats
        The design's weight, 0 where the unit has no follow-up.
    measure : str
        Its name in ``MEASURES``.
    adjust : sequence of str
        Covariates of the cohort.

    Returns
    -------
    Contrast
        With the comparison arm's value as it would have been with the covariates of the treated.

    Raises
    ------
    UsageError
        If the design is not matching with replacement, the measure no difference of means, or a covariate unknown.

    References
    ----------
    abadie2011 : Abadie and Imbens (2011), Journal of Business & Economic Statistics 29(1), 1-11, equation 5.

    Examples
    --------
    >>> estimate_effect(followup, design, "risk_difference", adjust=("age",))  # doctest: +SKIP
    """
    _require_possible(design, measure, adjust)
    assert design.weighting.pairs is not None  # as required
    treated, used = design.treated, weight > 0
    lever = _levers(treated, weight)
    outcome = np.where(treated, contrast.treated_value, contrast.comparison_value)
    outcome[used] += contrast.influence[used] / lever[used]
    lead, partner = design.weighting.pairs
    followed = used[partner]
    covariates = code_covariates(design.cohort.units, tuple(adjust)).for_models()
    predicted = predict_untreated(outcome, covariates, lead[followed], partner[followed], equal_shares(lead)[followed])
    shift = float(lever @ predicted)
    mean = np.where(treated, *(np.average(predicted[arm], weights=weight[arm]) for arm in (treated, ~treated)))
    return replace(
        contrast,
        value=contrast.value - shift,
        influence=contrast.influence - lever * (predicted - mean),
        comparison_value=contrast.comparison_value + shift,
    )


def _levers(treated: Flags, weight: Floats) -> Floats:
    """Return each unit's share of its arm's weight, negative in the comparison arm."""
    share = [weight / weight[arm].sum() for arm in (treated, ~treated)]
    levers: Floats = np.where(treated, share[0], -share[1])
    return levers


def _require_possible(design: Design, measure: str, adjust: Sequence[str]) -> None:
    if design.weighting.pairs is None:
        raise UsageError(
            f"Alone, 'adjust' is the bias adjustment of matching with replacement; this design of '{design.method}' is not.",
            "Name an adjustment too, such as 'g_computation', or build the design with method 'nearest' and replace=True.",
        )
    if measure not in MEANS:
        raise UsageError(f"'adjust' is for differences of means, not for '{measure}'.", f"Choose one of: {', '.join(MEANS)}.")
    unknown = [c for c in adjust if c not in design.cohort.units.columns[3:]]
    if unknown:
        raise UsageError(
            f"The cohort has no covariate '{unknown[0]}' to adjust for.", f"It has: {', '.join(design.cohort.covariates)}."
        )
