"""Offending known at time zero: proven, alleged and pending, and the offence of the index event.

An offence is known from its date on, its result only from the date of the proof on: a conviction after time zero is a
pending offence. The *index occasion* is the index offence and all offences proven on the day of the index event.
"""

from collections.abc import Callable, Mapping, Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import Leaf, Tables, completed_years, fetch, placed, seen_from
from yoseval.records.engine import Engine
from yoseval.records.schema import BREACH_GROUPS, OFFENCE_GROUPS, PROOF_RESULTS
from yoseval.records.scoring.delivery_steps import is_given
from yoseval.records.scoring.tables import count_if

_PRIOR = "prior_offences."
_GROUPS = tuple(g for g in OFFENCE_GROUPS if g not in BREACH_GROUPS)
_BY_TIME_ZERO = "dated and convicted or cautioned by time zero, the index occasion not counted"
MEANINGS = {
    "prior_offences": f"offences {_BY_TIME_ZERO}; breaches not counted",
    **{f"{_PRIOR}{g}": f"offences of the group {g} {_BY_TIME_ZERO}" for g in _GROUPS},
    "prior_breaches": f"breaches {_BY_TIME_ZERO}",
    "prior_allegations": "offences and breaches dated by time zero, whatever came of them, the index occasion not counted",
    "pending_offences": "offences and breaches dated by time zero, no result dated by then, the index occasion not counted",
    "offences_since_index": "offences and breaches dated after the index event and by time zero, whatever came of them",
    "age_at_first_offence": "completed years at the first offence proven by time zero, the index occasion included",
    "seriousness": "seriousness (1 to 8) of the index offence, else of the most serious one proven on the index date",
    "offence_group": "group of the same offence; of equally serious ones the first in the list of the standard",
}
# The kind of an offence is one number: seriousness, then place in the list of groups from its end. The largest kind is the
# most serious, and of equally serious ones the first in the list, on any engine.
_SERIOUSNESS_STEP = 100
_INDEX_STEP = 10_000
_PLACE = {g: len(OFFENCE_GROUPS) - i for i, g in enumerate(OFFENCE_GROUPS)}
_BREACHES = [_PLACE[g] for g in BREACH_GROUPS]


def offence_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of offences, in one pass over the offences known at each moment.

    Examples
    --------
    >>> offence_covariates(engine, tables, moments, ["prior_offences", "seriousness"])  # doctest: +SKIP
    """
    known = _known(tables, moments)
    return fetch(engine, known.group_by("moment").aggregate(**placed([_value(known, n) for n in names])), names)


def _known(tables: Tables, moments: ir.Table) -> ir.Table:
    """Return one row a moment and offence dated by time zero; what was decided later is not in it."""
    offences = tables["offences"]
    given = offences.select(
        "person_id",
        _offence="offence_id",
        _dated="offence_date",
        _kind=offences["seriousness"].fill_null(0) * _SERIOUSNESS_STEP
        + offences["offence_group"].cases(*_PLACE.items(), else_=0),
        _decided_on="proof_date",
        _is_proof=offences["result"].isin(PROOF_RESULTS),
    )
    people = tables["people"].select(_person="person_id", _born="date_of_birth")
    seen = seen_from(moments.left_join(people, moments["person_id"] == people["_person"]), given, "_dated")
    decided = (seen["_decided_on"] <= seen["time_zero"]).fill_null(False)
    proven = (decided & seen["_is_proof"]).fill_null(False)
    marked = seen.mutate(
        _decided=decided,
        _proven=proven,
        _on_the_day=proven & (seen["_decided_on"] == seen["index_date"]).fill_null(False),
        _is_index=(seen["_offence"] == seen["index_offence_id"]).fill_null(False),
    )
    return _once(marked)


def _once(marked: ir.Table) -> ir.Table:
    """Return one row a moment and offence, also where the records hold an offence in several rows."""
    offences = marked.group_by("moment", "_offence").aggregate(
        _born=marked["_born"].max(),
        _index_date=marked["index_date"].max(),
        _dated=marked["_dated"].min(),
        _kind=marked["_kind"].max(),
        _decided=marked["_decided"].any(),
        _proven=marked["_proven"].any(),
        _occasion=(marked["_is_index"] | marked["_on_the_day"]).any(),
        _is_index=marked["_is_index"].any(),
    )
    place = offences["_kind"] % _SERIOUSNESS_STEP
    return offences.mutate(
        _earlier=is_given(offences["_offence"]) & ~offences["_occasion"],
        _place=place,
        _breach=place.isin(_BREACHES),
    )


def _value(known: ir.Table, name: str) -> ir.Value:
    if name.startswith(_PRIOR):
        return _prior(known, known["_place"] == _PLACE[name.removeprefix(_PRIOR)])
    return _VALUES[name](known)


def _prior(known: ir.Table, which: ir.BooleanValue) -> ir.IntegerScalar:
    return count_if(known["_earlier"] & known["_proven"] & which)


def _age_at_first(known: ir.Table) -> ir.IntegerValue:
    return completed_years(known["_born"].max(), known["_dated"].min(where=known["_proven"] & ~known["_breach"]))


def _index_kind(known: ir.Table) -> ir.IntegerScalar:
    """Return the kind of the index offence, else of the most serious offence of the occasion."""
    return (known["_kind"] + known["_is_index"].cast("int64") * _INDEX_STEP).max(where=known["_occasion"])


def _index_seriousness(known: ir.Table) -> ir.IntegerValue:
    return (_index_kind(known) // _SERIOUSNESS_STEP % (_INDEX_STEP // _SERIOUSNESS_STEP)).nullif(0)


def _index_group(known: ir.Table) -> ir.StringValue:
    groups = ((place, group) for group, place in _PLACE.items())
    return (_index_kind(known) % _SERIOUSNESS_STEP).cases(*groups, else_=ibis.null("string"))


_VALUES: Mapping[str, Callable[[ir.Table], ir.Value]] = {
    "prior_offences": lambda known: _prior(known, ~known["_breach"]),
    "prior_breaches": lambda known: _prior(known, known["_breach"]),
    "prior_allegations": lambda known: count_if(known["_earlier"]),
    "pending_offences": lambda known: count_if(known["_earlier"] & ~known["_decided"]),
    "offences_since_index": lambda known: count_if(known["_dated"] > known["_index_date"]),
    "age_at_first_offence": _age_at_first,
    "seriousness": _index_seriousness,
    "offence_group": _index_group,
}
OFFENDING = Leaf(MEANINGS, offence_covariates)
