"""Rates with honest intervals, for the figures a board follows. No causal words here."""

import math
from dataclasses import dataclass

from scipy.stats import chi2, norm

from yoseval.errors import DataError


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its interval, all in the same unit.

    Parameters
    ----------
    rate, conf_low, conf_high : float
        A share between 0 and 1, or events per ``per``.
    """

    rate: float
    conf_low: float
    conf_high: float


def share(events: int, n: int, *, conf_level: float = 0.95) -> Rate:
    """Return a share with its Wilson interval.

    Parameters
    ----------
    events, n : int
        How many of how many.
    conf_level : float
        Between 0 and 1.

    Raises
    ------
    DataError
        If there is nobody, or more events than people.

    References
    ----------
    wilson1927 : Wilson (1927), JASA 22(158), 209-212.

    Examples
    --------
    >>> round(share(15, 34).conf_low, 3)
    0.289
    """
    if not 0 <= events <= n or n == 0:
        raise DataError(f"A share needs 0 <= events <= n and n > 0; found {events} of {n}.")
    z = float(norm.ppf(0.5 + conf_level / 2))
    p = events / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At none and at all the limit is exactly 0 or 1; rounding must not carry it past.
    low = 0.0 if events == 0 else centre - reach
    return Rate(p, low, 1.0 if events == n else centre + reach)


def rate(events: int, population: float, *, per: float = 1000.0, conf_level: float = 0.95) -> Rate:
    """Return events per so many people with the exact Poisson interval.

    The custody rate is ``rate(custodial_sentences_in_12_months, population_aged_10_to_17)``.

    Raises
    ------
    DataError
        If a number is negative or nobody is in the population.

    References
    ----------
    garwood1936 : Garwood (1936), Biometrika 28(3/4), 437-442.

    Examples
    --------
    >>> r = rate(18, 29_500)
    >>> round(r.rate, 2), round(r.conf_low, 2), round(r.conf_high, 2)
    (0.61, 0.36, 0.96)
    """
    if events < 0 or population <= 0:
        raise DataError(f"A rate needs events >= 0 and a population > 0; found {events} and {population}.")
    tail = (1 - conf_level) / 2
    low = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    high = float(chi2.ppf(1 - tail, 2 * events + 2)) / 2
    return Rate(*(per * x / population for x in (events, low, high)))
