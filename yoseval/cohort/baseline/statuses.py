"""A child's circumstances at time zero: the episode that was open, and what it said.

A status whose episodes carry values (such as ete) answers with a value; one whose episodes only begin and end (such as
looked_after) answers yes or no. Which of the two a status is shows in the episodes begun by time zero alone. Episodes
because of the order or the remand are no baseline and are left out; `by_order_covariates` shows them to reports.
"""

from collections.abc import Mapping, Sequence

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import (
    LOOK_BACK_DAYS,
    Leaf,
    Tables,
    fetch,
    not_recorded,
    number_or_code,
    placed,
    seen_from,
)
from yoseval.records.engine import Engine
from yoseval.records.scoring.delivery_steps import is_given
from yoseval.records.scoring.tables import fetched

#: A name that ends so asks for episodes because of the order or the remand.
BY_ORDER = "_by_order"
#: The statuses that the records standard names; a service may record others.
STANDARD = ("looked_after", "child_protection", "child_in_need", "ete", "accommodation", "school_exclusion")
_MEANING = (
    "episode open at time zero, not because of the order: its value (else the value of the last one ended within "
    f"{LOOK_BACK_DAYS} days), or yes and no where the status has no values"
)
MEANINGS = {name: f"{name}: {_MEANING}" for name in STANDARD}


def recorded_statuses(tables: Tables) -> Mapping[str, str]:
    """Return every status in the records, at any date, with its meaning."""
    if "statuses" not in tables:
        return {}
    names = fetched(tables["statuses"].select("status").distinct())["status"].dropna()
    return {n: f"{n}: {_MEANING}" for n in sorted(names)}


def status_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return circumstances at time zero; without the table they are not recorded.

    The episode open at time zero that began last decides, and of several that began that day the one with the last value
    in the alphabet; where its value was not recorded, neither is the answer. A status without values is ``yes`` or ``no``,
    and not recorded for anybody where the records hold no episode of it begun by any moment.

    Examples
    --------
    >>> status_covariates(engine, tables, moments, ["looked_after", "ete"])  # doctest: +SKIP
    """
    if "statuses" not in tables:
        return pd.DataFrame({n: pd.Series(dtype=object) for n in names})
    seen = _episodes(tables["statuses"], moments, names)
    episodes = seen.mutate(_place=_place(seen))
    mine = [episodes["_status"] == n for n in names]
    counted = ~episodes["_by_order"]
    values = [episodes["_value"].max(where=m & (episodes["_place"] == 0) & episodes["_says"]) for m in mine]
    is_open = [(episodes["_open"] & counted).cast("int64").max(where=m) for m in mine]
    valued = [(is_given(episodes["_value"]) & counted).cast("int64").max(where=m) for m in mine]
    labels = [f"{kind} {n}" for kind in ("value", "open", "valued") for n in names]
    wide = episodes.group_by("moment").aggregate(**placed([*values, *is_open, *valued]))
    frame = fetch(engine, wide, labels)
    answers = {n: _answer(frame[f"value {n}"], frame[f"open {n}"], frame[f"valued {n}"]) for n in names}
    return pd.DataFrame(answers, index=frame.index)


def by_order_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return whether an episode because of the order or the remand was open at time zero: for reports, never a design.

    Parameters
    ----------
    names : sequence of str
        ``<status>_by_order``, such as ``looked_after_by_order``.

    Examples
    --------
    >>> by_order_covariates(engine, tables, moments, ["looked_after_by_order"])  # doctest: +SKIP
    """
    if "statuses" not in tables:
        return pd.DataFrame({n: pd.Series(dtype=object) for n in names})
    wanted = [n.removesuffix(BY_ORDER) for n in names]
    episodes = _episodes(tables["statuses"], moments, wanted)
    is_open = [(episodes["_open"] & episodes["_by_order"]).cast("int64").max(where=episodes["_status"] == n) for n in wanted]
    frame = fetch(engine, episodes.group_by("moment").aggregate(**placed(is_open)), names)
    return pd.DataFrame({n: _yes_or_no(frame[n]) for n in names}, index=frame.index)


def _episodes(statuses: ir.Table, moments: ir.Table, names: Sequence[str]) -> ir.Table:
    """Return the episodes begun by time zero; an end after time zero is no end yet."""
    wanted = statuses.filter(statuses["status"].isin(list(names))).select(
        "person_id",
        _status="status",
        _from="start_date",
        _to="end_date",
        _value="value",
        _by_order=statuses["because_of_order"].fill_null(False),
    )
    seen = seen_from(moments, wanted, "_from")
    ended = (seen["_to"] < seen["time_zero"]).fill_null(False)
    since_end = seen["time_zero"].delta(seen["_to"], unit="day")
    recent = ended & (since_end <= LOOK_BACK_DAYS).fill_null(False)
    return seen.select(
        "moment",
        "_status",
        "_value",
        "_by_order",
        _open=~ended,
        _says=(~ended | recent) & ~seen["_by_order"],
        _dated=ibis.ifelse(ended, seen["_to"], seen["_from"]),
    )


def _place(seen: ir.Table) -> ir.IntegerColumn:
    order = [
        seen["_says"].desc(nulls_first=False),
        seen["_open"].desc(),
        seen["_dated"].desc(),
        seen["_value"].desc(nulls_first=False),
    ]
    return ibis.row_number().over(group_by=[seen["moment"], seen["_status"]], order_by=order)


def _answer(value: pd.Series, is_open: pd.Series, valued: pd.Series) -> pd.Series:
    return number_or_code(value) if valued.eq(1.0).any() else _yes_or_no(is_open)


def _yes_or_no(is_open: pd.Series) -> pd.Series:
    if is_open.isna().all():
        return not_recorded(is_open.index, ["status"])["status"]
    return pd.Series(np.where(is_open.eq(1.0), "yes", "no").astype(object), index=is_open.index)


STATUSES = Leaf(MEANINGS, status_covariates)
