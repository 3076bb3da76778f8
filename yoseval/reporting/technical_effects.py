"""The technical report of one programme, second part: curves, estimates, checks, and what could have been seen.

Takes a run and a programme and gives blocks. Where a fair comparison could not be made, numbers are in the
annex only, under a warning.
"""

from collections.abc import Callable

import pandas as pd

from yoseval.reporting.amounts import SCALES, duration, is_known, natural, number, per_cent
from yoseval.reporting.blocks import Block
from yoseval.reporting.charts_effects import curves_block, estimates_forest, short_method
from yoseval.reporting.charts_ties import ties_section
from yoseval.reporting.pieces import NOTHING, callout, heading, paragraph, together
from yoseval.reporting.statements import naive_beside_adjusted, power
from yoseval.reporting.tables import HIDDEN, NOT_APPLICABLE, Column, table_block
from yoseval.reporting.view import RunLike, View, views
from yoseval.reporting.wording import WITH_NUMBERS
from yoseval.reporting.words import measure_words

_ANNEX = "Not shown here: a fair comparison could not be made. The numbers are in the annex at the end."
_NONE = "There are no numbers to show: the programme cannot be evaluated yet."


def outcomes(run: RunLike, programme: str | None = None) -> Block:
    """Return the outcome curves."""
    view = views(run, programme)[0]
    return together(heading(2, "What happened over time"), _unless_withheld(view, lambda: _curves(view)))


def estimates(run: RunLike, programme: str | None = None) -> Block:
    """Return every estimate: the main one beside the unadjusted and the other methods, then secondary outcomes."""
    view = views(run, programme)[0]
    return together(heading(2, "Estimates"), _unless_withheld(view, lambda: _all_estimates(view)))


def sensitivity(run: RunLike, programme: str | None = None) -> Block:
    """Return the checks as questions with their answers, and what ties decide as a chart."""
    view = views(run, programme)[0]
    top = heading(2, "What could change this finding?")
    checks = view.frame("checks")
    if view.finding["verdict"] not in WITH_NUMBERS:
        return together(top, paragraph("No claim is made, so there is nothing to probe."))
    if checks.empty:
        return together(top, paragraph("No checks were made."))
    columns = [Column("question", "Question"), Column("answer", "Answer"), Column("value", "Value")]
    return together(
        top,
        table_block(checks, caption="Checks made, as questions", columns=columns, hidden=view.hidden("checks")),
        ties_section(view),
    )


def detectable_change(run: RunLike, programme: str | None = None) -> Block:
    """Return what this evaluation could have seen, and how many tests were made."""
    view = views(run, programme)[0]
    row = view.finding
    said = power(row, view.words) or ["The smallest change that could have been seen was not computed for this programme."]
    return together(
        heading(2, "What this evaluation could have seen"),
        paragraph(" ".join(said)),
        heading(3, "How many tests were made?"),
        paragraph(_multiplicity(view)),
    )


def annex(run: RunLike, programme: str | None = None) -> Block:
    """Return the numbers of a comparison that is not fair; nothing for any other verdict."""
    view = views(run, programme)[0]
    if view.finding["verdict"] != "not_comparable":
        return NOTHING
    return together(
        heading(2, "Annex: numbers of a comparison that is not fair"),
        callout(
            f"These numbers must not be used as findings: the groups differed before {view.entered.event}, and no method made "
            "them alike."
        ),
        _curves(view),
        _estimates_table(view),
    )


def _unless_withheld(view: View, make: Callable[[], Block]) -> Block:
    verdict = view.finding["verdict"]
    if verdict == "not_comparable":
        return paragraph(_ANNEX)
    return paragraph(_NONE) if verdict == "not_evaluable" else make()


def _curves(view: View) -> Block:
    names = list(dict.fromkeys(view.frame("curves")["outcome"]))
    blocks = together(*[curves_block(view, n) for n in names])
    return blocks if blocks.html else paragraph("No curve can be shown: too few events, or all of its steps are confidential.")


def _all_estimates(view: View) -> Block:
    return together(_one_line(naive_beside_adjusted(view.finding, view.words)), estimates_forest(view), _estimates_table(view))


def _one_line(words: str) -> Block:
    return paragraph(words) if words else NOTHING


def _estimates_table(view: View) -> Block:
    rows = view.frame("estimates")
    if rows.empty:
        return paragraph("No estimates were recorded.")
    hidden = view.hidden("estimates")
    shown = pd.DataFrame(
        {
            "label": _labels(view, rows),
            "method": _methods(rows),
            "treated": _arm_values(rows, hidden, "treated_value"),
            "comparison": _arm_values(rows, hidden, "comparison_value"),
            "estimate": _printed(rows, hidden, "estimate"),
            "limits": _intervals(rows, hidden),
            "p_value": [_p_value(v, h) for v, h in zip(rows["p_value"], hidden["p_value"], strict=True)],
            "p_adjusted": [_p_value(v, h) for v, h in zip(rows["p_adjusted"], hidden["p_adjusted"], strict=True)],
        }
    )
    columns = [
        Column("label", "Outcome and measure"),
        Column("method", "Method"),
        Column("treated", "Programme", "printed"),
        Column("comparison", "Comparison", "printed"),
        Column("estimate", "Estimate", "printed"),
        Column("limits", view.words.interval, "printed"),
        Column("p_value", "p", "printed"),
        Column("p_adjusted", "p, adjusted", "printed"),
    ]
    note = (
        "Shares and their differences are per 100; times are in the outcome's unit. Intervals: "
        + "; ".join(dict.fromkeys(i for i in rows["interval"] if i))
        + "."
    )
    note = " ".join([note, *_on_constancy(shown["label"], rows), *_on_instruments(shown["label"], rows)])
    return table_block(shown, caption="All estimates", columns=columns, hidden=shown == HIDDEN, wide=True, note=note)


