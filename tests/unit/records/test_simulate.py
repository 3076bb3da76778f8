"""Simulated services: what is built in is there, the truth is true, and what comes out says that it is simulated."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from yoseval.errors import DataError, UsageError
from yoseval.records.calendar import add_months
from yoseval.records.records import read_records
from yoseval.records.schema import BREACH_GROUPS, PLACEHOLDER_IDS, TABLES
from yoseval.records.simulation.calendar import EXTRACT, EXTRACT_DATE, MISSING, NEVER, day
from yoseval.records.simulation.faults import FAULTS
from yoseval.records.simulation.service import draw_service
from yoseval.records.simulation.simulate import simulate_records, write_simulation
from yoseval.records.simulation.truth import reoffended, true_effects

# Four standard errors: a right answer fails once in 16,000 runs, and the seed is fixed.
Z = 4.0
ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


@pytest.fixture(scope="module")
def simulation():
    return simulate_records(2000, seed=1)


@pytest.fixture(scope="module")
def tables(simulation):
    return simulation.tables


@pytest.fixture(scope="module")
def service():
    return draw_service(2000, 8, 1)


@pytest.fixture(scope="module")
def truth():
    return simulate_records(20_000, seed=7).truth


@pytest.fixture(scope="module")
def large():
    return draw_service(60_000, 8, 7)


def as_day(texts):
    return pd.to_datetime(texts).astype("datetime64[ns]")


def reoffended_in(tables, zero):
    """Recompute the outcome from the tables alone, with pandas' own calendar: a second route to it."""
    offences = tables["offences"].merge(zero.rename("zero"), left_on="person_id", right_index=True)
    proven = offences["result"].isin(["convicted", "cautioned"]) & ~offences["offence_group"].isin(BREACH_GROUPS)
    offences = offences[proven.to_numpy()]
    committed, decided = as_day(offences["offence_date"]), as_day(offences["proof_date"])
    counts = (committed > offences["zero"]) & (committed <= offences["zero"] + pd.DateOffset(months=12))
    counts &= decided <= offences["zero"] + pd.DateOffset(months=18)
    return zero.index.isin(offences.loc[counts.to_numpy(), "person_id"])


# --- the truth


def test_the_outcome_behind_the_truth_is_the_one_in_the_tables(tables, service):
    zero = pd.Series(service.children.index_date.astype("datetime64[D]"), index=tables["people"]["person_id"].astype(object))
    mature = add_months(service.children.index_date, 18) <= EXTRACT
    stayed = service.children.exit_date == MISSING

    recorded = reoffended_in(tables, zero.astype("datetime64[ns]"))
    behind = reoffended(service.candidates, service.followed, service.children.index_date)

    assert (mature & stayed).sum() > 1500
    np.testing.assert_array_equal(recorded[mature & stayed], behind[mature & stayed])


def share_counted(wait):
    """Chance that an offence is a proven one and no breach, dealt with within so many days: from the stated laws."""

    def dealt_with(median):
        return stats.norm.cdf(np.log((wait + 1) / median) / 0.45)  # whole days: fractions are dropped

    usual = 0.66 * dealt_with(170.0) + 0.15 * dealt_with(60.0)
    serious = (0.66 + 0.15 + 0.065) * dealt_with(230.0)
    # Shares of the groups sum to 1.0; breaches are 0.05 and indictable groups 0.10 of them.
    return 0.85 * usual + 0.10 * serious


def expected_risk(service, children, start, log_factor):
    """Chance of a counted reoffence of each child, by integrating the rate over the days after the start."""
    days = np.arange(1, 367)
    end, proven_by = add_months(start, 12), add_months(start, 18)
    on = start[:, None] + days <= end[:, None]
    time_factor = np.where(start[:, None] + days - service.children.index_date[children][:, None] <= 365, 1.0, 0.6)
    counted = share_counted(proven_by[:, None] - (start[:, None] + days))
    mass = service.rate[children] / 365.25 * np.exp(log_factor) * (on * time_factor * counted).sum(axis=1)
    return 1.0 - np.exp(-mass)


