"""What could be evaluated now, without an estimate and without a small number."""

import re

import pytest

from yoseval.cohort.protocol import read_study
from yoseval.errors import DataError
from yoseval.evaluation import readiness
from yoseval.evaluation.evaluability import minimum_detectable_difference
from yoseval.evaluation.readiness import readiness_lines


@pytest.fixture(scope="module")
def lines(service_study):
    return readiness_lines(service_study)


def line_of(lines, name):
    return next(line for line in lines if line.startswith(name))


def test_a_sound_study_says_so_with_its_rows(lines):
    assert lines[0] == "Programmes of the service"
    assert lines[1] == "study.toml and people.csv are sound: 1,722 rows."


def test_there_is_a_line_for_every_programme(lines):
    assert len([line for line in lines if re.match("Mentoring|art|boot_camp|football|persistent|tiny", line)]) == 6


def test_a_programme_of_a_size_says_what_it_could_see(lines):
    change = 100 * minimum_detectable_difference(0.5, 260, 900)

    assert f"260 started it; with these numbers a fall of about {change:.0f} per 100" in line_of(lines, "Mentoring")


def test_a_number_below_the_gate_is_not_shown(lines):
    assert line_of(lines, "tiny") == "tiny: not yet. fewer than 30 started it; at least 30 are needed."


def test_too_few_to_compare_with_are_named_without_their_number(service_people, tmp_path, write_study):
    few = service_people[(service_people["programme"] != "usual_supervision") | (service_people.index < 30)]
    n = int((few["programme"] == "usual_supervision").sum())

    lines = readiness_lines(read_study(write_study(tmp_path / "few", few)))

    assert 0 < n < 30
    assert line_of(lines, "Comparison") == "Comparison (usual supervision): fewer than 30."
    assert "too few to compare with" in line_of(lines, "Mentoring")


def test_what_is_not_recorded_is_said_in_per_cent(lines):
    assert re.match(r"Not recorded: school_hours 1\d %\.", line_of(lines, "Not recorded"))


def test_outcomes_are_checked_too(service_people, tmp_path, write_study):
    wrong = service_people.assign(days_to_reoffence=-1)

    with pytest.raises(DataError, match="a negative time"):
        readiness_lines(read_study(write_study(tmp_path / "wrong", wrong)))


def test_nothing_about_the_outcome_is_said(service_people, tmp_path, write_study, lines):
    other = service_people.assign(reoffended=0, days_to_reoffence=365)

    assert readiness_lines(read_study(write_study(tmp_path / "other", other))) == lines


def test_no_other_base_rate_needs_a_larger_study():
    seen = [minimum_detectable_difference(base / 100, 300, 900) for base in range(20, 100)]

    # The variances are those of two risks, so the hardest base is a little above one half; to one point it is the same.
    assert round(100 * max(seen)) == round(100 * minimum_detectable_difference(readiness.HARDEST_BASE, 300, 900))
