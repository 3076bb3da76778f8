"""What the last assessment before time zero said, item by item.

The last value dated on or before time zero counts, within 180 days; never the nearest on either side. Of several on one
day the highest number counts, and a code only where there is no number (the last in the alphabet).
"""

from collections.abc import Mapping, Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import (
    ASSESSMENT_LOOK_BACK_DAYS,
    NUMBER,
    Leaf,
    Tables,
    fetch,
    number_or_code,
    placed,
    seen_from,
)
from yoseval.records.engine import Engine
from yoseval.records.schema import TABLES
from yoseval.records.scoring.delivery_steps import is_given
from yoseval.records.scoring.tables import fetched

INSTRUMENTS = TABLES["assessments"].column("instrument").codes
_WITHIN = f"last value in the {ASSESSMENT_LOOK_BACK_DAYS} days to time zero"
MEANINGS = {
    "asset_plus.total": f"AssetPlus, item total: {_WITHIN}",
    "asset.total": f"Asset, item total: {_WITHIN}",
    "yogrs.score": f"YOGRS, item score: {_WITHIN}",
}


def is_assessment(name: str) -> bool:
    """Tell whether a covariate is an item of an assessment: ``<instrument>.<item>``."""
    instrument, _, item = name.partition(".")
    return instrument in INSTRUMENTS and bool(item)


def recorded_items(tables: Tables) -> Mapping[str, str]:
    """Return every item of an assessment in the records, at any date, with its meaning."""
    if "assessments" not in tables:
        return {}
    pairs = fetched(tables["assessments"].select("instrument", "item").distinct())
    named = sorted(f"{i}.{j}" for i, j in zip(pairs["instrument"], pairs["item"], strict=True) if i and j)
    return {n: f"{n.partition('.')[0]}, item {n.partition('.')[2]}: {_WITHIN}" for n in named}


def assessment_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return items of assessments: numbers where every value selected is one, else categories.

    Examples
    --------
    >>> assessment_covariates(engine, tables, moments, ["asset_plus.total"])  # doctest: +SKIP
    """
    if "assessments" not in tables:
        return pd.DataFrame({n: pd.Series(dtype=object) for n in names})
    last = _last_values(tables["assessments"], moments, names)
    values = [last["_value"].max(where=last["_name"] == n) for n in names]
    frame = fetch(engine, last.group_by("moment").aggregate(**placed(values)), names)
    return pd.DataFrame({n: number_or_code(frame[n]) for n in names}, index=frame.index)


def _last_values(assessments: ir.Table, moments: ir.Table, names: Sequence[str]) -> ir.Table:
    """Return one row a moment and item: the value that counts."""
    named = assessments.select(
        "person_id",
        _name=assessments["instrument"] + "." + assessments["item"],
        _assessed=assessments["assessment_date"],
        _value=assessments["value"],
    )
    seen = seen_from(
        moments,
        named.filter(named["_name"].isin(list(names)) & is_given(named["_value"])),
        "_assessed",
        how="inner",
    )
    elapsed = seen["time_zero"].delta(seen["_assessed"], unit="day")
    recent = seen.filter(elapsed <= ASSESSMENT_LOOK_BACK_DAYS)
    value = recent["_value"]
    number = ibis.ifelse(value.re_search(NUMBER), value.try_cast("float64"), ibis.null("float64"))
    order = [recent["_assessed"].desc(), number.desc(nulls_first=False), value.desc()]
    place = ibis.row_number().over(group_by=[recent["moment"], recent["_name"]], order_by=order)
    ranked = recent.select("moment", "_name", "_value", _place=place)
    return ranked.filter(ranked["_place"] == 0)


ASSESSMENTS = Leaf(MEANINGS, assessment_covariates)
