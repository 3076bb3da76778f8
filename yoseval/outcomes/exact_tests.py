"""Tests that need no large sample: exact and permutation tests inside matched sets, and the 2 x 2 table of pairs.

Takes outcomes, arms and the numbers of sets and gives p-values and limits that hold at any size. A table without sets is one
set, which is Fisher's test. Units in no set (-1) are not used; weights do not enter: inside a set, every allocation is
as likely.
"""

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from math import comb, prod

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError

SAME = 1e-7  # relative difference within which two probabilities are tied, as in R
MOST_ARRANGEMENTS = 20_000
"""Allocations up to which a permutation test goes through all of them."""
_FARTHEST = 40.0  # logarithm of an odds ratio beyond which a limit is infinite


@dataclass(frozen=True, slots=True)
class ExactTest:
    """A test of no effect on an event, given how many of each set had it, with the conditional odds ratio.

    Parameters
    ----------
    events, expected : float
        Treated units with the event: seen, and expected without an effect.
    p_value, p_mid : float
        Two-sided: allocations no likelier than the one seen; with half of those as likely, the mid-p.
    odds_ratio, conf_low, conf_high : float
        Conditional maximum likelihood, 0 or infinite at an edge, and exact limits.
    """

    events: float
    expected: float
    p_value: float
    p_mid: float
    odds_ratio: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class PairsTable:
    """The 2 x 2 table of an event in matched pairs, with everything that is tested of it.

    Parameters
    ----------
    pairs, both, treated_only, comparison_only, neither : int
        Pairs by who had the event.
    risk_treated, risk_comparison, risk_difference, risk_ratio : float
        Of the two margins.
    std_error : float
        Of the difference.
    odds_ratio, std_error_log_odds_ratio, conf_low, conf_high : float
        Conditional odds ratio, the ratio of the two kinds of discordant pairs, and its exact limits.
    chisq, chisq_continuity, p_value, p_continuity : float
        McNemar's test, without and with the continuity correction.
    p_exact, p_mid : float
        Of the binomial test of the discordant pairs.
    """

    pairs: int
    both: int
    treated_only: int
    comparison_only: int
    neither: int
    risk_treated: float
    risk_comparison: float
    risk_difference: float
    risk_ratio: float
    std_error: float
    odds_ratio: float
    std_error_log_odds_ratio: float
    conf_low: float
    conf_high: float
    chisq: float
    chisq_continuity: float
    p_value: float
    p_continuity: float
    p_exact: float
    p_mid: float


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A test of no effect on an outcome of any kind.

    Parameters
    ----------
    difference : float
        Mean over treated units of their outcome less the mean of the comparison units in their set.
    p_value : float
        Two-sided.
    arrangements : int
        Allocations gone through, or drawn.
    is_exact : bool
        True where these are all that there are.
    """

    difference: float
    p_value: float
    arrangements: int
    is_exact: bool


def exact_set_test(event: Flags, treated: Flags, set_id: Indices, *, conf_level: float = 0.95) -> ExactTest:
    r"""Test for no effect inside matched sets by the exact distribution of the number of treated events.

    Given the size :math:`n_s`, treated :math:`m_s` and events :math:`e_s` of each set, without an effect
    :math:`T = \sum_s T_s` with independent hypergeometric :math:`T_s`: their convolution. With odds ratio :math:`\psi` each
    probability is tilted by :math:`\psi^t`, which gives the estimate and, by inversion, the limits.

    Parameters
    ----------
    event, treated : (n,) booleans
        Who had the event, and who started the programme.
    set_id : (n,) integers
        The set of each unit; -1 = none. All the same = Fisher's test.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    ExactTest
        For pairs, McNemar's exact test and the Clopper-Pearson limits of the discordant pairs.

    Raises
    ------
    EstimationError
        If no set holds both arms and both outcomes.

    References
    ----------
    agresti2013 : Agresti (2013), Categorical Data Analysis, 3rd ed., sections 7.3.5 and 11.1.
    gart1970 : Gart (1970), Biometrika 57(3), 471-475.

    Examples
    --------
    >>> event = np.array([True, False, True, False, True, False])
    >>> exact_set_test(event, np.array([True, False] * 3), np.array([0, 0, 1, 1, 2, 2])).p_value
    0.25
    """
    sizes, n_treated, n_events, seen = _margins(event, treated, set_id)
    low = int(np.maximum(0, n_treated + n_events - sizes).sum())
    share = _distribution(sizes, n_treated, n_events)
    support = low + np.arange(share.size)
    at = int(seen.sum()) - low
    less_likely = float(share[share <= share[at] * (1.0 + SAME)].sum())
    as_likely = float(share[np.abs(share - share[at]) <= share[at] * SAME].sum())
    tail = (1.0 - conf_level) / 2.0
    return ExactTest(
        float(seen.sum()),
        float(support @ share),
        min(less_likely, 1.0),
        min(less_likely - as_likely / 2.0, 1.0),
        _estimate(share, at),
        0.0 if at == 0 else _limit(share, slice(at, None), tail),
        np.inf if at == share.size - 1 else _limit(share, slice(None, at + 1), tail),
    )


def _margins(event: Flags, treated: Flags, set_id: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """Return size, treated, events and treated events of each set that tells anything."""
    used = set_id >= 0
    code = np.unique(set_id[used], return_inverse=True)[1].ravel()
    n_sets = int(code.max(initial=-1)) + 1
    kinds = (used, treated, event, treated & event)
    size, arm, events, seen = (np.bincount(code[kept[used]], minlength=n_sets) for kept in kinds)
    tells = (arm > 0) & (arm < size) & (events > 0) & (events < size)
    if not tells.any():
        raise EstimationError("No matched set holds both arms and both outcomes.", "Use a larger group or another design.")
    return size[tells], arm[tells], events[tells], seen[tells]


def _distribution(sizes: Indices, n_treated: Indices, n_events: Indices) -> Floats:
    """Convolve the sets' hypergeometric distributions; sets of one kind together, by repeated squaring."""
    kinds, times = np.unique(np.column_stack([sizes, n_treated, n_events]), axis=0, return_counts=True)
    parts = [_repeated(_hypergeometric(*(int(k) for k in kind)), int(n)) for kind, n in zip(kinds, times, strict=True)]
    # The short ones first: the product of all costs least so. Sums of positive numbers keep every tail exact.
    return reduce(np.convolve, sorted(parts, key=len))


