"""What is asked of nearest matching, as arrays: cells, calipers, columns that must differ, ratios and turns.

Takes a cohort, its propensity score and the options of the menu; gives what the leaves of nearest matching take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates, is_category
from yoseval.design.distances import POINTS
from yoseval.design.menu import names_in
from yoseval.design.propensity import Propensity
from yoseval.errors import UsageError

SCORES = ("logit", "score")
DISTANCES = (*SCORES, *POINTS)
SCORE = "propensity score"  # the key of a caliper on the score in a mapping of calipers
Caliper = float | Mapping[str, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Calipers:
    """The calipers of a design.

    Parameters
    ----------
    score : float or None
        Width on the score's scale.
    values : (n, c) floats
        Covariates with calipers of their own.
    widths : (c,) floats
        Their widths; a negative one is the least difference allowed.
    missing : (n, c) booleans
        Where they are not recorded.
    notes : tuple of str
        The calipers in words.
    """

    score: float | None
    values: Floats
    widths: Floats
    missing: Flags
    notes: tuple[str, ...]

    @property
    def any_covariate(self) -> bool:
        """True where a covariate has a caliper of its own."""
        return len(self.widths) > 0


def score_on_scale(propensity: Propensity, scale: str) -> Floats:
    """Return the propensity score or its logit, (n,) floats rounded to 8 decimals."""
    return propensity.linear if scale == "logit" else np.round(propensity.score, 8)


def exact_cells(cohort: Cohort, exact: Sequence[str] | str, missing: Flags | None = None) -> Indices:
    """Give each combination of the exact columns a number; an empty cell of the table is a value of its own.

    Parameters
    ----------
    cohort : Cohort
        The n units.
    exact : str or sequence of str
        Columns of the cohort.
    missing : (n, c) booleans, optional
        Further columns that must agree.

    Returns
    -------
    (n,) integers
        Numbers from 0.

    Raises
    ------
    UsageError
        If a column is not there.
    """
    columns = list(names_in(exact))
    require_columns(cohort, columns, "match exactly on")
    table = cohort.units[columns]
    if missing is not None and missing.any():
        table = table.assign(**{f"\0{j}": missing[:, j] for j in range(missing.shape[1])})
    if not len(table.columns):
        return np.zeros(len(cohort.units), dtype=np.int64)
    numbered = table.groupby(list(table.columns), dropna=False, sort=False, observed=True).ngroup()
    cells: Indices = numbered.to_numpy().astype(np.int64)
    return cells


def antiexact_codes(cohort: Cohort, antiexact: Sequence[str] | str) -> Indices:
    """Return the columns that must differ within a pair as (n, q) integers; an empty cell is a value of its own."""
    columns = list(names_in(antiexact))
    require_columns(cohort, columns, "keep apart")
    codes = [pd.factorize(cohort.units[c], use_na_sentinel=False)[0] for c in columns]
    return np.column_stack(codes).astype(np.int64) if codes else np.zeros((len(cohort.units), 0), dtype=np.int64)


def require_columns(cohort: Cohort, columns: Sequence[str], purpose: str) -> None:
    """Raise a UsageError naming the columns that the cohort does not have."""
    absent = [c for c in columns if c not in cohort.units.columns]
    if absent:
        raise UsageError(f"Not a column to {purpose}: {', '.join(absent)}.", "Correct its name.")


def read_calipers(cohort: Cohort, propensity: Propensity, caliper: Caliper, scale: str, *, standardised: bool) -> Calipers:
    """Turn the calipers asked for into widths.

    Parameters
    ----------
    cohort : Cohort
        The n units.
    propensity : Propensity
        Their scores.
    caliper : float, mapping or None
        One number is a caliper on the score; a mapping gives one to each covariate named, and to the score under
        ``propensity score``.
    scale : str
        ``logit`` or ``score``: what the score's caliper is measured on.
    standardised : bool
        True where widths are in SDs over all units, as MatchIt's ``std.caliper``.

    Returns
    -------
    Calipers
        Widths in the units of what they are on.

    Raises
    ------
    UsageError
        If a column is not there or not a number.
    """
    asked = dict(caliper) if isinstance(caliper, Mapping) else {}
    on_score = asked.pop(SCORE, None) if isinstance(caliper, Mapping) else caliper
    names = sorted(asked)
    require_columns(cohort, names, "hold within a caliper")
    categories = [c for c in names if is_category(cohort.units[c])]
    if categories:
        raise UsageError(f"A caliper needs numbers, and '{categories[0]}' has none.", "Match exactly on it instead.")
    raw = [cohort.units[c].to_numpy(dtype=np.float64, na_value=np.nan) for c in names]
    values = np.column_stack(raw) if raw else np.zeros((len(cohort.units), 0))
    missing = np.isnan(values)
    sds = np.array([_spread(column) for column in raw])
    widths = np.array([float(asked[c]) for c in names]) * (sds if standardised else 1.0)
    limit = score_on_scale(propensity, scale)
    width = None if on_score is None else float(on_score) * (float(limit.std(ddof=1)) if standardised else 1.0)
    notes = (
        *_score_note(on_score, scale, width, standardised=standardised),
        *(_covariate_note(c, asked[c], w, standardised=standardised) for c, w in zip(names, widths, strict=True)),
    )
    return Calipers(width, np.where(missing, 0.0, values), widths, missing, notes)


def wanted_ratios(linear: Floats, treated: Flags, ratio: float, min_controls: int | None, max_controls: int | None) -> Indices:
    r"""Return how many comparison units each treated unit may have.

    With ``max_controls`` the ratio varies about its mean: of :math:`m = \mathrm{round}(r\,n_1)` comparison units the
    treated with the most room get ``max_controls``, the others ``min_controls``, one what is left. Room is at the
    lower scores where the treated have the higher ones.

    Parameters
    ----------
    linear : (n,) floats
        Logit of the score.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : float
        Comparison units for one treated unit; the mean where the ratio varies.
    min_controls, max_controls : int or None
        Bounds of a ratio that varies; at least 1.

    Returns
    -------
    (n,) integers
        0 for comparison units.

    References
    ----------
    ming2000 : Ming and Rosenbaum (2000), Biometrics 56(1), 118-124; as in MatchIt, which with ``min_controls``
        above 1 may give one treated unit fewer than that.

    Examples
    --------
    >>> linear, treated = np.array([2.0, 1.0, 0.0, 0.0]), np.array([True, True, False, False])
    >>> wanted_ratios(linear, treated, 2, 1, 3)
    array([1, 3, 0, 0])
    """
    most = np.where(treated, int(ratio), 0).astype(np.int64)
    if max_controls is None:
        return most
    least = 1 if min_controls is None else min_controls
    n1 = int(treated.sum())
    total = round(ratio * n1)
    n_most, over = divmod(total - least * n1, max_controls - least)
    n_least = n1 - n_most - 1
    rest = least + over
    counts = np.repeat([least, rest, max_controls], [n_least, 1, n_most])
    lead = np.flatnonzero(treated)
    sign = -1.0 if linear[treated].mean() > linear[~treated].mean() else 1.0
    most[lead[np.argsort(sign * linear[lead], kind="stable")]] = counts
    return most


def turns_of(score: Floats, treated: Flags, m_order: str, seed: int | None) -> Indices | None:
    """Return the positions of the treated in the order in which they choose; None for ``closest``.

    Parameters
    ----------
    score : (n,) floats
        The score or its logit.
    treated : (n,) booleans
        True where the unit started the programme.
    m_order : str
        ``largest``, ``smallest``, ``data`` (the order of row content), ``random`` or ``closest``.
    seed : int or None
        For ``random``.
    """
    lead = np.flatnonzero(treated)
    if m_order == "closest":
        return None
    if m_order == "random":
        shuffled: Indices = np.random.default_rng(seed).permutation(lead)
        return shuffled
    if m_order == "data":
        return lead
    sign = -1.0 if m_order == "largest" else 1.0
    ordered: Indices = lead[np.argsort(sign * score[lead], kind="stable")]
    return ordered


def points_of(cohort: Cohort, distance: str, mahvars: tuple[str, ...], score: Floats) -> Floats:
    """Return the points, (n, d), whose plain distance is matched on."""
    if mahvars:
        require_columns(cohort, mahvars, "measure distances on")
        return POINTS["mahalanobis"](code_covariates(cohort.units, mahvars).values, cohort.treated)
    if distance in POINTS:
        return POINTS[distance](cohort.matrix().values, cohort.treated)
    return score[:, None]


def _spread(column: Floats) -> float:
    recorded = column[~np.isnan(column)]
    return float(recorded.std(ddof=1)) if recorded.size > 1 else 0.0


def _score_note(caliper: float | None, scale: str, width: float | None, *, standardised: bool) -> tuple[str, ...]:
    if caliper is None or width is None:
        return ("No caliper on the propensity score: a pair may be of any distance.",)
    of = "the logit of the propensity score" if scale == "logit" else "the propensity score"
    if not standardised:
        return (f"Caliper: {width:.4f} on {of}.",)
    return (f"Caliper: {caliper:g} SD of {of}, over all units ({width:.4f}).",)


def _covariate_note(name: str, caliper: float, width: float, *, standardised: bool) -> str:
    bound = "at most" if caliper >= 0 else "at least"
    size = f"{abs(caliper):g} SD ({abs(width):.4g})" if standardised else f"{abs(width):.4g}"
    return f"Within a pair '{name}' differs by {bound} {size}."
