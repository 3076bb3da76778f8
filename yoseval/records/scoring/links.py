"""What a row must know of other tables before its quality can be told, joined to it once.

Takes complete tables and gives them with further columns, whose names begin with an underscore: how many orders came before
a start, how many sessions were logged for it, whether a child was assessed before a disposal. A table that is not there
leaves its columns empty, and the rules that need it say nothing.
"""

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from ibis.expr import types as ir

from yoseval.records.scoring.delivery_steps import session_log
from yoseval.records.scoring.rules import LOOK_BACK_DAYS
from yoseval.records.scoring.tables import count_if

Tables: TypeAlias = Mapping[str, ir.Table]
_PAIR = ["person_id", "programme_id"]


def linked(tables: Tables, extract_date: date) -> dict[str, ir.Table]:
    """Return complete tables with what the rules need of the others.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Complete tables.
    extract_date : date
        Sessions dated later have not been yet.
    """
    links = {"starts": _starts, "sessions": _sessions, "disposals": _disposals}
    return {name: links[name](tables, extract_date) if name in links else table for name, table in tables.items()}


def _starts(tables: Tables, extract_date: date) -> ir.Table:
    """Add ``_n_logged``, ``_n_attended`` and ``_n_orders_before``."""
    log = session_log(tables, extract_date).select(*_PAIR, _n_logged="logged", _n_attended="n_attended")
    joined = tables["starts"].left_join(log, _PAIR).drop("person_id_right", "programme_id_right")
    joined = joined.mutate(_n_logged=joined._n_logged.fill_null(0), _n_attended=joined._n_attended.fill_null(0))
    if "disposals" not in tables:
        return joined
    # The first disposal is enough to tell whether there was one before.
    first = tables["disposals"].group_by("person_id").aggregate(_first_order=lambda t: t.disposal_date.min())
    known = joined.left_join(first, "person_id").drop("person_id_right")
    return known.mutate(_n_orders_before=(known._first_order <= known.start_date).fill_null(False).cast("int64"))


def _sessions(tables: Tables, extract_date: date) -> ir.Table:
    """Add ``_n_referrals``, ``_first_start``, ``_last_end``, ``_n_open`` and ``_mode``."""
    sessions = tables["sessions"]
    if "starts" in tables:
        starts = tables["starts"]
        spells = starts.group_by(_PAIR).aggregate(
            _n_referrals=starts.count(),
            _first_start=starts.start_date.min(),
            _last_end=starts.end_date.max(),
            _n_open=count_if(starts.end_date.isnull()),
        )
        joined = sessions.left_join(spells, _PAIR).drop("person_id_right", "programme_id_right")
        sessions = joined.mutate(_n_referrals=joined._n_referrals.fill_null(0))
    if "programmes" not in tables:
        return sessions
    menu = tables["programmes"].group_by("programme_id").aggregate(_mode=lambda t: t["mode"].max())
    return sessions.left_join(menu, "programme_id").drop("programme_id_right")


def _disposals(tables: Tables, extract_date: date) -> ir.Table:
    """Add ``_n_assessed``: on how many days of the look-back the child was assessed."""
    disposals = tables["disposals"]
    if "assessments" not in tables:
        return disposals
    days = tables["assessments"].select("person_id", "assessment_date").distinct()
    joined = disposals.inner_join(days, "person_id")
    ago = joined.disposal_date.delta(joined.assessment_date, unit="day")
    recent = joined.filter((ago >= 0) & (ago <= LOOK_BACK_DAYS))
    counted = recent.group_by("disposal_id").aggregate(_n_assessed=recent.count())
    known = disposals.left_join(counted, "disposal_id").drop("disposal_id_right")
    return known.mutate(_n_assessed=known._n_assessed.fill_null(0))
