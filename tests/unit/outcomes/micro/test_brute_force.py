"""Random small services: the expressions agree with the rules written again in plain Python, on DuckDB and on Spark."""

import calendar
import random
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.profiles import find_profile
from yoseval.outcomes.events import OBSERVED, observe_moments, recurrent_times
from yoseval.records.engine import open_engine

EXTRACT = date(2021, 8, 31)
GROUPS = (
    "robbery",
    "drugs",
    "theft_and_handling",
    "breach_of_bail",
    "violence_against_the_person",
    "breach_of_statutory_order",
)
RESULTS = ("convicted", "convicted", "convicted", "cautioned", "diverted", "not_proven", "overturned", "pending")
BREACHES = {"breach_of_bail", "breach_of_conditional_discharge", "breach_of_statutory_order"}
TIERS = ("summary", "either_way", "indictable")


def plus_months(day, months):
    """Add calendar months; a day that the month does not have becomes its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def make_service(seed, n=250):
    """Make children whose dates crowd around the ends of windows; many have several moments."""
    draw = random.Random(seed)
    rows = {name: [] for name in ("people", "offences", "custody", "exits", "moments")}

    def near(day, reach):
        return day + timedelta(days=draw.randint(-reach, reach))

    starts = [date(2020, 2, 29), date(2019, 8, 31), date(2020, 1, 31)]
    for i in range(n):
        child = f"c{i}"
        start = draw.choice([*starts, date(2019, 6, 1) + timedelta(draw.randint(0, 700))])
        rows["people"].append({"person_id": child, "date_of_birth": plus_months(near(start, 300), -18 * 12)})
        for _ in range(draw.randint(1, 2)):
            moment = {"moment": len(rows["moments"]), "person_id": child, "time_zero": start}
            rows["moments"].append(moment)
            start = near(start, 100)
        edges = [start, plus_months(start, 12), plus_months(start, 3), plus_months(start, 18)]
        for k in range(draw.randint(0, 6)):
            on = near(draw.choice(edges[:3]), draw.choice([1, 30]))
            result = draw.choice(RESULTS)
            proof = max(on, near(draw.choice(edges), draw.choice([1, 200])))
            rows["offences"].append({
                "offence_id": f"{child}-{draw.choice([k, k, 0])}", "person_id": child, "offence_date": on,
                "proof_date": proof if result in ("convicted", "cautioned") or draw.random() < 0.3 else None,
                "result": result, "offence_group": draw.choice(GROUPS), "seriousness": draw.choice([None, *range(1, 9)]),
                "tier": draw.choice([None, *TIERS]), "custodial": draw.choice([None, False, True]),
            })  # fmt: skip
        for _ in range(draw.choice([0, 0, 1, 2, 3])):
            first = near(draw.choice(edges[:3]), 30)
            last = draw.choice([None, first + timedelta(draw.randint(0, 90))])
            kind = draw.choice(["sentence", "remand"])
            rows["custody"].append({"_file": "f", "person_id": child, "start_date": first, "end_date": last, "kind": kind})
        for _ in range(draw.choice([0, 0, 0, 1, 2])):
            reason = draw.choice(["died", "moved_away", "emigrated", "transferred"])
            rows["exits"].append({"person_id": child, "exit_date": near(draw.choice(edges[:3]), 40), "reason": reason})
    return rows


def of_each_child(rows):
    """Return the rows of each child, in their order."""
    children = {p["person_id"]: {name: [] for name in rows} for p in rows["people"]}
    for name, given in rows.items():
        for row in given:
            children[row["person_id"]][name].append(row)
    return children


def standing_offences(rows, child):
    """Return one row an offence of a child: the most serious, then the latest; none that was overturned."""
    best = {}
    for place, o in enumerate(rows["offences"]):
        undated = date.max if o["result"] == "overturned" else date.min
        rank = (o["seriousness"] or 0, o["proof_date"] or undated, place)
        if o["person_id"] == child and rank > best.get(o["offence_id"], (rank[:0], None))[0]:
            best[o["offence_id"]] = (rank, o)
    return [o for _, o in best.values() if o["result"] != "overturned"]


def joined_spells(rows, child):
    """Return sets of (first, last, kind) after spells that share a day were joined."""
    spells = [
        [s["start_date"], s["end_date"] or date.max, s["kind"]] for s in rows["custody"] if s["person_id"] == child
    ]  # fmt: skip
    merged = True
    while merged:
        merged = False
        for a in range(len(spells)):
            for b in range(a + 1, len(spells)):
                if max(spells[a][0], spells[b][0]) <= min(spells[a][1], spells[b][1]):
                    kinds = {spells[a][2], spells[b][2]}
                    first, last = min(spells[a][0], spells[b][0]), max(spells[a][1], spells[b][1])
                    spells[a] = [first, last, "sentence" if "sentence" in kinds else "remand"]
                    del spells[b]
                    merged = True
                    break
            if merged:
                break
    return spells


def by_the_rules(rows, moment, profile, lag):
    """Solve one moment in plain Python, date by date."""
    child, start = moment["person_id"], moment["time_zero"]
    f_end = plus_months(start, profile.follow_up_months)
    ripe = plus_months(start, profile.follow_up_months + profile.wait_months)
    is_mature = ripe <= EXTRACT
    end = f_end if is_mature else max(start, min(f_end, plus_months(EXTRACT, -profile.wait_months)))
    exits = sorted((e["exit_date"], e["reason"]) for e in rows["exits"] if e["person_id"] == child)
    leaves = bool(exits) and max(exits[0][0], start) <= end
    if leaves:
        end = max(exits[0][0], start)
    prove_by = EXTRACT if profile.delay_modelled else min(ripe, EXTRACT)
    standing = standing_offences(rows, child)
    proven = [
        o for o in standing
        if o["result"] in ("convicted", "cautioned") and o["offence_group"] not in BREACHES
        and o["proof_date"] is not None and o["proof_date"] <= prove_by
    ]  # fmt: skip
    after = start + timedelta(lag)
    counted = [o for o in proven if after < o["offence_date"] <= end]

    def first(keep):
        days = [(o["offence_date"] - start).days for o in counted if keep(o)]
        return float(min(days)) if days else np.nan

    def serious(o):
        return (o["seriousness"] or 0) >= 5

    first_day = first(lambda o: True)
    on_first = [o for o in counted if (o["offence_date"] - start).days == first_day]
    known = [o["seriousness"] for o in counted if o["seriousness"]]
    new, old = set(), set()
    for begin, last, kind in joined_spells(rows, child):
        sentenced = any(o["custodial"] and o["offence_date"] <= begin and o["proof_date"] <= last for o in counted)
        alleged = any(
            o["offence_group"] not in BREACHES and after < o["offence_date"] and 0 <= (begin - o["offence_date"]).days <= 14
            for o in standing
        )
        is_new = begin > start and (sentenced if kind == "sentence" else alleged)
        nights = {start + timedelta(d) for d in range((end - start).days)}
        (new if is_new else old).update(d for d in nights if begin <= d < last)
    birth = next(p["date_of_birth"] for p in rows["people"] if p["person_id"] == child)
    leap = (birth.month, birth.day) == (2, 29)
    eighteen = date(birth.year + 18, 3, 1) if leap else birth.replace(year=birth.year + 18)
    followed = float((end - start).days)
    return {
        "moment": moment["moment"],
        "days_followed": followed,
        "days_in_f": float((f_end - start).days),
        "is_mature": is_mature,
        "mature_on": pd.Timestamp(ripe),
        "reoffence_days": first_day,
        "n_reoffences": len(counted),
        "first_tier": next((t for t in reversed(TIERS) if any(o["tier"] == t for o in on_first)), ""),
        "first_custodial": any(o["custodial"] is True for o in on_first),
        "worst_seriousness": float(max(known)) if known else np.nan,
        "worst_tier": next((t for t in reversed(TIERS) if any(o["tier"] == t for o in counted)), ""),
        "serious_days": first(serious),
        **{f"tier_{t}_days": first(lambda o, t=t: o["tier"] == t) for t in TIERS},
        "custodial_days": first(lambda o: o["custodial"] is True),
        "serious_violence_days": first(
            lambda o: serious(o) and o["offence_group"] in {"drugs", "robbery", "violence_against_the_person"}
        ),
        "days_in_custody_for_reoffence": float(len(new)),
        "days_not_at_risk": float(len(old)),
        "days_at_risk": followed - len(old),
        "n_pseudo": sum(o["offence_date"] <= start < o["proof_date"] for o in proven),
        "exit_days": followed if leaves else np.nan,
        "exit_reason": exits[0][1] if leaves else "",
        "turned_18_days": float((eighteen - start).days) if start <= eighteen <= end else np.nan,
    }


def both_ways(engine, put_tables, seed, profile, lag, n):
    """Observe one random service by the expressions and by the rules in plain Python."""
    rows = make_service(seed, n)
    tables = put_tables(engine, rows)
    moments = tables.pop("moments")
    found = observe_moments(engine, tables, moments, profile, EXTRACT, lag_days=lag)
    own = of_each_child(rows)
    expected = pd.DataFrame([by_the_rules(own[m["person_id"]], m, profile, lag) for m in rows["moments"]])[list(OBSERVED)]
    return found, expected, recurrent_times(engine, tables, moments, profile, EXTRACT, lag_days=lag)


@pytest.fixture(scope="module")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "lag"),
    [
        ("moj_proven_1y", 0),
        ("moj_proven_1y", 30),
        ("ni19_local", 7),
        ("offence_dated", 0),
        ("offence_dated", 30),
        ("offence_dated_24m", 7),
    ],
)
def test_every_column_agrees_with_the_rules_in_plain_python(engine, put_tables, name, lag):
    found, expected, _ = both_ways(engine, put_tables, f"{name}{lag}", find_profile(name), lag, 250)

    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_the_random_services_reach_every_rule(engine, put_tables):
    found, _, _ = both_ways(engine, put_tables, "moj_proven_1y0", find_profile("moj_proven_1y"), 0, 250)

    assert {c: len(found[c].unique()) for c in found if len(found[c].unique()) < 2} == {}
    assert 0.2 < found["is_mature"].mean() < 0.95


def test_the_list_of_reoffences_agrees_with_the_counts_and_the_first_days(engine, put_tables):
    found, _, recurrent = both_ways(engine, put_tables, "list", find_profile("moj_proven_1y"), 0, 250)

    counts = recurrent.groupby("moment").size().reindex(found["moment"], fill_value=0)
    firsts = recurrent.groupby("moment")["days"].min().reindex(found["moment"])
    assert counts.tolist() == found["n_reoffences"].tolist()
    np.testing.assert_array_equal(firsts.to_numpy(), found["reoffence_days"].to_numpy())
    assert recurrent["moment"].is_monotonic_increasing


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_gives_the_very_same_frames(engine, put_tables):
    with open_engine("pyspark", jobs=2) as spark:
        profile = find_profile("moj_proven_1y")
        plain = both_ways(engine, put_tables, "spark", profile, 7, 120)
        other = both_ways(spark, put_tables, "spark", profile, 7, 120)

    pd.testing.assert_frame_equal(other[0], plain[0], check_exact=True)
    pd.testing.assert_frame_equal(other[2], plain[2], check_exact=True)
    pd.testing.assert_frame_equal(other[0], other[1], check_exact=True, check_dtype=False)
