"""The vocabulary: every public column, its type and its meaning, and the frames made of them.

A frame that leaves a package, reaches a run folder or feeds a report has exactly the columns
listed here, in this order. A column that does not apply is empty, never missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from yoseval.errors import DataError


@dataclass(frozen=True, slots=True)
class Column:
    """A public column: its type (``text``, ``float``, ``integer`` or ``flag``) and its meaning."""

    kind: str
    meaning: str


COLUMNS: Mapping[str, Column] = {
    # who and what
    "programme": Column("text", "id of the programme"),
    "name": Column("text", "name of the programme as shown"),
    "outcome": Column("text", "name of the outcome in the study file"),
    "measure": Column("text", "name of the measure, a key of MEASURES"),
    "method": Column("text", "name of the design's method, or unadjusted"),
    "estimand": Column("text", "whom the effect is about: ATT, ATE, ATO, or a renamed target"),
    "role": Column("text", "primary, secondary or check"),
    "arm": Column("text", "treated or comparison"),
    "sample": Column("text", "before or after matching or weighting"),
    # units
    "unit_id": Column("text", "one row of the cohort"),
    "person_id": Column("text", "pseudonymous id of the child"),
    "treated": Column("flag", "True where the unit started the programme"),
    "weight": Column("float", "design weight, 0 where the unit is not used"),
    "set_id": Column("integer", "number of the matched set, -1 where there is none"),
    "score": Column("float", "propensity score, between 0 and 1; in quality, how many of every 100 rows pass"),
    "time": Column("float", "time since time zero, in the outcome's own unit"),
    "event": Column("flag", "True where the outcome happened at `time`, False where censored"),
    # sizes
    "n_treated": Column("integer", "treated units used"),
    "n_comparison": Column("integer", "comparison units used"),
    "n": Column("integer", "units"),
    "effective_n": Column("float", "effective size of the comparison arm, (sum w)^2 / sum w^2"),
    "events_treated": Column("integer", "treated units with the outcome by the horizon, unweighted"),
    "events_comparison": Column("integer", "comparison units with the outcome by the horizon, unweighted"),
    # effects
    "treated_value": Column("float", "value in the treated arm"),
    "comparison_value": Column("float", "value in the comparison arm"),
    "estimate": Column("float", "the contrast; negative = fewer for risks, ratios against 1"),
    "std_error": Column("float", "standard error, on the log scale for ratios"),
    "df": Column("float", "degrees of freedom of the t quantile"),
    "conf_low": Column("float", "lower limit of the interval"),
    "conf_high": Column("float", "upper limit of the interval"),
    "p_value": Column("float", "two-sided p-value, unadjusted"),
    "p_adjusted": Column("float", "p-value after Holm within and Benjamini-Hochberg across programmes"),
    "interval": Column("text", "how the interval was made: sandwich or jackknife, and what it clusters on"),
    "horizon": Column("float", "length of follow-up, in time_unit"),
    "time_unit": Column("text", "days, weeks or months"),
    "notes": Column("text", "what a reader must know, separated by ' | '"),
    # shrinkage and ranks
    "estimate_shrunk": Column("float", "estimate after partial pooling"),
    "conf_low_shrunk": Column("float", "lower limit after partial pooling"),
    "conf_high_shrunk": Column("float", "upper limit after partial pooling"),
    "probability_of_benefit": Column("float", "probability that the effect is a benefit"),
    "rank_low": Column("float", "lower limit of the rank"),
    "rank_high": Column("float", "upper limit of the rank"),
    # judgement
    "verdict": Column("text", "a verdict of the claim grammar"),
    "sentence": Column("text", "the claim in words"),
    "reasons": Column("text", "codes of the reasons for the verdict, separated by ' | '"),
    "next_step": Column("text", "what to do next, in words"),
    "grade": Column("text", "high, moderate, low or very low; empty where there is no claim"),
    "mde": Column("float", "minimum detectable effect at 80 % power, on the measure's scale"),
    "max_smd": Column("float", "largest absolute standardised mean difference after the design"),
    "balanced": Column("flag", "True where the balance gate is passed"),
    "tests_made": Column("integer", "number of tests made in the study"),
    "worthwhile": Column("float", "smallest worthwhile change, on the measure's scale"),
    "randomised": Column("flag", "True where the programme was allocated at random"),
    "naive_estimate": Column("float", "the contrast without any adjustment"),
    "naive_conf_low": Column("float", "its lower limit"),
    "naive_conf_high": Column("float", "its upper limit"),
    "e_value": Column("float", "E-value of the estimate"),
    "e_value_limit": Column("float", "E-value of the limit nearest to no effect"),
    # balance
    "term": Column("text", "a covariate, or one level of a category"),
    "kind": Column("text", "binary, numeric, missing, score or prognostic (balance); curve or at_risk (curves)"),
    "mean_treated": Column("float", "weighted mean in the treated arm"),
    "mean_comparison": Column("float", "weighted mean in the comparison arm"),
    "std_mean_diff": Column("float", "standardised mean difference"),
    "variance_ratio": Column("float", "variance of treated / variance of comparison; empty for 0/1 terms"),
    "ks": Column("float", "largest gap between the weighted distribution functions"),
    # flow
    "step": Column("integer", "place in the flow, from 1"),
    "stage": Column("text", "where the units left: file, cohort, design, outcome; or a stage of the way through a programme"),
    "reason": Column("text", "why the units left, in words; 'read' and 'analysed' begin and end the flow"),
    "n_lost": Column("integer", "units lost at this step"),
    "n_left": Column("integer", "units left after this step"),
    # curves and overlap
    "incidence": Column("float", "share with the outcome by `time`: 1 - Kaplan-Meier"),
    "n_at_risk": Column("integer", "units still followed without the outcome just before `time`"),
    "n_events": Column("integer", "units with the outcome at `time` (raw) or since the step before (safe)"),
    "low": Column("float", "lower edge of a bin"),
    "high": Column("float", "upper edge of a bin"),
    "share": Column("float", "share of the arm in the bin, or of a programme's referrals or sessions"),
    # checks and protocol
    "check": Column("text", "name of the check, a key of CHECKS"),
    "question": Column("text", "the check as a question"),
    "answer": Column("text", "the answer in words"),
    "value": Column("text", "value, as text"),
    "section": Column("text", "part of the protocol"),
    "item": Column("text", "what is fixed"),
    # quality of the records
    "table": Column("text", "table of the records standard"),
    "column": Column("text", "column of the table; empty where a rule is about the table as a whole"),
    "source": Column("text", "file the rows came from"),
    "dimension": Column("text", "completeness, validity, uniqueness, timeliness or consistency"),
    "rule": Column("text", "what was checked, in words: what a row looks like that passes"),
    "failing": Column("integer", "how many of `n` do not pass"),
    "need": Column("text", "how much an evaluation needs it: essential, important or useful"),
    "consequence": Column("text", "what the weakness means for an evaluation, in words"),
    "remedy": Column("text", "what to record from now on, in words"),
    # delivery
    "unit": Column("text", "what is counted: referrals or sessions"),
    "result": Column("text", "reached, not_reached, under_way or not_recorded"),
    "suitability": Column("text", "met, not_met, not_assessed or not_recorded"),
    "wait": Column("text", "which wait, by its two ends: order, referral, offer, start, session"),
    "lower_quartile": Column("float", "days within which a quarter had waited"),
    "median": Column("float", "days within which half had waited"),
    "upper_quartile": Column("float", "days within which three quarters had waited"),
    "n_reversed": Column("integer", "referrals whose later step is dated before the earlier one"),
    "n_not_recorded": Column("integer", "referrals without one of the two dates"),
    "issue": Column("text", "code of a contradiction or gap in the records of delivery"),
    "n_of": Column("integer", "how many the issue could have concerned"),
}

FRAMES: Mapping[str, tuple[str, ...]] = {
    "findings": (
        "programme",
        "name",
        "verdict",
        "sentence",
        "n_treated",
        "n_comparison",
        "effective_n",
        "outcome",
        "measure",
        "method",
        "estimate",
        "std_error",
        "conf_low",
        "conf_high",
        "p_value",
        "p_adjusted",
        "estimate_shrunk",
        "conf_low_shrunk",
        "conf_high_shrunk",
        "probability_of_benefit",
        "rank_low",
        "rank_high",
        "mde",
        "max_smd",
        "balanced",
        "grade",
        "tests_made",
        "estimand",
        "treated_value",
        "comparison_value",
        "events_treated",
        "events_comparison",
        "horizon",
        "time_unit",
        "worthwhile",
        "randomised",
        "naive_estimate",
        "naive_conf_low",
        "naive_conf_high",
        "e_value",
        "e_value_limit",
        "reasons",
        "next_step",
        "notes",
    ),
    "estimates": (
        "programme",
        "outcome",
        "measure",
        "method",
        "estimand",
        "role",
        "treated_value",
        "comparison_value",
        "estimate",
        "std_error",
        "df",
        "conf_low",
        "conf_high",
        "p_value",
        "p_adjusted",
        "interval",
        "n_treated",
        "n_comparison",
        "effective_n",
        "events_treated",
        "events_comparison",
        "horizon",
        "time_unit",
        "notes",
    ),
    "balance": (
        "programme",
        "sample",
        "term",
        "kind",
        "mean_treated",
        "mean_comparison",
        "std_mean_diff",
        "variance_ratio",
        "ks",
    ),
    "sizes": ("programme", "sample", "arm", "n", "effective_n"),
    "attrition": ("programme", "step", "stage", "reason", "arm", "n_lost", "n_left"),
    "overlap": ("programme", "sample", "arm", "low", "high", "share", "n"),
    "curves": (
        "programme",
        "outcome",
        "kind",
        "arm",
        "time",
        "time_unit",
        "incidence",
        "conf_low",
        "conf_high",
        "n_at_risk",
        "n_events",
    ),
    "checks": ("programme", "outcome", "check", "question", "value", "answer"),
    "protocol": ("programme", "section", "item", "value"),
    "quality": ("table", "column", "source", "dimension", "rule", "n", "failing", "score", "need", "consequence", "remedy"),
    "delivery": ("programme", "name", "step", "unit", "stage", "result", "n", "share"),
    "suitability": ("programme", "name", "suitability", "n", "share"),
    "delays": ("programme", "name", "wait", "n", "lower_quartile", "median", "upper_quartile", "n_reversed", "n_not_recorded"),
    "delivery_notes": ("programme", "name", "issue", "n", "n_of"),
    "design_units": ("unit_id", "person_id", "treated", "weight", "set_id", "score"),
    "followup_units": ("unit_id", "time", "event"),
}

_DTYPES = {"text": "object", "float": "float64", "integer": "Int64", "flag": "boolean"}


class Tidy(Protocol):
    """Anything that can be shown as a tidy frame."""

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a frame of public columns."""
        ...


