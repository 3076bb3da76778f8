"""Quality scores: each rule counts what was put there, and a whole service agrees with plain loops."""

import datetime as dt
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest

from yoseval.frames import check_frame
from yoseval.records.records import read_records
from yoseval.records.schema import TABLES
from yoseval.records.scoring.quality import quality_frame
from yoseval.records.scoring.rules import DIMENSIONS, rules
from yoseval.records.scoring.tables import TYPES
from yoseval.records.scoring.words import COLUMN_MEANINGS, TABLE_MEANINGS
from yoseval.records.simulation.simulate import simulate_records, write_simulation

EXTRACT = dt.date(2026, 3, 31)
D = dt.date


def table(name, rows, files=None):
    """Return rows of dictionaries as a typed table; columns no row has are left out."""
    columns = [c for c in TABLES[name].columns if any(c.name in r for r in rows)]
    frame = pd.DataFrame([{c.name: r.get(c.name) for c in columns} for r in rows], dtype=object)
    types = {c.name: TYPES[c.kind] for c in columns}
    if files:
        frame["_file"], types = files, types | {"_file": "string"}
    return ibis.memtable(frame, schema=ibis.schema(types))


def scored(name, rows, **others):
    given = {name: table(name, rows), **{n: table(n, r) for n, r in others.items()}}
    return quality_frame(given, EXTRACT)


def counts(frame, table, column, dimension, words=""):
    """Return n and failing of the one rule that is meant."""
    mine = frame[(frame["table"] == table) & (frame["column"] == column) & (frame["dimension"] == dimension)]
    rows = mine[mine["rule"].str.contains(words, regex=False)]
    assert len(rows) == 1
    return rows["n"].iloc[0], rows["failing"].iloc[0]


def start(id, **cells):
    return {"start_id": id, "person_id": f"p{id}", "programme_id": "m", **cells}


@pytest.fixture(scope="module")
def simulation():
    return simulate_records(400, seed=9)


