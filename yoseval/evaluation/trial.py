"""The blind half of an evaluation: an emulated trial, designed and locked before any outcome is opened.

Takes a prepared file without its outcomes and a protocol and gives an `EmulatedTrial`. A programme that cannot
be designed is a trial without a design and with its reasons: nothing is lost.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from yoseval.cohort.build import Cohort
from yoseval.cohort.protocol import TrialProtocol
from yoseval.design.balance import Balance, assess_balance
from yoseval.design.choose import Choice, choose_design
from yoseval.design.cloning import METHOD as CLONES
from yoseval.design.cloning import clone_design
from yoseval.design.methods import METHODS, build_design, design_digest
from yoseval.design.types import Design
from yoseval.errors import DesignError, StudyError, UsageError
from yoseval.evaluation.evaluability import design_reasons, size_reasons


@dataclass(frozen=True, slots=True, eq=False)
class EmulatedTrial:
    """One programme's trial, locked by its digest.

    Parameters
    ----------
    protocol : TrialProtocol
        What was fixed.
    digest : str
        SHA-256 of the protocol and of every design: outcomes open for this and nothing else.
    cohort : Cohort, optional
        Absent where nobody started the programme.
    design, balance : optional
        Absent where no comparison could be built.
    alternatives : tuple of Design
        Other designs, locked beside it, for the sensitivity of the result.
    reasons : tuple of str
        Codes of the gates that failed.
    notes : tuple of str
        What a reader must know.
    """

    protocol: TrialProtocol
    digest: str
    cohort: Cohort | None = None
    design: Design | None = None
    balance: Balance | None = None
    alternatives: tuple[Design, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        state = "balanced" if self.balance is not None and self.balance.balanced else "not balanced"
        built = f"{self.design.method}, {state}" if self.design is not None else f"none ({', '.join(self.reasons)})"
        return f"Emulated trial: {self.protocol.name}\ndesign: {built}\ndigest: {self.digest[:16]}"


class CohortSource(Protocol):
    """Where cohorts come from: a prepared file, or a trial built from records. It holds no outcome."""

    def cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the units of a programme's trial."""
        ...

    def shares_not_recorded(self, protocol: TrialProtocol) -> Mapping[str, float]:
        """Return which share of units each covariate is not recorded for."""
        ...


def design_programme(source: CohortSource, protocol: TrialProtocol) -> EmulatedTrial:
    """Design one programme's trial, blind to outcomes, and lock it.

    Parameters
    ----------
    source : CohortSource
        The study's prepared file without its outcomes, or the trial that was built from records.
    protocol : TrialProtocol
        What is fixed about the programme.

    Returns
    -------
    EmulatedTrial
        With a design where one could be built, and otherwise with the reasons why not.

    Examples
    --------
    >>> design_programme(read_prepared(study), study.protocol("mentoring")).digest  # doctest: +SKIP
    """
    try:
        cohort = source.cohort(protocol)
    except DesignError as problem:
        return _without_design(protocol, None, ("too_few_treated",), str(problem))
    few = size_reasons(int(cohort.treated.sum()), float((~cohort.treated).sum()))
    if few:
        return _without_design(protocol, cohort, few, "")
    try:
        return _designed(protocol, cohort, _not_recorded_notes(source, protocol))
    except DesignError as problem:
        reason = "separation" if "separat" in problem.problem.lower() else "no_overlap"
        return _without_design(protocol, cohort, ("design_failed", reason), str(problem))


def method_options(protocol: TrialProtocol, method: str) -> Mapping[str, Any]:
    """Return the options of a method that the study file sets."""
    section = protocol.design
    return {name: getattr(section, name) for name in METHODS[method].options if name in section.model_fields_set}


def _designed(protocol: TrialProtocol, cohort: Cohort, notes: tuple[str, ...]) -> EmulatedTrial:
    section = protocol.design
    _require_options_in_use(protocol)
    if protocol.time_zero is not None and protocol.time_zero.rule == CLONES:
        design = clone_design(cohort, estimand="ATE" if section.estimand == "ATE" else "ATT")
    elif section.method == "auto":
        options = {name: value for m in section.candidates for name, value in method_options(protocol, m).items()}
        choice = choose_design(
            cohort, section.candidates, estimand=section.estimand or "ATT", max_smd=section.max_smd, **options
        )
        design, notes = choice.design, (*notes, _choice_note(choice))
    else:
        design = build_design(
            cohort, section.method, estimand=section.estimand or "ATT", **method_options(protocol, section.method)
        )
    balance = assess_balance(design, max_smd=section.max_smd)
    notes = (*notes, *_unused_notes(protocol, design))
    alternatives, unheard = _alternatives(protocol, cohort, design.method)
    reasons = design_reasons(design) + (() if balance.balanced else ("imbalance",))
    digest = _digest(protocol, [design, *alternatives])
    return EmulatedTrial(
        protocol, digest, cohort, design, balance, alternatives, reasons, (*notes, *design.notes, *balance.notes, *unheard)
    )


