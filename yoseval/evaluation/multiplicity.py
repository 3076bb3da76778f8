"""Corrections for many tests: Holm within a programme, Benjamini-Hochberg across programmes."""

from collections.abc import Sequence

import numpy as np

from yoseval.arrays import Floats


def holm(p_values: Sequence[float]) -> Floats:
    """Return p-values adjusted by Holm's step-down method; those not made stay empty and do not count.

    References
    ----------
    holm1979 : Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04]).tolist()
    [0.02, 0.04]
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float]) -> Floats:
    """Return p-values adjusted for the false discovery rate; those not made stay empty and do not count.

    References
    ----------
    benjamini1995 : Benjamini and Hochberg (1995), JRSS B 57(1), 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04]).tolist()
    [0.02, 0.04]
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float], method: str) -> Floats:
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 - a second of import, needed here only

    p = np.asarray(p_values, dtype=np.float64)
    made = np.isfinite(p)
    adjusted = np.full(p.shape, np.nan)
    if made.any():
        adjusted[made] = multipletests(p[made], method=method)[1]
    return adjusted