def _hypergeometric(size: int, n_treated: int, n_events: int) -> Floats:
    support = np.arange(max(0, n_treated + n_events - size), min(n_treated, n_events) + 1)
    share: Floats = stats.hypergeom.pmf(support, size, n_events, n_treated)
    return share


def _repeated(share: Floats, times: int) -> Floats:
    found = np.ones(1)
    while times:
        if times % 2:
            found = np.convolve(found, share)
        times //= 2
        if times:
            share = np.convolve(share, share)
    return found


def _tilted(share: Floats, log_odds: float) -> Floats:
    """Return the distribution under an odds ratio."""
    with np.errstate(divide="ignore"):
        log_share = np.log(share) + log_odds * np.arange(share.size)
    tilted = np.exp(log_share - log_share.max())
    found: Floats = tilted / tilted.sum()
    return found


def _estimate(share: Floats, at: int) -> float:
    if at in (0, share.size - 1):
        return 0.0 if at == 0 else np.inf
    place = np.arange(share.size)
    return float(np.exp(brentq(lambda b: _tilted(share, b) @ place - at, -_FARTHEST, _FARTHEST, xtol=1e-13)))


def _limit(share: Floats, side: slice, tail: float) -> float:
    """Return the odds ratio under which the side at or beyond what was seen has the probability ``tail``."""
    return float(np.exp(brentq(lambda b: _tilted(share, b)[side].sum() - tail, -_FARTHEST, _FARTHEST, xtol=1e-13)))


def pairs_table(both: int, treated_only: int, comparison_only: int, neither: int, *, conf_level: float = 0.95) -> PairsTable:
    r"""Describe and test the 2 x 2 table of matched pairs.

    With :math:`b` pairs in which only the treated unit had the event and :math:`c` in which only the comparison unit had,
    McNemar's :math:`X^2 = (b - c)^2 / (b + c)`, the exact test is that of :math:`b` out of :math:`b + c` against a half, and
    the limits of :math:`b / c` are :math:`q / (1 - q)` of Clopper and Pearson's.

    Parameters
    ----------
    both, treated_only, comparison_only, neither : int
        Numbers of pairs.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    PairsTable
        The table.

    Raises
    ------
    EstimationError
        If no pair is discordant.

    References
    ----------
    agresti2013 : Agresti (2013), Categorical Data Analysis, 3rd ed., section 11.1.

    Examples
    --------
    >>> round(pairs_table(158, 515, 290, 1134).chisq, 3)
    62.888
    """
    b, c, n = treated_only, comparison_only, both + treated_only + comparison_only + neither
    if b + c == 0:
        raise EstimationError("No pair is discordant, so nothing can be tested.", "Use a larger group.")
    risk_1, risk_0 = (both + b) / n, (both + c) / n
    tail = (1.0 - conf_level) / 2.0
    low = 0.0 if b == 0 else float(stats.beta.ppf(tail, b, c + 1))
    high = 1.0 if c == 0 else float(stats.beta.ppf(1.0 - tail, b + 1, c))
    chisq, corrected = (b - c) ** 2 / (b + c), max(abs(b - c) - 1, 0) ** 2 / (b + c)
    p_exact = float(stats.binomtest(b, b + c).pvalue)
    as_likely = float(stats.binom.pmf(b, b + c, 0.5)) * (1.0 if b == c else 2.0)
    return PairsTable(
        pairs=n,
        both=both,
        treated_only=b,
        comparison_only=c,
        neither=neither,
        risk_treated=risk_1,
        risk_comparison=risk_0,
        risk_difference=(b - c) / n,
        risk_ratio=risk_1 / risk_0 if risk_0 > 0 else np.inf,
        std_error=float(np.sqrt(b + c - (b - c) ** 2 / n) / n),
        odds_ratio=b / c if c else np.inf,
        std_error_log_odds_ratio=float(np.sqrt(1.0 / b + 1.0 / c)) if b and c else np.inf,
        conf_low=low / (1.0 - low),
        conf_high=high / (1.0 - high) if high < 1.0 else np.inf,
        chisq=chisq,
        chisq_continuity=corrected,
        p_value=float(stats.chi2.sf(chisq, 1)),
        p_continuity=float(stats.chi2.sf(corrected, 1)),
        p_exact=p_exact,
        p_mid=min(p_exact - as_likely / 2.0, 1.0),
    )


