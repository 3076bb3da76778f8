"""The study file: every key is known, every fault is named, and each programme gets its protocol."""

import tomllib
from datetime import date
from typing import get_args

import pytest

from yoseval.cohort.adjustments import ADJUSTMENTS_OF, AdjustmentName
from yoseval.cohort.design_section import CandidateName, DesignSection, PropensityName, VarianceName
from yoseval.cohort.outcome_section import COLUMNS_OF, ONLY_OF_RECORDS, MeasureName
from yoseval.cohort.protocol import read_study
from yoseval.design.methods import METHODS
from yoseval.design.propensity import PROPENSITY
from yoseval.errors import StudyError
from yoseval.frames import check_frame
from yoseval.outcomes.adjusted import ADJUSTMENTS, OF_COUNTS, OF_RISKS
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.variances import VARIANCES

BASE = """
[study]
title = "A study"
cohort = "people.csv"

[cohort]
id = "person"
programme = "programme"
comparison = "none"
names = { a = "Programme A" }

[design]
covariates = ["age", "sex"]
caliper = 0.2

[[outcomes]]
name = "again"
event = "reoffended"
days = "time"
horizon_days = 365

[portfolio]
worthwhile = 5

[engine]
jobs = 1

[disclosure]
policy = "tre_10"
"""


@pytest.fixture
def study_of(tmp_path):
    def read(text):
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        return read_study(tmp_path)

    return read


def refusal(study_of, text):
    with pytest.raises(StudyError) as caught:
        study_of(text)
    return str(caught.value)


def test_a_study_is_read_with_its_defaults(study_of):
    study = study_of(BASE)

    assert study.file.design.method == "auto"
    assert study.file.design.candidates == ("entropy", "nearest", "overlap")
    assert study.file.outcomes[0].measure == "risk_difference"
    assert study.include == ()
    assert study.cohort_file == study.folder / "people.csv"


def test_the_file_itself_may_be_named(study_of):
    study = study_of(BASE)

    assert read_study(study.folder / "study.toml").file == study.file


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbf" + BASE.encode())

    assert read_study(tmp_path).file.study.title == "A study"


def test_a_date_is_a_date(study_of):
    study = study_of(BASE.replace('title = "A study"', 'title = "A study"\nextract_date = 2022-06-30'))

    assert study.file.study.extract_date == date(2022, 6, 30)


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        ("title", "titel"),
        ("comparison", "comparision"),
        ("caliper", "calliper"),
        ("horizon_days", "horizon_day"),
        ("worthwhile", "worth_while"),
        ("jobs", "job"),
        ("policy", "polcy"),
    ],
    ids=["study", "cohort", "design", "outcomes", "portfolio", "engine", "disclosure"],
)
def test_an_unknown_key_names_the_nearest_of_its_section(study_of, known, unknown):
    values = dict(line.split(" = ", 1) for line in BASE.splitlines() if " = " in line)
    message = refusal(study_of, BASE.replace(f"{known} = ", f"{unknown} = {values[known]}\n{known} = ", 1))

    assert f".{unknown}' is not a known key. Did you mean '{known}'?" in message


def test_an_unknown_section_names_the_nearest(study_of):
    assert "'portfolios' is not a known key. Did you mean 'portfolio'?" in refusal(study_of, f"{BASE}\n[portfolios]\nx = 1\n")


def test_a_key_that_is_near_to_none_lists_those_there_are(study_of):
    message = refusal(study_of, BASE.replace("jobs = 1", "zzz = 1"))

    assert "'engine.zzz' is not a known key. Known keys: backend, jobs." in message


def test_a_subgroup_that_is_no_covariate_names_the_nearest(study_of):
    message = refusal(study_of, BASE.replace("[design]\n", '[design]\nsubgroups = ["sexe"]\n'))

    assert "subgroups: 'sexe' is none of the covariates; did you mean 'sex'?" in message


