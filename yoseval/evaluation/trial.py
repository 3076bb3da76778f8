"""The blind half of an evaluation: an emulated trial, designed and locked before any outcome is opened.

Takes a prepared file without its outcomes and a protocol and gives an `EmulatedTrial`. A programme that cannot
be designed is a trial without a design and with its reasons: nothing is lost.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.cohort.protocol import TrialProtocol
from yoseval.design.balance import Balance
from yoseval.design.choose import Choice, choose_design, only_choice
from yoseval.design.cloning import METHOD as CLONES
from yoseval.design.cloning import clone_design
from yoseval.design.imputation import impute_covariates, lacks_values
from yoseval.design.imputed import Designs, ImputedDesigns, build_again, build_likewise, each_of
from yoseval.design.methods import METHODS, build_design, design_digest
from yoseval.design.reordering import reordered_designs, reorderings_within
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DesignError, EnvironmentFault, StudyError, UsageError
from yoseval.evaluation.balance_frames import balance_frames, require_few_values
from yoseval.evaluation.evaluability import design_reasons
from yoseval.evaluation.imputed import across_imputations, missing_notes
from yoseval.outcomes.small_samples import size_reasons
from yoseval.parallel import seed_of


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
    alternatives : tuple of Design or ImputedDesigns
        Other designs, locked beside it, for the sensitivity of the result.
    reasons : tuple of str
        Codes of the gates that failed.
    notes : tuple of str
        What a reader must know.
    reordered : tuple of Design
        A matched design with its ties broken otherwise; they follow from the locked design. None with imputations, each of
        which breaks ties in its own way.
    imputed : ImputedDesigns, optional
        The designs of all imputations of what was not recorded, of which ``design`` is the first; ``balance`` shows the
        terms of the first, and is passed only if all pass. Alternatives are then imputed designs as well.
    with_category : Design, optional
        Beside imputations, the same method with 'not recorded' as a category of its own.
    instrumented : Design, optional
        Where the study asks for an instrument: its units, all counting alike.
    candidates : DataFrame, optional
        What the design was chosen from: the public frame ``candidates``. Absent where there is no design.
    details : mapping of DataFrame
        Raw frames of balance beyond the means, by name, from ``balance_frames``; empty where there is no design.
    """

    protocol: TrialProtocol
    digest: str
    cohort: Cohort | None = None
    design: Design | None = None
    balance: Balance | None = None
    alternatives: tuple[Designs, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reordered: tuple[Design, ...] = ()
    imputed: ImputedDesigns | None = None
    with_category: Design | None = None
    instrumented: Design | None = None
    candidates: pd.DataFrame | None = None
    details: Mapping[str, pd.DataFrame] = field(default_factory=dict)

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

    def instrument_cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the units with which the measure ``instrument`` is estimated."""
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
        return _designed(protocol, cohort, _not_recorded(source, protocol), _instrumented(source, protocol))
    except DesignError as problem:
        reason = "separation" if "separat" in problem.problem.lower() else "no_overlap"
        return _without_design(protocol, cohort, ("design_failed", reason), str(problem))


def method_options(protocol: TrialProtocol, method: str) -> Mapping[str, Any]:
    """Return the options of a method that the study file sets."""
    section = protocol.design
    return {name: getattr(section, name) for name in METHODS[method].options if name in section.model_fields_set}


def _instrumented(source: CohortSource, protocol: TrialProtocol) -> Design | None:
    """Return the units of an instrument, all counting alike; None where the study asks for none."""
    return unadjusted_design(source.instrument_cohort(protocol)) if protocol.design.instrument else None


def _designed(protocol: TrialProtocol, cohort: Cohort, not_recorded: str, instrumented: Design | None = None) -> EmulatedTrial:
    section = protocol.design
    _require_options_in_use(protocol)
    require_few_values(cohort, section.subgroups)
    cohorts = _complete(protocol, cohort)
    choice = _chosen(protocol, cohorts[0])
    design = choice.design
    imputed = build_likewise(design, cohorts, max_smd=section.max_smd) if len(cohorts) > 1 else None
    alternatives, unheard = _alternatives(protocol, cohorts, design.method)
    with_category = _or_none(design, cohort) if imputed is not None else None
    balance = choice.balance if imputed is None else across_imputations(imputed)
    every = each_of(imputed or design)
    reasons = dict.fromkeys(r for d in every for r in design_reasons(d))
    besides = [d for d in (with_category, instrumented) if d is not None]
    locked = [*every, *(d for a in alternatives for d in each_of(a)), *besides]
    return EmulatedTrial(
        protocol,
        _digest(protocol, locked),
        cohort,
        design,
        balance,
        alternatives,
        (*reasons, *(() if balance.balanced else ("imbalance",))),
        (
            *missing_notes(section, imputed, not_recorded),
            *_choice_notes(choice, protocol),
            *_unused_notes(protocol, design),
            *design.notes,
            *balance.notes,
            *unheard,
        ),
        _reordered(design) if imputed is None else (),
        imputed,
        with_category,
        instrumented,
        choice.ranking,
        balance_frames(design, section.subgroups),
    )


def _complete(protocol: TrialProtocol, cohort: Cohort) -> tuple[Cohort, ...]:
    """Return the cohort as it is, or imputed several times where the protocol says so and something is missing."""
    section = protocol.design
    if section.missing == "category" or not lacks_values(cohort):
        return (cohort,)
    return impute_covariates(cohort, imputations=section.imputations, seed=section.imputation_seed)


def _or_none(design: Design, cohort: Cohort) -> Design | None:
    try:
        return build_again(design, cohort)
    except DesignError:
        return None


def _reordered(design: Design) -> tuple[Design, ...]:
    """Build a matched design with its ties broken otherwise; the orders follow from the programme's name."""
    seed = seed_of(f"{design.cohort.programme}: ties", 0)
    return tuple(reordered_designs(design, reorderings=n, seed=seed)) if (n := reorderings_within(design)) else ()


def _chosen(protocol: TrialProtocol, cohort: Cohort) -> Choice:
    """Build the design that the rule of time zero gives, that is named, or that is the best of the candidates."""
    section = protocol.design
    if protocol.time_zero is not None and protocol.time_zero.rule == CLONES:
        clones = clone_design(cohort, estimand="ATE" if section.estimand == "ATE" else "ATT")
        return only_choice(clones, max_smd=section.max_smd)
    asked = section.estimand or "ATT"
    if section.method == "auto":
        options = {name: value for m in section.candidates for name, value in method_options(protocol, m).items()}
        return choose_design(cohort, section.candidates, estimand=asked, max_smd=section.max_smd, **options)
    named = build_design(cohort, section.method, estimand=asked, **method_options(protocol, section.method))
    return only_choice(named, max_smd=section.max_smd)


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


def _choice_notes(choice: Choice, protocol: TrialProtocol) -> tuple[str, ...]:
    """Say what was chosen over what; nothing where the design was given."""
    if protocol.design.method != "auto" or choice.design.method == CLONES:
        return ()
    ranking = choice.ranking
    built = ranking["place"].notna()
    over, failed = (", ".join(ranking.loc[rows, "method"]) for rows in (built & ~ranking["chosen"], ~built))
    note = f"Chosen before any outcome was opened: {choice.design.method}" + (f", over {over}." if over else ".")
    return (f"{note} Could not be built: {failed}." if failed else note,)


def _alternatives(
    protocol: TrialProtocol, cohorts: tuple[Cohort, ...], chosen: str
) -> tuple[tuple[Designs, ...], tuple[str, ...]]:
    """Build the other candidates; one that fails has nothing to say, one that cannot be tried is named."""
    section, cohort = protocol.design, cohorts[0]
    found: list[Designs] = []
    notes: list[str] = []
    for method in section.candidates:
        if chosen in (method, CLONES) or cohort.randomised:
            continue
        asked = section.estimand if section.estimand in METHODS[method].accepts else "ATT"
        try:
            built = build_design(cohort, method, estimand=asked or "ATT", **method_options(protocol, method))
            found.append(built if len(cohorts) == 1 else build_likewise(built, cohorts, max_smd=section.max_smd))
        except DesignError:
            continue
        except UsageError as error:
            notes.append(f"'{method}' was not built beside it: its options do not go together. {error}")
        except EnvironmentFault as error:
            notes.append(f"'{method}' was not built beside it. {error}")
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


def _not_recorded(source: CohortSource, protocol: TrialProtocol) -> str:
    """Say which covariates were not always recorded, as a share of the units; empty where all were."""
    return ", ".join(f"{c} ({_about(share)})" for c, share in source.shares_not_recorded(protocol).items() if share)


def _about(share: float) -> str:
    """Return a share in steps of 5 %, so that no count of a few children follows from it."""
    return "under 5 %" if share < 0.05 else f"about {5 * round(20 * share)} %"
