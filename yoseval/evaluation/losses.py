"""Who was lost on the way to the comparison, against who was kept: the public frame ``lost``.

Takes built trials and their designs, and compares, for each arm and each reason, those who left with those who stayed. It
sees nothing that happened after time zero.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.covariates import NOT_RECORDED
from yoseval.cohort.eligibility import completed_years
from yoseval.cohort.exposure import NEVER
from yoseval.design.spreads import largest_values, real_difference, standard_deviations, standardise
from yoseval.design.types import Design
from yoseval.frames import make_frame

AGE = "age at time zero"
EVENTS = "number of index events"
ARMS = (("treated", True), ("comparison", False))
_EPOCH = np.datetime64("1970-01-01", "D")


def lost_frame(trial: BuiltTrial, design: Design | None = None) -> pd.DataFrame:
    r"""Compare those who left the flow with those who stayed, for each arm and reason.

    Before the design the kept are the eligible, and what is compared is what the records tell of every child: age, sex, area
    and the number of index events. At the design the kept are those with a weight, and the covariates are compared.
    With means :math:`\bar x` and variances :math:`s^2` of those who were lost and kept,

    .. math:: d = (\bar x_{lost} - \bar x_{kept}) / \sqrt{(s_{lost}^2 + s_{kept}^2) / 2} .

    Parameters
    ----------
    trial : BuiltTrial
        One programme's.
    design : Design, optional
        Its design, where one was built.

    Returns
    -------
    DataFrame
        The public frame ``lost``. A share that is the same for all has no standardised difference.

    References
    ----------
    austin2009 : Austin (2009), Statistics in Medicine 28, 3083-3107, equations 1 and 2.

    Examples
    --------
    >>> lost_frame(trial, emulated.design)  # doctest: +SKIP
    """
    rows = [*_before_design(trial), *(_at_design(design) if design is not None else ())]
    return make_frame("lost", pd.DataFrame(rows).assign(programme=trial.protocol.programme) if rows else {})


def known_of_all(candidates: pd.DataFrame) -> dict[str, tuple[str, Floats]]:
    """Return what is known of every candidate, by term: its kind and n values, not-a-number where it is not known.

    Parameters
    ----------
    candidates : DataFrame
        Of a ``BuiltTrial``.
    """
    zero = candidates["time_zero"].to_numpy(dtype=np.int64)
    born = candidates["birth"].to_numpy(dtype=np.int64)
    known = (zero != NEVER) & (born != NEVER)
    dates = _EPOCH + np.where(known, born, 0).astype("timedelta64[D]")
    ages = completed_years(dates, np.where(known, zero, NEVER)).astype(np.float64)
    return {
        AGE: ("numeric", np.where(known, ages, np.nan)),
        EVENTS: ("numeric", candidates["n_events"].to_numpy(dtype=np.float64)),
        **_levels("sex", candidates["sex"]),
        **_levels("area", candidates["area"]),
    }


def _levels(name: str, values: pd.Series) -> dict[str, tuple[str, Floats]]:
    """Return a 0/1 term for each level that is there, also for 'not recorded': levels add up to everybody."""
    texts = values.astype(object).where(values.notna(), NOT_RECORDED).map(str)
    return {f"{name}: {v}": ("binary", (texts == v).to_numpy(dtype=np.float64)) for v in sorted(texts.unique())}


def _before_design(trial: BuiltTrial) -> Iterator[dict[str, object]]:
    candidates = trial.candidates
    terms = known_of_all(candidates)
    stage, reason = (candidates[c].to_numpy(dtype=object) for c in ("stage", "reason"))
    treated = candidates["treated"].to_numpy(dtype=bool)
    for arm, is_treated in ARMS:
        mine = treated == is_treated
        for step in trial.flow.loc[trial.flow["arm"] == arm].to_dict("records"):
            lost = mine & (stage == step["stage"]) & (reason == step["reason"])
            # Whoever left for want of an index event has none, by definition.
            told = {t: v for t, v in terms.items() if step["stage"] != "index" or t != EVENTS}
            yield from _compared(arm, step["stage"], step["reason"], told, lost, mine & (stage == ""))


def _at_design(design: Design) -> Iterator[dict[str, object]]:
    matrix = design.cohort.matrix()
    columns = zip(matrix.terms, matrix.kinds, matrix.values.T, strict=True)
    terms: dict[str, tuple[str, Floats]] = {t: (str(k), v.astype(np.float64)) for t, k, v in columns}
    for arm, is_treated in ARMS:
        mine = design.treated == is_treated
        kept = mine & (design.weight > 0)
        for reason, left in design.weighting.left:
            yield from _compared(arm, "design", reason, terms, mine & left, kept)


def _compared(
    arm: str, stage: str, reason: str, terms: dict[str, tuple[str, Floats]], lost: Flags, kept: Flags
) -> Iterator[dict[str, object]]:
    """Return one row a term that is known of both; none where nobody was lost or nobody was kept."""
    for term, (kind, values) in terms.items():
        own, others = _known(values, lost), _known(values, kept)
        if own.size and others.size:
            yield {
                "arm": arm,
                "stage": stage,
                "reason": reason,
                "term": term,
                "kind": kind,
                "mean_kept": float(others.mean()),
                "mean_lost": float(own.mean()),
                "n_kept": int(kept.sum()),
                "n_lost": int(lost.sum()),
                "std_mean_diff": standardised_difference(own, others),
            }


def _known(values: Floats, who: Flags) -> Floats:
    own: Floats = values[who]
    return own[~np.isnan(own)]


def standardised_difference(lost: AnyArray, kept: AnyArray) -> float:
    """Return the difference of means over the root of the mean variance; not-a-number where neither varies.

    Parameters
    ----------
    lost, kept : (n,), (m,) floats
        Values; variances divide by n and m.

    Examples
    --------
    >>> standardised_difference(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    1.0
    """
    groups = [values.astype(np.float64)[:, None] for values in (lost, kept)]
    largest = np.max([largest_values(g, np.array([False])) for g in groups], axis=0)
    spread = np.sqrt(np.mean([standard_deviations(g) ** 2 for g in groups], axis=0))
    return float(standardise(real_difference(lost.mean() - kept.mean(), largest), spread)[0])
