"""What was delivered: the way of every referral through a programme, with 'not recorded' as an answer of its own.

Takes validated tables and gives public frames of counts: the funnel, suitability and waits. What the tables do not say is
never guessed: a programme without a session log has sessions 'not recorded', not none. Nothing here sees an outcome, and
nothing here is safe to show: disclosure control comes in reporting.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.frames import join_frames, make_frame
from yoseval.records.scoring.delivery_steps import (
    NOT_REACHED,
    NOT_RECORDED,
    REACHED,
    RESULTS,
    SESSION_STAGES,
    STAGES,
    UNDER_WAY,
    WAITS,
    dated_steps,
    referrals,
    session_sums,
    wait_days,
)
from yoseval.records.scoring.tables import complete, fetched

SUITABILITY = ("met", "not_met", "not_assessed", NOT_RECORDED)


def delivery_frame(tables: Mapping[str, ir.Table], extract_date: date) -> pd.DataFrame:
    """Return the funnel of each programme, first of its referrals, then of its sessions.

    Every stage splits the same total four ways: reached, not reached, under way and not recorded.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Validated tables; ``starts`` is needed, ``sessions`` and ``programmes`` say more.
    extract_date : date
        Sessions dated later have not been yet.

    Returns
    -------
    DataFrame
        The public frame ``delivery``, programmes in the order of their names. Stages of referrals are referred, offered,
        started, session_held (one at least), session_attended (one at least) and completed; of sessions planned, held and
        attended. A programme nobody was referred to is not in it (``delivery_notes`` has it).

    Examples
    --------
    >>> delivery_frame(records.tables, records.extract_date)  # doctest: +SKIP
    """
    whole = complete(tables)
    steps = referrals(whole, extract_date)
    counted = fetched(steps.group_by(["programme_id", *STAGES]).aggregate(n=steps.count()))
    sums = fetched(session_sums(whole, extract_date)).set_index("programme_id")
    names = programme_names(whole)
    frames = []
    for programme in _in_order(counted["programme_id"], names):
        named = {"programme": programme, "name": names.get(programme, programme)}
        frames.append(_referral_rows(counted[counted["programme_id"] == programme], named))
        if programme in sums.index and sums.loc[programme, "planned"] > 0:
            frames.append(_session_rows(sums.loc[programme], named))
    return join_frames("delivery", frames)


def suitability_frame(tables: Mapping[str, ir.Table]) -> pd.DataFrame:
    """Return of how many referrals suitability was met, not met, not assessed and not recorded, for each programme.

    Returns
    -------
    DataFrame
        The public frame ``suitability``: four rows a programme, also where a count is 0.
    """
    whole = complete(tables)
    starts = whole["starts"].mutate(suitability=whole["starts"].suitability.fill_null(NOT_RECORDED))
    counted = fetched(starts.group_by(["programme_id", "suitability"]).aggregate(n=starts.count()))
    names = programme_names(whole)
    wide = counted.pivot_table(index="programme_id", columns="suitability", values="n", aggfunc="sum", fill_value=0)
    wide = wide.reindex(columns=list(SUITABILITY), fill_value=0)
    rows = [
        {"programme": p, "name": names.get(p, p), "suitability": answer, "n": int(n), "share": n / wide.loc[p].sum()}
        for p in _in_order(wide.index, names)
        for answer, n in wide.loc[p].items()
    ]
    return make_frame("suitability", pd.DataFrame(rows))


def delays_frame(tables: Mapping[str, ir.Table], extract_date: date) -> pd.DataFrame:
    """Return how long referrals waited from step to step: quartiles in days, and how many are out of order or undated.

    The order is the child's last disposal dated no later than the referral or the start. Waits below 0 are counted as
    reversed and are in no quartile. Quartiles are those of Hyndman and Fan's type 7, as in NumPy.

    Returns
    -------
    DataFrame
        The public frame ``delays``: five waits a programme. ``n`` referrals have both dates in order; with ``n_reversed``
        and ``n_not_recorded`` they add up to the referrals concerned.

    References
    ----------
    hyndman1996 : Hyndman and Fan (1996), The American Statistician 50(4), 361-365.
    """
    whole = complete(tables)
    steps = dated_steps(whole, extract_date)
    names = programme_names(whole)
    counted = pd.concat([fetched(wait_days(steps, w)).assign(wait=w) for w in WAITS], ignore_index=True)
    rows = [
        {"programme": p, "name": names.get(p, p), "wait": wait, **_waited(mine[mine["wait"] == wait])}
        for p in _in_order(counted["programme_id"], names)
        for mine in [counted[counted["programme_id"] == p]]
        for wait in WAITS
        if (mine["wait"] == wait).any()
    ]
    return make_frame("delays", pd.DataFrame(rows))


def programme_names(tables: Mapping[str, ir.Table]) -> dict[str, str]:
    """Return the name of each programme on the menu by its id; an id that is there twice has its first name."""
    if "programmes" not in tables:
        return {}
    menu = fetched(tables["programmes"].group_by("programme_id").aggregate(name=lambda t: t["name"].min()))
    return {str(p): str(n) for p, n in zip(menu["programme_id"], menu["name"], strict=True) if pd.notna(n)}


def _in_order(programmes: pd.Series | pd.Index, names: Mapping[str, str]) -> list[str]:
    return sorted(set(programmes.dropna()), key=lambda p: (names.get(p, p).casefold(), p))


def _referral_rows(counted: pd.DataFrame, named: Mapping[str, str]) -> pd.DataFrame:
    splits = [counted.groupby(stage)["n"].sum().reindex(list(RESULTS), fill_value=0).tolist() for stage in STAGES]
    return _rows(splits, STAGES, "referrals", 1, named)


def _session_rows(sums: pd.Series, named: Mapping[str, str]) -> pd.DataFrame:
    held, attended, logged, dropped, ahead, unlogged = (
        int(sums[c]) for c in ("held", "attended", "logged", "dropped", "ahead", "unlogged")
    )
    splits = [
        [int(sums["planned"]), 0, 0, 0],
        [held, logged - held + dropped, ahead, unlogged],
        [attended, logged - attended + dropped, ahead, unlogged],
    ]
    return _rows(splits, SESSION_STAGES, "sessions", len(STAGES) + 1, named)


def _rows(splits: list[list[int]], stages: tuple[str, ...], unit: str, first: int, named: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a stage and result; a result that cannot come up at a stage is left out where it is 0."""
    rows = [
        {**named, "step": step, "unit": unit, "stage": stage, "result": result, "n": n, "share": n / sum(split)}
        for step, (stage, split) in enumerate(zip(stages, splits, strict=True), start=first)
        for result, n in zip(RESULTS, split, strict=True)
        if n > 0 or _can_come_up(stage, result)
    ]
    return make_frame("delivery", pd.DataFrame(rows))


def _can_come_up(stage: str, result: str) -> bool:
    if stage in ("referred", "planned"):
        return result == REACHED
    return result in (REACHED, NOT_REACHED, NOT_RECORDED) or (
        result == UNDER_WAY and stage in ("completed", "held", "attended")
    )


def _waited(counted: pd.DataFrame) -> dict[str, float | int | None]:
    is_reversed = counted["is_reversed"].astype(bool)
    undated = counted["days"].isna() & ~is_reversed
    told = counted[~is_reversed & ~undated]
    days = np.repeat(told["days"].to_numpy(dtype=np.float64), told["n"].to_numpy(dtype=np.int64))
    low, middle, high = np.quantile(days, (0.25, 0.5, 0.75)).tolist() if days.size else (None, None, None)
    return {
        "n": int(days.size),
        "lower_quartile": low,
        "median": middle,
        "upper_quartile": high,
        "n_reversed": int(counted.loc[is_reversed, "n"].sum()),
        "n_not_recorded": int(counted.loc[undated, "n"].sum()),
    }
