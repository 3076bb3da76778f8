"""What happened after time zero: entries, trouble, follow-up that ends with a later entry, and the naive comparison."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import StudyFile
from yoseval.cohort.trials import build_trials
from yoseval.design.cloning import clone_design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError
from yoseval.outcomes.recorded import censored_at, observe_trials
from yoseval.outcomes.types import FollowUp, Recurrences
from yoseval.records.engine import open_engine
from yoseval.records.records import ReadReport, Records
from yoseval.records.schema import TABLES
from yoseval.records.scoring.tables import TYPES

ARROWS = {"string": pa.string(), "date": pa.date32(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_()}
INDEX = date(2022, 3, 1)
REOFFENDED = OutcomeSection(name="reoffended")
STARTS = {"a": 0, "b": 20, "c": 70, "d": 90}
OFFENCES = {"b": 100, "c": 200, "d": 30, "e": 61, "f": 60}


def after(days):
    return INDEX + timedelta(days)


@pytest.fixture(scope="module")
def records():
    """Eight children sentenced on one day: a and b start within 60 days, c and d later; g goes into custody, h leaves."""
    children = "abcdefgh"
    rows = {
        "people": [
            {"person_id": c, "date_of_birth": date(2006, 1 + i, 15), "sex": "male", "service": "north" if i < 2 else None}
            for i, c in enumerate(children)
        ],
        "disposals": [
            {"disposal_id": c, "person_id": c, "disposal_date": INDEX, "disposal_type": "referral_order"} for c in children
        ],
        "starts": [
            {"start_id": c, "person_id": c, "programme_id": "mentoring", "start_date": after(d)} for c, d in STARTS.items()
        ],
        "offences": [
            {"offence_id": c, "person_id": c, "offence_date": after(d), "proof_date": after(d + 40), "result": "convicted",
             "offence_group": "drugs", "seriousness": 3} for c, d in OFFENCES.items()
        ],
        "custody": [{"person_id": "g", "start_date": after(80), "end_date": after(90), "kind": "remand"}],
        "exits": [{"person_id": "h", "exit_date": after(120), "reason": "moved_away"}],
    }  # fmt: skip
    # Another child, never sentenced in the dates of the study, whose many proven offences tell how long proof takes.
    rows["people"].append({"person_id": "z", "date_of_birth": date(2006, 1, 15), "sex": "female"})
    rows["offences"] += [
        {"offence_id": f"z{i}", "person_id": "z", "offence_date": date(2021, 1, 1) + timedelta(i), "result": "convicted",
         "proof_date": date(2021, 1, 1) + timedelta(i + 20 + i % 30), "offence_group": "drugs"} for i in range(120)
    ]  # fmt: skip
    with open_engine(jobs=1) as engine:
        tables = {}
        for name, own in rows.items():
            schema = pa.schema([(c.name, ARROWS[TYPES[c.kind]]) for c in TABLES[name].columns] + [("_row", pa.int64())])
            engine.loader.register("given", pa.Table.from_pylist([r | {"_row": i} for i, r in enumerate(own)], schema=schema))
            engine.loader.execute(f"create or replace table \"{name}\" as select *, '{name}' as _file from given")
            engine.loader.unregister("given")
            tables[name] = engine.publish(name)
        yield Records(tables, date(2026, 3, 31), ReadReport({}, {}, {}, {}, {}, {}, (), (), (), ()), engine)


def study_with(**zero):
    return Study(
        Path(),
        StudyFile.model_validate(
            {
                "study": {
                    "title": "A few",
                    "records": "none",
                    "extract_date": date(2026, 3, 31),
                    "profile": "moj_proven_1y",
                },
                "eligibility": {
                    "ages": (10, 17),
                    "disposals": ("referral_order",),
                    "index_dates": (date(2022, 1, 1), date(2022, 12, 31)),
                },
                "time_zero": {"days": 60, **zero},
                "design": {"method": "entropy", "covariates": ("age",)},
                "outcomes": [{"name": "reoffended"}],
                "programmes": {"include": ["mentoring"]},
            }
        ),
    )


@pytest.fixture(scope="module")
def opened(records):
    """Return a function that gives what was recorded and the plain design under a rule."""

    def find(**zero):
        study = study_with(**zero)
        built = build_trials(records, study)[0]
        outcomes = observe_trials(records, study, [built])["mentoring"]
        return built, outcomes, unadjusted_design(built.cohort(built.protocol))

    return find


def by_child(built, values):
    return dict(zip(built.units["person_id"], values, strict=True))


def test_days_to_entry_and_to_trouble_from_the_index_event(opened):
    built, outcomes, _ = opened(rule="grace")

    assert by_child(built, outcomes.entry) == dict.fromkeys("efgh", np.inf) | STARTS
    assert by_child(built, outcomes.trouble) == {"a": np.inf, "g": 80, "h": 120} | OFFENCES


def test_days_to_entry_and_to_trouble_from_a_landmark(opened):
    built, outcomes, _ = opened(rule="landmark")

    # d and f offended by day 60 and are out; who had entered by then has no entry to come.
    assert by_child(built, outcomes.entry) == {"a": np.inf, "b": np.inf, "c": 10, "e": np.inf, "g": np.inf, "h": np.inf}
    assert by_child(built, outcomes.trouble) == {"a": np.inf, "b": 40, "c": 140, "e": 1, "g": 20, "h": 60}


def test_the_follow_up_of_a_comparison_child_ends_when_it_enters(opened):
    _, outcomes, design = opened(rule="grace")

    followed = outcomes.follow(design, REOFFENDED)

    found = {u: (t, bool(e)) for u, t, e in zip(followed.unit_id, followed.time, followed.event, strict=True)}
    # c enters on day 70 and reoffends on day 200; d reoffends on day 30 and enters on day 90; b is treated.
    assert found["c"] == (70, False)
    assert found["d"] == (30, True)
    assert found["b"] == (100, True)
    assert found["e"] == (61, True)


def test_an_instrument_follows_those_who_enter_later_to_the_end(opened):
    _, outcomes, design = opened(rule="grace")

    followed = outcomes.follow(design, REOFFENDED.model_copy(update={"measure": "instrument"}))

    assert dict(zip(followed.unit_id, followed.time, strict=True))["c"] == 200


def test_later_starts_may_be_kept(opened):
    _, outcomes, design = opened(rule="grace", later_starts="keep")

    followed = outcomes.follow(design, REOFFENDED)

    assert dict(zip(followed.unit_id, followed.time, strict=True))["c"] == 200


@pytest.mark.parametrize("rule", ["landmark", "nested"])
def test_rules_without_a_future_have_nothing_to_settle_but_later_starts(opened, rule):
    _, outcomes, design = opened(rule=rule)

    # With a single later entry there is nobody to model.
    assert outcomes.settle(design) is design


def test_settling_a_grace_period_changes_weights_and_says_so(opened):
    _, outcomes, design = opened(rule="grace")
    design = replace(design, weighting=replace(design.weighting, score=np.full(len(design.cohort.units), 0.3)))

    settled = outcomes.settle(design)

    assert settled.notes[-1].startswith("The groups formed after time zero.")
    weight = dict(zip(settled.cohort.units["unit_id"], settled.weight, strict=True))
    assert weight["d"] < weight["f"] < weight["e"]
    assert weight["e"] == pytest.approx(weight["g"])


def test_the_naive_comparison_takes_the_arms_as_they_formed(opened):
    _, outcomes, design = opened(rule="grace")

    naive = outcomes.naive(design)

    assert (naive.weight == 1).all()
    assert set(naive.cohort.units.loc[naive.treated, "unit_id"]) == {"a", "b"}


def test_the_naive_comparison_of_clones_has_each_child_once(opened, records):
    frame, outcomes, _ = opened(rule="clone_censor")
    # Ages alone would separate so few children.
    cohort = frame.cohort(frame.protocol)
    cohort = replace(cohort, units=cohort.units.assign(age=[12.0, 13, 14, 15, 12, 13, 14, 15]))

    naive = outcomes.naive(clone_design(cohort))

    used = naive.cohort.units[naive.weight > 0]
    assert sorted(used["person_id"]) == list("abcdefgh")
    assert set(used.loc[used["treated"].astype(bool), "person_id"]) == {"a", "b"}


def test_copies_of_a_child_are_followed_alike_but_for_a_later_entry(opened):
    frame, outcomes, _ = opened(rule="clone_censor")
    cohort = frame.cohort(frame.protocol)
    cohort = replace(cohort, units=cohort.units.assign(age=[12.0, 13, 14, 15, 12, 13, 14, 15]))

    followed = outcomes.follow(clone_design(cohort), REOFFENDED)

    time = dict(zip(followed.unit_id, followed.time, strict=True))
    assert time["e|starts"] == time["e|does not"] == 61
    assert (time["c|starts"], time["c|does not"]) == (200, 70)


def test_the_area_is_where_the_child_lives_and_nothing_where_it_is_not_recorded(opened):
    built, outcomes, _ = opened(rule="grace")

    assert by_child(built, outcomes.area) == dict.fromkeys("ab", "north") | dict.fromkeys("cdefgh")


def test_a_design_of_other_children_is_refused(opened):
    _, outcomes, design = opened(rule="grace")
    strangers = replace(design.cohort, units=design.cohort.units.assign(unit_id=lambda u: "x" + u["unit_id"]))

    with pytest.raises(DataError, match="units that the records do not"):
        outcomes.follow(replace(design, cohort=strangers), REOFFENDED)


def followup():
    return FollowUp(
        np.array(["a", "b", "c"], dtype=object),
        np.array([100.0, 100.0, 365.0]),
        np.array([True, True, False]),
        365.0,
        count=np.array([2.0, 3.0, 0.0]),
        followed=np.array([365.0, 365.0, 365.0]),
        recurrences=Recurrences(np.array([0, 0, 1, 1, 1]), np.array([100.0, 200, 100, 150, 300])),
        days_at_risk=np.array([365.0, 300.0, 365.0]),
    )


def test_what_happens_on_the_day_of_the_limit_still_counts():
    cut = censored_at(followup(), np.array(["a", "b", "c"], dtype=object), np.array([100.0, 99.0, np.inf]))

    assert cut.time.tolist() == [100, 99, 365]
    assert cut.event.tolist() == [True, False, False]
    assert cut.count.tolist() == [1, 0, 0]
    assert cut.followed.tolist() == [100, 99, 365]
    # In which of the days that are left somebody was at risk is not known.
    assert cut.days_at_risk is None


def test_without_a_limit_nothing_is_cut():
    whole = followup()

    cut = censored_at(whole, np.array(["c", "b", "a"], dtype=object), np.full(3, np.inf))

    assert (cut.time == whole.time).all()
    assert cut.count.tolist() == [2, 3, 0]
    assert (cut.days_at_risk == whole.days_at_risk).all()


def test_limits_are_found_by_unit():
    cut = censored_at(followup(), np.array(["c", "b", "a"], dtype=object), np.array([300.0, np.inf, 50.0]))

    assert cut.time.tolist() == [50, 100, 300]


def test_a_follow_up_without_counts_is_cut_too():
    bare = replace(followup(), count=None, followed=None, recurrences=None)

    assert censored_at(bare, bare.unit_id, np.array([10.0, np.inf, 10.0])).time.tolist() == [10, 100, 10]


def test_trials_with_nobody_eligible_are_observed_as_empty(records):
    study = study_with(rule="grace")
    built = build_trials(records, study)[0]
    empty = replace(built, units=built.units.iloc[:0])

    assert len(observe_trials(records, study, [empty])["mentoring"].observed) == 0


def test_frames_beside_the_effects_are_of_the_design(opened):
    _, outcomes, design = opened(rule="grace")

    found = outcomes.annex(design)

    assert set(found) == {"jdl", "completeness", "follow_up"}
    assert all(isinstance(f, pd.DataFrame) and len(f) for f in found.values())


def test_frames_tell_whether_exits_and_custody_were_recorded(records):
    study = study_with(rule="grace")
    built = build_trials(records, study)[0]
    design = unadjusted_design(built.cohort(built.protocol))
    bare = replace(records, tables={n: t for n, t in records.tables.items() if n not in ("exits", "custody")})

    whole, lacking = (observe_trials(r, study, [built])["mentoring"].annex(design)["follow_up"] for r in (records, bare))

    # h moved away; g was on remand from day 80 to day 90.
    assert whole.set_index("arm").loc["comparison", ["n", "n_died", "n_moved", "n_custody"]].tolist() == [6, 0, 1, 1]
    assert lacking[["n_died", "n_moved", "n_custody", "mean_days_at_risk"]].isna().all(axis=None)


def test_with_a_lag_offences_count_from_the_day_after_it(opened):
    _, outcomes, design = opened(rule="grace", later_starts="keep")

    found = outcomes.lagged(design, REOFFENDED, 60)

    event = dict(zip(found.unit_id, found.event, strict=True))
    # d reoffended on day 30 and f on day 60, neither again; e on day 61.
    assert event == dict.fromkeys("adfgh", False) | dict.fromkeys("bce", True)


@pytest.mark.parametrize("later_starts", ["keep", "censor"])
@pytest.mark.parametrize("name", ["reoffended", "frequency", "time_to_first", "mean_count"])
def test_with_a_lag_children_are_followed_as_if_records_had_been_observed_with_it(records, monkeypatch, later_starts, name):
    study = study_with(rule="grace", later_starts=later_starts)
    built = build_trials(records, study)[0]
    design = unadjusted_design(built.cohort(built.protocol))
    outcomes = observe_trials(records, study, [built])["mentoring"]
    profile = replace(study.profile, lag_days=60)
    monkeypatch.setattr(Study, "profile", property(lambda self: profile))
    again = observe_trials(records, study, [built])["mentoring"]

    found, expected = outcomes.lagged(design, OutcomeSection(name=name), 60), again.follow(design, OutcomeSection(name=name))

    for field in ("unit_id", "time", "event", "cause", "followed", "count"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)


def test_with_a_lag_the_first_later_reoffence_is_the_first_and_the_others_count(opened):
    _, outcomes, design = opened(rule="grace", later_starts="keep")
    moment = outcomes.observed.loc["e", "moment"]
    more = pd.DataFrame({"moment": moment, "days": [5.0, 30.0, 31.0, 61.0, 90.0]})
    others = outcomes.reoffences[outcomes.reoffences["moment"] != moment]
    number = outcomes.observed["n_reoffences"].mask(outcomes.observed.index == "e", 5)
    first = outcomes.observed["reoffence_days"].mask(outcomes.observed.index == "e", 5.0)
    observed = outcomes.observed.assign(n_reoffences=number, reoffence_days=first)
    several = replace(outcomes, observed=observed, reoffences=pd.concat([others, more], ignore_index=True))

    found = several.lagged(design, OutcomeSection(name="frequency"), 30)

    place = list(found.unit_id).index("e")
    assert (found.time[place], found.event[place], found.count[place]) == (31, True, 3)
    assert sorted(found.recurrences.time[found.recurrences.unit == place]) == [31, 61, 90]
    assert found.days_at_risk is None


@pytest.mark.parametrize("name", ["severity", "custody_for_reoffence", "serious_violence"])
def test_outcomes_of_some_reoffences_only_cannot_be_lagged(opened, name):
    _, outcomes, design = opened(rule="grace")

    assert outcomes.lagged(design, OutcomeSection(name=name), 30) is None
