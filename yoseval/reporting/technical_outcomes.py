"""The technical report of one programme: Justice Data Lab outputs, reoffences not yet proven, and what else happened.

Takes a run and a programme and gives blocks. Only runs of records have these frames; without them a section is nothing at
all, not an empty heading. Where a fair comparison could not be made, numbers are in the annex only.
"""

from collections.abc import Callable

import pandas as pd

from yoseval.reporting.amounts import is_known, number, per_cent
from yoseval.reporting.blocks import Block
from yoseval.reporting.pieces import NOTHING, callout, heading, paragraph, together
from yoseval.reporting.tables import HIDDEN, NOT_APPLICABLE, Column, table_block
from yoseval.reporting.view import RunLike, View, views
from yoseval.reporting.words import capital

_JDL = "As the Justice Data Lab would report it"
_UNPROVEN = "Reoffences not yet proven"
_DURING = "What happened during follow-up"
_ANNEX = "Not shown here: a fair comparison could not be made. The numbers are in the annex at the end."
_NOT_SHOWN = "not shown"
_DAYS, _FREQUENCY = "jdl_days_to_first", "jdl_frequency"
_GROUPS = {"treated": "Programme", "comparison": "Comparison"}


def justice_data_lab(run: RunLike, programme: str | None = None) -> Block:
    """Return the outputs of the Justice Data Lab; nothing where the run has none."""
    return _section(views(run, programme)[0], "jdl", _JDL, _outputs)


def not_yet_proven(run: RunLike, programme: str | None = None) -> Block:
    """Return the reoffences a child as proven so far beside the corrected number; nothing where the run has none."""
    return _section(views(run, programme)[0], "completeness", _UNPROVEN, _completeness)


def during_follow_up(run: RunLike, programme: str | None = None) -> Block:
    """Return pseudo-reconvictions, birthdays, exits and custody of each group; nothing where the run has none."""
    return _section(views(run, programme)[0], "follow_up", _DURING, _follow_up)


def annex(run: RunLike, programme: str | None = None) -> Block:
    """Return all three, to stand in the annex of a comparison that is not fair; nothing for any other verdict."""
    view = views(run, programme)[0]
    if view.finding["verdict"] != "not_comparable":
        return NOTHING
    parts = (("jdl", _JDL, _outputs), ("completeness", _UNPROVEN, _completeness), ("follow_up", _DURING, _follow_up))
    shown = [(title, make) for name, title, make in parts if not view.frame(name).empty]
    return together(*[together(heading(3, title), make(view, 4)) for title, make in shown])


def _section(view: View, name: str, title: str, make: Callable[[View, int], Block]) -> Block:
    verdict = view.finding["verdict"]
    if view.frame(name).empty or verdict == "not_evaluable":
        return NOTHING
    return together(heading(2, title), paragraph(_ANNEX) if verdict == "not_comparable" else make(view, 3))


def _outputs(view: View, level: int) -> Block:
    rows, hidden = view.frame("jdl"), view.hidden("jdl")
    among = rows["conditioned"].astype(bool).to_numpy()
    people = view.words.people
    return together(
        paragraph(
            "These are measures that the Justice Data Lab of the Ministry of Justice publishes, on the weighted comparison "
            "of this report. They are there to be read beside its publications; the finding does not rest on them."
        ),
        heading(level, f"All {people}"),
        _outputs_table(view, rows[~among], hidden[~among], f"Justice Data Lab measures, all {people}"),
        heading(level, f"Only {people} who reoffended"),
        callout(
            f"This table compares selected groups: only those {people} of each group who reoffended. If the programme "
            "changed who reoffends, it also changed who is compared here. A difference in this table must not be read as an "
            "effect of the programme."
        ),
        _outputs_table(view, rows[among], hidden[among], f"Justice Data Lab measures, only {people} who reoffended"),
    )


def _outputs_table(view: View, rows: pd.DataFrame, hidden: pd.DataFrame, caption: str) -> Block:
    low, high = _values(rows, hidden, "conf_low"), _values(rows, hidden, "conf_high")
    shown = pd.DataFrame(
        {
            # The heading says who is compared; the frame says it in every row.
            "label": [str(v).split(", among ")[0] for v in rows["label"]],
            "treated": _values(rows, hidden, "treated_value"),
            "comparison": _values(rows, hidden, "comparison_value"),
            "difference": _values(rows, hidden, "difference"),
            "limits": [lo if lo in (HIDDEN, _NOT_SHOWN) else f"{lo} to {hi}" for lo, hi in zip(low, high, strict=True)],
            "n_treated": rows["n_treated"].to_numpy(),
            "n_comparison": rows["n_comparison"].to_numpy(),
        }
    )
    mask = (shown == HIDDEN).assign(**{c: hidden[c].to_numpy() for c in ("n_treated", "n_comparison")})
    people = view.words.people
    columns = [
        Column("label", "Measure"),
        Column("treated", "Programme", "printed"),
        Column("comparison", "Comparison", "printed"),
        Column("difference", "Difference", "printed"),
        Column("limits", view.words.interval, "printed"),
        Column("n_treated", f"{capital(people)}, programme", "count"),
        Column("n_comparison", f"{capital(people)}, comparison", "count"),
    ]
    return table_block(shown, caption=caption, columns=columns, hidden=mask, wide=True, note=_reasons(rows, hidden))


