"""The rules that need other rows or other tables: unique keys, references, births, ages.

Each function takes typed Ibis tables and gives rows that break a rule: ``_row`` and ``_faults``, whose bits are the
rules. The expressions are the same on every backend.
"""

from collections.abc import Mapping

import ibis

from yoseval.records.checking.typing_rules import PLANNED_DATES, Rule, fault_bits
from yoseval.records.schema import PERSON_PLACEHOLDERS, TABLES, Table

_AGE_OF_RESPONSIBILITY = 10


def repeated_rows(rows: ibis.Table, table: Table) -> ibis.Table | None:
    """Return the rows whose key stands in an earlier row; nothing for a table without a unique key.

    An offence that stands twice is no fault but a duplicate (`repairs.one_row_an_offence`).
    """
    if not table.key or table.name == "offences":
        return None
    keyed = rows.filter(rows[table.key].notnull())
    counts = keyed.group_by(table.key).aggregate(_first=keyed["_row"].min(), _n=keyed.count())
    repeated = counts.filter(counts["_n"] > 1)
    joined = keyed.inner_join(repeated, table.key)
    return joined.filter(joined["_row"] > joined["_first"]).select("_row", _faults=ibis.literal(1, "int64"))


def repeated_rule(table: Table) -> Rule:
    """Return the rule behind `repeated_rows`."""
    remedy = "Keep one row for each, and look which of them is right."
    return Rule(table.key, "an id that stands in an earlier row", remedy, None)


def children(people: ibis.Table) -> ibis.Table:
    """Return, for each child, the earliest day of birth and the earliest tenth birthday.

    A birth recorded to the month may have been on its first day; one on 29 February has its tenth birthday on 1 March.
    """
    born = people["date_of_birth"]
    # The fifteenth only stands for the month.
    first = ibis.date(born.year(), born.month(), ibis.literal(1, "int32"))
    earliest = ibis.ifelse(people["birth_precision"] == "month", first, born)
    known = people.filter(people["person_id"].notnull()).select("person_id", _born=earliest)
    one = known.group_by("person_id").aggregate(_born=known["_born"].min())
    leap = (one["_born"].month() == 2) & (one["_born"].day() == 29)
    month = ibis.ifelse(leap, 3, one["_born"].month()).cast("int32")
    day = ibis.ifelse(leap, 1, one["_born"].day()).cast("int32")
    ten = ibis.date((one["_born"].year() + _AGE_OF_RESPONSIBILITY).cast("int32"), month, day)
    return one.select(_person=one["person_id"], _born=one["_born"], _ten=ten, _known=ibis.literal(value=True))


def across_people(rows: ibis.Table, table: Table, known: ibis.Table) -> tuple[ibis.Table, tuple[Rule, ...]]:
    """Return the rows of a table that do not agree with `children`.

    A child that is not in people, a date on or before the birth, an offence before the tenth birthday.
    """
    dates = [c.name for c in table.columns if c.kind == "date"]
    joined = rows.left_join(known, rows["person_id"] == known["_person"])
    remedy = "Add the child to people, or remove the rows."
    # A placeholder has a rule of its own.
    named = joined["person_id"].notnull() & ~joined["person_id"].lower().isin(PERSON_PLACEHOLDERS)
    unknown = ibis.ifelse(joined["_known"].isnull(), named, False)
    rules = [Rule("person_id", "a child who is not in people", remedy, unknown)]
    rules += [
        Rule(d, "a date on or before the child's birth", "Correct the date, or the birth.", joined[d] <= joined["_born"])
        for d in dates
    ]
    if table.name == "offences":
        young = (joined["offence_date"] < joined["_ten"]) & (joined["offence_date"] > joined["_born"])
        rules.append(
            Rule("offence_date", "an offence before the child's tenth birthday", "Correct the date, or the birth.", young)
        )
    return _broken(joined, rules), tuple(rules)


def across_programmes(starts: ibis.Table, programmes: ibis.Table) -> tuple[ibis.Table, tuple[Rule, ...]]:
    """Return the starts on a programme that is not in programmes."""
    menu = programmes.filter(programmes["programme_id"].notnull()).select(_programme="programme_id").distinct()
    menu = menu.mutate(_known=ibis.literal(value=True))
    joined = starts.left_join(menu, starts["programme_id"] == menu["_programme"])
    remedy = "Add it to programmes, or correct the id."
    unknown = joined["programme_id"].notnull() & joined["_known"].isnull()
    rules = (Rule("programme_id", "a programme that is not in programmes", remedy, unknown),)
    return _broken(joined, list(rules)), rules


def _broken(joined: ibis.Table, rules: list[Rule]) -> ibis.Table:
    marked = joined.select("_row", _faults=fault_bits([r.broken for r in rules]))
    return marked.filter(marked["_faults"] != 0)


def latest_event(tables: Mapping[str, ibis.Table]) -> ibis.Table:
    """Return the latest date of anything that happened, as a table of one row with the column ``latest``."""
    columns = [
        tables[t][c.name].max()
        for t in tables
        for c in TABLES[t].columns
        if c.kind == "date" and (t, c.name) not in PLANNED_DATES
    ]
    singles = [m.name("latest").as_table() for m in columns]
    every = singles[0] if len(singles) == 1 else ibis.union(*singles)
    return every.aggregate(latest=every["latest"].max())
