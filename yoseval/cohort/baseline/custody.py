"""Custody before time zero: spells begun before the index event, and days in the year to time zero.

A spell that goes on after time zero is open at time zero, whenever it ended.
"""

from collections.abc import Sequence

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import LOOK_BACK_DAYS, Leaf, Tables, fetch, placed, seen_from
from yoseval.records.engine import Engine
from yoseval.records.scoring.tables import count_if

MEANINGS = {
    "prior_custody": "spells of custody, sentence or remand, begun before the index event (one that ends with it is counted)",
    "days_in_custody_before": f"days in custody in the {LOOK_BACK_DAYS} days before time zero; the day of release is free",
}


def custody_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of custody; without the table they are not recorded.

    Examples
    --------
    >>> custody_covariates(engine, tables, moments, ["prior_custody"])  # doctest: +SKIP
    """
    if "custody" not in tables:
        return pd.DataFrame({n: pd.Series(dtype=np.float64) for n in names})
    spells = tables["custody"].select("person_id", _from="start_date", _to="end_date")
    seen = seen_from(moments, spells, "_from")
    since_start = seen["time_zero"].delta(seen["_from"], unit="day").fill_null(0)
    since_end = seen["time_zero"].delta(seen["_to"], unit="day").fill_null(0)
    days = ibis.least(since_start, LOOK_BACK_DAYS) - ibis.greatest(since_end, 0)
    values = {
        "prior_custody": count_if(seen["_from"] < seen["index_date"]),
        "days_in_custody_before": ibis.greatest(days, 0).sum(),
    }
    return fetch(engine, seen.group_by("moment").aggregate(**placed([values[n] for n in names])), names)


CUSTODY = Leaf(MEANINGS, custody_covariates)
