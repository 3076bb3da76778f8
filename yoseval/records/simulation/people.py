"""Simulated children: who they are, and how often they offend if left alone.

Takes a generator and gives arrays, one value a child. What raises the risk of offending here (age, sex, care,
education, special needs, offences proven before) also makes a referral likelier, and all of it is recorded:
confounding is strong, and can be adjusted for.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.records.simulation.calendar import EXTRACT, FIRST_INDEX, LAST_INDEX, MISSING, after, hidden_after

SEXES = ("female", "male")
ETHNICITIES = ("asian", "black", "mixed", "white", "other", "unknown")
SERVICES = ("SIM_EAST", "SIM_NORTH", "SIM_SOUTH", "SIM_WEST")
NEEDS = ("none", "support", "ehcp", "unknown")
EDUCATION = ("none", "part_time", "full_time")
EXITS = ("moved_away", "transferred", "emigrated", "died")
#: Logarithm of the yearly rate of alleged offences of a boy of 15.5 with nothing else against him. Chosen once,
#: at 200,000 children, so that 43.6 % have a proven reoffence within twelve months.
LOG_RATE = 0.05
_YEAR = 365.25


@dataclass(frozen=True, slots=True, eq=False)
class Children:
    """The simulated children, n of them.

    Parameters
    ----------
    born, index_date : (n,) integers
        Date of birth and of the disposal that the evaluation starts from.
    sex, ethnicity, service, send, ete : (n,) integers
        Places in SEXES, ETHNICITIES, SERVICES, NEEDS and EDUCATION.
    resident, looked_after : (n,) booleans
        Whether the child lives in the area, and was in care before the index disposal.
    frailty : (n,) floats
        What multiplies the rate of offending and nobody records; mean 1.
    exit_date, exit_reason : (n,) integers
        When the child was lost from sight (MISSING if never), and a place in EXITS.
    """

    born: Indices
    index_date: Indices
    sex: Indices
    ethnicity: Indices
    service: Indices
    send: Indices
    ete: Indices
    resident: Flags
    looked_after: Flags
    frailty: Floats
    exit_date: Indices
    exit_reason: Indices

    @property
    def age(self) -> Floats:
        """Age at the index disposal in years, with its fraction."""
        years: Floats = (self.index_date - self.born) / _YEAR
        return years

    @property
    def last_seen(self) -> Indices:
        """The last day on which anything about the child is recorded."""
        return np.where(self.exit_date == MISSING, EXTRACT, self.exit_date)


def draw_children(rng: np.random.Generator, n: int) -> Children:
    """Draw children aged 10 to 17 at their index disposal.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    n : int
        How many children.
    """
    index_date = rng.integers(FIRST_INDEX, LAST_INDEX, n, endpoint=True)
    # Ages crowd towards 17; nobody is so young that the index offence could not follow the tenth birthday.
    age = 10.6 + 7.3 * rng.beta(3.2, 1.25, n)
    left = rng.random(n) < 0.03
    exit_date = hidden_after(after(index_date, rng.uniform(30, 900, n)), EXTRACT)
    return Children(
        born=index_date - (age * _YEAR).astype(np.int64) - 1,
        index_date=index_date,
        sex=(rng.random(n) < 0.84).astype(np.int64),
        ethnicity=pick(rng, n, (0.06, 0.13, 0.11, 0.62, 0.03, 0.05)),
        service=pick(rng, n, (0.3, 0.3, 0.2, 0.2)),
        send=pick(rng, n, (0.48, 0.26, 0.18, 0.08)),
        ete=pick(rng, n, (0.28, 0.30, 0.42)),
        resident=rng.random(n) < 0.97,
        looked_after=rng.random(n) < 0.14,
        frailty=rng.gamma(2.0, 0.5, n),
        exit_date=np.where(left, exit_date, MISSING),
        exit_reason=pick(rng, n, (0.6, 0.25, 0.1, 0.05)),
    )


def log_risk(children: Children, proven_before: Floats) -> Floats:
    """Return the logarithm of each child's recorded risk, about 0 for the average child.

    Parameters
    ----------
    children : Children
        The children.
    proven_before : (n,) floats
        Offences proven before the index disposal, the index offence aside.
    """
    risk: Floats = (
        0.70 * (np.log1p(np.minimum(proven_before, 30.0)) - 0.57)
        + 0.60 * (children.looked_after - 0.14)
        + 0.60 * ((children.ete == 0) - 0.28)
        + 0.30 * (np.isin(children.send, (1, 2)) - 0.44)
        + 0.50 * (children.sex - 0.84)
        - 0.10 * (children.age - 15.5)
    )
    return risk


def yearly_rate(children: Children, risk: Floats) -> Floats:
    """Return how many alleged offences a year each child would commit without any programme."""
    rate: Floats = np.exp(LOG_RATE + risk) * children.frailty
    return rate


def pick(rng: np.random.Generator, n: int, shares: tuple[float, ...] | Floats) -> Indices:
    """Draw n places of a list with the given shares, which are scaled to sum to one."""
    edges: AnyArray = np.cumsum(np.asarray(shares, dtype=np.float64))
    places: Indices = np.searchsorted(edges / edges[-1], rng.random(n), side="right").astype(np.int64)
    return np.minimum(places, len(edges) - 1)