def test_every_fault_is_named_at_once(study_of):
    message = refusal(study_of, BASE.replace("caliper = 0.2", "caliper = -1\nratio = 0").replace('"tre_10"', '"strict"'))

    assert "breaks 3 rule(s)" in message
    assert [k for k in ("'design.caliper", "'design.ratio'", "'disclosure.policy'") if k not in message] == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('title = "A study"', "title = 5", "'study.title': input should be a valid string"),
        ('title = "A study"', "", "'study.title' is missing"),
        ("jobs = 1", 'jobs = "many"', "'engine.jobs': input should be a valid integer"),
        ("jobs = 1", "jobs = 0", "'engine.jobs': input should be greater than or equal to 1"),
        ("horizon_days = 365", "horizon_days = 0", "'outcomes.horizon_days': input should be greater than 0"),
        ("horizon_days = 365", "horizon_weeks = 52", "the horizon in the same unit"),
        ("horizon_days = 365", "", "the horizon in the same unit"),
        ('days = "time"', 'days = "time"\nweeks = "w"', "give one column of times"),
        ('event = "reoffended"', 'event = "reoffended"\ncensored = "c"', "either event"),
        ('event = "reoffended"', "", "either event"),
        ('name = "again"', 'name = "again"\nmeasure = "risk_diff"', "'outcomes.measure': input should be 'risk_difference'"),
        (
            'name = "again"',
            'name = "again"\nmeasure = "mean_count_difference"',
            "needs a column of the cohort file: give count",
        ),
        ('covariates = ["age", "sex"]', 'covariates = "age"', "'design.covariates'"),
        ('covariates = ["age", "sex"]', "covariates = []", "covariates are needed, unless method = 'randomised'"),
        ("caliper = 0.2", 'history = "prior"', "history = 'prior' must be one of the covariates"),
        ("caliper = 0.2", "max_smd = 0.5", "'design.max_smd': input should be less than or equal to 0.25"),
        ("caliper = 0.2", 'method = "closest"', "'design.method': input should be 'auto'"),
        ("caliper = 0.2", "imputations = 5", "imputations has no effect without missing = 'multiple_imputation'"),
        ("caliper = 0.2", "imputation_seed = 5", "imputation_seed has no effect"),
        ("caliper = 0.2", 'missing = "multiple_imputation"\nimputations = 1', "'design.imputations'"),
        ("caliper = 0.2", 'missing = "drop"', "'design.missing'"),
        ('covariates = ["age", "sex"]', 'method = "randomised"\nmissing = "multiple_imputation"', "without covariates"),
        ("caliper = 0.2", 'candidates = ["randomised"]', "'design.candidates'"),
        ("caliper = 0.2", "max_controls = 2.5", "'design.max_controls': must be a whole number, or one over a whole number"),
        ("caliper = 0.2", "min_controls = 0", "'design.min_controls': input should be greater than 0"),
        ("caliper = 0.2", "min_controls = 2\nmax_controls = 1", "min_controls must not be above max_controls"),
        ("caliper = 0.2", "omit_fraction = 1", "'design.omit_fraction': input should be less than 1"),
        ("caliper = 0.2", "omit_fraction = 0.1\nmax_controls = 0.5", "omit_fraction must be left out"),
        ("caliper = 0.2", "tols = -0.1", "'design.tols': input should be greater than or equal to 0"),
        ("worthwhile = 5", "worthwhile = 0", "'portfolio.worthwhile': input should be greater than 0"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named(study_of, old, new, fault):
    assert BASE.count(old) == 1
    assert fault.lower() in refusal(study_of, BASE.replace(old, new)).lower()


def test_the_measures_of_the_study_file_are_those_there_are():
    assert get_args(MeasureName) == tuple(MEASURES)


def test_the_adjustments_of_the_study_file_are_those_there_are_for_the_measures_that_have_them():
    assert get_args(AdjustmentName) == tuple(ADJUSTMENTS)
    assert set(ADJUSTMENTS_OF) == {*OF_RISKS, *OF_COUNTS}
    assert {name for names in ADJUSTMENTS_OF.values() for name in names} == set(ADJUSTMENTS)


def test_columns_that_a_measure_needs_of_a_file_are_those_it_takes():
    held = {"counts": "count", "days_at_risk": "exposure", "cause": "competing", "severity": "severity"}
    needed = {name: tuple(held[f] for f in m.takes if f in held) for name, m in MEASURES.items()}

    assert {n: c for n, c in needed.items() if c and n not in ONLY_OF_RECORDS} == dict(COLUMNS_OF)
    assert all(needed[n] == ("count",) for n in ONLY_OF_RECORDS)


@pytest.mark.parametrize(
    ("measure", "fault"),
    [
        ("incidence_difference", "give competing"),
        ("rate_ratio", "give count and exposure"),
        ("win_ratio", "give severity"),
        ("lwyy", "needs the time of every event"),
    ],
)
def test_a_measure_without_its_columns_is_refused(study_of, measure, fault):
    assert fault in refusal(study_of, BASE.replace('event = "reoffended"', f'event = "reoffended"\nmeasure = "{measure}"', 1))


@pytest.mark.parametrize(
    ("added", "outcome", "fault"),
    [
        ("", True, "needs the column of an instrument"),
        ('instrument = "offered"\n', False, "has no effect without an outcome"),
        ('instrument = "calendar"\n', True, "belongs to studies of records"),
    ],
)
def test_an_instrument_and_the_outcome_that_uses_it_go_together(study_of, added, outcome, fault):
    second = '[[outcomes]]\nname = "again"\nmeasure = "instrument"\nevent = "reoffended"\ndays = "days"\nhorizon_days = 365\n'
    text = BASE.replace("[design]\n", f"[design]\n{added}") + ("\n" + second if outcome else "")

    assert fault in refusal(study_of, text)


@pytest.mark.parametrize(
    ("own", "outcome", "fault"),
    [("calendar", True, "belongs to studies of records"), ("offered", False, "has no effect without an outcome")],
)
def test_a_programmes_own_instrument_is_held_to_the_same(study_of, own, outcome, fault):
    second = '[[outcomes]]\nname = "again"\nmeasure = "instrument"\nevent = "reoffended"\ndays = "days"\nhorizon_days = 365\n'
    text = BASE.replace("[design]\n", '[design]\ninstrument = "offered"\n') + f"\n{second}" if outcome else BASE

    found = refusal(study_of, f'{text}\n[programmes.mentoring.design]\ninstrument = "{own}"\n')

    assert fault in found
    assert "programmes.mentoring.design" in found


def test_an_instrument_cannot_be_the_first_outcome(study_of):
    text = BASE.replace('event = "reoffended"', 'event = "reoffended"\nmeasure = "instrument"', 1)

    assert "cannot be the first outcome" in refusal(study_of, text)


def test_an_adjustment_goes_with_the_measures_that_have_it(study_of):
    adjusted = BASE.replace('event = "reoffended"', 'event = "reoffended"\nadjustment = "tmle"', 1)
    censored = adjusted.replace('adjustment = "tmle"', 'measure = "hazard_ratio"\nadjustment = "tmle"')

    assert study_of(adjusted).file.outcomes[0].adjustment == "tmle"
    assert "hazard_ratio cannot be adjusted by tmle" in refusal(study_of, censored)


def test_a_caliper_may_be_a_table_by_column(study_of):
    section = study_of(BASE.replace("caliper = 0.2", 'caliper = { age = 1.0 }\nantiexact = ["area"]')).file.design

    assert section.caliper == {"age": 1.0}
    assert section.columns == ("age", "sex", "area")


def test_a_mean_ratio_need_not_be_whole_and_a_whole_one_stays_whole(study_of):
    ratios = [study_of(BASE.replace("caliper = 0.2", f"ratio = {r}")).file.design.ratio for r in ("1.5", "2")]

    assert ratios == [1.5, 2]
    assert isinstance(ratios[1], int)


def test_the_methods_of_the_study_file_are_those_there_are():
    assert {*get_args(CandidateName), "randomised"} == set(METHODS)
    assert set(get_args(DesignSection.model_fields["method"].annotation)) == {"auto", *METHODS}


def test_the_variances_of_a_study_file_are_those_of_the_menu():
    assert get_args(VarianceName) == tuple(VARIANCES)


def test_the_column_of_groups_is_read_with_the_covariates(study_of):
    section = study_of(BASE.replace("caliper = 0.2", 'cluster = "team"\nvariance = "cr2"')).file.design

    assert (section.cluster, section.variance) == ("team", "cr2")
    assert section.columns == ("age", "sex", "team")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('variance = "bootstrap"', "variance"),
        ('variance = "abadie_imbens"', "for matching with replacement"),
        ('method = "nearest"\nreplace = true\nvariance = "jackknife"', "not valid for matching with replacement"),
    ],
)
def test_a_variance_that_the_design_cannot_have_is_refused_before_any_outcome(study_of, lines, words):
    with pytest.raises(StudyError, match=words):
        study_of(BASE.replace("caliper = 0.2", lines))


