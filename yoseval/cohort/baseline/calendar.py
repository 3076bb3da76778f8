"""When time zero was: season, month and year, for what changes with the calendar (courts, policing, programmes)."""

from collections.abc import Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import Leaf, Tables, fetch, placed
from yoseval.records.engine import Engine

MEANINGS = {
    "season": "season of time zero: winter (December to February), spring, summer or autumn",
    "month": "month of time zero, 1 to 12",
    "year": "calendar year of time zero",
}


def calendar_covariates(engine: Engine, _: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of the date of time zero.

    Examples
    --------
    >>> calendar_covariates(engine, tables, moments, ["season"])  # doctest: +SKIP
    """
    month = moments["time_zero"].month()
    season = ibis.cases(
        (month.isin([12, 1, 2]), "winter"),
        (month.isin([3, 4, 5]), "spring"),
        (month.isin([6, 7, 8]), "summer"),
        (month.isin([9, 10, 11]), "autumn"),
        else_=ibis.null("string"),
    )
    values = {"season": season, "month": month, "year": moments["time_zero"].year()}
    return fetch(engine, moments.select("moment", **placed([values[n] for n in names])), names)


CALENDAR = Leaf(MEANINGS, calendar_covariates)