def _labels(view: View, rows: pd.DataFrame) -> list[str]:
    """Name the outcome and measure of each estimate, and its length of follow-up where that is not the finding's."""
    found = []
    for r in rows.to_dict("records"):
        apart = is_known(r["horizon"]) and r["horizon"] != view.finding["horizon"]
        length = f", {duration(r['horizon'], r['time_unit'])}" if apart else ""
        length += f", from {duration(r['entry'], r['time_unit'])} on" if r["entry"] > 0 else ""
        found.append(f"{view.words.outcome(r['outcome']).noun}: {measure_words(r['measure'])}{length}")
    return found


def _on_constancy(labels: pd.Series, rows: pd.DataFrame) -> list[str]:
    """Return what stands last in the notes of ratios of hazards that have no checks: whether they are the same over time."""
    mine = (
        (rows["role"] == "secondary") & rows["measure"].isin(("hazard_ratio", "cause_specific_ratio")) & (rows["notes"] != "")
    )
    return [f"{label}: {n.split(' | ')[-1]}" for label, n in zip(labels[mine], rows.loc[mine, "notes"], strict=True)]


def _on_instruments(labels: pd.Series, rows: pd.DataFrame) -> list[str]:
    """Return what effects by an instrument rest on: its strength, and what must hold."""
    mine = (rows["measure"] == "instrument") & (rows["notes"] != "")
    return [f"{label}: {n.replace(' | ', ' ')}" for label, n in zip(labels[mine], rows.loc[mine, "notes"], strict=True)]


def _methods(rows: pd.DataFrame) -> list[str]:
    """Name the design and the role of each estimate; of checks of the same design, what sets them apart."""
    on_top = ["" if a in ("", "none") else f", {a.replace('_', '-')}" for a in rows["adjustment"]]
    roles = ["main" if r == "primary" else r for r in rows["role"]]
    alike = ["outcome", "measure", "method", "adjustment", "horizon", "entry"]
    apart = [
        f": {notes.split(' | ')[0]}" if again and role == "check" and notes else ""
        for again, role, notes in zip(rows.duplicated(alike), rows["role"], rows["notes"], strict=True)
    ]
    parts = zip(rows["method"], on_top, roles, apart, strict=True)
    return [f"{short_method(m)}{a} ({r}{w})" for m, a, r, w in parts]


def _arm_values(rows: pd.DataFrame, hidden: pd.DataFrame, column: str) -> list[str]:
    return [_arm_value(m, v, bool(h)) for m, v, h in zip(rows["measure"], rows[column], hidden[column], strict=True)]


def _arm_value(measure: str, value: float, is_hidden: bool) -> str:
    if is_hidden:
        return HIDDEN
    if not is_known(value):
        return NOT_APPLICABLE
    arms = SCALES[measure].arms
    if arms in ("count", "rate"):
        return f"{number(100 * value, 1)} per 100{' years at risk' if arms == 'rate' else ''}"
    return number(value, 1) if arms == "time" else per_cent(value)


def _printed(rows: pd.DataFrame, hidden: pd.DataFrame, column: str) -> list[str]:
    return [
        HIDDEN if h else natural(m, v) if is_known(v) else NOT_APPLICABLE
        for m, v, h in zip(rows["measure"], rows[column], hidden[column], strict=True)
    ]


def _intervals(rows: pd.DataFrame, hidden: pd.DataFrame) -> list[str]:
    low, high = _printed(rows, hidden, "conf_low"), _printed(rows, hidden, "conf_high")
    return [lo if lo in (HIDDEN, NOT_APPLICABLE) else f"{lo} to {hi}" for lo, hi in zip(low, high, strict=True)]


def _p_value(value: float, is_hidden: bool) -> str:
    if is_hidden:
        return HIDDEN
    if not is_known(value):
        return NOT_APPLICABLE
    return "< 0.001" if value < 0.001 else number(value, 3)


def _multiplicity(view: View) -> str:
    row = view.finding
    if not is_known(row["tests_made"]):
        return "The number of tests made was not recorded."
    tests = int(row["tests_made"])
    if tests < 2:
        return "One test was made in this study, so no correction for several was needed."
    alarm = per_cent(1 - 0.95**tests)
    return (
        f"{tests} tests were made in this study. If no programme did anything and the tests were independent, the "
        f"chance of at least one false alarm "
        f"would be {alarm} without correction. P-values are corrected by Holm within the programme's family and by "
        f"Benjamini and Hochberg across "
        "programmes; the verdict uses the corrected one."
    )