@pytest.mark.parametrize("programme", ["mentoring", "weapons_awareness", "employability", "health"])
def test_both_potential_outcomes_agree_with_the_closed_form(large, programme):
    uptake = next(u for u in large.uptakes if u.programme.programme_id == programme)
    n = len(large.rate)
    start = uptake.start_of(n)
    others = [u for u in large.uptakes if u is not uptake and u.programme.log_factor != 0]
    first = np.full(n, NEVER)
    np.minimum.at(first, large.candidates.offences.child[large.followed], large.candidates.offences.date[large.followed])
    alone = (start < NEVER) & (large.locked_from == MISSING) & np.all([u.start_of(n) == NEVER for u in others], axis=0)
    # The past of a child who did not offend before the start tells nothing about what follows it.
    children = np.flatnonzero(alone & (first > start))
    zero = np.where(start == NEVER, MISSING, start)

    for kept, factor in ((large.followed, uptake.log_factor_of(n)), (large.candidates.happen(), np.zeros(n))):
        risk = expected_risk(large, children, start[children], factor[children])
        found = reoffended(large.candidates, kept, zero)[children]
        assert len(children) > 800
        assert abs(found.mean() - risk.mean()) < Z * np.sqrt((risk * (1 - risk)).sum()) / len(children)


def test_the_truth_is_the_difference_of_the_two_risks_among_those_who_started(simulation, service):
    truth = simulation.truth.set_index(["programme", "estimand"]).loc[("mentoring", "att_started")]
    uptake = next(u for u in service.uptakes if u.programme.programme_id == "mentoring")
    start = uptake.start_of(2000)
    units = (start < NEVER) & service.evaluated & (add_months(np.minimum(start, EXTRACT), 18) <= EXTRACT)

    assert truth["n"] == units.sum()
    assert truth["risk_with"] == reoffended(service.candidates, service.followed, np.minimum(start, EXTRACT))[units].mean()
    assert truth["effect"] == truth["risk_with"] - truth["risk_without"]


def test_two_programmes_help_one_harms_and_the_others_do_nothing(truth):
    effects = truth.query("estimand == 'att_started'").set_index("programme")["effect"]

    assert effects["mentoring"] < -0.10
    assert effects["employability"] < -0.05
    assert effects["weapons_awareness"] > 0.04
    assert (effects[["victim_awareness", "stop_and_search_awareness", "first_aid", "health"]] == 0).all()
    assert np.isnan(effects["cadets"])


def test_an_offer_does_less_than_a_start_and_half_of_the_sessions_more(truth):
    effects = truth.set_index(["programme", "estimand"])["effect"]["mentoring"]

    assert effects["att_received_half"] < effects["att_started"] < effects["itt_offered"] < 0


def test_months_are_calendar_months():
    days = np.array([day("2024-01-31"), day("2024-02-29"), day("2023-12-15")])

    assert add_months(days, 1).tolist() == [day("2024-02-29"), day("2024-03-29"), day("2024-01-15")]
    assert add_months(days, 12).tolist() == [day("2025-01-31"), day("2025-02-28"), day("2024-12-15")]


def adjusted_effect(service, uptake):
    """Effect at the landmark of those who had started by then, naive and standardised over what is recorded."""
    children, n = service.children, len(service.rate)
    landmark, start = children.index_date + 60, uptake.start_of(len(service.rate))
    offences = service.candidates.offences
    early = np.zeros(n)
    early[offences.child[service.followed & (offences.date <= landmark[offences.child])]] = 1
    proven = service.history.is_proof & (service.history.decided <= children.index_date[service.history.child])
    priors = np.log1p(np.bincount(service.history.child[proven], minlength=n))
    locked = service.locked_from != MISSING
    levels = [service.index_type == t for t in np.unique(service.index_type[service.evaluated])[1:]]
    recorded = [priors, early, early * priors, children.age, children.sex, children.looked_after, children.ete == 0, locked]
    matrix = np.column_stack([np.ones(n), *recorded, np.isin(children.send, (1, 2)), *levels])
    use = service.evaluated & (add_months(landmark, 18) <= EXTRACT) & ((start <= landmark) | (start == NEVER))
    treated, comparison = use & (start <= landmark), use & (start == NEVER)
    outcome = reoffended(service.candidates, service.followed, landmark)
    fit = sm.GLM(outcome[comparison].astype(float), matrix[comparison], family=sm.families.Binomial()).fit()
    rate = outcome[treated].mean()
    std_error = np.sqrt(0.25 / treated.sum() + 0.25 / comparison.sum())
    return rate - outcome[comparison].mean(), rate - fit.predict(matrix[treated]).mean(), std_error


