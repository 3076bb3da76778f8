"""The window in which each child is looked at: follow-up, maturity, exits and the eighteenth birthday, in days.

Takes moments (one row a child at a time zero) and the tables and gives an Ibis table of one row a moment. All lengths are
whole days from time zero; months are calendar months, clamped to the end of the month. It cannot see an offence.
"""

from collections.abc import Mapping
from datetime import date

import ibis
from ibis.expr import types as ir

from yoseval.cohort.profiles import Profile, evaluation_months

AGE_OF_MAJORITY = 18


def observation_windows(tables: Mapping[str, ir.Table], moments: ir.Table, profile: Profile, extract_date: date) -> ir.Table:
    """Return for each moment how far the child is followed, and by when an offence must be proven.

    A child is mature when time zero + F + W is no later than the extract; the months of both are added at once, so
    that the end of a month clamps once (29 February + 12 + 6 months = 29 August). Follow-up ends with F; where the child
    is not mature it ends no later than the extract less W, and in any case on the day of the first exit. An exit on or
    before time zero ends it at once: that child cannot be observed.

    Parameters
    ----------
    tables : mapping of str to ibis Table
        ``people`` (births), and ``exits`` where it was given.
    moments : ibis Table
        ``moment``, ``person_id``, ``time_zero``.
    profile : Profile
        F and W.
    extract_date : date
        Nothing is known after it.

    Returns
    -------
    ibis Table
        ``moment``, ``person_id``, ``time_zero`` and, in days from time zero, ``days_in_f``, ``mature_days`` (F + W),
        ``proof_within`` (the last day of proof that counts), ``days_followed``, ``exit_days`` with ``exit_reason`` (null unless
        the exit lies within the window) and ``turned_18_days`` (null unless within follow-up); ``is_mature``.

    Raises
    ------
    StudyError
        If the profile only monitors.
    """
    months = evaluation_months(profile)
    start = moments["time_zero"]
    extract = ibis.literal(extract_date)
    days_in_f = _months_after(start, months).delta(start, unit="day")
    mature_days = _months_after(start, months + profile.wait_months).delta(start, unit="day")
    extract_days = extract.delta(start, unit="day")
    is_mature = mature_days <= extract_days
    cut = _months_after(extract, -profile.wait_months).delta(start, unit="day")
    dated = moments.select(
        "moment",
        "person_id",
        "time_zero",
        days_in_f=days_in_f,
        mature_days=mature_days,
        is_mature=is_mature,
        proof_within=extract_days if profile.delay_modelled else ibis.least(mature_days, extract_days),
        _window=ibis.greatest(ibis.ifelse(is_mature, days_in_f, ibis.least(days_in_f, cut)), 0),
    )
    return _with_birthday(_with_exit(dated, tables), tables).drop("_window")


def _months_after(day: ir.DateValue, months: int) -> ir.DateValue:
    """Add calendar months; a day that the month does not have becomes its last one."""
    if months < 0:
        return (day - ibis.interval(months=-months)).cast("date")
    return (day + ibis.interval(months=months)).cast("date")


def _with_exit(dated: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
    if "exits" not in tables:
        return dated.mutate(days_followed=dated["_window"], exit_days=ibis.null("int64"), exit_reason=ibis.null("string"))
    exits = tables["exits"]
    # Date and reason in one text: its smallest is the first exit, and a death before another reason of the same day.
    told = exits["exit_date"].cast("string") + exits["reason"]
    first = exits.group_by("person_id").aggregate(_date=exits["exit_date"].min(), _told=told.min())
    joined = dated.left_join(first, "person_id").drop("person_id_right")
    day = ibis.greatest(joined["_date"].delta(joined["time_zero"], unit="day"), 0)
    is_seen = (joined["_date"].notnull() & (day <= joined["_window"])).fill_null(False)
    return joined.mutate(
        days_followed=ibis.ifelse(is_seen, day, joined["_window"]),
        exit_days=ibis.ifelse(is_seen, day, ibis.null("int64")),
        exit_reason=ibis.ifelse(is_seen, joined["_told"].substr(10), ibis.null("string")),
    ).drop("_date", "_told")


def _with_birthday(windows: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
    people = tables["people"].group_by("person_id").aggregate(_born=tables["people"]["date_of_birth"].min())
    joined = windows.left_join(people, "person_id").drop("person_id_right")
    born = joined["_born"]
    # Born on 29 February: the eighteenth birthday, never in a leap year, is 1 March.
    leap = (born.month() == 2) & (born.day() == 29)
    month = ibis.ifelse(leap, 3, born.month()).cast("int32")
    day = ibis.ifelse(leap, 1, born.day()).cast("int32")
    birthday = ibis.date((born.year() + AGE_OF_MAJORITY).cast("int32"), month, day)
    days = birthday.delta(joined["time_zero"], unit="day")
    within = ((days >= 0) & (days <= joined["days_followed"])).fill_null(False)
    return joined.mutate(turned_18_days=ibis.ifelse(within, days, ibis.null("int64"))).drop("_born")