def _reasons(rows: pd.DataFrame, hidden: pd.DataFrame) -> str | None:
    """Say why a row that is not confidential is not shown either."""
    is_open = ~hidden["treated_value"].to_numpy(dtype=bool) & ~rows["shown"].fillna(True).to_numpy(dtype=bool)
    return " ".join(dict.fromkeys(rows.loc[is_open, "reason"])) or None


def _values(rows: pd.DataFrame, hidden: pd.DataFrame, column: str) -> list[str]:
    return [
        HIDDEN if h else _printed(m, v, column) if is_known(v) else _NOT_SHOWN
        for m, v, h in zip(rows["measure"], rows[column], hidden[column], strict=True)
    ]


def _printed(measure: str, value: float, column: str) -> str:
    """Print a value with its unit: days, reoffences a person, or per cent; a difference of shares is in points.

    Limits come without: their difference stands beside them.
    """
    if column in ("treated_value", "comparison_value"):
        return {_DAYS: f"{number(value, 0)} days", _FREQUENCY: number(value, 2)}.get(measure, per_cent(value))
    factor, decimals, unit = {_DAYS: (1.0, 0, " days"), _FREQUENCY: (1.0, 2, "")}.get(measure, (100.0, 1, " points"))
    return number(factor * value, decimals, signed=True) + (unit if column == "difference" else "")


def _completeness(view: View, level: int) -> Block:
    rows, hidden = view.frame("completeness"), view.hidden("completeness")
    people = view.words.people
    columns = [
        Column("group", "Group"),
        Column("n", capital(people), "count"),
        Column("uncorrected", f"Reoffences per 100 {people}, as proven", "number", 0, factor=100),
        Column("corrected", f"Reoffences per 100 {people}, corrected", "number", 0, factor=100),
        Column("share_complete", "Reoffences old enough to be complete, %", "number", 0, factor=100),
        Column("lowest_share", "Lowest share proven, % (rounded down)", "number", 0, factor=100),
        Column("n_truncated", "Reoffences too recent to correct", "count"),
    ]
    return together(
        paragraph(
            "A reoffence counts here once a court or the police have proven it, and that takes time. The corrected number "
            "divides each reoffence by the share of offences that are proven by the age it had when proof was cut off, in its "
            "area and quarter where there are enough of them. The finding rests on what was proven, uncorrected."
        ),
        table_block(
            rows.assign(group=_groups(view, rows)),
            caption="Reoffences as proven, and corrected for those not yet proven",
            columns=columns,
            hidden=hidden,
            wide=True,
            note=_completeness_note(rows),
        ),
    )


def _follow_up(view: View, level: int) -> Block:
    rows, hidden = view.frame("follow_up"), view.hidden("follow_up")
    people = view.words.people
    columns = [
        Column("group", "Group"),
        Column("n", capital(people), "count"),
        Column("n_pseudo", "With an earlier offence proven later", "count"),
        Column("n_turned_18", "Turned 18", "count"),
        Column("n_died", "Died", "count"),
        Column("n_moved", "Moved away", "count"),
        Column("n_custody", "In custody, not for a reoffence", "count"),
        Column("mean_days_at_risk", "Mean days at risk", "number", 0),
        Column("mean_days_not_at_risk", "Mean days in such custody", "number", 0),
    ]
    return together(
        paragraph(
            "An offence committed before time zero and proven after it is never counted as a reoffence. "
            f"The table says how many {people} of each group had at least one, and what else happened while they were followed."
        ),
        table_block(
            rows.assign(group=[_GROUPS.get(a, a) for a in rows["arm"]]),
            caption="What happened during follow-up, by group",
            columns=columns,
            hidden=hidden,
            wide=True,
            note=_follow_up_note(rows, hidden),
        ),
    )


def _follow_up_note(rows: pd.DataFrame, hidden: pd.DataFrame) -> str:
    """Say what the columns mean, and which of them the records do not have."""
    lacking = {"exits": "n_moved", "custody": "n_custody"}
    empty = [what for what, c in lacking.items() if (rows[c].isna() & ~hidden[c].astype(bool)).all()]
    not_given = f" The records hold no {' and no '.join(empty)}." if empty else ""
    return (
        "Numbers are not weighted, means are. Follow-up ends with death or moving away; entering the programme later, out of "
        f"the comparison group, does not end it here.{not_given}"
    )


def _groups(view: View, rows: pd.DataFrame) -> list[str]:
    several = len(set(rows["outcome"])) > 1
    return [
        f"{_GROUPS.get(a, a)}{f', {view.words.outcome(o).noun}' if several else ''}"
        for a, o in zip(rows["arm"], rows["outcome"], strict=True)
    ]


def _completeness_note(rows: pd.DataFrame) -> str:
    reach = rows["longest_delay"].min()
    longest = f"at least {number(reach, 0)} days" if is_known(reach) else NOT_APPLICABLE
    return (
        f"Longest delay from offence to proof that the records can show: {longest}. What takes longer, or is never proven, is "
        "in neither number. Of an age by which less than half of offences are proven, a reoffence is too recent to correct: it "
        "counts once, and the corrected number is then still too low."
    )