@pytest.mark.parametrize("programme", ["mentoring", "weapons_awareness", "employability", "health", "victim_awareness"])
def test_confounding_misleads_the_naive_comparison_and_what_is_recorded_undoes_it(large, programme):
    uptake = next(u for u in large.uptakes if u.programme.programme_id == programme)
    table = true_effects(large.candidates, large.uptakes, large.children.index_date, large.evaluated)
    effects = table.set_index(["programme", "estimand"])["effect"]

    naive, adjusted, std_error = adjusted_effect(large, uptake)

    truth = effects[programme, "att_started_by_landmark_60"]
    assert naive > truth + 0.04
    assert abs(adjusted - truth) < Z * std_error


# --- what is built in


def test_the_base_rate_is_43_6_per_cent(large):
    mature = large.evaluated & (add_months(large.children.index_date, 18) <= EXTRACT)

    rate = reoffended(large.candidates, large.followed, large.children.index_date)[mature].mean()

    assert abs(rate - 0.436) < Z * np.sqrt(0.436 * 0.564 / mature.sum())


def test_under_half_of_the_planned_sessions_are_held(tables):
    starts = tables["starts"].dropna(subset=["start_date"])
    logged = starts[starts["programme_id"].isin(tables["sessions"]["programme_id"])]

    held = (tables["sessions"]["held"] == "yes").sum()

    planned = logged["programme_id"].map(tables["programmes"].set_index("programme_id")["planned_sessions"].astype(int))
    assert 0.3 < held / planned.sum() < 0.5


def test_riskier_children_start_more_often(large):
    started = np.any([u.start_of(len(large.rate)) < NEVER for u in large.uptakes], axis=0)

    assert large.risk[started].mean() > large.risk[~started].mean() + 0.15


def test_whoever_never_started_had_offended_before_the_planned_start(large):
    """Immortal time: a programme without effect looks like a good one to who compares from the disposal on."""
    health = next(u for u in large.uptakes if u.programme.programme_id == "health")
    outcome = reoffended(large.candidates, large.followed, large.children.index_date)[health.child]
    offered, started = health.offer != MISSING, health.start != MISSING

    assert outcome[offered & ~started].mean() > outcome[started].mean() + 0.10


def test_starts_are_delayed_and_fall_into_times_when_the_programme_runs(tables):
    starts = (
        tables["starts"].dropna(subset=["start_date"]).merge(tables["availability"], on="programme_id", suffixes=("", "_on"))
    )
    open_then = (starts["start_date"] >= starts["start_date_on"]) & (starts["start_date"] <= starts["end_date_on"])
    delay = as_day(starts["start_date"]) - as_day(starts["referral_date"])

    assert open_then.groupby(starts["start_id"].astype(object)).any().all()
    assert delay.dt.days.median() > 20
    assert tables["availability"].groupby("programme_id", observed=True).size().min() >= 3


def test_children_are_on_several_programmes_at_once(tables):
    starts = tables["starts"].dropna(subset=["start_date"])
    pairs = starts.merge(starts, on="person_id", suffixes=("", "_2")).query("start_id < start_id_2")

    assert (pairs["start_date_2"] <= pairs["end_date"]).sum() > 50