def test_the_propensity_models_of_a_study_file_are_those_of_the_menu():
    assert get_args(PropensityName) == tuple(PROPENSITY)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ('trim = "crump"', ("trim", "crump")),
        ("trim = 0.05", ("trim", 0.05)),
        ('trim = "none"', ("trim", None)),
        ("truncate = 0.01", ("truncate", 0.01)),
        ("stabilize = true", ("stabilize", True)),
        ('propensity = "firth"', ("propensity", "firth")),
        ("over = true", ("over", True)),
        ('method = "ipw"', ("method", "ipw")),
        ('estimand = "ATC"', ("estimand", "ATC")),
    ],
)
def test_options_of_weighting_are_read(lines, wanted):
    section = DesignSection.model_validate({"covariates": ["age"], **tomllib.loads(lines)})

    assert getattr(section, wanted[0]) == wanted[1]


@pytest.mark.parametrize("lines", ['trim = "half"', "trim = 0.5", "truncate = 0", 'propensity = "probit"', 'method = "magic"'])
def test_options_of_weighting_there_are_not_are_errors(lines):
    with pytest.raises(ValueError, match="validation error"):
        DesignSection.model_validate({"covariates": ["age"], **tomllib.loads(lines)})


def test_a_randomised_programme_needs_no_covariates(study_of):
    text = BASE.replace('covariates = ["age", "sex"]\ncaliper = 0.2', 'method = "randomised"')

    assert study_of(text).protocol("a").design.covariates == ()