def _require_options_in_use(protocol: TrialProtocol) -> None:
    """Refuse options that no method of the protocol takes: they would be left unheard."""
    section = protocol.design
    used = set(section.candidates) | ({section.method} - {"auto"})
    known = {option for method in METHODS.values() for option in method.options}
    heard = {option for name in used for option in METHODS[name].options}
    unheard = sorted((section.model_fields_set & known) - heard)
    if unheard:
        raise StudyError(
            f"'{unheard[0]}' in [design] is an option of no method that is used: {', '.join(sorted(used))}.",
            "Leave it out, or name a method that has it.",
        )


def _unused_notes(protocol: TrialProtocol, design: Design) -> tuple[str, ...]:
    """Say where a declared model of the score has no part in the design."""
    model = protocol.design.propensity
    if model == "logit" or "propensity" in METHODS[design.method].options:
        return ()
    return (f"The propensity model '{model}' has no part in the method '{design.method}', whose score is a plain logit's.",)


def _choice_note(choice: Choice) -> str:
    others = ", ".join(str(m) for m in choice.ranking["method"].iloc[1:])
    return f"Chosen before any outcome was opened: {choice.design.method}" + (f", over {others}." if others else ".")


def _alternatives(protocol: TrialProtocol, cohort: Cohort, chosen: str) -> tuple[tuple[Design, ...], tuple[str, ...]]:
    """Build the other candidates; one that fails has nothing to say, one that cannot take the options is named."""
    section, found, notes = protocol.design, [], []
    for method in section.candidates:
        if chosen in (method, CLONES) or cohort.randomised:
            continue
        asked = section.estimand if section.estimand in METHODS[method].accepts else "ATT"
        try:
            found.append(build_design(cohort, method, estimand=asked or "ATT", **method_options(protocol, method)))
        except DesignError:
            continue
        except UsageError as error:
            notes.append(f"'{method}' was not built beside it: its options do not go together. {error}")
    return tuple(found), tuple(notes)


def _without_design(protocol: TrialProtocol, cohort: Cohort | None, reasons: tuple[str, ...], note: str) -> EmulatedTrial:
    return EmulatedTrial(protocol, _digest(protocol, []), cohort, reasons=reasons, notes=(note,) if note else ())


def _digest(protocol: TrialProtocol, designs: list[Design]) -> str:
    fixed = {
        "programme": protocol.programme,
        "design": protocol.design.model_dump(mode="json"),
        "outcomes": [o.model_dump(mode="json") for o in protocol.outcomes],
        "worthwhile": protocol.worthwhile,
        "linkage": protocol.linkage.model_dump(mode="json") if protocol.linkage else None,
        **_fixed_of_records(protocol),
        "designs": [design_digest(d) for d in designs],
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode("utf-8")).hexdigest()


def _fixed_of_records(protocol: TrialProtocol) -> dict[str, Any]:
    sections = {"eligibility": protocol.eligibility, "time_zero": protocol.time_zero}
    fixed: dict[str, Any] = {name: s.model_dump(mode="json") for name, s in sections.items() if s is not None}
    return {**fixed, "joint": list(protocol.joint)} if fixed else {}


def _not_recorded_notes(source: CohortSource, protocol: TrialProtocol) -> tuple[str, ...]:
    """Say which covariates were not always recorded, as a share of the units."""
    lacking = [f"{c} ({_about(share)})" for c, share in source.shares_not_recorded(protocol).items() if share]
    if not lacking:
        return ()
    return (f"Not always recorded: {', '.join(lacking)}. 'Not recorded' is a category of its own, balanced like the others.",)


def _about(share: float) -> str:
    """Return a share in steps of 5 %, so that no count of a few children follows from it."""
    return "under 5 %" if share < 0.05 else f"about {5 * round(20 * share)} %"