def test_courts_take_about_half_a_year_and_longer_for_serious_offences(large):
    index_like = large.history
    wait = index_like.decided - index_like.date
    convicted = index_like.result == 0

    assert 165 <= np.median(wait[convicted & (index_like.tier < 2)]) <= 175
    assert 222 <= np.median(wait[convicted & (index_like.tier == 2)]) <= 238


def test_offences_before_the_disposal_are_proven_after_it(tables, service):
    zero = pd.Series(service.children.index_date.astype("datetime64[D]"), index=tables["people"]["person_id"].astype(object))
    offences = tables["offences"].dropna(subset=["proof_date"])
    index_date = offences["person_id"].map(zero.astype("datetime64[ns]"))

    late = (as_day(offences["offence_date"]) < index_date) & (as_day(offences["proof_date"]) > index_date)

    assert late.sum() > 100


def test_nobody_offends_in_custody(tables):
    spells = tables["custody"].fillna({"end_date": EXTRACT_DATE}).merge(tables["offences"], on="person_id")
    # Remand before the index disposal lies in a past that is drawn without it.
    inside = (spells["offence_date"] > spells["start_date"]) & (spells["offence_date"] <= spells["end_date"])
    sentences = inside & (spells["kind"] == "sentence")

    assert len(tables["custody"]) > 150
    assert sentences.sum() == 0


def test_nothing_of_a_child_is_recorded_after_the_exit(tables):
    exits = tables["exits"].set_index("person_id")["exit_date"]

    for table, column in (("offences", "offence_date"), ("sessions", "session_date"), ("starts", "start_date")):
        rows = tables[table].assign(exit=tables[table]["person_id"].map(exits)).dropna(subset=["exit", column])
        assert (rows[column] <= rows["exit"]).all()
    assert len(exits) > 30


def test_results_are_pending_and_overturned_too(tables):
    assert {"pending", "overturned", "not_proven", "diverted"} <= set(tables["offences"]["result"])


def test_care_because_of_the_order_is_marked(tables):
    care = tables["statuses"].query("status == 'looked_after'")

    assert care["because_of_order"].value_counts().loc[["no", "yes"]].min() > 20


def test_some_assessments_come_after_the_disposal_and_some_children_have_none(tables, service):
    zero = pd.Series(service.children.index_date, index=tables["people"]["person_id"].astype(object))
    first = tables["assessments"].groupby(tables["assessments"]["person_id"].astype(object))["assessment_date"].min()
    late = (first.to_numpy(dtype="datetime64[D]").astype(int) > zero[first.index].to_numpy()).mean()

    assert 0.05 < late < 0.25
    assert 50 < 2000 - len(first) < 300


def test_one_programme_has_two_owners_one_no_takers_and_one_no_log(tables):
    programmes, started = tables["programmes"], tables["starts"].dropna(subset=["start_date"])["programme_id"]

    assert programmes.groupby(programmes["name"].astype(object))["owner"].nunique().max() == 2
    assert "cadets" in set(tables["starts"]["programme_id"]) - set(started)
    assert "health" in set(started) - set(tables["sessions"]["programme_id"])


def test_some_of_what_happened_was_never_written_down(tables):
    starts = tables["starts"]
    started = starts.dropna(subset=["start_date"])
    empty = starts[["referral_date", "planned_sessions", "status"]].isna().mean()

    # Binomial limits for some 1,650 referrals and 1,050 starts.
    assert (abs(empty - [0.03, 0.08, 0.10]) < Z * np.sqrt(0.1 * 0.9 / len(starts))).all()
    assert abs(started["offer_date"].isna().mean() - 0.15) < Z * np.sqrt(0.15 * 0.85 / len(started))
    assert started["programme_id"].notna().all()


def test_suitability_is_mostly_not_assessed(tables):
    assert 0.6 < (tables["starts"]["suitability"] == "not_assessed").mean() < 0.8


# --- form