def test_two_outcomes_with_one_name_and_measure_are_refused(study_of):
    second = BASE[BASE.index("[[outcomes]]") : BASE.index("[portfolio]")]

    assert "two outcomes have the same name and measure" in refusal(
        study_of, BASE.replace("[portfolio]", f"{second}[portfolio]")
    )


def test_one_event_may_be_measured_in_two_ways(study_of):
    second = BASE[BASE.index("[[outcomes]]") : BASE.index("[portfolio]")] + 'measure = "hazard_ratio"\n'

    assert len(study_of(BASE.replace("[portfolio]", f"{second}[portfolio]")).file.outcomes) == 2


@pytest.mark.parametrize("text", ["[study\n", "title = 'x", "a = 1\na = 2\n"])
def test_what_is_no_toml_is_refused_in_words(study_of, text):
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)

    assert "study.toml is not valid TOML" in refusal(study_of, text)


def test_a_file_that_is_not_utf8_is_refused_in_words(tmp_path):
    (tmp_path / "study.toml").write_bytes('[study]\ntitle = "Caf\xe9"\n'.encode("latin1"))

    with pytest.raises(StudyError, match="is not valid TOML"):
        read_study(tmp_path)


def test_a_folder_without_study_says_how_to_make_one(tmp_path):
    with pytest.raises(StudyError, match=r"There is no study\.toml in .*yoseval init"):
        read_study(tmp_path)


def test_a_study_file_of_another_name_is_refused(tmp_path):
    (tmp_path / "other.toml").write_text(BASE, encoding="utf-8")

    with pytest.raises(StudyError, match=r"called study\.toml; this is other\.toml"):
        read_study(tmp_path / "other.toml")


RECORDS = """
[study]
title        = "Programmes"
records      = "records"
extract_date = 2024-06-30

[eligibility]
ages        = [10, 17]
disposals   = ["referral_order"]
index_dates = [2020-01-01, 2022-12-31]

[time_zero]
rule = "grace"
days = 60

[design]
covariates = ["age"]

[[outcomes]]
name    = "reoffended"
measure = "risk_difference"
"""


def test_a_study_of_records_is_read(study_of):
    study = study_of(RECORDS)

    assert study.is_of_records
    assert study.records_place == study.folder / "records"
    assert study.file.time_zero.days == 60


def test_records_of_a_database_keep_their_url(study_of):
    study = study_of(RECORDS.replace('"records"', '"postgresql://reader@localhost/service"'))

    assert study.records_place == "postgresql://reader@localhost/service"


def test_a_protocol_of_records_has_its_rules_and_no_roles(study_of):
    protocol = study_of(RECORDS).protocol("mentoring")

    assert protocol.cohort is None
    assert (protocol.time_zero.rule, protocol.time_zero.days) == ("grace", 60)
    assert protocol.outcomes[0].horizon == 366.0


def test_a_programme_may_have_a_time_zero_of_its_own(study_of):
    own = study_of(RECORDS + "\n[programmes.mentoring.time_zero]\nrule = 'landmark'\n")

    assert [own.protocol(p).time_zero.rule for p in ("mentoring", "other")] == ["landmark", "grace"]


