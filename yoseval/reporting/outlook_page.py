"""Which programmes can be evaluated, and when: the section of the page on the records.

Takes a run and gives a block from the public frame ``evaluability``. It says nothing of effects.
"""

import pandas as pd

from yoseval.reporting.blocks import Block
from yoseval.reporting.outlook_words import month_words, remedies, when
from yoseval.reporting.pieces import NOTHING, bullets, heading, paragraph, together
from yoseval.reporting.tables import HIDDEN, Column, table_block
from yoseval.reporting.view import RunLike
from yoseval.reporting.words import Words, capital

_INTRO = (
    "Told from who {past_alone} and who can be compared, before any outcome is opened. A programme needs at least 30 {people} "
    "who {past} it within the days that the study allows, were eligible and have been followed up, and as many to compare. "
    "Whether the two groups are alike enough, the evaluation itself tells."
)
_NOTE = (
    "Could see: the smallest fall, per 100, that these numbers would show with 80% power if half of the {people} had the "
    "outcome, which is the hardest case. Who can be compared is counted in {people}; matching or weighting leaves less."
)
_COUNTS = ("n_started", "n_eligible", "n_mature", "n_comparable")


def outlook_block(run: RunLike) -> Block:
    """Return which programmes can be evaluated, with how many, from when, and what to record; nothing without the frame.

    Parameters
    ----------
    run : RunLike
        An opened run.
    """
    frame = run.frame("evaluability")
    if frame.empty:
        return NOTHING
    words = Words.from_manifest(run.manifest)
    people = words.people
    return together(
        heading(2, "Which programmes can be evaluated, and when"),
        paragraph(_INTRO.format(people=people, **words.entered_any.forms())),
        _table(frame, run.hidden("evaluability"), people),
        *_until_then(frame, words),
    )


def _table(frame: pd.DataFrame, hidden: pd.DataFrame, people: str) -> Block:
    shown = frame.assign(state=[_state(r) for r in frame.to_dict("records")])
    columns = [
        Column("name", "Programme"),
        Column("state", "Can be evaluated"),
        Column("n_started", f"{capital(people)} who ever started", "count"),
        Column("n_eligible", "In time and eligible", "count"),
        Column("n_mature", "And followed up", "count"),
        Column("n_comparable", "To compare with", "count"),
        Column("mde_now", "Could see now, per 100", "number", 0, factor=100),
    ]
    if (frame["state"] == "from_date").any():
        columns.append(Column("mde_later", "Could see then, per 100", "number", 0, factor=100))
    masks = hidden[[*_COUNTS, "mde_now", "mde_later"]]
    return table_block(
        shown,
        caption="Programmes, and whether they can be evaluated",
        columns=columns,
        hidden=masks,
        wide=True,
        note=_NOTE.format(people=people),
    )


def _state(row: dict[object, object]) -> str:
    if row["state"] == "now":
        return "Now"
    if row["state"] != "from_date":
        return "Not with these data"
    month = month_words(str(row["from_month"])) if row["from_month"] else HIDDEN
    return f"From about {month} (extrapolated)" if row["extrapolated"] else f"From {month}"


def _until_then(frame: pd.DataFrame, words: Words) -> list[Block]:
    rows = [r for r in frame.to_dict("records") if r["state"] != "now"]
    items = [f"{r['name']}: {' '.join([when(r, words.entered(r['programme'])), *remedies(r)])}" for r in rows]
    return [heading(3, "What to record until then"), bullets(items)] if items else []
