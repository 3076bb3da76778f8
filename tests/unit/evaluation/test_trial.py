"""The blind half: a trial is designed, judged fair or not, and locked."""

import re

import pytest

from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.design import flow
from yoseval.errors import StudyError
from yoseval.evaluation.trial import design_programme, method_options


@pytest.fixture(scope="module")
def prepared(service_study):
    return read_prepared(service_study)


@pytest.fixture(scope="module")
def trials(service_portfolio):
    return {t.protocol.programme: t for t in service_portfolio.trials}


@pytest.fixture
def protocol_of(service_folder, tmp_path, write_study):
    text = (service_folder / "study.toml").read_text(encoding="utf-8")

    def build(programme, own="", change=("", "")):
        return read_study(write_study(tmp_path / "s", "", text.replace(*change) + own)).protocol(programme)

    return build


def test_a_programme_with_enough_children_has_a_balanced_design(trials):
    trial = trials["mentoring"]

    assert trial.design is not None
    assert trial.balance.balanced
    assert trial.reasons == ()


def test_the_lock_is_a_digest(trials):
    assert [t.digest for t in trials.values() if not re.fullmatch("[0-9a-f]{64}", t.digest)] == []
    assert len({t.digest for t in trials.values()}) == len(trials)


def test_the_same_protocol_gives_the_same_lock(prepared, service_study, trials):
    again = design_programme(prepared, service_study.protocol("art"))

    assert again.digest == trials["art"].digest


@pytest.mark.parametrize(
    ("own", "change"),
    [
        ("\n[programmes.art.design]\nmax_smd = 0.11\n", ("", "")),
        ("\n[programmes.art.portfolio]\nworthwhile = 6\n", ("", "")),
        ("", ("horizon_days = 365", "horizon_days = 364")),
        ("", ('name = "days_free"', 'name = "days"')),
    ],
    ids=["gate", "worthwhile change", "horizon", "another outcome"],
)
def test_anything_else_that_is_fixed_gives_another_lock(prepared, protocol_of, trials, own, change):
    assert design_programme(prepared, protocol_of("art", own, change)).digest != trials["art"].digest


def test_the_method_is_chosen_blind_and_says_so(trials):
    trial = trials["mentoring"]
    candidates = {trial.design.method, *(d.method for d in trial.alternatives)}

    assert candidates == {"entropy", "nearest", "overlap"}
    assert any(n.startswith(f"Chosen before any outcome was opened: {trial.design.method}") for n in trial.notes)


def test_the_candidates_are_kept_with_the_trial_the_chosen_one_first(trials):
    ranking = trials["mentoring"].candidates

    assert sorted(ranking["method"]) == ["entropy", "nearest", "overlap"]
    assert ranking["method"].iloc[0] == trials["mentoring"].design.method
    assert ranking["chosen"].tolist() == [True, False, False]
    assert trials["tiny"].candidates is None


