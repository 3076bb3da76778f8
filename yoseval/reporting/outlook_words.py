"""When a programme can be evaluated, what to record until then, and what was delivered, in sentences.

Takes a view of a run and gives plain sentences from frames that passed disclosure control. What is confidential is said to be.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from yoseval.reporting.amounts import is_known
from yoseval.reporting.entered import STARTED, Entered
from yoseval.reporting.explanations import next_steps
from yoseval.reporting.view import View

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NOT_IN_THE_FILE = "Delivery was not recorded in this study's file."


def what_next(view: View) -> list[str]:
    """Return what to do next; for a programme that cannot be evaluated yet, from when it can, and what to record until then.

    Parameters
    ----------
    view : View
        One programme.
    """
    outlook = view.frame("evaluability")
    if view.finding["verdict"] != "not_evaluable" or outlook.empty or outlook["state"].iloc[0] == "now":
        return next_steps(view.finding, view.words)
    row = outlook.iloc[0].to_dict()
    return [when(row, view.entered), *remedies(row)]


def when(row: Mapping[Any, Any], entered: Entered = STARTED) -> str:
    """Say from which month a programme can be evaluated, and how that is known.

    Parameters
    ----------
    row : mapping
        A row of the public frame ``evaluability``.
    entered : Entered
        What those in the programme group did.

    Examples
    --------
    >>> when({"state": "from_date", "from_month": "2027-03", "extrapolated": False, "mde_later": float("nan")})
    'It can be evaluated from March 2027, when enough of those who have started are followed up, if the groups overlap.'
    """
    if row["state"] == "now":
        return "It can be evaluated now, if the groups overlap."
    if row["state"] != "from_date":
        return "With these data no date can be given from which it can be evaluated."
    if not row["from_month"]:
        few = "starts" if entered == STARTED else "children"
        return (
            f"It can be evaluated once more have {entered.participle} it; the month would follow from few {few} and is "
            "confidential."
        )
    month = month_words(str(row["from_month"]))
    seen = (
        f" A fall of about {100 * row['mde_later']:.0f} in every 100 or more could be seen then."
        if is_known(row["mde_later"])
        else ""
    )
    if row["extrapolated"]:
        return (
            f"It can be evaluated from about {month}, if children go on {entered.gerund} it as in the last twelve "
            f"months of the study: an extrapolation, no forecast.{seen}"
        )
    return (
        f"It can be evaluated from {month}, when enough of those who have {entered.alone('participle')} are followed up, "
        f"if the groups overlap.{seen}"
    )


def remedies(row: Mapping[Any, Any]) -> list[str]:
    """Return what to record, one sentence an item."""
    return [s.strip() for s in str(row["remedy"]).split(" | ") if s.strip()]


def month_words(month: str) -> str:
    """Say a month.

    Examples
    --------
    >>> month_words("2027-03")
    'March 2027'
    """
    year, number = month.split("-")
    return f"{_MONTHS[int(number) - 1]} {year}"


def delivered(view: View) -> str:
    """Say which share of a programme's planned sessions was held and attended, as far as that is recorded and may be told.

    Parameters
    ----------
    view : View
        One programme.
    """
    if view.run.frame("delivery").empty:
        return NOT_IN_THE_FILE
    frame = view.frame("delivery")
    if frame.empty:
        return "No referral to this programme itself is in the records, so they do not say what was delivered."
    sessions = frame[(frame["unit"] == "sessions") & (frame["stage"] != "planned")]
    if sessions.empty:
        return "No planned session of this programme is in the records, so nobody can say what was received."
    share = sessions.set_index(["stage", "result"])["share"]
    held, attended = share[("held", "reached")], share[("attended", "reached")]
    if not is_known(held, attended):
        return "How many of its planned sessions were held and attended is confidential."
    return f"Of its planned sessions {_whole(held)} were held and {_whole(attended)} attended{_silent(share)}."


def _silent(share: pd.Series) -> str:
    key = ("held", "not_recorded")
    unknown = share[key] if key in share.index else 0.0
    return f"; of {_whole(unknown)} nobody recorded whether they were held" if is_known(unknown) and unknown >= 0.005 else ""


def _whole(share: float) -> str:
    return f"{100 * share:.0f}%"