@pytest.mark.parametrize("name", TABLES)
def test_tables_keep_the_standard(tables, name):
    table, rules = tables[name], TABLES[name]

    assert tuple(table.columns) == rules.names
    assert not table.empty
    for rule in rules.columns:
        texts = table[rule.name].dropna()
        assert (not rule.required) or len(texts) == len(table)
        assert rule.kind != "date" or (texts.map(lambda t: bool(ISO.fullmatch(t))).all() and texts.max() <= EXTRACT_DATE)
        assert rule.kind != "code" or not rule.codes or set(texts) <= set(rule.codes)
        assert rule.kind != "flag" or set(texts) <= {"yes", "no"}
    assert not rules.key or table[rules.key].is_unique


def test_ids_join(tables):
    people, offences = set(tables["people"]["person_id"]), set(tables["offences"]["offence_id"])

    assert all(set(t["person_id"]) <= people for t in tables.values() if "person_id" in t)
    assert set(tables["disposals"]["index_offence_id"].dropna()) <= offences
    assert set(tables["starts"]["programme_id"]) <= set(tables["programmes"]["programme_id"])


def test_children_are_10_to_17_at_the_index_disposal_and_10_at_every_offence(tables, service):
    born = tables["people"].set_index("person_id")["date_of_birth"]
    at = as_day(tables["offences"]["offence_date"])
    tenth = as_day(tables["offences"]["person_id"].map(born)) + pd.DateOffset(years=10)

    assert service.children.age.min() >= 10
    assert service.children.age.max() < 18
    assert (at >= tenth).all()


def test_the_index_disposal_is_the_first_of_an_evaluated_type_in_the_window(tables, service):
    evaluated_types = ["youth_conditional_caution", "referral_order", "youth_rehabilitation_order"]
    given = tables["disposals"].query("'2022-01-01' <= disposal_date <= '2024-12-31'")
    given = given[given["disposal_type"].isin(evaluated_types)]
    first = given.groupby(given["person_id"].astype(object))["disposal_date"].min()
    index = pd.Series(
        service.children.index_date.astype("datetime64[D]").astype(str), index=tables["people"]["person_id"].astype(object)
    )
    evaluated = np.isin(service.index_type, np.unique(service.index_type[service.evaluated]))

    assert (first.reindex(index.index)[evaluated] == index[evaluated]).all()


def test_it_says_on_its_face_that_it_is_simulated(simulation):
    assert all(t["person_id"].str.startswith("SIM").all() for t in simulation.tables.values() if "person_id" in t)
    assert simulation.tables["programmes"]["owner"].str.startswith("Simulated").all()
    assert simulation.notice.startswith("SIMULATED")
    assert "simulated    = true" in simulation.study
    assert (simulation.truth["simulated"] == "yes").all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_simulation(simulate_records(300, seed=seed, faults=("orphans",)), tmp_path / folder)
    content = {f: {p.name: p.read_bytes() for p in (tmp_path / f).rglob("*.*") if p.is_file()} for f in "abc"}

    assert content["a"] == content["b"]
    assert all(content["a"][f"{t}.csv"] != content["c"][f"{t}.csv"] for t in ("people", "offences", "starts", "sessions"))


def test_written_tables_read_back_as_they_were(tmp_path, simulation):
    write_simulation(simulation, tmp_path / "s")

    for name, table in simulation.tables.items():
        back = pd.read_csv(tmp_path / "s" / "records" / f"{name}.csv", dtype=str, keep_default_na=False)
        pd.testing.assert_frame_equal(back, table.fillna("").astype(object), check_dtype=False)


def test_nothing_is_overwritten(tmp_path):
    simulation = simulate_records(20, seed=1)
    write_simulation(simulation, tmp_path)

    with pytest.raises(UsageError, match="already holds a study"):
        write_simulation(simulation, tmp_path)


@pytest.mark.parametrize("n_people", [1, 2, 7])
def test_a_handful_of_children_is_a_service_too(n_people):
    assert len(simulate_records(n_people, seed=5).tables["people"]) == n_people


