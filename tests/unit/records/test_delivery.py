"""The way through a programme: every cell against a count by hand or by plain loops over the same records."""

import datetime as dt
from collections import Counter, defaultdict

import ibis
import numpy as np
import pandas as pd
import pytest

from yoseval.frames import check_frame
from yoseval.records.schema import TABLES
from yoseval.records.scoring.delivery import SUITABILITY, delays_frame, delivery_frame, suitability_frame
from yoseval.records.scoring.delivery_steps import RESULTS, STAGES
from yoseval.records.scoring.tables import TYPES, complete
from yoseval.records.simulation.simulate import simulate_records

EXTRACT = dt.date(2026, 3, 31)
D = dt.date


def table(name, rows):
    """Return rows of dictionaries as a typed table; columns no row has are left out."""
    columns = [c for c in TABLES[name].columns if any(c.name in r for r in rows)]
    frame = pd.DataFrame([{c.name: r.get(c.name) for c in columns} for r in rows], dtype=object)
    return ibis.memtable(frame, schema=ibis.schema({c.name: TYPES[c.kind] for c in columns}))


def start(id, person, programme="m", **cells):
    return {"start_id": id, "person_id": person, "programme_id": programme, **cells}


def session(person, day, *, held=True, attended=True, programme="m"):
    return {"person_id": person, "programme_id": programme, "session_date": day, "held": held, "attended": attended}


def disposal(id, person, day):
    return {"disposal_id": id, "person_id": person, "disposal_date": day, "disposal_type": "referral_order"}


def split(frame, stage):
    """Return the counts of one stage of the only programme, those above 0."""
    mine = frame[(frame["stage"] == stage) & (frame["n"] > 0)]
    return dict(zip(mine["result"], mine["n"].astype(int), strict=True))


def way(*starts, sessions=None, **tables):
    given = {"starts": table("starts", list(starts)), **tables}
    if sessions is not None:
        given["sessions"] = table("sessions", sessions)
    return delivery_frame(given, EXTRACT)


@pytest.fixture(scope="module")
def texts():
    return simulate_records(500, seed=4).tables


@pytest.fixture(scope="module")
def service(texts):
    """The simulated texts, typed by pandas alone."""
    made = {}
    for name, frame in texts.items():
        columns = {}
        for rule in (c for c in TABLES[name].columns if c.name in frame.columns):
            values = frame[rule.name].astype(object).where(frame[rule.name].fillna("") != "", None)
            convert = {"date": dt.date.fromisoformat, "flag": lambda v: v == "yes", "integer": int, "number": float}.get(
                rule.kind, str
            )
            columns[rule.name] = [None if v is None else convert(v) for v in values]
        typed = pd.DataFrame(columns, dtype=object)
        made[name] = ibis.memtable(typed, schema=ibis.schema({c: TYPES[TABLES[name].column(c).kind] for c in columns}))
    return made


def test_an_empty_start_date_is_a_no_only_where_the_status_says_so():
    frame = way(start("1", "a", status="never_started"), start("2", "b"), start("3", "c", status="completed"))

    assert split(frame, "started") == {"not_reached": 1, "not_recorded": 2}


def test_a_start_implies_an_offer():
    assert split(way(start("1", "a", start_date=D(2025, 1, 1))), "offered") == {"reached": 1}


def test_no_offer_date_means_no_offer_only_where_the_programme_records_offers():
    refused = {"status": "never_started"}

    assert split(way(start("1", "a", offer_date=D(2025, 1, 1), **refused), start("2", "b", **refused)), "offered") == {
        "reached": 1,
        "not_reached": 1,
    }
    assert split(way(start("1", "a", **refused), start("2", "b", **refused)), "offered") == {"not_recorded": 2}


def test_without_a_session_log_sessions_of_those_who_started_are_not_recorded():
    frame = way(start("1", "a", start_date=D(2025, 1, 1), planned_sessions=6), start("2", "b", status="never_started"))

    assert split(frame, "session_held") == {"not_recorded": 1, "not_reached": 1}
    assert split(frame, "held") == {"not_recorded": 6}


def test_a_logged_session_that_was_not_held_is_a_no():
    frame = way(start("1", "a", start_date=D(2025, 1, 1)), sessions=[session("a", D(2025, 1, 2), held=False, attended=False)])

    assert split(frame, "session_held") == {"not_reached": 1}


def test_a_session_after_the_extract_has_not_been_yet():
    frame = way(start("1", "a", start_date=D(2025, 1, 1)), sessions=[session("a", D(2026, 4, 1))])

    assert split(frame, "session_held") == {"not_recorded": 1}


