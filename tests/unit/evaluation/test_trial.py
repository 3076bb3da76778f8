"""The blind half: a trial is designed, judged fair or not, and locked."""

import re

import pytest

from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
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


def test_a_randomised_programme_has_no_alternatives(prepared, protocol_of):
    trial = design_programme(prepared, protocol_of("art", '\n[programmes.art.design]\nmethod = "randomised"\n'))

    assert trial.cohort.randomised
    assert trial.design.method == "randomised"
    assert trial.alternatives == ()


@pytest.mark.parametrize("method", ["overlap", "entropy", "randomised"])
def test_only_matching_has_options(service_study, method):
    assert method_options(service_study.protocol("art"), method) == {}


def test_a_trial_shows_at_most_eight_lines(trials):
    assert str(trials["mentoring"]).splitlines()[1] == f"design: {trials['mentoring'].design.method}, balanced"
    assert str(trials["tiny"]).splitlines()[1] == "design: none (too_few_treated)"
    assert max(len(str(t).splitlines()) for t in trials.values()) <= 8
