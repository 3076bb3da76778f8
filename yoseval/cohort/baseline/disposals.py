"""The index event and the disposals before it, on the ladder of the records standard."""

from collections.abc import Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import Leaf, Tables, fetch, placed, seen_from
from yoseval.records.engine import Engine
from yoseval.records.schema import DISPOSAL_GROUP, DISPOSAL_RANK
from yoseval.records.scoring.tables import count_if

_INDEX = {
    "index_kind": "kind of the index event: caution, disposal or release",
    "disposal_type": "disposal of the index event",
    "disposal_group": "group of the ladder of the index disposal",
    "days_since_index": "days from the index event to time zero",
}
_EARLIER = {
    "prior_disposals": "disposals, diversions included, dated before the index event",
    "highest_prior_disposal": "place on the ladder of the most severe disposal before the index event; 0 = none",
}
MEANINGS = {**_INDEX, **_EARLIER}


def disposal_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of the index event and of the disposals before it.

    Examples
    --------
    >>> disposal_covariates(engine, tables, moments, ["disposal_type", "prior_disposals"])  # doctest: +SKIP
    """
    earlier = [n for n in names if n in _EARLIER]
    index = [n for n in names if n in _INDEX]
    frames = [_index_event(engine, moments, index)] if index else []
    frames += [_earlier_disposals(engine, tables, moments, earlier)] if earlier else []
    return pd.concat([f.sort_index() for f in frames], axis="columns")[list(names)]


def _index_event(engine: Engine, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    values = {
        "index_kind": moments["index_kind"],
        "disposal_type": moments["disposal_type"],
        "disposal_group": moments["disposal_type"].cases(*DISPOSAL_GROUP.items(), else_=ibis.null("string")),
        "days_since_index": moments["time_zero"].delta(moments["index_date"], unit="day"),
    }
    return fetch(engine, moments.select("moment", **placed([values[n] for n in names])), names)


def _earlier_disposals(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    given = tables["disposals"].select("person_id", _given="disposal_date", _type="disposal_type")
    seen = seen_from(moments, given, "_given")
    before = (seen["_given"] < seen["index_date"]).fill_null(False)
    rank = ibis.ifelse(before, seen["_type"].cases(*DISPOSAL_RANK.items(), else_=0), 0)
    values = {"prior_disposals": count_if(before), "highest_prior_disposal": rank.max()}
    return fetch(engine, seen.group_by("moment").aggregate(**placed([values[n] for n in names])), names)


DISPOSALS = Leaf(MEANINGS, disposal_covariates)
