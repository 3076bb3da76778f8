"""The technical report of one programme, on who is compared: who was lost, who was kept, and who was on other programmes.

Takes a run and a programme and gives blocks. Runs of a prepared file tell only whom the design kept and whom it did not.
"""

import pandas as pd

from yoseval.reporting.amounts import MINUS, count, number
from yoseval.reporting.blocks import Block
from yoseval.reporting.pieces import NOTHING, heading, paragraph, together
from yoseval.reporting.tables import HIDDEN, NOT_APPLICABLE, Column, table_block
from yoseval.reporting.view import RunLike, View, views
from yoseval.reporting.words import capital

_ARMS = {"treated": "Programme", "comparison": "Comparison"}
_SHARES = ("binary", "missing")
_MOST_TERMS = 9
_MOST_KEPT_TERMS = 5
_NOT_KNOWN = NOT_APPLICABLE


def who_was_lost(run: RunLike, programme: str | None = None) -> Block:
    """Return how those who left differ from those who stayed, before the design and at it; nothing without records."""
    view = views(run, programme)[0]
    lost = _printed(view, "lost", "lost")
    if lost.empty:
        return NOTHING
    at_design = lost["stage"] == "design"
    return together(
        heading(3, "Who was lost"),
        paragraph("If those who left differ from those who stayed, the finding is about those who stayed."),
        _before_design(lost[~at_design], view.words.people),
        _at_design(lost[at_design], view.words.people),
    )


def other_programmes(run: RunLike, programme: str | None = None) -> Block:
    """Return how many of each group were on other programmes; nothing without records."""
    view = views(run, programme)[0]
    if view.run.frame("coexposure").empty:
        return NOTHING
    frame, hidden = view.frame("coexposure"), view.hidden("coexposure")
    if frame.empty:
        return together(heading(3, "Other programmes"), paragraph("Nobody in either group was on another programme."))
    why = (
        "Where one group was on another programme more often than the other, a difference may be that programme's. Who started "
        "another one after time zero is told for the days in which a start of this one counts; it has no part in the design."
    )
    columns = [
        Column("other_name", "Other programme"),
        Column("when", "When"),
        Column("group", "Group"),
        Column("n", capital(view.words.people), "count"),
        Column("n_of", "Of", "count"),
        Column("share", "Per 100", "number", 0, factor=100),
    ]
    table = table_block(
        frame.assign(group=frame["arm"].map(_ARMS), when=frame["when"].map(capital)),
        caption=f"{capital(view.words.people)} of each group on other programmes",
        columns=columns,
        hidden=hidden[["n", "n_of", "share"]],
        wide=True,
    )
    return together(heading(3, "Other programmes"), paragraph(why), table)


def who_was_kept(run: RunLike, programme: str | None = None) -> Block:
    """Return how those whom the design uses differ from those it does not; nothing where it uses everybody."""
    view = views(run, programme)[0]
    kept = _printed(view, "kept_and_dropped", "dropped")
    left = kept[kept["n_dropped"] != "0"]
    if left.empty:
        return NOTHING
    told = left[~left["std_mean_diff"].isin((HIDDEN, _NOT_KNOWN))]
    silent = [_ARMS[a].lower() for a in dict.fromkeys(left["arm"]) if a not in set(told["arm"])]
    parts = [] if told.empty else [_kept_table(told, view.words.people)]
    if silent:
        who = " and ".join(silent)
        parts.append(paragraph(f"How those left out of the {who} group differ is confidential, or not known."))
    why = "Not everybody could be compared. Where those left out differ from those kept, the finding is about those kept."
    return together(heading(3, "Who was kept and who was not"), paragraph(why), *parts)


def _kept_table(told: pd.DataFrame, people: str) -> Block:
    """Return, for each group, the terms by which those kept and those left out differ most."""
    columns = [
        Column("group", "Group"),
        Column("term", "Covariate"),
        Column("mean_kept", "Kept", "printed"),
        Column("mean_dropped", "Left out", "printed"),
        Column("std_mean_diff", "SMD", "printed"),
    ]
    groups = told.drop_duplicates("arm").to_dict("records")
    sizes = "; ".join(f"{_ARMS[g['arm']].lower()} group, {g['n_kept']} kept and {g['n_dropped']} left out" for g in groups)
    return table_block(
        _most_different(told, ["arm"], _MOST_KEPT_TERMS),
        caption=f"{capital(people)} whom the comparison uses, against those it does not",
        columns=columns,
        wide=True,
        note=f"{capital(sizes)}. The {_MOST_KEPT_TERMS} terms that differ most; all are in kept_and_dropped.csv. SMD: mean of "
        "those kept less that of those left out, in standard deviations of the whole group. "
        "Terms that are confidential are not told.",
    )


def _most_different(told: pd.DataFrame, by: list[str], most: int) -> pd.DataFrame:
    """Return the terms that differ most for each group, with the unit of their means."""
    unit = told["kind"].isin(_SHARES).map({True: "per 100", False: "mean"})
    gap = told["std_mean_diff"].str.replace(MINUS, "-").astype("float64").abs()
    rows = told.assign(group=told["arm"].map(_ARMS), term=told["term"] + ", " + unit, gap=gap)
    rows = rows.sort_values([*by, "gap"], ascending=[False, *[True] * (len(by) - 1), False], kind="stable")
    return rows.groupby(by, sort=False).head(most).reset_index(drop=True)


