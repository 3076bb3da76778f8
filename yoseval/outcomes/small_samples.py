"""How small a sample may be, and which interval it gets: every threshold of both, in one place.

Two questions, in this order. May anything be said of a programme? Not where a gate fails: an interval cannot then be trusted,
whatever it says.

=====================================================  =================================
gate                                                   code of the reason
=====================================================  =================================
``MIN_TREATED`` treated units                          ``too_few_treated``
``MIN_EFFECTIVE_COMPARISON`` effective comparison      ``too_few_comparison``
``MIN_EVENTS`` units with the event in each arm        ``too_few_events``
``MIN_NON_EVENTS`` units without it in each arm        ``too_few_events``
=====================================================  =================================

And by which interval? Always with a t quantile of min(effective comparison size, treated units) - 1 degrees of freedom.

=========================================================  ===================  ==========================================
design                                                     interval             beside it
=========================================================  ===================  ==========================================
matching with replacement, of any size                     ``abadie_imbens``    nothing: no resampling is valid
fewer than ``FEW_CLUSTERS`` taught groups or areas         ``cr2``              exact test inside sets, of binary outcomes
smaller arm's effective size below ``SMALL_SAMPLE``        ``jackknife``        exact test inside sets, of binary outcomes
fewer than ``FEW_CLUSTERS`` matched sets in an arm         ``cr2``              exact test inside sets, of binary outcomes
all others                                                 ``sandwich``         exact test inside sets, of binary outcomes
=========================================================  ===================  ==========================================

Groups come before sizes: the degrees of freedom of CR2 count clusters, those of the jackknife count children. With replacement
and with groups, the larger of both variances is taken.

Exact limits (`outcomes.exact_tests`) are of a conditional odds ratio, which is another quantity than any measure of the menu:
so they are never the primary interval. Where a gate fails they are all that can be computed, and no verdict rests on them.
"""

import math
from typing import Literal

from yoseval.models.few_clusters import FEW_CLUSTERS

IntervalKind = Literal["abadie_imbens", "cr2", "jackknife", "sandwich"]

MIN_TREATED = 30
"""Treated units, below which a programme is not evaluated."""

MIN_EFFECTIVE_COMPARISON = 30
"""Effective comparison units, below which a programme is not evaluated."""

MIN_EVENTS = 10
"""Units with the outcome in each arm, below which it is not evaluated."""

MIN_NON_EVENTS = 10
"""Units without the outcome in each arm, below which it is not evaluated."""

SMALL_SAMPLE = 100.0
"""Effective size of the smaller arm below which the jackknife replaces the sandwich.

With poor overlap and a few dozen treated units, sandwich 95 % intervals cover 84 to 90 %; the jackknife with
the t quantile covers 94 to 98 %.
"""


def interval_kind(
    treated_size: float,
    comparison_size: float,
    *,
    with_replacement: bool = False,
    fewest_clusters: float = math.inf,
    has_groups: bool = False,
) -> IntervalKind:
    """Return which interval a design calls for, by the table above.

    Parameters
    ----------
    treated_size, comparison_size : float
        Effective sizes of the arms.
    with_replacement : bool
        True where comparison units were matched with replacement.
    fewest_clusters : float
        Clusters of the arm that has fewest, on the coarsest level of dependence.
    has_groups : bool
        True where that level is a taught group or an area that the study names.

    Examples
    --------
    >>> interval_kind(60.0, 400.0), interval_kind(100.0, 100.0)
    ('jackknife', 'sandwich')
    """
    if with_replacement:
        return "abadie_imbens"
    is_few, is_small = fewest_clusters < FEW_CLUSTERS, min(treated_size, comparison_size) < SMALL_SAMPLE
    if is_small and not (is_few and has_groups):
        return "jackknife"
    return "cr2" if is_few else "sandwich"


def variance_of_certainty(share: float, effective_n: float) -> float:
    r"""Return the variance of a share that is 0 or 1 in the sample, where influence values see none; otherwise 0.

    .. math:: \frac{\tilde p (1 - \tilde p)}{n + 2}, \qquad \tilde p = \frac{1}{n + 2}

    the variance after one unit with the outcome and one without are added.

    Parameters
    ----------
    share : float
        Of the arm, 0 to 1.
    effective_n : float
        Effective size of the arm.

    References
    ----------
    agresti2000 : Agresti and Caffo (2000), The American Statistician 54(4), 280-288.

    Examples
    --------
    >>> round(variance_of_certainty(0.0, 48.0), 6), variance_of_certainty(0.2, 48.0)
    (0.000392, 0.0)
    """
    if 0.0 < share < 1.0 or math.isnan(share):
        return 0.0
    near = 1.0 / (effective_n + 2.0)
    return near * (1.0 - near) / (effective_n + 2.0)


def size_reasons(n_treated: float, n_comparison: float) -> tuple[str, ...]:
    """Return the codes of the gates that sizes fail: none where they are large enough.

    Examples
    --------
    >>> size_reasons(12, 400)
    ('too_few_treated',)
    """
    few = [("too_few_treated", n_treated < MIN_TREATED), ("too_few_comparison", n_comparison < MIN_EFFECTIVE_COMPARISON)]
    return tuple(code for code, is_few in few if is_few)


def event_reasons(events: tuple[int, int], sizes: tuple[int, int]) -> tuple[str, ...]:
    """Return the code of the gates on units with and without the outcome, given those and all units of both arms.

    Examples
    --------
    >>> event_reasons((40, 25), (48, 400))
    ('too_few_events',)
    """
    without = min(n - k for n, k in zip(sizes, events, strict=True))
    return ("too_few_events",) if min(events) < MIN_EVENTS or without < MIN_NON_EVENTS else ()