def permutation_test(
    outcome: Floats, treated: Flags, set_id: Indices, *, seed: int = 0, draws: int = 9_999, most: int = MOST_ARRANGEMENTS
) -> PermutationTest:
    r"""Test for no effect on any outcome by allocating the programme anew inside every set.

    The statistic is the mean over treated units of their outcome less the mean of the comparison units in their set. All
    allocations are gone through where there are at most ``most``; otherwise ``draws`` are drawn, and the one seen counts
    among them: :math:`p = (1 + \#\{|D_b| \ge |D|\}) / (1 + B)`.

    Parameters
    ----------
    outcome : (n,) floats
        Any numbers.
    treated : (n,) booleans
        True where the unit started the programme.
    set_id : (n,) integers
        The set of each unit; -1 = none.
    seed, draws, most : int
        Of the draws, how many, and the most allocations to go through.

    Returns
    -------
    PermutationTest
        The test.

    Raises
    ------
    EstimationError
        If no set holds both arms.

    References
    ----------
    rosenbaum2002 : Rosenbaum (2002), Observational Studies, 2nd ed., section 2.4.
    phipson2010 : Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1), article 39.

    Examples
    --------
    >>> sets, treated = np.array([0, 0, 1, 1]), np.array([True, False, True, False])
    >>> permutation_test(np.array([1.0, 3.0, 2.0, 5.0]), treated, sets)
    PermutationTest(difference=-2.5, p_value=0.5, arrangements=4, is_exact=True)
    """
    outcome, lever, sizes, n_treated = _by_set(outcome, treated, set_id)
    difference = float(outcome @ lever)
    reach = abs(difference) * (1.0 - SAME)
    arrangements = prod(comb(int(n), int(m)) for n, m in zip(sizes, n_treated, strict=True))
    if arrangements <= most:
        every = _every_difference(outcome, lever, sizes, n_treated)
        return PermutationTest(difference, float((np.abs(every) >= reach).mean()), arrangements, True)
    drawn = _drawn_differences(outcome, lever, sizes, np.random.default_rng(seed), draws)
    return PermutationTest(difference, float((1 + (np.abs(drawn) >= reach).sum()) / (1 + draws)), draws, False)


def _by_set(outcome: Floats, treated: Flags, set_id: Indices) -> tuple[Floats, Floats, Indices, Indices]:
    """Return outcomes set by set, the treated first, what each adds to the difference, and sizes and treated of the sets."""
    used = np.flatnonzero(set_id >= 0)
    order = used[np.lexsort((~treated[used], set_id[used]))]
    code = np.unique(set_id[order], return_inverse=True)[1].ravel()
    size, arm = np.bincount(code), np.bincount(code, treated[order]).astype(np.int64)
    tells = (arm > 0) & (arm < size)
    if not tells.any():
        raise EstimationError("No matched set holds both arms.", "Use a larger group or another design.")
    kept = tells[code]
    total = arm[tells].sum()
    lever = np.where(treated[order], 1.0, -(arm / np.maximum(size - arm, 1))[code]) / total
    return outcome[order][kept], lever[kept], size[tells], arm[tells]


def _every_difference(outcome: Floats, lever: Floats, sizes: Indices, n_treated: Indices) -> Floats:
    """Add up, over the sets, what each allocation of a set would give."""
    total = np.zeros(1)
    first = 0
    for size, m in zip(sizes.tolist(), n_treated.tolist(), strict=True):
        own, gain, loss = outcome[first : first + size], lever[first], lever[first + m]
        given = np.array([own[list(chosen)].sum() for chosen in combinations(range(size), m)])
        total = np.add.outer(total, gain * given + loss * (own.sum() - given)).ravel()
        first += size
    return total


def _drawn_differences(outcome: Floats, lever: Floats, sizes: Indices, random: np.random.Generator, draws: int) -> Floats:
    """Shuffle the outcomes inside every set; a few draws at a time, so that memory stays small."""
    code = np.repeat(np.arange(sizes.size), sizes).astype(np.float64)
    at_once = max(1, 2_000_000 // outcome.size)
    found = []
    for start in range(0, draws, at_once):
        keys = random.random((min(at_once, draws - start), outcome.size))
        keys += code
        found.append(outcome[np.argsort(keys, axis=1)] @ lever)
    return np.concatenate(found)
