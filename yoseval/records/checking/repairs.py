"""What the standard mends and counts: offences recorded twice, overturned results, overlapping custody.

Also what it only counts: children who look like one child under two ids, and references that the standard does
not require. Ibis expressions, the same on every backend.
"""

from dataclasses import dataclass

import ibis


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the data carry and a reader should know; no fault.

    Parameters
    ----------
    table : str
        Table of the standard.
    text : str
        What was found or done.
    n : int
        How many rows.
    """

    table: str
    text: str
    n: int


def repeated_offences(offences: ibis.Table) -> ibis.Table:
    """Return the rows of offences that another row of the same offence_id outranks (``_row`` only).

    The most serious is kept (seriousness 1 to 8, not recorded last), then the latest result (by proof_date; an
    overturned result without a date of its own comes after all others, any other one before), then the last row.
    """
    keyed = offences.filter(offences["offence_id"].notnull())
    counts = keyed.group_by("offence_id").aggregate(_n=keyed.count())
    twice = keyed.semi_join(counts.filter(counts["_n"] > 1), "offence_id")
    undated = ibis.ifelse(twice["result"] == "overturned", ibis.date(9999, 12, 31), ibis.date(1, 1, 1))
    ranked = twice.select(
        "_row",
        _place=ibis.row_number().over(
            group_by=twice["offence_id"],
            order_by=[
                twice["seriousness"].fill_null(0).desc(),
                twice["proof_date"].coalesce(undated).desc(),
                twice["_row"].desc(),
            ],
        ),
    )
    return ranked.filter(ranked["_place"] > 0).select("_row")


def overturned(offences: ibis.Table) -> ibis.Table:
    """Return the rows of offences whose result was overturned (``_row`` only)."""
    return offences.filter(offences["result"] == "overturned").select("_row")


def merged_custody(custody: ibis.Table) -> ibis.Table:
    """Return custody with spells of one child that share a day joined into one.

    The joined spell is a sentence if any part of it is; it ends with the last part, and is open if any is. It keeps
    the row of its first part.
    """
    far = ibis.date(9999, 12, 31)
    spells = custody.mutate(_end=custody["end_date"].coalesce(far))
    earlier = ibis.window(group_by="person_id", order_by=["start_date", "_row"], preceding=(None, 1))
    reached = spells.mutate(_reached=spells["_end"].max().over(earlier))
    opens = reached.mutate(_opens=(reached["_reached"].isnull() | (reached["start_date"] > reached["_reached"])).cast("int64"))
    so_far = ibis.cumulative_window(group_by="person_id", order_by=["start_date", "_row"])
    numbered = opens.mutate(_spell=opens["_opens"].sum().over(so_far))
    joined = numbered.group_by("person_id", "_spell").aggregate(
        start_date=numbered["start_date"].min(),
        _end=numbered["_end"].max(),
        _sentence=numbered["kind"].max(),
        _row=numbered["_row"].min(),
        _file=numbered["_file"].min(),
    )
    # 'sentence' comes after 'remand' in the alphabet, so the largest kind is the one wanted.
    return joined.select(
        "person_id",
        "start_date",
        end_date=ibis.ifelse(joined["_end"] == far, ibis.null("date"), joined["_end"]),
        kind=joined["_sentence"],
        _row=joined["_row"],
        _file=joined["_file"],
    )


def look_alikes(people: ibis.Table, disposals: ibis.Table) -> ibis.Table:
    """Return groups of children who may be one child under several ids, one row a group with its size ``n``.

    Alike are children with the same full date of birth, sex, ethnicity and first disposal (date and type). The rule
    sees no outcome and no name; in a large service some groups are chance.
    """
    # Date and type in one text: its smallest is the first disposal, whatever the order of the rows.
    given = disposals["disposal_date"].cast("string") + " " + disposals["disposal_type"].fill_null("")
    first = disposals.group_by("person_id").aggregate(_first=given.min())
    first = first.filter(first["_first"].notnull())
    exact = people.filter(people["birth_precision"] == "day")
    joined = exact.inner_join(first, "person_id")
    groups = joined.group_by("date_of_birth", "sex", "ethnicity", "_first").aggregate(n=joined["person_id"].nunique())
    return groups.filter(groups["n"] > 1).select("n")
