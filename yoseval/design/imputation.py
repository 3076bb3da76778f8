"""Fill in covariates that were not recorded, several times, so that designs show how much hangs on what they were.

Takes a cohort; gives as many complete cohorts as asked for, by chained equations. The default of the toolkit is another:
'not recorded' as a category of its own. It is blind: a cohort holds no outcome, so none has a part in it, and what the outcome
would have told of the missing cells is left unused. That has a cost: imputed values are tied to the outcome more weakly than
recorded ones, so that confounding by a covariate with many missing cells may be removed in part only (moons2006, leyrat2019).
scikit-learn is imported when it is used.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats, Indices, Texts
from yoseval.cohort.build import Cohort, in_content_order
from yoseval.cohort.covariates import NOT_RECORDED, is_category
from yoseval.design.spreads import standard_deviations
from yoseval.errors import DesignError, UsageError
from yoseval.models.ridge import fit_ridge

ROUNDS = 5  # passes over all incomplete columns
SWEEPS = 5  # inner passes over the numbers, given the categories
MOST_ROWS = 20_000  # rows that a category's model is fitted on


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """Columns on their way: numbers (n, a) and categories (n, b) as filled in so far, and where they were missing."""

    numbers: Floats
    number_missing: Flags
    categories: Texts
    category_missing: Flags


def impute_covariates(cohort: Cohort, *, imputations: int = 20, seed: int = 0) -> tuple[Cohort, ...]:
    """Fill in what was not recorded, several times over.

    By chained equations, each covariate given all the others and the arm: numbers by Bayesian linear regression with draws
    from its posterior, held within what was observed; categories and 0/1 columns by a multinomial logit (with a weak ridge)
    fitted to a bootstrap sample of the recorded, and a draw from its probabilities. Recorded cells never change.

    Parameters
    ----------
    cohort : Cohort
        Its covariates may hold empty cells, or the category 'not recorded'.
    imputations : int
        How many complete cohorts, 2 or more.
    seed : int
        With the programme's name and the number of the imputation it seeds the draws: the order in which imputations are
        made has no say.

    Returns
    -------
    tuple of Cohort
        Complete in all covariates.

    Raises
    ------
    UsageError
        If fewer than two imputations are asked for.
    DesignError
        If a covariate was recorded for nobody.

    References
    ----------
    vanbuuren2018 : Van Buuren (2018), Flexible Imputation of Missing Data, chapters 3 and 4.
    leyrat2019 : Leyrat et al. (2019), Statistical Methods in Medical Research 28(1), 3-19: within each imputation.
    moons2006 : Moons, Donders, Stijnen and Harrell (2006), Journal of Clinical Epidemiology 59(10), 1092-1101: what it
        costs to leave the outcome out.

    Examples
    --------
    >>> impute_covariates(cohort, imputations=5)[0].units.isna().sum().sum()  # doctest: +SKIP
    """
    if imputations < 2:
        raise UsageError(f"{imputations} imputations were asked for.", "Two or more show how much hangs on them.")
    incomplete = [c for c in cohort.covariates if is_missing(cohort.units[c]).any()]
    for name in incomplete:
        if is_missing(cohort.units[name]).all():
            raise DesignError(f"'{name}' was recorded for nobody.", "Leave the covariate out.")
    if not incomplete:
        return (cohort,) * imputations
    return tuple(_filled(cohort, _generator(cohort.programme, i, seed)) for i in range(1, imputations + 1))


def lacks_values(cohort: Cohort) -> bool:
    """Tell whether any covariate of a cohort has cells to impute."""
    return any(bool(is_missing(cohort.units[c]).any()) for c in cohort.covariates)


def is_missing(column: pd.Series) -> Flags:
    """Tell which cells of a covariate are empty or say 'not recorded', (n,) booleans."""
    missing: Flags = (column.isna() | column.astype(object).eq(NOT_RECORDED)).to_numpy(dtype=bool)
    return missing


def _generator(programme: str, number: int, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{programme}: imputation {number}".encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, *np.frombuffer(digest, dtype=np.uint32).tolist()]))


def _filled(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    names = list(cohort.covariates)
    drawn = [c for c in names if _is_drawn(cohort.units[c])]
    measured = [c for c in names if c not in drawn]
    chain = _start(cohort.units, measured, drawn, rng)
    treated = cohort.treated
    for _ in range(ROUNDS):
        chain = replace(chain, numbers=_with_numbers(chain, treated, rng))
        for place in np.flatnonzero(chain.category_missing.any(axis=0)):
            chain = replace(chain, categories=_with_category(chain, int(place), treated, rng))
    columns: dict[str, AnyArray] = {c: chain.numbers[:, j] for j, c in enumerate(measured) if chain.number_missing[:, j].any()}
    for j, name in enumerate(drawn):
        if chain.category_missing[:, j].any():
            columns[name] = _as_before(chain.categories[:, j], cohort.units[name])
    units = cohort.units.assign(**columns)
    return replace(cohort, units=in_content_order(units, cohort.covariates))


def _is_drawn(column: pd.Series) -> bool:
    """Tell whether a column takes values from a list: categories, booleans, and numbers that are only 0 and 1."""
    if is_category(column) or pd.api.types.is_bool_dtype(column):
        return True
    return set(column.dropna().unique()) <= {0, 1}


def _start(units: pd.DataFrame, measured: Sequence[str], drawn: Sequence[str], rng: np.random.Generator) -> _Chain:
    """Begin with draws from what was recorded."""
    n = len(units)
    numbers = np.empty((n, len(measured)))
    for j, name in enumerate(measured):
        numbers[:, j] = units[name].to_numpy(dtype=np.float64, na_value=np.nan)
    categories = np.empty((n, len(drawn)), dtype=object)
    category_missing = np.zeros((n, len(drawn)), dtype=bool)
    for j, name in enumerate(drawn):
        category_missing[:, j] = is_missing(units[name])
        categories[:, j] = units[name].to_numpy(dtype=object)
        lacking = category_missing[:, j]
        categories[lacking, j] = rng.choice(categories[~lacking, j], int(lacking.sum()))
    missing = np.isnan(numbers)
    for j in range(len(measured)):
        lacking = missing[:, j]
        numbers[lacking, j] = rng.choice(numbers[~lacking, j], int(lacking.sum()))
    return _Chain(numbers, missing, categories, category_missing)


def _dummies(chain: _Chain, treated: Flags, without: int | None = None) -> Floats:
    """Code arm and categories, but for one, as 0/1 columns without their first level."""
    columns = [treated.astype(np.float64)]
    for j in range(chain.categories.shape[1]):
        if j != without:
            own = chain.categories[:, j].astype(str)
            columns += [(own == level).astype(np.float64) for level in sorted(set(own.tolist()))[1:]]
    return np.column_stack(columns)


def _with_numbers(chain: _Chain, treated: Flags, rng: np.random.Generator) -> Floats:
    if not chain.number_missing.any():
        return chain.numbers
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415 - scikit-learn's own switch
    from sklearn.impute import IterativeImputer  # noqa: PLC0415 - slow to import, and few need it

    others = _dummies(chain, treated)
    recorded = np.where(chain.number_missing, np.nan, chain.numbers)
    low, high = np.nanmin(recorded, axis=0), np.nanmax(recorded, axis=0)
    # An imputer's bounds must differ.
    high = np.where(high > low, high, low + 1e-9 * np.maximum(np.abs(low), 1.0))
    machine = IterativeImputer(
        sample_posterior=True,
        skip_complete=True,
        max_iter=SWEEPS,
        min_value=np.append(low, np.full(others.shape[1], -np.inf)),
        max_value=np.append(high, np.full(others.shape[1], np.inf)),
        random_state=int(rng.integers(2**31)),
    )
    filled: Floats = machine.fit_transform(np.column_stack([recorded, others]))[:, : chain.numbers.shape[1]]
    return np.where(chain.number_missing, filled, chain.numbers)


def _with_category(chain: _Chain, j: int, treated: Flags, rng: np.random.Generator) -> Texts:
    lacking = chain.category_missing[:, j]
    x = np.column_stack([chain.numbers, _dummies(chain, treated, without=j)])
    spread = standard_deviations(x)
    z = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    recorded = np.flatnonzero(~lacking)
    # A bootstrap sample stands for a draw from the posterior of the model's coefficients.
    sample: Indices = rng.choice(recorded, min(len(recorded), MOST_ROWS))
    labels = chain.categories[:, j].astype(str)
    out = chain.categories.copy()
    if len(set(labels[sample].tolist())) == 1:
        out[lacking, j] = chain.categories[sample[0], j]
        return out
    levels, shares = _probabilities(z[sample], labels[sample], z[lacking])
    edges = np.cumsum(shares, axis=1)
    pick = np.minimum((rng.random(len(edges))[:, None] > edges).sum(axis=1), len(levels) - 1)
    value_of = dict(zip(labels[recorded], chain.categories[recorded, j], strict=True))
    out[lacking, j] = np.array([value_of[level] for level in levels], dtype=object)[pick]
    return out


def _probabilities(z: Floats, labels: Texts, wanted: Floats) -> tuple[list[str], Floats]:
    """Fit a logit with a weak ridge; return the levels and the probability of each for the ``wanted`` rows."""
    levels = sorted(set(labels.tolist()))
    if len(levels) == 2:
        beta = fit_ridge(z, labels == levels[1]).coefficients
        share = 1.0 / (1.0 + np.exp(-np.clip(beta[0] + wanted @ beta[1:], -500.0, 500.0)))
        return levels, np.column_stack([1.0 - share, share])
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import, and few need it

    fitted = LogisticRegression(C=1.0, max_iter=1000, tol=1e-3).fit(z, labels)
    return [str(level) for level in fitted.classes_], fitted.predict_proba(wanted)


def _as_before(values: Texts, column: pd.Series) -> Texts | Floats:
    return values if is_category(column) else values.astype(np.float64)