def test_records_without_a_profile_have_the_usual_one(study_of):
    assert study_of(RECORDS).profile.name == "moj_proven_1y"


def test_an_unknown_profile_names_the_nearest(study_of):
    with pytest.raises(StudyError, match="Did you mean 'moj_proven_1y'"):
        study_of(RECORDS.replace("[study]", "[study]\nprofile = 'moj_proven'"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("extract_date = 2024-06-30", "", "needs extract_date"),
        ('[time_zero]\nrule = "grace"\ndays = 60', "", r"needs the sections \[eligibility\] and \[time_zero\]"),
        ('records      = "records"', "", "either a cohort file or a folder of records"),
        ("[time_zero]", '[cohort]\nprogramme = "p"\ncomparison = "c"\n[time_zero]', "a study of records has none"),
    ],
)
def test_a_study_of_records_that_lacks_something_says_what(study_of, old, new, message):
    assert old in RECORDS

    with pytest.raises(StudyError, match=message):
        study_of(RECORDS.replace(old, new))


def test_a_programme_may_have_a_design_and_a_worthwhile_change_of_its_own(study_of):
    own = '[programmes.a.design]\nmethod = "nearest"\nratio = 3\n[programmes.a.portfolio]\nworthwhile = 8\n'
    study = study_of(f"{BASE}\n{own}")

    a, b = study.protocol("a"), study.protocol("b")

    assert (a.design.method, a.design.ratio, a.worthwhile) == ("nearest", 3, 8.0)
    assert a.design.covariates == ("age", "sex")
    assert (b.design.method, b.design.ratio, b.worthwhile) == ("auto", 1, 5.0)


def test_a_programme_has_the_name_that_is_shown_or_its_id(study_of):
    study = study_of(BASE)

    assert (study.protocol("a").name, study.protocol("b").name) == ("Programme A", "b")


@pytest.mark.parametrize(
    ("own", "fault"),
    [
        ("[programmes.a.design]\ncalliper = 1\n", "'calliper' is not a known key. Did you mean 'caliper'?"),
        ("[programmes.a.design]\ncaliper = -1\n", "programmes.a.design breaks 1 rule"),
        ("[programmes.a.outcomes]\nx = 1\n", "'programmes.a.outcomes' is not a known key"),
        ("[programmes]\na = 1\n", "'programmes.a' must be a table"),
        ("[programmes.a]\ndesign = 1\n", "'programmes.a.design' must be a table"),
        ('[programmes]\ninclude = "a"\n', "must be a list of programmes in quotes"),
        ("[programmes]\ninclude = [1]\n", "must be a list of programmes in quotes"),
        ('[programmes]\ninclude = ["a", "none"]\n', "'none' is the comparison"),
    ],
)
def test_a_programmes_own_table_that_breaks_a_rule_is_named(study_of, own, fault):
    assert fault in refusal(study_of, f"{BASE}\n{own}")


def test_the_programmes_named_are_kept_in_order(study_of):
    assert study_of(f'{BASE}\n[programmes]\ninclude = ["b", "a"]\n').include == ("b", "a")


@pytest.mark.parametrize(("unit", "horizon"), [("days", 365.0), ("weeks", 52.0), ("months", 12.0)])
def test_an_outcome_knows_its_unit_its_columns_and_its_horizon(study_of, unit, horizon):
    text = BASE.replace('days = "time"', f'{unit} = "time"').replace("horizon_days = 365", f"horizon_{unit} = {horizon}")
    outcome = study_of(text).file.outcomes[0]

    assert (outcome.time_unit, outcome.time_column, outcome.event_column, outcome.horizon) == (
        unit,
        "time",
        "reoffended",
        horizon,
    )


def test_the_column_of_the_censored_stands_for_the_event(study_of):
    assert study_of(BASE.replace('event = "reoffended"', 'censored = "stayed"')).file.outcomes[0].event_column == "stayed"


def test_every_setting_can_be_shown(study_of):
    frame = check_frame(study_of(BASE).to_frame(), "protocol")

    assert frame.set_index("item")["value"]["title"] == "A study"
    assert set(frame["section"]) >= {"study", "cohort", "design", "outcomes", "disclosure"}


def test_a_caliper_of_none_is_no_caliper(study_of):
    assert study_of(BASE.replace("caliper = 0.2", 'caliper = "none"')).file.design.caliper is None
