"""The licence to look ahead: which rules of a protocol read what happens after time zero, and which designs may.

A static check, made before any record is read. An arm, or an eligibility, that depends on what happens after time zero
gives those who stay out of trouble longest the best chance to be treated (immortal time). Two designs are built for arms that
form after time zero and correct for it (`outcomes.time_zero`); any other protocol that looks ahead is refused.
"""

from dataclasses import dataclass

from yoseval.cohort.protocol import TrialProtocol
from yoseval.cohort.sections import EligibilitySection, TimeZeroSection
from yoseval.errors import StudyError, listed

#: How a protocol with this rule stands to days after time zero.
LOOKS_AHEAD = ("grace", "clone_censor")


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule of a protocol and the last day it reads.

    Parameters
    ----------
    what : str
        The rule in words.
    last_day : int
        Days after time zero of the last day it reads; 0 or less reads no future.
    licensed : bool
        True where the design corrects for it.
    remedy : str
        What to do where it is not.
    """

    what: str
    last_day: int
    licensed: bool
    remedy: str


def readings(protocol: TrialProtocol) -> tuple[Reading, ...]:
    """Return every rule of a protocol that reads dates, with the last day each reads.

    Parameters
    ----------
    protocol : TrialProtocol
        Of a study of records.
    """
    zero, eligibility = protocol.time_zero, protocol.eligibility
    if zero is None or eligibility is None:
        return ()
    return (_exposure(zero), _index(eligibility), _free_of_offences(zero, eligibility), *_joint(zero, protocol.joint))


def require_licence(protocol: TrialProtocol) -> None:
    """Refuse a protocol that reads the future without a design that corrects for it.

    Raises
    ------
    StudyError
        Naming every such rule and what to do about it.

    Examples
    --------
    >>> require_licence(study.protocol("mentoring"))  # doctest: +SKIP
    """
    faults = [f"{r.what} reads up to {r.last_day} days after time zero. {r.remedy}" for r in readings(protocol) if _is_fault(r)]
    if faults:
        raise StudyError(
            f"The protocol of '{protocol.programme}' reads the future.\n{listed(faults)}\n",
            "Whoever stays out of trouble long enough would be treated, whatever the programme does.",
        )


def _is_fault(reading: Reading) -> bool:
    return reading.last_day > 0 and not reading.licensed


def _exposure(zero: TimeZeroSection) -> Reading:
    ahead = {"grace": zero.days, "clone_censor": zero.days, "landmark": 0, "nested": 0}[zero.rule]
    what = f"[time_zero] exposure = '{zero.exposure}' with rule = '{zero.rule}'"
    if zero.exposure in ("started", "offered"):
        return Reading(what, ahead, zero.rule in LOOKS_AHEAD, "")
    # How much was received depends on staying: from the first session on it is a future, whatever the grace.
    last = 0 if zero.rule == "landmark" else max(zero.days, 1)
    return Reading(what, last, False, "Use rule = 'landmark': received by the landmark, followed from there.")


def _index(eligibility: EligibilitySection) -> Reading:
    """Whoever has no later event, or none more severe, is known only once all of them are over."""
    ahead = 0 if eligibility.index == "first" else (eligibility.index_dates[1] - eligibility.index_dates[0]).days
    remedy = "Use index = 'first': it is known on the day."
    return Reading(f"[eligibility] index = '{eligibility.index}'", ahead, False, remedy)


def _free_of_offences(zero: TimeZeroSection, eligibility: EligibilitySection) -> Reading:
    reached = zero.days if zero.rule == "landmark" else 0
    remedy = "Use rule = 'landmark' with at least so many days, or take it out: time zero is when it is known."
    what = f"[eligibility] offence_free_days = {eligibility.offence_free_days}"
    return Reading(what, eligibility.offence_free_days - reached, False, remedy)


def _joint(zero: TimeZeroSection, joint: tuple[str, ...]) -> tuple[Reading, ...]:
    if not joint:
        return ()
    ahead = zero.days if zero.rule in LOOKS_AHEAD else 0
    remedy = "Use rule = 'landmark' or 'nested': who started only a part is then known at time zero."
    return (Reading(f"The joint strategy of {' and '.join(joint)}", ahead, False, remedy),)