def test_a_session_of_another_programme_does_not_count():
    frame = way(start("1", "a", start_date=D(2025, 1, 1)), sessions=[session("a", D(2025, 1, 2), programme="other")])

    assert split(frame, "session_attended") == {"not_recorded": 1}


@pytest.mark.parametrize(
    ("status", "held"),
    [
        ("completed", {"reached": 1, "not_recorded": 3}),
        ("ongoing", {"reached": 1, "under_way": 3}),
        # What is left of the plan of a child who stopped was not held.
        ("stopped", {"reached": 1, "not_reached": 3}),
        (None, {"reached": 1, "not_recorded": 3}),
    ],
)
def test_planned_sessions_that_the_log_lacks_depend_on_how_the_start_ended(status, held):
    child = start("1", "a", start_date=D(2025, 1, 1), planned_sessions=4, status=status)

    assert split(way(child, sessions=[session("a", D(2025, 1, 2))]), "held") == held


def test_the_plan_of_the_programme_stands_in_for_the_child_s_own():
    programmes = table("programmes", [{"programme_id": "m", "name": "Mentoring", "planned_sessions": 7}])

    frame = way(start("1", "a", start_date=D(2025, 1, 1)), programmes=programmes)

    assert split(frame, "planned") == {"reached": 7}
    assert set(frame["name"]) == {"Mentoring"}


def test_sessions_beyond_the_plan_are_part_of_the_whole():
    days = [session("a", D(2025, 1, d), attended=d > 2) for d in (2, 3, 4)]

    frame = way(start("1", "a", start_date=D(2025, 1, 1), planned_sessions=1, status="completed"), sessions=days)

    assert split(frame, "planned") == {"reached": 3}
    assert split(frame, "attended") == {"reached": 2, "not_reached": 1}


def test_every_stage_splits_the_same_total(service):
    frame = delivery_frame(service, EXTRACT)
    totals = frame.groupby(["programme", "unit", "stage"])["n"].sum().groupby(["programme", "unit"]).nunique()

    assert set(totals) == {1}
    assert np.allclose(frame.groupby(["programme", "stage"])["share"].sum(), 1.0, atol=1e-12)


def test_every_cell_of_a_service_is_what_plain_loops_count(texts, service):
    starts, log = texts["starts"].to_dict("records"), defaultdict(list)
    for s in texts["sessions"].to_dict("records"):
        log[s["person_id"], s["programme_id"]].append(s)
    offers_kept = {s["programme_id"] for s in starts if s["offer_date"]}
    counted = Counter()
    for s in starts:
        seen = log[s["person_id"], s["programme_id"]]
        n_held, n_attended = (sum(r[c] == "yes" for r in seen) for c in ("held", "attended"))
        refused = s["status"] == "never_started"
        started = "reached" if s["start_date"] else "not_reached" if refused else "not_recorded"
        quiet = "not_reached" if started == "not_reached" or seen else "not_recorded"
        no_offer = "not_reached" if refused and s["programme_id"] in offers_kept else "not_recorded"
        ends = {"completed": "reached", "ongoing": "under_way", "stopped": "not_reached", "never_started": "not_reached"}
        results = (
            "reached",
            "reached" if s["offer_date"] or s["start_date"] else no_offer,
            started,
            "reached" if n_held else quiet,
            "reached" if n_attended else quiet,
            ends.get(s["status"], "not_recorded"),
        )
        counted.update((s["programme_id"], stage, result) for stage, result in zip(STAGES, results, strict=True))
    frame = delivery_frame(service, EXTRACT)
    rows = frame[frame["unit"] == "referrals"]
    found = dict(zip(zip(rows["programme"], rows["stage"], rows["result"], strict=True), rows["n"].astype(int), strict=True))

    assert {k: n for k, n in found.items() if n} == dict(counted)


def test_held_sessions_of_a_service_are_those_of_the_log(texts, service):
    begun = {(s["person_id"], s["programme_id"]) for s in texts["starts"].to_dict("records") if s["start_date"]}
    counted = Counter(
        s["programme_id"]
        for s in texts["sessions"].to_dict("records")
        if s["held"] == "yes" and (s["person_id"], s["programme_id"]) in begun
    )
    frame = delivery_frame(service, EXTRACT)
    held = frame[(frame["stage"] == "held") & (frame["result"] == "reached")]

    assert {p: n for p, n in zip(held["programme"], held["n"].astype(int), strict=True) if n} == dict(counted)


def test_programmes_stand_in_the_order_of_their_names(service):
    names = list(dict.fromkeys(delivery_frame(service, EXTRACT)["name"]))

    assert len(names) > 2
    assert names == sorted(names, key=str.casefold)


def test_frames_obey_the_vocabulary(service):
    assert len(check_frame(delivery_frame(service, EXTRACT), "delivery")) > 0
    assert len(check_frame(suitability_frame(service), "suitability")) > 0
    assert len(check_frame(delays_frame(service, EXTRACT), "delays")) > 0