def _printed(view: View, name: str, left: str) -> pd.DataFrame:
    """Return a programme's rows of a frame on those ``left`` with numbers as printed, ``[c]`` where they are confidential."""
    frame, hidden = view.frame(name), view.hidden(name)
    is_share = frame["kind"].isin(_SHARES)
    means = {c: [_mean(v, share=s) for v, s in zip(frame[c], is_share, strict=True)] for c in ("mean_kept", f"mean_{left}")}
    counts = {c: [count(v) for v in frame[c]] for c in ("n_kept", f"n_{left}")}
    gaps = [_NOT_KNOWN if pd.isna(v) else number(float(v), 2) for v in frame["std_mean_diff"]]
    shown = frame.assign(**means, **counts, std_mean_diff=gaps).astype(object)
    return shown.mask(hidden.reindex(columns=shown.columns, fill_value=False).astype(bool), HIDDEN)


def _mean(value: float, *, share: bool) -> str:
    if pd.isna(value):
        return _NOT_KNOWN
    return number(100 * float(value), 0) if share else number(float(value), 1)


def _before_design(lost: pd.DataFrame, people: str) -> Block:
    """Return one row for each group and reason, with those who stayed at the head of their group."""
    if lost.empty:
        return paragraph("Nobody was lost before the comparison was made.")
    kinds = dict(zip(lost["term"], lost["kind"], strict=True))
    wanted = [t for t in kinds if t != "sex: female" and not t.endswith("not recorded")]
    terms = sorted(wanted, key=lambda t: kinds[t] in _SHARES)[:_MOST_TERMS]
    told = lost[lost["n_lost"] != HIDDEN]
    if told.empty:
        return together(*_too_few(lost, people))
    rows = [row for arm in _ARMS for row in _rows_of(told[told["arm"] == arm], arm, terms)]
    columns = [Column("group", "Group"), Column("reason", "Why they left"), Column("n", capital(people), "printed")]
    columns += [Column(t, f"{capital(t)}, {'per 100' if kinds[t] in _SHARES else 'mean'}", "printed") for t in terms]
    table = pd.DataFrame(rows)
    block = table_block(
        table,
        caption="Those who left before the comparison was made, against those who stayed",
        columns=columns,
        hidden=table == HIDDEN,
        wide=True,
    )
    return together(block, *_too_few(lost, people))


def _too_few(lost: pd.DataFrame, people: str) -> list[Block]:
    """Name the reasons of which nothing can be told; those that are confidential to hide others are among them."""
    silent = lost[lost["n_lost"] == HIDDEN].drop_duplicates(["arm", "reason"])
    if silent.empty:
        return []
    named = [f"{_ARMS[arm].lower()}: {'; '.join(own['reason'])}" for arm, own in silent.groupby("arm", sort=False)]
    return [paragraph(f"What these {people} were like is confidential. {'. '.join(capital(n) for n in named)}.")]


def _rows_of(lost: pd.DataFrame, arm: str, terms: list[str]) -> list[dict[str, str]]:
    if lost.empty:
        return []
    kept = lost.drop_duplicates("term").set_index("term")
    rows = [
        {"group": _ARMS[arm], "reason": "stayed", "n": str(kept["n_kept"].iloc[0]), **_told(kept["mean_kept"], terms)},
    ]
    for reason, own in lost.groupby("reason", sort=False):
        values = own.set_index("term")["mean_lost"]
        rows.append({"group": _ARMS[arm], "reason": str(reason), "n": str(own["n_lost"].iloc[0]), **_told(values, terms)})
    return rows


def _told(values: pd.Series, terms: list[str]) -> dict[str, str]:
    return {t: str(values.get(t, _NOT_KNOWN)) for t in terms}


def _at_design(lost: pd.DataFrame, people: str) -> Block:
    """Return the covariates by which those whom the design left out differ most, for each group and reason."""
    if lost.empty:
        return NOTHING
    told = lost[~lost["std_mean_diff"].isin((HIDDEN, _NOT_KNOWN))]
    if told.empty:
        return together(*_too_few(lost, people))
    table = _most_different(told, ["arm", "reason"], _MOST_TERMS)
    columns = [
        Column("group", "Group"),
        Column("reason", "Why they were left out"),
        Column("n_lost", capital(people), "printed"),
        Column("term", "Covariate"),
        Column("mean_lost", "Left out", "printed"),
        Column("mean_kept", "Kept", "printed"),
        Column("std_mean_diff", "SMD", "printed"),
    ]
    block = table_block(
        table,
        caption="Those whom the comparison left out, against those it kept",
        columns=columns,
        wide=True,
        note=f"The {_MOST_TERMS} terms that differ most; all are in lost.csv. SMD: standardised mean difference of those "
        "left out against those kept, in standard deviations.",
    )
    return together(block, *_too_few(lost, people))
