"""Simulated prepared cohorts with known effects, for examples, tests and rehearsals.

Every row is invented. The file says so in a column of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats

COMPARISON = "usual_supervision"
FOLLOW_UP_DAYS = 365
_AREAS = np.array(["east", "north", "south", "west"], dtype=object)


@dataclass(frozen=True, slots=True)
class SimulatedProgramme:
    """A programme to simulate.

    Parameters
    ----------
    programme : str
        Its id.
    n : int
        How many start it.
    effect : float
        Change of each child's risk of reoffending within a year, as a proportion; negative = fewer.
    selection : float
        Log odds of starting for each standard deviation of risk; 0 = as at random, more = riskier children.
    min_prior_offences : int
        Only children with at least so many; the comparison pool has ten at most.
    """

    programme: str
    n: int
    effect: float = 0.0
    selection: float = 0.5
    min_prior_offences: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCohort:
    """Simulated children and the truth about them.

    Parameters
    ----------
    people : DataFrame
        One row a child, in the form of a prepared cohort file.
    truth : DataFrame
        The true effect on the treated of each programme, as a proportion.
    """

    people: pd.DataFrame
    truth: pd.DataFrame


def simulate_cohort(programmes: Sequence[SimulatedProgramme], *, n_comparison: int, seed: int) -> SimulatedCohort:
    """Simulate a prepared cohort of several programmes and one comparison group.

    Parameters
    ----------
    programmes : sequence of SimulatedProgramme
        What runs, and what it does.
    n_comparison : int
        Children under usual supervision.
    seed : int
        Seed of the simulation.

    Returns
    -------
    SimulatedCohort
        People in random order, and the truth.

    Examples
    --------
    >>> simulate_cohort([SimulatedProgramme("mentoring", 50)], n_comparison=100, seed=1).people.shape
    (150, 11)
    """
    rng = np.random.default_rng(seed)
    parts = [_programme(COMPARISON, _children(n_comparison, rng), 0.0, rng)]
    truth = []
    for p in programmes:
        chosen = _selected(p, rng)
        parts.append(_programme(p.programme, chosen, p.effect, rng))
        base = _risk(chosen)
        truth.append({"programme": p.programme, "effect": float((_changed(base, p.effect) - base).mean())})
    people = pd.concat(parts, ignore_index=True)
    people = people.iloc[rng.permutation(len(people))].reset_index(drop=True)
    people.insert(0, "person", [f"S{i:06d}" for i in range(1, len(people) + 1)])
    return SimulatedCohort(people.assign(simulated="yes"), pd.DataFrame(truth))


def _children(n: int, rng: np.random.Generator, *, most_prior_offences: int = 10) -> pd.DataFrame:
    prior = np.minimum(rng.negative_binomial(1.2, 0.3, n), most_prior_offences)
    hours = np.round(np.clip(rng.normal(14, 7, n), 0, 30), 1)
    return pd.DataFrame(
        {
            "age": np.round(rng.uniform(12, 18, n), 1),
            "sex": np.where(rng.random(n) < 0.22, "female", "male"),
            "prior_offences": prior,
            "seriousness": rng.choice([2, 3, 4, 5, 6], n, p=[0.2, 0.35, 0.25, 0.15, 0.05]),
            "looked_after": (rng.random(n) < 0.15 + 0.02 * prior).astype(int),
            "area": _AREAS[rng.integers(0, 4, n)],
            # Schools do not always tell.
            "school_hours": np.where(rng.random(n) < 0.12, np.nan, hours),
        }
    )


def _risk(children: pd.DataFrame) -> Floats:
    """Return each child's risk of reoffending within a year without any programme."""
    hours = children["school_hours"].fillna(12.0)
    logit = (
        -0.55
        + 0.16 * children["prior_offences"]
        - 0.09 * (children["age"] - 15)
        + 0.35 * children["looked_after"]
        - 0.03 * (hours - 14)
    )
    risk: Floats = (1 / (1 + np.exp(-(logit + 0.25 * (children["sex"] == "male") - 0.2)))).to_numpy(dtype=np.float64)
    return risk


def _selected(p: SimulatedProgramme, rng: np.random.Generator) -> pd.DataFrame:
    if p.min_prior_offences:
        children = _children(p.n, rng)
        return children.assign(prior_offences=p.min_prior_offences + rng.poisson(3, p.n))
    pool = _children(20 * p.n + 200, rng)
    risk = _risk(pool)
    standard = (risk - risk.mean()) / risk.std()
    odds = np.exp(p.selection * standard)
    return pool.iloc[rng.choice(len(pool), p.n, replace=False, p=odds / odds.sum())].reset_index(drop=True)


def _changed(risk: Floats, effect: float) -> Floats:
    changed: Floats = np.clip(risk + effect, 0.01, 0.99)
    return changed


def _programme(programme: str, children: pd.DataFrame, effect: float, rng: np.random.Generator) -> pd.DataFrame:
    n = len(children)
    event: Flags = rng.random(n) < _changed(_risk(children), effect)
    days = np.where(event, rng.integers(1, FOLLOW_UP_DAYS + 1, n), FOLLOW_UP_DAYS)
    # A few move away and are censored: their later offences are not seen.
    leaves = np.where(rng.random(n) < 0.04, rng.integers(30, FOLLOW_UP_DAYS, n), FOLLOW_UP_DAYS + 1)
    seen = event & (days < leaves)
    observed = np.minimum(days, np.minimum(leaves, FOLLOW_UP_DAYS))
    return children.assign(programme=programme, reoffended=seen.astype(int), days_to_reoffence=observed)[
        ["programme", *children.columns, "reoffended", "days_to_reoffence"]
    ]