def test_no_referral_gives_empty_frames():
    nobody = {
        "starts": complete({"starts": table("starts", [start("1", "a", start_date=D(2025, 1, 1), status="x")])})["starts"]
    }
    nobody = {
        "starts": nobody["starts"].filter(ibis.literal(False)),
        "disposals": table("disposals", [disposal("1", "a", D(2025, 1, 1))]),
    }

    assert check_frame(delivery_frame(nobody, EXTRACT), "delivery").empty
    assert check_frame(suitability_frame(nobody), "suitability").empty
    assert check_frame(delays_frame(nobody, EXTRACT), "delays").empty


def test_suitability_is_counted_with_not_recorded_apart_from_not_assessed():
    answers = ["met", "met", "not_met", "not_assessed", None]
    frame = suitability_frame(
        {"starts": table("starts", [start(str(i), f"p{i}", suitability=a) for i, a in enumerate(answers)])}
    )

    assert frame["suitability"].tolist() == list(SUITABILITY)
    assert frame["n"].tolist() == [2, 1, 1, 1]
    assert frame["share"].tolist() == [0.4, 0.2, 0.2, 0.2]


def waits_of(*starts, disposals, sessions=()):
    given = {"starts": table("starts", list(starts)), "disposals": table("disposals", list(disposals))}
    if sessions:
        given["sessions"] = table("sessions", list(sessions))
    return delays_frame(given, EXTRACT).set_index("wait")


def test_the_order_is_the_last_one_no_later_than_the_start():
    orders = [disposal(str(i), "a", day) for i, day in enumerate((D(2024, 1, 1), D(2025, 1, 1), D(2025, 3, 1)))]

    waits = waits_of(start("1", "a", start_date=D(2025, 1, 31)), disposals=orders)

    assert waits.loc["order_to_start", ["n", "median", "n_reversed", "n_not_recorded"]].tolist() == [1, 30.0, 0, 0]


def test_a_start_before_every_order_is_reversed_and_one_without_any_is_not_recorded():
    waits = waits_of(
        start("1", "a", start_date=D(2025, 1, 1)),
        start("2", "b", start_date=D(2025, 1, 1)),
        disposals=[disposal("1", "a", D(2025, 2, 1))],
    )

    assert waits.loc["order_to_start", ["n", "n_reversed", "n_not_recorded"]].tolist() == [0, 1, 1]
    assert waits.loc["order_to_start", ["lower_quartile", "median", "upper_quartile"]].isna().all()


def test_an_offer_before_the_referral_is_reversed():
    child = start("1", "a", referral_date=D(2025, 1, 5), offer_date=D(2025, 1, 1), start_date=D(2025, 1, 9))

    waits = waits_of(child, disposals=[disposal("1", "a", D(2025, 1, 1))])

    assert waits["n_reversed"].to_dict() == {
        "order_to_referral": 0,
        "referral_to_offer": 1,
        "offer_to_start": 0,
        "order_to_start": 0,
        "start_to_session": 0,
    }


def test_the_first_session_is_the_first_that_was_held():
    waits = waits_of(
        start("1", "a", start_date=D(2025, 1, 1)),
        disposals=[disposal("1", "a", D(2025, 1, 1))],
        sessions=[
            session("a", D(2025, 1, 3), held=False, attended=False),
            session("a", D(2025, 1, 11)),
            session("a", D(2025, 1, 8)),
        ],
    )

    assert waits.loc["start_to_session", "median"] == 7.0


def test_quartiles_of_a_service_are_those_of_numpy(texts, service):
    orders = defaultdict(list)
    for d in texts["disposals"].to_dict("records"):
        orders[d["person_id"]].append(dt.date.fromisoformat(d["disposal_date"]))
    days = defaultdict(list)
    for s in (s for s in texts["starts"].to_dict("records") if s["start_date"]):
        begun = dt.date.fromisoformat(s["start_date"])
        days[s["programme_id"]].append((begun - max(o for o in orders[s["person_id"]] if o <= begun)).days)
    frame = delays_frame(service, EXTRACT)
    found = frame[(frame["wait"] == "order_to_start")].set_index("programme")[["lower_quartile", "median", "upper_quartile"]]

    assert set(found.index) == set(days)
    for programme, own in days.items():
        # The same days in the same formula: only the order of additions can differ.
        assert np.allclose(found.loc[programme].to_numpy(float), np.quantile(own, (0.25, 0.5, 0.75)), atol=1e-9)


def test_results_are_known_words(service):
    assert set(delivery_frame(service, EXTRACT)["result"]) <= set(RESULTS)
