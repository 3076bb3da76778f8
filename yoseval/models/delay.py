"""The distribution of a delay that is only seen once it is over: the product-limit curve in reverse time.

Takes delays, each seen because it was no longer than the time there was to see it, and gives the share of delays no
longer than any length. Cumulative sums over the distinct delays: O(n log n). It cannot see dates, offences or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError

_MOST_DAYS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class DelayFit:
    """The share of delays no longer than each of m lengths, among the delays up to the longest that can be seen.

    Parameters
    ----------
    days : (m,) floats
        Distinct delays, rising, in the unit they were given in.
    share_proven : (m,) floats
        Share of delays no longer than each of ``days``; 1 at the last. Below the first it is 0.
    std_error : (m,) floats
        Standard error of each share; 0 at the last, which is 1 by definition.
    n : int
        Delays used.
    longest : float
        Longest delay that can be seen, and the limit of what the shares are shares of. A delay longer than this is
        outside what the fit knows.
    """

    days: Floats
    share_proven: Floats
    std_error: Floats
    n: int
    longest: float


def fit_delay(delay: Floats, truncation: Floats, weight: Floats | None = None, *, min_at_risk: int = 1) -> DelayFit:
    r"""Estimate the distribution of delays that were seen only because they were over in time.

    Delay :math:`x_i` is seen only if :math:`x_i \le t_i`. With time running backwards right truncation becomes delayed
    entry, and with :math:`d_k` delays equal to :math:`x_{(k)}`, of :math:`n_k = \#\{i : x_i \le x_{(k)} \le t_i\}`,

    .. math:: \hat G(x) = \prod_{x_{(k)} > x} \left(1 - \frac{d_k}{n_k}\right), \qquad
              \widehat{\operatorname{Var}}\,\hat G(x) = \hat G(x)^2 \sum_{x_{(k)} > x} \frac{d_k}{n_k (n_k - d_k)} .

    This is :math:`P(X \le x \mid X \le x^*)`, with :math:`x^*` the longest delay that can be seen (``longest``): nothing
    in the records tells how many delays are longer. Where every delay at risk at some length equals that length, what
    is longer and what is shorter cannot be joined; the part with most delays is kept. Assumes that delays do not depend
    on their truncation: they were the same early and late.

    Parameters
    ----------
    delay : (n,) floats
        Delays, zero or more.
    truncation : (n,) floats
        The longest delay that would have been seen, at least ``delay``.
    weight : (n,) floats, optional
        How many cases each row stands for; 1 if absent. Rows of 0 are as if absent.
    min_at_risk : int
        ``longest`` is the longest delay at which so many rows are at risk. With few, single delays decide the level of
        the whole curve.

    Returns
    -------
    DelayFit
        The curve with Greenwood's standard errors.

    Raises
    ------
    EstimationError
        If a delay is negative or longer than its truncation, or never are ``min_at_risk`` rows at risk.

    References
    ----------
    lagakos1988 : Lagakos, Barraj and De Gruttola (1988), Biometrika 75(3), 515-523, section 2.
    kalbfleisch1989 : Kalbfleisch and Lawless (1989), JASA 84(406), 360-372, section 3.

    Examples
    --------
    >>> fit = fit_delay(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0]))
    >>> fit.days, fit.share_proven
    (array([1., 2.]), array([0.5, 1. ]))
    """
    cases = np.ones(delay.shape) if weight is None else weight
    used = cases > 0
    x, t, w = delay[used], truncation[used], cases[used]
    _require_seen(x, t)
    joined = _largest_part(x, t, w)
    x, t, w = x[joined], t[joined], w[joined]
    longest = _longest(x, t, min_at_risk)
    known = x <= longest
    return _curve(x[known], t[known], w[known], longest)


def share_by(fit: DelayFit, days: Floats) -> Floats:
    """Read the share of delays no longer than each of ``days``, (k,) floats; 1 beyond the longest delay seen.

    Examples
    --------
    >>> share_by(fit_delay(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0])), np.array([0.0, 1.5, 9.0]))
    array([0. , 0.5, 1. ])
    """
    levels = np.concatenate(([0.0], fit.share_proven))
    found: Floats = levels[np.searchsorted(fit.days, days, side="right")]
    return found


def _curve(x: Floats, t: Floats, w: Floats, longest: float) -> DelayFit:
    values, place = _distinct(x)
    ended = np.bincount(place, w).astype(np.float64)
    shorter = _at_risk(values, x, t, w) - ended
    # Nothing at risk is shorter than the first; the subtraction above leaves a rounding error there.
    shorter[0] = 0.0
    at_risk = shorter + ended
    # The factor of each delay belongs to all shorter ones: sum and multiply from the far end, the last one's own left out.
    factors = np.concatenate((shorter[1:] / at_risk[1:], [1.0]))
    terms = np.concatenate((ended[1:] / (at_risk[1:] * shorter[1:]), [0.0]))
    share = np.cumprod(factors[::-1], dtype=np.float64)[::-1]
    return DelayFit(values, share, share * np.sqrt(np.cumsum(terms[::-1])[::-1]), int(x.size), longest)


def _at_risk(values: Floats, x: Floats, t: Floats, w: Floats) -> Floats:
    """Sum the weights of rows with x <= value <= t, (m,) floats; what has t < value also has x < value."""
    begun = _below(x, w, values, "right")
    return begun - _below(t, w, values, "left")


def _below(moments: Floats, w: Floats, values: Floats, side: str) -> Floats:
    """Sum the weights of moments below each of the rising ``values``, with those at it where ``side`` is right."""
    from_here = np.searchsorted(values, moments, side="left" if side == "right" else "right")
    found: Floats = np.cumsum(np.bincount(from_here, w, minlength=values.size)[: values.size])
    return found


def _distinct(x: Floats) -> tuple[Floats, Indices]:
    """Return the distinct values, rising, and the place of each of x among them; whole days need no sorting."""
    whole = x.astype(np.int64)
    if not (whole == x).all() or whole.max() > _MOST_DAYS:
        values, place = np.unique(x, return_inverse=True)
        return values, place
    there = np.bincount(whole) > 0
    return np.flatnonzero(there).astype(np.float64), (np.cumsum(there) - 1)[whole]


def _largest_part(x: Floats, t: Floats, w: Floats) -> Flags:
    """Tell the rows of the part with most cases, where nothing joins the longer delays to the shorter."""
    values, place = _distinct(x)
    ones = np.ones_like(x)
    begins = _at_risk(values, x, t, ones) == np.bincount(place)
    part = (np.cumsum(begins) - 1)[place]
    found: Flags = part == np.bincount(part, w).argmax()
    return found


def _longest(x: Floats, t: Floats, min_at_risk: int) -> float:
    """Return the longest delay at which ``min_at_risk`` rows are at risk: a truncation time, where the number falls."""
    moments, _ = _distinct(t)
    enough = _at_risk(moments, x, t, np.ones_like(x)) >= min_at_risk
    if not enough.any():
        raise EstimationError(
            f"A distribution of delays needs {min_at_risk} that are at risk together; there are {x.size} in all.",
            "Take a longer period or a larger area.",
        )
    return float(moments[enough].max())


def _require_seen(x: Floats, t: Floats) -> None:
    if not x.size:
        raise EstimationError("A distribution of delays needs delays; there are none.", "Take a longer period.")
    wrong = ~((x >= 0) & (x <= t) & np.isfinite(t))
    if wrong.any():
        raise EstimationError(
            f"{int(wrong.sum())} of {x.size} delays are negative or longer than the time there was to see them (first in place "
            f"{int(np.flatnonzero(wrong)[0])}).",
            "Leave them out, or correct the dates.",
        )
