"""Outcomes of records with the words and the measure that their codes have, unless the study gives its own."""

from dataclasses import replace

from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import Study, TrialProtocol
from yoseval.outcomes.outcome_codes import find_outcome


def worded_outcomes(study: Study) -> tuple[OutcomeSection, ...]:
    """Return the outcomes of a study; those of records have the words of their codes.

    Parameters
    ----------
    study : Study
        Any study.

    Raises
    ------
    StudyError
        If a study of records names an outcome that cannot be read off them.

    Examples
    --------
    >>> [o.noun for o in worded_outcomes(study)]  # doctest: +SKIP
    ['reoffending']
    """
    return tuple(_worded(o) for o in study.outcomes) if study.is_of_records else study.outcomes


def worded_protocol(protocol: TrialProtocol, study: Study) -> TrialProtocol:
    """Return a protocol with the outcomes of ``worded_outcomes``."""
    return replace(protocol, outcomes=worded_outcomes(study))


def _worded(section: OutcomeSection) -> OutcomeSection:
    code = find_outcome(section.name)
    usual = {"measure": code.measure, "label": code.label, "noun": code.noun}
    return section.model_copy(update={k: v for k, v in usual.items() if k not in section.model_fields_set})