def test_what_cannot_run_on_this_machine_stops_no_programme(prepared, protocol_of, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(flow, "import_module", absent)
    limits = 'candidates = ["full", "overlap"]\nmin_controls = 0.5\nmax_controls = 2\nomit_fraction = 0.1\n'

    chosen = design_programme(prepared, protocol_of("football", f"\n[programmes.football.design]\n{limits}"))
    named = design_programme(prepared, protocol_of("football", f'\n[programmes.football.design]\nmethod = "overlap"\n{limits}'))

    assert (chosen.design.method, named.design.method) == ("overlap", "overlap")
    assert "not installed" in chosen.candidates.set_index("method").loc["full", "reason"]
    assert any(n.endswith("overlap. Could not be built: full.") for n in chosen.notes)
    assert len(named.candidates) == 1
    for trial in (chosen, named):
        assert any(n.startswith("'full' was not built beside it. ") and "not installed" in n for n in trial.notes)


def test_what_was_not_always_recorded_is_noted(trials):
    assert any(n.startswith("Not always recorded: school_hours (about 1") for n in trials["mentoring"].notes)


def test_a_programme_of_too_few_children_has_no_design_and_says_why(trials):
    assert (trials["tiny"].design, trials["tiny"].balance, trials["tiny"].reasons) == (None, None, ("too_few_treated",))
    assert trials["tiny"].cohort is not None


def test_a_programme_without_overlap_has_no_design_and_says_why(trials):
    assert trials["persistent"].design is None
    assert trials["persistent"].reasons[0] == "design_failed"


def test_a_programme_that_nobody_started_is_a_trial_with_its_reason(prepared, service_study):
    trial = design_programme(prepared, service_study.protocol("absent"))

    assert (trial.cohort, trial.design, trial.reasons) == (None, None, ("too_few_treated",))
    assert "belongs to the programme" in trial.notes[0]


def test_a_design_that_is_not_balanced_has_that_for_a_reason(prepared, protocol_of):
    # One thousandth of a standard deviation is more than matching can do.
    own = '\n[programmes.mentoring.design]\nmethod = "nearest"\nmax_smd = 0.001\n'

    trial = design_programme(prepared, protocol_of("mentoring", own))

    assert trial.design is not None
    assert not trial.balance.balanced
    assert "imbalance" in trial.reasons


def test_a_named_method_is_used_with_its_options(prepared, protocol_of):
    own = '\n[programmes.football.design]\nmethod = "nearest"\nratio = 2\ncaliper = 0.5\nexact = ["sex"]\n'

    design = design_programme(prepared, protocol_of("football", own)).design

    assert design.method == "nearest"
    assert {k: design.options[k] for k in ("ratio", "caliper", "exact")} == {"ratio": 2, "caliper": 0.5, "exact": ("sex",)}


def test_limits_on_sets_reach_full_matching(prepared, protocol_of):
    own = '\n[programmes.football.design]\nmethod = "full"\nmin_controls = 0.2\nmax_controls = 4\ncaliper = 0.5\n'

    design = design_programme(prepared, protocol_of("football", own)).design

    assert design.method == "full"
    assert {k: design.options[k] for k in ("min_controls", "max_controls", "omit_fraction", "caliper")} == {
        "min_controls": 0.2,
        "max_controls": 4,
        "omit_fraction": None,
        "caliper": 0.5,
    }


def test_a_candidate_that_cannot_take_the_options_is_named_and_not_built(prepared, protocol_of):
    own = '\n[programmes.football.design]\nmethod = "full"\nmin_controls = 0.2\nmax_controls = 4\n'

    trial = design_programme(prepared, protocol_of("football", own))

    assert trial.design.method == "full"
    assert "nearest" not in {d.method for d in trial.alternatives}
    assert any("'nearest' was not built beside it" in n and "'min_controls' is 0.2" in n for n in trial.notes)


def test_a_caliper_the_file_does_not_set_leaves_full_matching_without_one(prepared, protocol_of):
    own = '\n[programmes.football.design]\nmethod = "full"\n'

    assert design_programme(prepared, protocol_of("football", own)).design.options["caliper"] is None


def test_every_matching_method_may_be_a_candidate(prepared, protocol_of):
    own = '\n[programmes.mentoring.design]\ncandidates = ["optimal", "full", "cardinality", "profile"]\ntols = 0.04\n'

    trial = design_programme(prepared, protocol_of("mentoring", own))

    built = {d.method for d in (trial.design, *trial.alternatives)}
    assert built == {"optimal", "full", "cardinality", "profile"}


def test_a_randomised_programme_has_no_alternatives(prepared, protocol_of):
    trial = design_programme(prepared, protocol_of("art", '\n[programmes.art.design]\nmethod = "randomised"\n'))

    assert trial.cohort.randomised
    assert trial.design.method == "randomised"
    assert trial.alternatives == ()


@pytest.mark.parametrize(
    ("method", "options"),
    [("nearest", "replace = true\nratio = 2"), ("cem", "cutpoints = 3"), ("subclass", "subclass = 3"), ("exact", "")],
)
def test_every_matching_method_can_be_named_in_the_study_file(prepared, protocol_of, method, options):
    own = f'\n[programmes.football.design]\nmethod = "{method}"\ncovariates = ["sex", "age"]\nhistory = ""\n{options}\n'

    design = design_programme(prepared, protocol_of("football", own)).design

    assert design.method == method
    assert (design.weighting.pairs is not None) == (method == "nearest")


def test_an_option_that_no_method_takes_is_an_error(prepared, protocol_of):
    own = '\n[programmes.football.design]\nmethod = "overlap"\ncandidates = ["overlap", "entropy"]\nratio = 2\n'

    with pytest.raises(StudyError, match=r"'ratio' in \[design\] is an option of no method that is used: entropy, overlap"):
        design_programme(prepared, protocol_of("football", own))


@pytest.mark.parametrize("method", ["entropy", "randomised"])
def test_some_methods_have_no_options(service_study, method):
    assert method_options(service_study.protocol("art"), method) == {}


def test_a_method_takes_its_own_options_of_the_study_file(protocol_of):
    protocol = protocol_of("art", "\n[programmes.art.design]\ntrim = 0.02\npropensity = 'firth'\ntruncate = 0.01\n")

    assert method_options(protocol, "ipw") == {"propensity": "firth", "trim": 0.02, "truncate": 0.01}
    assert method_options(protocol, "matching_weights") == {"propensity": "firth"}
    assert method_options(protocol, "cbps") == {}


def test_a_study_may_ask_for_the_effect_on_everybody(prepared, protocol_of):
    own = (
        "\n[programmes.art.design]\nmethod = 'ipw'\nestimand = 'ATE'\ntrim = 'crump'\ncandidates = ['ipw', 'cbps', 'overlap']\n"
    )

    trial = design_programme(prepared, protocol_of("art", own))

    assert (trial.design.method, trial.design.estimand) == ("ipw", "ATE")
    assert {d.method: d.estimand for d in trial.alternatives} == {"cbps": "ATE", "overlap": "ATO"}


def test_a_declared_model_of_the_score_that_has_no_part_is_noted(prepared, protocol_of):
    own = "\n[programmes.art.design]\nmethod = 'entropy'\npropensity = 'firth'\n"

    assert any(
        "'firth' has no part in the method 'entropy'" in n for n in design_programme(prepared, protocol_of("art", own)).notes
    )


def test_a_trial_shows_at_most_eight_lines(trials):
    assert str(trials["mentoring"]).splitlines()[1] == f"design: {trials['mentoring'].design.method}, balanced"
    assert str(trials["tiny"]).splitlines()[1] == "design: none (too_few_treated)"
    assert max(len(str(t).splitlines()) for t in trials.values()) <= 8
