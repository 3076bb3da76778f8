"""Variances of matching with replacement and of stratification, and the adjustment of matching for its bias.

Takes arrays only: outcomes or influence values, and pairs of a treated unit (``lead``) with a comparison unit
(``partner``). The bootstrap is not valid for matching with replacement; these closed forms are.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError

_SURPLUS = 6  # profiles asked for beyond the neighbours needed, so that ties are seen


@dataclass(frozen=True, slots=True)
class MatchedDifference:
    """The mean difference between the treated and their matches.

    Parameters
    ----------
    value : float
        The average effect in the treated who were matched.
    std_error : float
        Its standard error by Abadie and Imbens.
    """

    value: float
    std_error: float


def matched_difference(
    outcome: Floats,
    lead: Indices,
    partner: Indices,
    *,
    share: Floats | None = None,
    predicted: Floats | None = None,
    residual: Floats | None = None,
) -> MatchedDifference:
    r"""Estimate the average effect in the treated from pairs, and its standard error.

    .. math:: \hat\tau = \frac{1}{N_1} \sum_{i: A_i = 1} \Big( Y_i - \sum_{j \in M(i)} s_{ij}
        \big( Y_j + \hat\mu_0(X_i) - \hat\mu_0(X_j) \big) \Big)

    Without ``predicted`` the terms in :math:`\hat\mu_0` are left out. The variance is that of
    ``abadie_imbens_variance``.

    Parameters
    ----------
    outcome : (n,) floats
        Outcomes.
    lead, partner : (m,) integers
        Positions of the treated and of the comparison unit of each pair.
    share : (m,) floats, optional
        What a pair counts for its treated unit, 1 in sum over its pairs; equal shares if absent.
    predicted : (n,) floats, optional
        Predictions of the outcome without treatment, for the bias adjustment: see ``predict_untreated``.
    residual : (n,) floats, optional
        Variance of the outcome given the covariates, of comparison units; if absent one for all from the pairs.

    Returns
    -------
    MatchedDifference
        Value and standard error.

    Raises
    ------
    EstimationError
        If there are no pairs.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267, section 4.
    abadie2011 : Abadie and Imbens (2011), Journal of Business & Economic Statistics 29(1), 1-11, equation 5.

    Examples
    --------
    >>> outcome = np.array([3.0, 5.0, 1.0, 2.0])
    >>> matched_difference(outcome, np.array([0, 1]), np.array([2, 3])).value
    2.5
    """
    if not len(lead):
        raise EstimationError("There are no pairs.", "Widen the caliper.")
    parts = equal_shares(lead) if share is None else share
    shift = np.zeros(len(outcome)) if predicted is None else predicted
    apart = outcome[lead] - outcome[partner] - shift[lead] + shift[partner]
    treated, own = np.unique(lead, return_inverse=True)
    effect: Floats = np.bincount(own, weights=parts * apart).astype(np.float64)
    value = float(effect.mean())
    counts, squares = match_counts(partner, parts, len(outcome))
    if residual is None:
        residual = np.full(len(outcome), pair_variance(apart - value, parts))
    variance = abadie_imbens_variance(effect - value, counts, squares, residual) / len(treated) ** 2
    return MatchedDifference(value, float(np.sqrt(variance)))


def abadie_imbens_variance(effect: Floats, counts: Floats, squares: Floats, residual: Floats) -> float:
    r"""Sum the variance of matching with replacement.

    .. math:: \sum_{i: A_i = 1} (\hat\tau_i - \hat\tau)^2 + \sum_{j: A_j = 0} (K_j^2 - K'_j)\, \hat\sigma^2_j

    with :math:`K_j = \sum s_{ij}` the times a comparison unit is used and :math:`K'_j = \sum s_{ij}^2`. The first sum
    counts each use of a comparison unit as if it were another; the second adds what they have in common.

    Parameters
    ----------
    effect : (t,) floats
        Difference of each treated unit from its matches, less the mean difference.
    counts, squares : (n,) floats
        :math:`K` and :math:`K'`, 0 where a unit is not used as a match: see ``match_counts``.
    residual : (n,) floats
        Variance of the outcome given the covariates.

    Returns
    -------
    float
        The variance, times the squared number of the treated where effects are not divided by it.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267, theorem 7.
    """
    return float((effect**2).sum() + ((counts**2 - squares) * residual).sum())


def match_counts(partner: Indices, share: Floats, n: int) -> tuple[Floats, Floats]:
    """Return how often each of n units is used as a match, and the same with squared shares."""
    counts = np.bincount(partner, weights=share, minlength=n).astype(np.float64)
    return counts, np.bincount(partner, weights=share**2, minlength=n).astype(np.float64)


def equal_shares(lead: Indices) -> Floats:
    """Return 1 / (pairs of the treated unit) for each pair."""
    shares: Floats = 1.0 / np.bincount(lead)[lead]
    return shares


def pair_variance(apart: Floats, share: Floats) -> float:
    r"""Return half the mean squared difference within pairs: the variance of the outcome, if it is the same for all.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), section 4.1; as in ``Matching::Match(var.calc = 0)``.
    """
    return float((share * apart**2).sum() / (2.0 * share.sum()))


def neighbour_variance(value: Floats, points: Floats, *, neighbours: int = 2) -> Floats:
    r"""Estimate the variance of a value given the covariates from the nearest units of the same arm.

    .. math:: \hat\sigma^2_j = \frac{J}{J+1} \Big( v_j - \frac{1}{J} \sum_{l \in N(j)} v_l \Big)^2

    where :math:`N(j)` holds all units as near as the ``neighbours``-th nearest, ties included.

    Parameters
    ----------
    value : (n,) floats
        Values of the units of one arm.
    points : (n, d) floats
        Points whose plain distance was matched on.
    neighbours : int
        Least number of neighbours.

    Returns
    -------
    (n,) floats
        Noisy for each unit, right on average.

    Raises
    ------
    EstimationError
        If there is only one unit.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267, equation 14.

    Examples
    --------
    >>> neighbour_variance(np.array([1.0, 3.0, 8.0]), np.array([[0.0], [0.1], [5.0]]), neighbours=1)
    array([ 2. ,  2. , 12.5])
    """
    if len(value) < 2:
        raise EstimationError("One comparison unit stands for all the treated: there is no variance.", "Widen the caliper.")
    profiles, own, size = np.unique(np.round(points, 8), axis=0, return_inverse=True, return_counts=True)
    own = own.ravel()
    total = np.bincount(own, weights=value)
    asked = min(neighbours + _SURPLUS, len(profiles))
    near, found = cKDTree(profiles).query(profiles, k=np.arange(1, asked + 1))
    within = np.cumsum(size[found], axis=1) > neighbours
    # The radius is that of the first profile with which there are enough units besides the unit itself.
    reach = np.where(within.any(axis=1), np.argmax(within, axis=1), asked - 1)
    distance = np.round(near, 8)
    inside = distance <= distance[np.arange(len(profiles)), reach][:, None]
    others = (np.where(inside, size[found], 0).sum(axis=1) - 1)[own]
    mean = (np.where(inside, total[found], 0.0).sum(axis=1)[own] - value) / others
    variance: Floats = others / (others + 1.0) * (value - mean) ** 2
    return variance


def predict_untreated(outcome: Floats, covariates: Floats, lead: Indices, partner: Indices, share: Floats) -> Floats:
    r"""Predict everybody's outcome without treatment, by least squares on the comparison units as matched.

    Parameters
    ----------
    outcome : (n,) floats
        Outcomes.
    covariates : (n, k) floats
        What was matched on.
    lead, partner : (m,) integers
        Positions of the treated and of the comparison unit of each pair.
    share : (m,) floats
        What a pair counts.

    Returns
    -------
    (n,) floats
        Predictions; a comparison unit counts as often as it was used.

    References
    ----------
    abadie2011 : Abadie and Imbens (2011), Journal of Business & Economic Statistics 29(1), 1-11, section 3.
    """
    x = np.column_stack([np.ones(len(outcome)), covariates])
    root = np.sqrt(share)
    slope = np.linalg.lstsq(x[partner] * root[:, None], outcome[partner] * root, rcond=None)[0]
    predicted: Floats = x @ slope
    return predicted


def centre_within_strata(influence: Floats, stratum: Indices, treated: Flags, target: Flags) -> Floats:
    r"""Allow for weights that follow from the numbers of both arms in each stratum.

    A weight :math:`N_s / n_{as}` depends on who is in stratum s. With :math:`\phi` the influence with weights taken
    as known,

    .. math:: \tilde\phi_i = \phi_i + \frac{T_i}{N_s} \sum_{j \in s} \phi_j
        - \frac{1}{n_{as}} \sum_{j \in s,\, A_j = A_i} \phi_j

    which is the correction of stacked M-estimation for the logarithms of the counts.

    Parameters
    ----------
    influence : (n,) floats
        Influence with weights taken as known.
    stratum : (n,) integers
        -1 outside.
    treated, target : (n,) booleans
        Who started the programme, and whom the effect is about.

    Returns
    -------
    (n,) floats
        Corrected influence; outside the strata as it was.

    References
    ----------
    stefanski2002 : Stefanski and Boos (2002), The American Statistician 56(1), 29-38.
    """
    inside = stratum >= 0
    own = stratum[inside]
    corrected = influence.copy()
    whole = np.bincount(own, weights=influence[inside])
    about = np.bincount(stratum[inside & target], minlength=len(whole))
    corrected[inside & target] += (whole / np.maximum(about, 1))[stratum[inside & target]]
    for arm in (treated, ~treated):
        part = inside & arm
        total = np.bincount(stratum[part], weights=influence[part], minlength=len(whole))
        number = np.bincount(stratum[part], minlength=len(whole))
        corrected[part] -= (total / np.maximum(number, 1))[stratum[part]]
    return corrected
