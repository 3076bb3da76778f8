"""The true effects of a simulated service, from both potential outcomes of every child.

Takes the candidates that may follow and who started what, and gives one row a programme and estimand. Each child's
outcome is worked out twice from the same draws: as everything happened, and with one programme taken away and
everything else (the other programmes with their dates) left as it was. A child who left is followed all the same.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.records.calendar import add_months
from yoseval.records.simulation.calendar import EXTRACT, FOLLOW_UP_MONTHS, MISSING, NEVER, WAIT_MONTHS
from yoseval.records.simulation.offences import Candidates
from yoseval.records.simulation.programmes import FULL_DOSE, Uptake

PROFILE = "moj_proven_1y"
GRACE_DAYS = 60
TRUTH_COLUMNS = (
    "programme",
    "estimand",
    "time_zero",
    "n",
    "risk_with",
    "risk_without",
    "effect",
    "outcome",
    "profile",
    "simulated",
)


def true_effects(candidates: Candidates, uptakes: Sequence[Uptake], index_date: Indices, evaluated: Flags) -> pd.DataFrame:
    """Return the true change in the risk of a proven reoffence within twelve months.

    Parameters
    ----------
    candidates : Candidates
        What may follow the index disposals of n children.
    uptakes : sequence of Uptake
        Who started what.
    index_date : (n,) integers
        Index disposals.
    evaluated : (n,) booleans
        Children of the evaluated population.

    Returns
    -------
    DataFrame
        Columns TRUTH_COLUMNS; risks and effects as proportions, empty where nobody started. Only children whose
        follow-up and wait for proof end by the extract count, as in the evaluation.
    """
    n = len(index_date)
    as_happened = candidates.happen(log_factors(candidates, uptakes, n))
    rows = []
    for uptake in uptakes:
        others = [u for u in uptakes if u is not uptake]
        inert = uptake.programme.log_factor == 0.0
        without = as_happened if inert else candidates.happen(log_factors(candidates, others, n))
        for estimand, (time_zero, define) in ESTIMANDS.items():
            zero = define(uptake, index_date)
            units = np.flatnonzero(
                (zero != MISSING) & evaluated & (add_months(zero, FOLLOW_UP_MONTHS + WAIT_MONTHS) <= EXTRACT)
            )
            risks = [_share(reoffended(candidates, kept, zero)[units]) for kept in (as_happened, without)]
            who = (uptake.programme.programme_id, estimand, time_zero, len(units))
            rows.append((*who, *risks, risks[0] - risks[1], "reoffended", PROFILE, "yes"))
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def log_factors(candidates: Candidates, uptakes: Sequence[Uptake], n: int) -> Floats:
    """Return the logarithm of what the programmes multiply the rate by at each candidate: from the day after the start."""
    offences = candidates.offences
    total = np.zeros(len(offences.date))
    for uptake in uptakes:
        if uptake.programme.log_factor != 0.0:
            begun = offences.date > uptake.start_of(n)[offences.child]
            total += begun * uptake.log_factor_of(n)[offences.child]
    return total


def reoffended(candidates: Candidates, kept: Flags, time_zero: Indices) -> Flags:
    """Tell which children have a proven reoffence by the profile: within 12 calendar months, proven within 18.

    Parameters
    ----------
    candidates : Candidates
        What may follow.
    kept : (m,) booleans
        Which of them happen.
    time_zero : (n,) integers
        Days since 1970; whatever stands for MISSING gives False.
    """
    offences = candidates.offences
    zero = np.where(time_zero == MISSING, 0, time_zero)
    end, proven_by = add_months(zero, FOLLOW_UP_MONTHS), add_months(zero, FOLLOW_UP_MONTHS + WAIT_MONTHS)
    child = offences.child
    counts = kept & offences.is_proof & (offences.date > zero[child]) & (offences.date <= end[child])
    counts &= offences.decided <= proven_by[child]
    children = np.zeros(len(zero), dtype=np.bool_)
    children[child[counts]] = True
    children &= time_zero != MISSING
    return children


def _at_start(uptake: Uptake, index_date: Indices) -> Indices:
    start = uptake.start_of(len(index_date))
    return np.where(start == NEVER, MISSING, start)


def _at_offer(uptake: Uptake, index_date: Indices) -> Indices:
    offers = np.full(len(index_date), MISSING, dtype=np.int64)
    offers[uptake.child] = uptake.offer
    return offers


def _received(uptake: Uptake, index_date: Indices) -> Indices:
    enough = np.zeros(len(index_date), dtype=np.bool_)
    enough[uptake.child] = uptake.attended_share >= FULL_DOSE
    return np.where(enough, _at_start(uptake, index_date), MISSING)


def _in_grace(uptake: Uptake, index_date: Indices) -> Indices:
    return np.where(uptake.start_of(len(index_date)) <= index_date + GRACE_DAYS, index_date, MISSING)


def _at_landmark(uptake: Uptake, index_date: Indices) -> Indices:
    return np.where(_in_grace(uptake, index_date) == MISSING, MISSING, index_date + GRACE_DAYS)


#: Each estimand: what its time zero is, and the date of each child, MISSING where the child is not in its population.
ESTIMANDS: Mapping[str, tuple[str, Callable[[Uptake, Indices], Indices]]] = {
    "att_started": ("start", _at_start),
    "att_started_in_60_days": ("disposal", _in_grace),
    "att_started_by_landmark_60": ("disposal + 60 days", _at_landmark),
    "itt_offered": ("offer", _at_offer),
    "att_received_half": ("start", _received),
}


def _share(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
