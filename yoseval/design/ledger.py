"""The ledger of a design: for every child whether it was kept, why not, and how the kept differ from the dropped.

Takes a design; gives a private frame of units and a public frame of means. Who was dropped is part of the answer:
an effect is about those who are left.
"""

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.design.spreads import beyond_rounding, largest_values, real_difference, standardise
from yoseval.design.types import Design
from yoseval.frames import make_frame

NO_WEIGHT = "no weight"
TRIMMED = "trimmed"


def ledger_frame(design: Design) -> pd.DataFrame:
    """List every unit with its status and, where it is not used, the first reason.

    Parameters
    ----------
    design : Design
        Units, weights and reasons.

    Returns
    -------
    DataFrame
        The private frame ``ledger_units``: it never leaves the service. ``status`` is ``kept``, ``trimmed`` where the
        reason says so, or ``dropped``.

    Examples
    --------
    >>> ledger_frame(design).groupby("status").size()  # doctest: +SKIP
    """
    kept = design.weight > 0
    reason = np.where(kept, "", NO_WEIGHT).astype(object)
    named = kept.copy()
    for words, who in design.weighting.left:
        first = who & ~named
        reason[first] = words
        named |= who
    trimmed = np.array([str(r).startswith(TRIMMED) for r in reason], dtype=bool)
    status = np.where(kept, "kept", np.where(trimmed, "trimmed", "dropped"))
    units = design.cohort.units[["unit_id", "person_id", "treated"]]
    return make_frame("ledger_units", units.assign(status=status, reason=reason))


def kept_and_dropped(design: Design) -> pd.DataFrame:
    r"""Compare the covariates of the units that a design uses with those it does not, in each arm.

    The difference is standardised by the SD of all units of the arm, :math:`\sqrt{p(1-p)}` for a 0/1 term. Each unit
    counts once: this is about who was left out, not about weights.

    Parameters
    ----------
    design : Design
        Units and weights.

    Returns
    -------
    DataFrame
        The frame ``kept_and_dropped``: one row a term and arm. Means of nobody are not a number.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 6.

    Examples
    --------
    >>> kept_and_dropped(design).query("arm == 'treated'")  # doctest: +SKIP
    """
    matrix = design.cohort.matrix()
    is_flag = np.array([k != "numeric" for k in matrix.kinds], dtype=bool)
    kept = design.weight > 0
    parts = []
    for arm, inside in (("treated", design.treated), ("comparison", ~design.treated)):
        inner, outer = _mean(matrix.values, inside & kept), _mean(matrix.values, inside & ~kept)
        spread = _spread(matrix.values[inside], is_flag)
        smd = standardise(real_difference(inner - outer, largest_values(matrix.values, is_flag)), spread)
        columns = {
            "programme": design.cohort.programme,
            "arm": arm,
            "term": matrix.terms,
            "kind": matrix.kinds,
            "n_kept": int((inside & kept).sum()),
            "n_dropped": int((inside & ~kept).sum()),
            "mean_kept": inner,
            "mean_dropped": outer,
            "std_mean_diff": smd,
        }
        parts.append(pd.DataFrame(columns))
    return make_frame("kept_and_dropped", pd.concat(parts, ignore_index=True))


def _mean(values: Floats, who: Flags) -> Floats:
    mean: Floats = values[who].mean(axis=0) if who.any() else np.full(values.shape[1], np.nan)
    return mean


def _spread(values: Floats, is_flag: Flags) -> Floats:
    mean = values.mean(axis=0)
    variance = values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
    variance = np.where(is_flag, mean * (1.0 - mean), variance)
    return np.sqrt(beyond_rounding(variance, largest_values(values, is_flag), is_flag))
