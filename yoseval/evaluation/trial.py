"""The blind half of an evaluation: an emulated trial, designed and locked before any outcome is opened.

Takes a prepared file without its outcomes and a protocol and gives an `EmulatedTrial`. A programme that cannot
be designed is a trial without a design and with its reasons: nothing is lost.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yoseval.cohort.build import Cohort
from yoseval.cohort.prepared import PreparedFile, read_cohort
from yoseval.cohort.protocol import TrialProtocol
from yoseval.design.balance import Balance, assess_balance
from yoseval.design.choose import Choice, choose_design
from yoseval.design.methods import build_design, design_digest
from yoseval.design.types import Design
from yoseval.errors import DesignError
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


def design_programme(source: PreparedFile, protocol: TrialProtocol) -> EmulatedTrial:
    """Design one programme's trial, blind to outcomes, and lock it.

    Parameters
    ----------
    source : PreparedFile
        The study's file without its outcomes.
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
        cohort = read_cohort(source, protocol)
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
    """Return the options of the study file that a method takes."""
    section = protocol.design
    if method != "nearest":
        return {}
    return {"ratio": section.ratio, "caliper": section.caliper, "caliper_scale": section.caliper_scale, "exact": section.exact}


def _designed(protocol: TrialProtocol, cohort: Cohort, notes: tuple[str, ...]) -> EmulatedTrial:
    section = protocol.design
    if section.method == "auto":
        options = method_options(protocol, "nearest") if "nearest" in section.candidates else {}
        choice = choose_design(
            cohort, section.candidates, estimand=section.estimand or "ATT", max_smd=section.max_smd, **options
        )
        design, notes = choice.design, (*notes, _choice_note(choice))
    else:
        design = build_design(
            cohort, section.method, estimand=section.estimand or "ATT", **method_options(protocol, section.method)
        )
    balance = assess_balance(design, max_smd=section.max_smd)
    alternatives = _alternatives(protocol, cohort, design.method)
    reasons = design_reasons(design) + (() if balance.balanced else ("imbalance",))
    digest = _digest(protocol, [design, *alternatives])
    return EmulatedTrial(
        protocol, digest, cohort, design, balance, alternatives, reasons, (*notes, *design.notes, *balance.notes)
    )


def _choice_note(choice: Choice) -> str:
    others = ", ".join(str(m) for m in choice.ranking["method"].iloc[1:])
    return f"Chosen before any outcome was opened: {choice.design.method}" + (f", over {others}." if others else ".")


def _alternatives(protocol: TrialProtocol, cohort: Cohort, chosen: str) -> tuple[Design, ...]:
    """Build the other candidates; one that fails has nothing to say."""
    found = []
    for method in protocol.design.candidates:
        if method == chosen or cohort.randomised:
            continue
        try:
            found.append(build_design(cohort, method, **method_options(protocol, method)))
        except DesignError:
            continue
    return tuple(found)


def _without_design(protocol: TrialProtocol, cohort: Cohort | None, reasons: tuple[str, ...], note: str) -> EmulatedTrial:
    return EmulatedTrial(protocol, _digest(protocol, []), cohort, reasons=reasons, notes=(note,) if note else ())


def _digest(protocol: TrialProtocol, designs: list[Design]) -> str:
    fixed = {
        "programme": protocol.programme,
        "design": protocol.design.model_dump(mode="json"),
        "outcomes": [o.model_dump(mode="json") for o in protocol.outcomes],
        "worthwhile": protocol.worthwhile,
        "linkage": protocol.linkage.model_dump(mode="json") if protocol.linkage else None,
        "designs": [design_digest(d) for d in designs],
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode("utf-8")).hexdigest()


def _not_recorded_notes(source: PreparedFile, protocol: TrialProtocol) -> tuple[str, ...]:
    """Say which covariates were not always recorded, as a share of the file."""
    n = len(source.unit_id)
    lacking = [f"{c} ({_about(source.not_recorded[c] / n)})" for c in protocol.design.covariates if source.not_recorded[c]]
    if not lacking:
        return ()
    return (f"Not always recorded: {', '.join(lacking)}. 'Not recorded' is a category of its own, balanced like the others.",)


def _about(share: float) -> str:
    """Return a share in steps of 5 %, so that no count of a few children follows from it."""
    return "under 5 %" if share < 0.05 else f"about {5 * round(20 * share)} %"
