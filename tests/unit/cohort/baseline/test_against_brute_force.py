"""The covariates of the example once more, in plain Python from the files: every moment, every covariate."""

import csv
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from yoseval.cohort.baseline.menu import baseline_frame, known_covariates
from yoseval.cohort.baseline.programmes import open_programmes
from yoseval.records.records import read_records
from yoseval.records.schema import BREACH_GROUPS, DISPOSAL_GROUP, DISPOSALS, OFFENCE_GROUPS

EXAMPLE = Path(__file__).parents[4] / "data" / "example" / "records"
ELIGIBLE = ("youth_conditional_caution", "referral_order", "youth_rehabilitation_order")
SEASONS = ("winter", "spring", "summer", "autumn")
NEVER = date(9999, 1, 1)


def rows_by_child(name):
    found = defaultdict(list)
    with (EXAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            typed = {k: date.fromisoformat(v) if v and k.startswith("date") | k.endswith("date") else v for k, v in row.items()}
            found[row["person_id"]].append(typed)
    return found


@pytest.fixture(scope="module")
def files():
    return {t: rows_by_child(t) for t in ("people", "offences", "disposals", "starts", "custody", "assessments", "statuses")}


@pytest.fixture(scope="module")
def moments(files):
    """One moment for each disposal of an eligible type: at the disposal, 30 or 60 days after it."""
    given = sorted((d for rows in files["disposals"].values() for d in rows), key=lambda d: d["disposal_id"])
    return [
        {
            "moment": i,
            "person_id": d["person_id"],
            "time_zero": d["disposal_date"] + timedelta(30 * (i % 3)),
            "index_date": d["disposal_date"],
            "index_kind": "disposal",
            "disposal_type": d["disposal_type"],
            "index_offence_id": d["index_offence_id"] if i % 5 else None,
        }
        for i, d in enumerate(d for d in given if d["disposal_type"] in ELIGIBLE)
    ]


@pytest.fixture(scope="module")
def both(files, moments, store, moment_types):
    """The records, the baseline by the engine and the one by hand."""
    records = read_records(EXAMPLE, extract_date=date(2026, 3, 31))
    with records.engine as engine:
        stored = store(engine, "moments", moments, moment_types)
        frame = baseline_frame(engine, records.tables, stored, list(known_covariates(records.tables)))
        on = engine.frame(open_programmes(records.tables, stored))
    return frame, [by_hand(files, m) for m in moments], on


def age_on(born, day):
    years = day.year - born.year
    try:
        birthday = born.replace(year=day.year)
    except ValueError:
        birthday = date(day.year, 3, 1)
    return years if day >= birthday else years - 1


def or_none(text):
    return None if text in ("", "unknown") else text


def by_hand(files, m):
    """Return every covariate of one moment."""
    child = {t: files[t].get(m["person_id"], []) for t in files}
    t0, person = m["time_zero"], child["people"][0]
    return {
        "age": age_on(person["date_of_birth"], t0),
        "sex": or_none(person["sex"]),
        "ethnicity": or_none(person["ethnicity"]),
        "area": or_none(person["service"]),
        "resident": or_none(person["resident"]),
        "send": or_none(person["send"]),
        **offences_by_hand(child["offences"], m, person["date_of_birth"]),
        **disposals_by_hand(child["disposals"], m),
        **custody_by_hand(child["custody"], m),
        **assessments_by_hand(child["assessments"], t0),
        **statuses_by_hand(child["statuses"], t0),
        **programmes_by_hand(child["starts"], m),
        "season": SEASONS[t0.month % 12 // 3],
        "month": t0.month,
        "year": t0.year,
    }


def offences_by_hand(rows, m, born):
    t0, index = m["time_zero"], m["index_date"]
    # Reading drops what was overturned.
    known = [o for o in rows if o["offence_date"] <= t0 and o["result"] != "overturned"]
    done = [o for o in known if o["proof_date"] and o["proof_date"] <= t0 and o["result"] in ("convicted", "cautioned")]
    ids = {o["offence_id"] for o in done if o["proof_date"] == index} | {m["index_offence_id"]}
    prior = [o for o in done if o["offence_id"] not in ids]
    plain = [o for o in prior if o["offence_group"] not in BREACH_GROUPS]
    firsts = [o["offence_date"] for o in done if o["offence_group"] not in BREACH_GROUPS]
    # The files hold some offences twice; there, `len` of a list would not do.
    alleged = {o["offence_id"] for o in known} - ids
    named = [o for o in known if o["offence_id"] == m["index_offence_id"]]
    occasion = named or [o for o in done if o["proof_date"] == index]
    occasion.sort(key=lambda o: (-int(o["seriousness"] or 0), OFFENCE_GROUPS.index(o["offence_group"])))
    return {
        "prior_offences": len(plain),
        **{
            f"prior_offences.{g}": sum(o["offence_group"] == g for o in plain) for g in OFFENCE_GROUPS if g not in BREACH_GROUPS
        },
        "prior_breaches": len(prior) - len(plain),
        "prior_allegations": len(alleged),
        "pending_offences": len(alleged - {o["offence_id"] for o in known if o["proof_date"] and o["proof_date"] <= t0}),
        "offences_since_index": len({o["offence_id"] for o in known if o["offence_date"] > index}),
        "age_at_first_offence": age_on(born, min(firsts)) if firsts else None,
        "seriousness": int(occasion[0]["seriousness"]) if occasion and occasion[0]["seriousness"] else None,
        "offence_group": occasion[0]["offence_group"] if occasion else None,
    }


def disposals_by_hand(rows, m):
    before = [DISPOSALS.index(d["disposal_type"]) + 1 for d in rows if d["disposal_date"] < m["index_date"]]
    return {
        "index_kind": m["index_kind"],
        "disposal_type": m["disposal_type"],
        "disposal_group": DISPOSAL_GROUP[m["disposal_type"]],
        "days_since_index": (m["time_zero"] - m["index_date"]).days,
        "prior_disposals": len(before),
        "highest_prior_disposal": max(before, default=0),
    }


def custody_by_hand(rows, m):
    t0, spells = m["time_zero"], []
    # Reading joins spells that share a day.
    for s in sorted(rows, key=lambda r: r["start_date"]):
        end = s["end_date"] or NEVER
        if spells and s["start_date"] <= spells[-1][1]:
            spells[-1][1] = max(spells[-1][1], end)
        else:
            spells.append([s["start_date"], end])
    year = [t0 - timedelta(d) for d in range(1, 366)]
    return {
        "prior_custody": sum(start < m["index_date"] for start, _ in spells),
        "days_in_custody_before": sum(any(start <= day < end for start, end in spells) for day in year) if spells else 0,
    }


def assessments_by_hand(rows, t0):
    found = {"asset.total": None, "yogrs.score": None}
    for item in ("family", "substance_misuse", "lifestyle", "attitudes", "thinking", "total"):
        mine = [a for a in rows if a["item"] == item and t0 - timedelta(180) <= a["assessment_date"] <= t0]
        last = max((a["assessment_date"] for a in mine), default=None)
        found[f"asset_plus.{item}"] = max((float(a["value"]) for a in mine if a["assessment_date"] == last), default=None)
    return found


def statuses_by_hand(rows, t0):
    seen = [s for s in rows if s["start_date"] <= t0 and s["because_of_order"] != "yes"]
    found = {"child_protection": None}
    for status in ("looked_after", "child_in_need", "school_exclusion", "ete", "accommodation"):
        mine = [s for s in seen if s["status"] == status]
        current = sorted(
            (s for s in mine if not s["end_date"] or s["end_date"] >= t0), key=lambda s: (s["start_date"], s["value"])
        )
        ended = sorted(
            (s for s in mine if s["end_date"] and t0 - timedelta(365) <= s["end_date"] < t0), key=lambda s: s["end_date"]
        )
        last = [*ended, *current][-1:]
        if status in ("ete", "accommodation"):
            found[status] = or_none(last[0]["value"]) if last else None
        else:
            found[status] = "yes" if current else "no"
    return found


def programmes_by_hand(rows, m):
    t0 = m["time_zero"]
    begun = [s for s in rows if s["start_date"] and s["start_date"] <= t0]
    ended = [s for s in begun if s["end_date"] and s["end_date"] < t0]
    asked = [s for s in rows if s["suitability"] and s["referral_date"] and t0 - timedelta(365) <= s["referral_date"] <= t0]
    return {
        "earlier_programmes": len({s["programme_id"] for s in ended if s["start_date"] < m["index_date"]}),
        "concurrent_programmes": len({s["programme_id"] for s in begun if s not in ended}),
        "suitability": max(asked, key=lambda s: (s["referral_date"], s["suitability"]))["suitability"] if asked else None,
    }


def test_every_covariate_of_every_moment_is_the_one_by_hand(both):
    frame, plain, _ = both

    assert len(frame) > 1_000
    assert set(frame.columns) - {"moment"} == set(plain[0])
    wrong = {}
    for name in plain[0]:
        column = frame[name].astype(object).where(frame[name].notna(), None).tolist()
        wrong[name] = sum(found != row[name] for found, row in zip(column, plain, strict=True))
    assert {n: k for n, k in wrong.items() if k} == {}


def test_nearly_every_covariate_tells_moments_apart(both):
    frame, _, _ = both
    same = {"index_kind", "child_protection", "asset.total", "yogrs.score"}

    assert {c for c in frame.columns if frame[c].nunique(dropna=False) == 1} == same


def test_the_programmes_open_at_time_zero_are_as_many_as_the_concurrent_ones(both):
    frame, _, on = both

    counted = on["moment"].value_counts().reindex(frame["moment"], fill_value=0)
    assert counted.tolist() == frame["concurrent_programmes"].tolist()
    assert counted.sum() > 100