def tidy(result: Tidy) -> pd.DataFrame:
    """Return any result of yoseval as a tidy frame with public columns.

    Examples
    --------
    >>> tidy(estimate).columns  # doctest: +SKIP
    """
    return result.to_frame()


def make_frame(name: str, columns: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
    """Build the public frame ``name`` from what is given; what does not apply is left empty.

    Parameters
    ----------
    name : str
        A key of ``FRAMES``.
    columns : mapping or DataFrame
        Some or all of its columns; scalars are repeated.

    Raises
    ------
    DataError
        If a column is not part of the frame.
    """
    unknown = [c for c in columns if c not in FRAMES[name]]
    if unknown:
        raise DataError(f"{', '.join(unknown)}: not a column of the frame '{name}'.")
    given = pd.DataFrame(_as_columns(columns))
    empty = {c: pd.Series([None] * len(given), index=given.index, dtype=object) for c in FRAMES[name] if c not in given}
    return _typed(given.assign(**empty)[list(FRAMES[name])])


def check_frame(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return ``frame`` if it has exactly the columns and types of the public frame ``name``.

    Raises
    ------
    DataError
        If a column is missing, unknown, out of order or of another type.
    """
    if tuple(frame.columns) != FRAMES[name]:
        missing = [c for c in FRAMES[name] if c not in frame.columns]
        unknown = [c for c in frame.columns if c not in FRAMES[name]]
        raise DataError(f"The frame '{name}' does not have its columns: missing {missing}, unknown {unknown}.")
    wrong = [c for c in FRAMES[name] if str(frame[c].dtype) != _DTYPES[COLUMNS[c].kind]]
    if wrong:
        raise DataError(f"The frame '{name}' has columns of another type than the vocabulary says: {wrong}.")
    return frame


def join_frames(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack frames of one name; an empty list gives the empty frame."""
    if not frames:
        return make_frame(name, {})
    return _typed(pd.concat([f.astype(object) for f in frames], ignore_index=True))


def _as_columns(columns: Mapping[str, Any] | pd.DataFrame) -> dict[str, Any]:
    """Repeat scalars so that a mapping of scalars only is a frame of one row."""
    given = dict(columns.items())
    if given and all(np.isscalar(v) or v is None for v in given.values()):
        return {k: [v] for k, v in given.items()}
    return given


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    out = {}
    for c in frame.columns:
        kind = COLUMNS[c].kind
        if kind == "text":
            out[c] = frame[c].astype(object).where(frame[c].notna(), "").map(str).astype(object)
        elif kind == "float":
            out[c] = pd.to_numeric(frame[c], errors="raise").astype("float64")
        else:
            out[c] = frame[c].astype(object).where(frame[c].notna(), pd.NA).astype(_DTYPES[kind])
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)