def test_more_offences_lengthen_the_past_and_not_the_future():
    usual, many = (simulate_records(20_000, seed=2, offences_per_person=k) for k in (None, 10))
    rates = [s.truth.query("programme == 'health' and estimand == 'itt_offered'")["risk_with"].item() for s in (usual, many)]

    assert len(many.tables["offences"]) / 20_000 == pytest.approx(10, rel=0.03)
    # Some 1,300 offered children in each.
    assert abs(rates[0] - rates[1]) < Z * np.sqrt(2 * 0.25 / 1300)


def test_programmes_beyond_the_menu_have_names_of_their_own_and_no_effect():
    simulation = simulate_records(2000, programmes=17, seed=1)
    truth = simulation.truth.query("estimand == 'att_started'").set_index("programme")["effect"]

    assert len(truth) == 17
    assert (truth[[p for p in truth.index if p.endswith(("_2", "_3"))]].dropna() == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_people": 0}, "n_people must be 1 or more"),
        ({"n_people": 9, "programmes": 0}, "programmes must be 1 to 40"),
        ({"n_people": 9, "programmes": 41}, "programmes must be 1 to 40"),
        ({"n_people": 9, "offences_per_person": 3}, "offences_per_person must be 4 or more"),
        ({"n_people": 9, "faults": ("orphan",)}, "Did you mean 'orphans'"),
        ({"n_people": 9, "faults": ("zzz",)}, "Known faults: duplicate_people"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        simulate_records(seed=1, **arguments)


# --- faults on demand


def repeated(table, key):
    return lambda t: t[table][key].duplicated().sum()


def contradictions(t):
    return t["assessments"].duplicated(["person_id", "assessment_date", "instrument", "item"]).sum()


def born_in(t, table):
    return as_day(t[table]["person_id"].map(t["people"].drop_duplicates("person_id").set_index("person_id")["date_of_birth"]))


def spells_that_overlap(t):
    spells = t["custody"].reset_index().fillna({"end_date": EXTRACT_DATE})
    pairs = spells.merge(spells, on=["person_id", "kind"], suffixes=("", "_2")).query("index < index_2")
    return ((pairs["start_date"] <= pairs["end_date_2"]) & (pairs["start_date_2"] <= pairs["end_date"])).sum()


def stand_ins(t):
    ids = t["offences"]["person_id"].fillna("").str.lower()
    return ids.isin([*PLACEHOLDER_IDS, ""]).sum()


def too_young(t):
    born = born_in(t, "offences")
    return (as_day(t["offences"]["offence_date"]) < born + pd.DateOffset(years=10)).sum()


# Each counted by brute force, by a rule that clean records never break.
COUNTS = {
    "duplicate_people": repeated("people", "person_id"),
    "near_duplicates": lambda t: (~t["people"]["person_id"].str.fullmatch(r"SIM\d+")).sum(),
    "empty_required": lambda t: t["people"]["sex"].isna().sum(),
    "duplicate_offences": repeated("offences", "offence_id"),
    "placeholders": stand_ins,
    "orphans": lambda t: (~t["offences"]["person_id"].isin(t["people"]["person_id"])).sum(),
    "dates_swapped": lambda t: (t["offences"]["proof_date"] < t["offences"]["offence_date"]).sum(),
    "future_dates": lambda t: (t["offences"]["offence_date"] > EXTRACT_DATE).sum(),
    "impossible_dates": lambda t: pd.to_datetime(t["offences"]["offence_date"], errors="coerce").isna().sum(),
    "other_date_format": lambda t: (~t["offences"]["offence_date"].str.fullmatch(ISO.pattern)).sum(),
    "too_young": too_young,
    "unknown_codes": lambda t: (~t["offences"]["offence_group"].isin(TABLES["offences"].column("offence_group").codes)).sum(),
    "duplicate_starts": repeated("starts", "start_id"),
    "unknown_programmes": lambda t: (~t["starts"]["programme_id"].isin(t["programmes"]["programme_id"])).sum(),
    "ends_before_start": lambda t: (t["starts"]["end_date"] < t["starts"]["start_date"]).sum(),
    "negative_sessions": lambda t: (t["starts"]["planned_sessions"] == "-1").sum(),
    "overlapping_custody": spells_that_overlap,
    "contradictory_assessments": contradictions,
}


def test_every_fault_is_counted_here():
    assert set(COUNTS) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_put_in_as_often_as_it_says(tables, fault):
    spoilt = simulate_records(2000, seed=1, faults=(fault,))

    assert COUNTS[fault](tables) == 0
    assert spoilt.faults == {fault: 10}
    assert COUNTS[fault](spoilt.tables) == 10


def test_a_fault_touches_nothing_else(tables):
    spoilt = simulate_records(2000, seed=1, faults=("negative_sessions",)).tables

    changed = {n: int((spoilt[n].fillna("") != tables[n].fillna("")).to_numpy().sum()) for n in tables}

    assert {n: c for n, c in changed.items() if c} == {"starts": 10}


def test_no_row_is_spoilt_twice(tables):
    spoilt = simulate_records(2000, seed=1, faults=tuple(FAULTS))
    changed = spoilt.tables["offences"].iloc[: len(tables["offences"])].fillna("") != tables["offences"].fillna("")

    # Six faults change rows in place (two cells where dates are swapped), each its own ten rows; duplicates are appended.
    in_place = [f for f, fault in FAULTS.items() if fault.table == "offences" and f != "duplicate_offences"]
    assert changed.any(axis=1).sum() == 10 * len(in_place)
    assert set(spoilt.faults.values()) == {10}


def test_the_example_in_the_project_can_be_made_again(tmp_path):
    example = Path(__file__).parents[3] / "data" / "example"
    gentle = ("contradictory_assessments", "duplicate_offences", "overlapping_custody")
    files = write_simulation(simulate_records(2000, seed=2021, faults=gentle), tmp_path / "again")

    assert sum(f.stat().st_size for f in files) < 4_000_000
    for file in files:
        assert file.read_bytes() == (example / file.relative_to(tmp_path / "again")).read_bytes()


def test_the_notice_names_the_faults():
    assert "orphans: 1" in simulate_records(100, seed=1, faults=("orphans",)).notice


# Where the validator should see each fault that breaks a rule of the standard.
SEEN_AT = {
    "duplicate_people": ("people", "person_id"),
    "empty_required": ("people", "sex"),
    "orphans": ("offences", "person_id"),
    "dates_swapped": ("offences", "proof_date"),
    "future_dates": ("offences", "offence_date"),
    "impossible_dates": ("offences", "offence_date"),
    "other_date_format": ("offences", "offence_date"),
    "too_young": ("offences", "offence_date"),
    "unknown_codes": ("offences", "offence_group"),
    "duplicate_starts": ("starts", "start_id"),
    "unknown_programmes": ("starts", "programme_id"),
    "ends_before_start": ("starts", "end_date"),
    "negative_sessions": ("starts", "planned_sessions"),
}


def test_the_validator_accepts_clean_records(tmp_path, simulation):
    write_simulation(simulation, tmp_path / "s")

    records = read_records(tmp_path / "s" / "records", extract_date=date.fromisoformat(EXTRACT_DATE))
    set_aside = sum(records.report.rows_aside.values())
    records.engine.close()

    assert set_aside == 0


def test_the_validator_finds_every_fault_as_often_as_it_was_put_in(tmp_path):
    write_simulation(simulate_records(2000, seed=1, faults=tuple(SEEN_AT)), tmp_path / "s")
    expected = {place: 10 * list(SEEN_AT.values()).count(place) for place in SEEN_AT.values()}

    with pytest.raises(DataError) as problem:
        read_records(tmp_path / "s" / "records", extract_date=date.fromisoformat(EXTRACT_DATE))

    found = dict.fromkeys(expected, 0)
    for table, column, n in re.findall(r"(\w+)\.csv, column '(\w+)'.*? in ([\d,]+) of [\d,]+ rows", str(problem.value)):
        found[table, column] = found.get((table, column), 0) + int(n.replace(",", ""))
    assert found == expected
