"""Programmes of the service before and at time zero, of the whole menu.

A programme that ends after time zero is open at time zero, whenever it ended and however.
"""

from collections.abc import Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import LOOK_BACK_DAYS, Leaf, Tables, fetch, placed, seen_from
from yoseval.records.engine import Engine
from yoseval.records.scoring.delivery_steps import is_given

_COUNTS = {
    "earlier_programmes": "programmes started before the index event and ended before time zero",
    "concurrent_programmes": "programmes started by time zero and not ended before it, the one evaluated included",
}
_SUITABILITY = {
    "suitability": f"suitability by the last referral in the {LOOK_BACK_DAYS} days to time zero that recorded it",
}
MEANINGS = {**_COUNTS, **_SUITABILITY}


def programme_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of programmes and referrals.

    Examples
    --------
    >>> programme_covariates(engine, tables, moments, ["earlier_programmes"])  # doctest: +SKIP
    """
    counts = [n for n in names if n in _COUNTS]
    frames = [_counts(engine, tables["starts"], moments, counts)] if counts else []
    frames += [_suitability(engine, tables["starts"], moments)] if "suitability" in names else []
    return pd.concat([f.sort_index() for f in frames], axis="columns")[list(names)]


def open_programmes(tables: Tables, moments: ir.Table) -> ir.Table:
    """Return the programmes each child was on at time zero.

    Parameters
    ----------
    tables : mapping of str to ibis Table
        Tables of the records; ``starts`` is needed.
    moments : ibis Table
        ``moment``, ``person_id``, ``time_zero`` at least.

    Returns
    -------
    ibis Table
        ``moment``, ``programme_id`` and ``started`` (date): one row a programme started by time zero and not ended before
        it. Of two open starts on one programme the earlier counts.

    Examples
    --------
    >>> records.engine.frame(open_programmes(records.tables, moments))  # doctest: +SKIP
    """
    seen = _starts(tables["starts"], moments, how="inner")
    current = seen.filter(_is_open(seen))
    return current.group_by("moment", programme_id=current["_programme"]).aggregate(started=current["_from"].min())


def _starts(starts: ir.Table, moments: ir.Table, *, how: str = "left") -> ir.Table:
    return seen_from(
        moments, starts.select("person_id", _programme="programme_id", _from="start_date", _to="end_date"), "_from", how=how
    )


def _is_open(seen: ir.Table) -> ir.BooleanColumn:
    return ~is_given(seen["_to"]) | (seen["_to"] >= seen["time_zero"])


def _counts(engine: Engine, starts: ir.Table, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    seen = _starts(starts, moments)
    programme = seen["_programme"]
    values = {
        "earlier_programmes": programme.nunique(where=(seen["_from"] < seen["index_date"]) & ~_is_open(seen)),
        "concurrent_programmes": programme.nunique(where=_is_open(seen)),
    }
    return fetch(engine, seen.group_by("moment").aggregate(**placed([values[n] for n in names])), names)


def _suitability(engine: Engine, starts: ir.Table, moments: ir.Table) -> pd.DataFrame:
    recorded = starts.filter(is_given(starts["suitability"]))
    referred = recorded.select("person_id", _referred="referral_date", _suitability="suitability")
    seen = seen_from(moments, referred, "_referred", how="inner")
    recent = seen.filter(seen["time_zero"].delta(seen["_referred"], unit="day") <= LOOK_BACK_DAYS)
    # Of several on one day: not_met, else not_assessed, else met; the doubt counts.
    order = [recent["_referred"].desc(), recent["_suitability"].desc()]
    place = ibis.row_number().over(group_by=recent["moment"], order_by=order)
    ranked = recent.select("moment", c0=recent["_suitability"], _place=place)
    return fetch(engine, ranked.filter(ranked["_place"] == 0).drop("_place"), ["suitability"])


PROGRAMMES = Leaf(MEANINGS, programme_covariates)
