"""Which protocols read the future: every combination of exposure, rule, days without offences and joint strategies."""

from itertools import product

import pytest

from yoseval.cohort.licence import readings, require_licence
from yoseval.errors import StudyError

RULES = ("grace", "clone_censor", "landmark", "nested")
EXPOSURES = ("started", "offered", "received", "completed")
DAYS = 60
#: What each combination of rule and exposure deserves, written out by hand.
ARMS_ARE_KNOWN_OR_CORRECTED = {
    ("grace", "started"), ("grace", "offered"),
    ("clone_censor", "started"), ("clone_censor", "offered"),
    ("nested", "started"), ("nested", "offered"),
    *(("landmark", exposure) for exposure in EXPOSURES),
}  # fmt: skip


def protocol_of(study_with, rule, exposure="started", free=0, *, joint=False):
    sessions = {"sessions": 3} if exposure == "received" else {}
    programmes = {"include": ["both"], "both": {"joint": ["a", "b"]}} if joint else {"include": ["both"]}
    study = study_with(
        time_zero={"rule": rule, "days": DAYS, "exposure": exposure, **sessions},
        eligibility={"offence_free_days": free},
        programmes=programmes,
    )
    return study.protocol("both")


def is_allowed(rule, exposure, free, joint):
    if (rule, exposure) not in ARMS_ARE_KNOWN_OR_CORRECTED:
        return False
    if free > (DAYS if rule == "landmark" else 0):
        return False
    return not joint or rule in ("landmark", "nested")


CASES = list(product(RULES, EXPOSURES, (0, 1, DAYS, DAYS + 1), (False, True)))


@pytest.mark.parametrize(("rule", "exposure", "free", "joint"), CASES)
def test_a_protocol_is_refused_if_and_only_if_it_reads_the_future_without_a_licence(study_with, rule, exposure, free, joint):
    protocol = protocol_of(study_with, rule, exposure, free, joint=joint)

    if is_allowed(rule, exposure, free, joint):
        require_licence(protocol)
    else:
        with pytest.raises(StudyError, match="reads the future"):
            require_licence(protocol)


def test_every_fault_is_told_at_once_with_the_days_it_reads(study_with):
    protocol = protocol_of(study_with, "grace", "completed", 90, joint=True)

    with pytest.raises(StudyError) as caught:
        require_licence(protocol)

    said = str(caught.value)
    assert "exposure = 'completed' with rule = 'grace' reads up to 60 days" in said
    assert "offence_free_days = 90 reads up to 90 days" in said
    assert "The joint strategy of a and b reads up to 60 days" in said


def test_at_a_landmark_only_the_offence_free_days_beyond_it_are_read(study_with):
    found = {r.what: r.last_day for r in readings(protocol_of(study_with, "landmark", free=90))}

    assert found["[eligibility] offence_free_days = 90"] == 30


@pytest.mark.parametrize(("rule", "last"), [("grace", 60), ("clone_censor", 60), ("landmark", 0), ("nested", 0)])
def test_the_last_day_that_decides_the_arms_is_that_of_the_rule(study_with, rule, last):
    assert readings(protocol_of(study_with, rule))[0].last_day == last


def test_a_study_of_a_cohort_file_has_no_dates_to_read(service_study):
    assert readings(service_study.protocol("mentoring")) == ()