@pytest.fixture(scope="module")
def records(simulation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "study"
    write_simulation(simulation, folder)
    opened = read_records(folder / "records", extract_date=EXTRACT)
    yield opened
    opened.engine.close()


@pytest.fixture(scope="module")
def quality(records):
    return quality_frame(records.tables, EXTRACT, records.report)


def test_a_start_date_may_be_empty_only_for_those_who_never_started():
    rows = [
        start("1", start_date=D(2025, 1, 1), status="completed"),
        start("2", start_date=None, status="never_started"),
        start("3", start_date=None, status=None),
        start("4", start_date=None, status="ongoing"),
    ]

    frame = scored("starts", rows)
    mine = frame[(frame["column"] == "start_date") & (frame["dimension"] == "completeness")].iloc[0]

    assert (mine["n"], mine["failing"], mine["score"], mine["need"]) == (4, 2, 50.0, "essential")
    assert "the programme cannot be evaluated from these rows" in mine["consequence"]


@pytest.mark.parametrize(
    ("table_name", "rows", "column", "expected"),
    [
        ("people", [{"person_id": "a", "sex": "unknown"}, {"person_id": "b", "sex": "male"}], "sex", (2, 1)),
        ("people", [{"person_id": "a", "ethnicity": None}, {"person_id": "b", "ethnicity": "unknown"}], "ethnicity", (2, 2)),
        (
            "offences",
            [
                {"offence_id": str(i), "result": r, "proof_date": None}
                for i, r in enumerate(("convicted", "pending", "cautioned"))
            ],
            "proof_date",
            (2, 2),
        ),
        (
            "disposals",
            [{"disposal_id": str(i), "disposal_type": t, "end_date": None} for i, t in enumerate(("fine", "referral_order"))],
            "end_date",
            (1, 1),
        ),
        (
            "starts",
            [
                start("1", status="stopped", reason=None, end_date=None),
                start("2", status="ongoing", reason=None, end_date=None),
            ],
            "reason",
            (1, 1),
        ),
        (
            "starts",
            [start("1", status="stopped", end_date=None), start("2", status="ongoing", end_date=None)],
            "end_date",
            (1, 1),
        ),
        (
            "sessions",
            [
                {"person_id": "a", "held": h, "attended": a, "reason_missed": None}
                for h, a in ((True, False), (True, True), (False, False))
            ],
            "reason_missed",
            (1, 1),
        ),
        (
            "statuses",
            [{"person_id": "a", "status": s, "because_of_order": None} for s in ("looked_after", "ete")],
            "because_of_order",
            (1, 1),
        ),
    ],
)
def test_an_empty_cell_is_a_weakness_only_where_there_was_something_to_record(table_name, rows, column, expected):
    assert counts(scored(table_name, rows), table_name, column, "completeness") == expected


def test_group_ids_are_missed_in_group_programmes_only():
    rows = [
        {"person_id": "a", "programme_id": p, "session_date": D(2025, 1, 1), "held": True, "attended": True, "group_id": None}
        for p in ("group", "single")
    ]
    menu = [{"programme_id": "group", "mode": "group"}, {"programme_id": "single", "mode": "one_to_one"}]

    assert counts(scored("sessions", rows, programmes=menu), "sessions", "group_id", "completeness") == (1, 1)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_not_given_scores_nothing_and_says_what_that_means(name):
    frame = quality_frame({}, EXTRACT)
    mine = frame[frame["table"] == name]

    assert mine[["n", "failing", "score"]].to_numpy().tolist() == [[0, 0, 0.0]]
    assert mine["consequence"].tolist() == [TABLE_MEANINGS[name].consequence]


@pytest.mark.parametrize(
    ("words", "rows", "expected"),
    [
        ("never started has no start date", [start("1", status="never_started", start_date=D(2025, 1, 1))], (1, 1)),
        (
            "the offer is not before",
            [
                start("1", referral_date=D(2025, 1, 5), offer_date=D(2025, 1, 4), start_date=None),
                start("2", referral_date=D(2025, 1, 5), offer_date=D(2025, 1, 6), start_date=D(2025, 1, 5)),
                start("3", referral_date=D(2025, 1, 5), offer_date=D(2025, 1, 5), start_date=D(2025, 1, 5)),
            ],
            (3, 2),
        ),
        (
            "suitability was not met",
            [start("1", suitability="not_met", start_date=D(2025, 1, 1)), start("2", suitability="not_met", start_date=None)],
            (2, 1),
        ),
    ],
)
def test_columns_that_contradict_each_other_are_counted(words, rows, expected):
    frame = scored("starts", rows)
    mine = frame[(frame["dimension"] == "consistency") & frame["rule"].str.contains(words, regex=False)]

    assert mine[["n", "failing"]].to_numpy().tolist() == [list(expected)]


def test_a_proof_date_without_proof_is_inconsistent():
    rows = [
        {"offence_id": str(i), "result": r, "proof_date": D(2025, 1, 1)}
        for i, r in enumerate(("convicted", "not_proven", "overturned"))
    ]

    assert counts(scored("offences", rows), "offences", "result", "consistency") == (3, 1)


def test_a_start_before_every_order_is_inconsistent():
    rows = [start("1", start_date=D(2025, 1, 1)), start("2", start_date=D(2025, 1, 1)), start("3", start_date=D(2025, 1, 1))]
    orders = [{"disposal_id": i, "person_id": f"p{i}", "disposal_date": D(2025, 1, int(i))} for i in ("1", "2")]

    assert counts(scored("starts", rows, disposals=orders), "starts", "start_date", "consistency") == (3, 2)


def test_sessions_and_referrals_are_held_against_each_other():
    rows = [
        start("1", start_date=D(2025, 1, 2), end_date=D(2025, 1, 9), status="completed"),
        start("2", start_date=D(2025, 1, 2), end_date=D(2025, 1, 9), status="completed"),
        start("3", start_date=D(2025, 1, 2), end_date=D(2025, 1, 9), status="completed"),
    ]
    days = {"p1": (1, 2, 9, 10), "p2": (3,), "z": (3,)}
    sessions = [
        {"person_id": p, "programme_id": "m", "session_date": D(2025, 1, d), "held": True, "attended": p == "p1"}
        for p, ds in days.items()
        for d in ds
    ]
    frame = scored("starts", rows, sessions=sessions)

    assert counts(frame, "sessions", "session_date", "consistency") == (5, 2)
    assert counts(frame, "sessions", "person_id", "consistency") == (6, 1)
    assert counts(frame, "starts", "planned_sessions", "consistency") == (3, 1)
    assert counts(frame, "starts", "status", "consistency", "attended a session") == (2, 1)


def test_an_assessment_counts_up_to_half_a_year_before_the_order():
    orders = [
        {"disposal_id": str(i), "person_id": f"p{i}", "disposal_date": D(2025, 7, 1), "disposal_type": "referral_order"}
        for i in range(4)
    ]
    day = D(2025, 7, 1)
    dates = [day - dt.timedelta(180), day - dt.timedelta(181), day + dt.timedelta(1), day]
    assessments = [
        {"person_id": f"p{i}", "assessment_date": d, "instrument": "asset", "item": "t", "value": "1"}
        for i, d in enumerate(dates)
    ]

    frame = scored("disposals", orders, assessments=assessments)

    assert counts(frame, "disposals", "disposal_date", "timeliness", "assessed") == (4, 2)


@pytest.mark.parametrize(("day", "expected"), [(D(2025, 3, 30), (1, 1)), (D(2025, 3, 31), None)])
def test_a_case_is_late_after_365_days(day, expected):
    frame = scored("offences", [{"offence_id": "1", "offence_date": day, "result": "pending"}])
    mine = frame[(frame["column"] == "result") & (frame["dimension"] == "timeliness")]

    assert [tuple(r) for r in mine[["n", "failing"]].itertuples(index=False)] == ([expected] if expected else [])


def test_months_without_rows_are_counted_among_the_last_twelve_that_are_over():
    # April 2025 to March 2026 are not all over on 15 March: the twelve are March 2025 to February 2026.
    days = [D(2025, 2, 28), D(2025, 3, 1), D(2025, 3, 31), D(2026, 2, 28), D(2026, 3, 1)]
    given = {"offences": table("offences", [{"offence_id": str(i), "offence_date": d} for i, d in enumerate(days)])}

    frame = quality_frame(given, D(2026, 3, 15))

    assert counts(frame, "offences", "offence_date", "timeliness", "months") == (12, 10)


def test_what_is_told_twice_is_counted_once_too_many():
    rows = [
        {"person_id": "a", "assessment_date": D(2025, 1, 1), "instrument": "asset", "item": i, "value": "1"} for i in "xxxy"
    ]

    assert counts(scored("assessments", rows), "assessments", "", "uniqueness") == (4, 2)


def test_sources_are_scored_apart():
    rows = [{"person_id": str(i), "sex": s} for i, s in enumerate(("male", "unknown", "female"))]
    frame = quality_frame({"people": table("people", rows, ["north.csv", "south.csv", "south.csv"])}, EXTRACT)
    mine = frame[frame["column"] == "sex"]

    assert mine[["source", "n", "failing"]].to_numpy().tolist() == [["north.csv", 1, 0], ["south.csv", 2, 1]]


def test_rows_that_were_set_aside_are_scored_with_their_rule_and_remedy():
    fault = SimpleNamespace(
        table="people", column="sex", source="people.csv", rule="a code of another list", remedy="Map it.", n_wrong=3, n_rows=12
    )
    report = SimpleNamespace(
        sources={"people": "people.csv"}, rows_read={"people": 12}, rows_aside={"people": 3}, notices=(), faults=(fault,)
    )

    frame = quality_frame({"people": table("people", [{"person_id": "a", "sex": "male"}])}, EXTRACT, report)

    assert counts(frame, "people", "sex", "validity") == (12, 3)
    assert counts(frame, "people", "", "validity") == (12, 3)
    assert frame.loc[(frame["column"] == "sex") & (frame["dimension"] == "validity"), "remedy"].tolist() == ["Map it."]


def test_every_empty_cell_of_a_service_is_counted(simulation, quality):
    for name, column in (("people", "send"), ("starts", "suitability"), ("people", "service"), ("starts", "status")):
        texts = simulation.tables[name][column].fillna("")
        expected = (len(texts), int(texts.isin(("", "unknown")).sum()))
        assert counts(quality, name, column, "completeness") == expected


def test_every_column_of_the_standard_is_scored_or_may_be_empty(quality):
    scored_columns = set(zip(quality["table"], quality["column"], strict=True))
    silent = {(t.name, c.name) for t in TABLES.values() for c in t.columns} - scored_columns

    assert silent == {("custody", "end_date"), ("statuses", "end_date"), ("statuses", "value")}


def test_the_frame_obeys_the_vocabulary_and_its_own_arithmetic(quality):
    given = quality[quality["n"] > 0]

    assert check_frame(quality, "quality") is quality
    assert set(quality["dimension"]) == set(DIMENSIONS)
    assert (100.0 * (given["n"] - given["failing"]) / given["n"] - given["score"]).abs().max() < 1e-9
    assert ((given["failing"] >= 0) & (given["failing"] <= given["n"])).all()


def test_every_rule_says_what_its_weakness_means_in_words():
    for rule in rules(EXTRACT):
        assert rule.meaning.need in ("essential", "important", "useful")
        assert rule.meaning.consequence.endswith(".")
        assert rule.meaning.remedy.endswith(".")
        assert rule.words


def test_every_meaning_belongs_to_a_column_of_the_standard():
    assert set(TABLE_MEANINGS) == set(TABLES)
    assert {tuple(k.split(".")) for k in COLUMN_MEANINGS} <= {(t.name, c.name) for t in TABLES.values() for c in t.columns}
