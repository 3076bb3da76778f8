"""Leave out units whose score is so near 0 or 1 that next to nobody of the other arm is like them.

Takes scores and arms and a rule; tells who stays, and why the others left. It changes whom an effect is about.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.design.menu import is_share
from yoseval.errors import DesignError, UsageError

MUST_BE = "'crump', a share between 0 and 0.5 such as 0.05, or None"


@dataclass(frozen=True, slots=True, eq=False)
class Trimmed:
    """Who stays: ``kept`` (n,) booleans, the range of scores from ``low`` to ``high`` they lie in, and the rule in words."""

    kept: Flags
    low: float
    high: float
    rule: str

    @property
    def reason(self) -> str:
        """Why the others left; edges to two decimals, so that they are nobody's score."""
        return f"score below {self.low:.2f} or above {self.high:.2f} ({self.rule})"


def trim_scores(score: Floats, treated: Flags, rule: str | float | None, estimand: str) -> Trimmed:
    """Find the units that a rule keeps.

    Parameters
    ----------
    score : (n,) floats
        Propensity scores, strictly between 0 and 1.
    treated : (n,) booleans
        True where the unit started the programme.
    rule : str, float or None
        ``crump``, a share such as 0.05 for ``quantile_bounds``, or None to keep everybody.
    estimand : str
        ``ATT``, ``ATE`` or ``ATC``: what Crump's rule makes most precise.

    Returns
    -------
    Trimmed
        Who stays.

    Raises
    ------
    UsageError
        If the rule is none of these.
    DesignError
        If a rule leaves an arm empty.
    """
    require_rule(rule)
    if rule is None:
        return Trimmed(np.ones(len(score), dtype=bool), 0.0, 1.0, "")
    low, high = crump_bounds(score, treated, estimand) if isinstance(rule, str) else quantile_bounds(score, treated, rule)
    kept = (score >= low) & (score <= high)
    if not (kept & treated).any() or not (kept & ~treated).any():
        raise DesignError("Trimming by the propensity score leaves one of the two groups empty.", "Trim less, or not at all.")
    words = "Crump's rule" if isinstance(rule, str) else f"beyond the share of {rule:g} of the other group"
    return Trimmed(kept, low, high, words)


def require_rule(rule: object) -> None:
    """Refuse a rule of trimming there is not.

    Raises
    ------
    UsageError
        Naming what there is.
    """
    if not is_rule(rule):
        raise UsageError(f"'trim' is {rule!r}.", f"It must be {MUST_BE}.")


def is_rule(rule: object) -> bool:
    """Tell whether a rule of trimming is one there is."""
    return rule is None or (isinstance(rule, str) and rule == "crump") or is_share(rule)


def quantile_bounds(score: Floats, treated: Flags, share: float) -> tuple[float, float]:
    """Return the ``share`` quantile of the treated scores and the 1 - ``share`` quantile of the comparison ones.

    References
    ----------
    sturmer2010 : Stürmer, Rothman, Avorn and Glynn (2010), American Journal of Epidemiology 172(7), 843-854.

    Examples
    --------
    >>> quantile_bounds(np.array([0.3, 0.5, 0.1, 0.6]), np.array([True, True, False, False]), 0.25)
    (0.35, 0.475)
    """
    return float(np.quantile(score[treated], share)), float(np.quantile(score[~treated], 1.0 - share))


def crump_bounds(score: Floats, treated: Flags, estimand: str = "ATE") -> tuple[float, float]:
    r"""Find the range of scores in which the effect can be estimated most precisely.

    With :math:`k(e) = 1/\{e(1-e)\}` for ATE the set is :math:`\{k(e) \le \gamma\}`, with the :math:`\gamma` that gives the
    least variance, :math:`\sum_{k_i \le \gamma} k_i / (\sum_{k_i \le \gamma} 1)^2`; in a large sample

    .. math:: \gamma = 2\, \frac{\sum_{k_i \le \gamma} k_i}{\sum_{k_i \le \gamma} 1} .

    By the same argument :math:`k(e) = 1/(1-e)` and sums over the treated for ATT, :math:`k(e) = 1/e` and sums over the
    comparison units for ATC.

    Parameters
    ----------
    score : (n,) floats
        Propensity scores, strictly between 0 and 1.
    treated : (n,) booleans
        True where the unit started the programme.
    estimand : str
        ``ATE``, ``ATT`` or ``ATC``.

    Returns
    -------
    low, high : float
        From 0 to 1.

    References
    ----------
    crump2009 : Crump, Hotz, Imbens and Mitnik (2009), Biometrika 96(1), 187-199, theorem 1 and corollary 1.

    Examples
    --------
    >>> crump_bounds(np.array([0.5, 0.5, 0.4, 0.01]), np.array([True, False, True, False]))[0] > 0.01
    True
    """
    over = {
        "ATT": 1.0 / (1.0 - score[treated]),
        "ATC": 1.0 / score[~treated],
    }.get(estimand, 1.0 / (score * (1.0 - score)))
    gamma = _threshold(over)
    if gamma is None:
        return 0.0, 1.0
    if estimand == "ATT":
        return 0.0, 1.0 - 1.0 / gamma
    if estimand == "ATC":
        return 1.0 / gamma, 1.0
    # e (1 - e) >= 1 / gamma between the two roots.
    reach = float(np.sqrt(max(0.25 - 1.0 / gamma, 0.0)))
    return 0.5 - reach, 0.5 + reach


def _threshold(k: Floats) -> float | None:
    """Return the bound below which the sum of k over the squared number is least; None where that is all of them."""
    ordered = np.sort(k)
    numbers = np.arange(1, len(k) + 1)
    least = ordered[np.argmin(np.cumsum(ordered) / numbers**2)]
    last = int(np.searchsorted(ordered, least, side="right")) - 1  # equal units stay or leave together
    if last == len(k) - 1:
        return None
    inside, outside = float(ordered[last]), float(ordered[last + 1])
    room = outside - inside
    # The theorem's bound; in a sample it may fall beside the gap between who stays and who does not.
    return float(np.clip(2.0 * ordered[: last + 1].mean(), inside + 1e-6 * room, outside - 1e-6 * room))
