"""The naive comparison: everybody counts once, nothing is adjusted. It stands beside the designs, never instead."""

import numpy as np

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting


def unadjusted_design(cohort: Cohort) -> Design:
    """Return the design that compares the arms as they are.

    Examples
    --------
    >>> unadjusted_design(cohort).method  # doctest: +SKIP
    'unadjusted'
    """
    n = len(cohort.units)
    weighting = Weighting(np.ones(n), np.full(n, -1, dtype=np.int64), np.full(n, np.nan), "unadjusted")
    notes = ("Nothing is adjusted: the groups differ in more than the programme.",)
    return Design(cohort, "unadjusted", {}, weighting, "unadjusted", cohort.attrition, notes)
