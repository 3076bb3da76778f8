"""The whole study: every programme designed blind, locked, evaluated, and judged together."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from yoseval.cohort.build import next_step
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import STUDY_FILE, Study, TrialProtocol
from yoseval.design.balance import overlap_frame
from yoseval.design.ledger import kept_and_dropped, ledger_frame
from yoseval.design.types import Design
from yoseval.errors import NotEvaluableError
from yoseval.evaluation.closer_frames import closer_frames
from yoseval.evaluation.covariance import programme_covariance
from yoseval.evaluation.describe import protocol_frames
from yoseval.evaluation.entered import entered_forms
from yoseval.evaluation.evaluate import OutcomeSource, gather_evidence
from yoseval.evaluation.finding import Evidence, Finding, count_refusals, judge
from yoseval.evaluation.multiplicity import benjamini_hochberg
from yoseval.evaluation.provenance import LIBRARIES, RECORD_LIBRARIES, input_entries, installed_version, library_versions
from yoseval.evaluation.records_check import about_study, record_files
from yoseval.evaluation.sources import StudySource, open_study
from yoseval.evaluation.trial import CohortSource, EmulatedTrial, design_programme
from yoseval.evaluation.worded import worded_outcomes
from yoseval.frames import join_frames, make_frame
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.types import Estimate
from yoseval.parallel import map_tasks
from yoseval.records.records import OnInvalid

Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """Every programme of a study, judged together.

    Parameters
    ----------
    study : Study
        What was asked.
    trials : tuple of EmulatedTrial
        The locked trials, in the study's order.
    findings : tuple of Finding
        One a programme; empty after ``design_portfolio``.
    seed : int
        The study's seed.
    about_records : mapping of DataFrame
        Public frames about the records themselves and the trials built from them; empty for a prepared file.
    """

    study: Study
    trials: tuple[EmulatedTrial, ...]
    findings: tuple[Finding, ...] = ()
    seed: int = 0
    about_records: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a public frame, by programme."""
        return self.frames()["findings"]

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every public frame of the run, before disclosure control."""
        if not self._frames:
            self._frames.update(_public_frames(self))
        return self._frames

    def private_frames(self) -> Mapping[str, pd.DataFrame]:
        """Return unit-level designs, ledgers and influence values: these never leave."""
        return _private_frames(self)

    @property
    def policy(self) -> str:
        """Name of the disclosure policy."""
        return self.study.file.disclosure.policy

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says of the study, its programmes, lock and libraries."""
        return _manifest(self)

    def refusals(self) -> dict[str, int]:
        """Return how many programmes each gate refused, by the code of the gate."""
        return count_refusals(self.findings)

    def digests(self) -> dict[str, str]:
        """Return the lock: one digest a programme."""
        return {t.protocol.programme: t.digest for t in self.trials}

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        lines = [f"Portfolio: {self.study.file.study.title}"]
        lines += [f"{f.programme}: {f.verdict}" for f in self.findings[:6]]
        return "\n".join([*lines, "…"] if len(self.findings) > 6 else lines)


def design_portfolio(
    study: Study,
    *,
    seed: int = 0,
    jobs: int | None = None,
    on_progress: Progress | None = None,
    on_invalid: OnInvalid = "raise",
    private: Path | None = None,
) -> Portfolio:
    """Design and lock every programme of a study without opening an outcome.

    Parameters
    ----------
    study : Study
        From ``read_study``.
    seed : int
        Seed of the study.
    jobs : int, optional
        Workers; as in the study file if absent.
    on_progress : callable, optional
        Called with a stage and a programme's name as each is done.
    on_invalid, private
        What to do with faulty rows of records, as for ``check_records``.

    Examples
    --------
    >>> design_portfolio(read_study("data/recid")).digests()  # doctest: +SKIP
    """
    with open_study(study, on_invalid=on_invalid, private=private, on_progress=on_progress) as source:
        return _designed(study, source, seed, jobs, on_progress)


def _designed(study: Study, source: StudySource, seed: int, jobs: int | None, on_progress: Progress | None) -> Portfolio:
    trials = _run(_design_task, source.cohorts(), study, seed, jobs, on_progress, "Designing")
    designs = {t.protocol.programme: t.design for t in trials if t.design is not None}
    return Portfolio(study, tuple(trials), seed=seed, about_records=source.frames(designs))


def evaluate_portfolio(
    study: Study,
    *,
    seed: int = 0,
    jobs: int | None = None,
    on_progress: Progress | None = None,
    locked: Portfolio | None = None,
    on_invalid: OnInvalid = "raise",
    private: Path | None = None,
) -> Portfolio:
    """Evaluate every programme of a study: design, lock, open outcomes, estimate, probe, judge together.

    Parameters
    ----------
    study : Study
        From ``read_study``.
    seed, jobs, on_progress, on_invalid, private
        As for ``design_portfolio``.
    locked : Portfolio, optional
        The study's locked designs; built if absent.

    Returns
    -------
    Portfolio
        A programme that failed is a finding like any other, with its reason.

    Raises
    ------
    DataError
        If the file breaks a rule.

    Examples
    --------
    >>> evaluate_portfolio(read_study("data/recid")).findings[0].verdict  # doctest: +SKIP
    """
    with open_study(study, on_invalid=on_invalid, private=private, on_progress=on_progress) as source:
        designed = locked or _designed(study, source, seed, jobs, on_progress)
        # Only now, with every design locked by its digest, are outcomes read.
        outcomes = source.outcomes()
    tasks = {t.protocol.programme: (outcomes[t.protocol.programme], t) for t in designed.trials}
    evidence = _run(_evidence_task, tasks, study, seed, jobs, on_progress, "Evaluating")
    return Portfolio(study, designed.trials, judge_together(evidence), seed, designed.about_records)


def judge_together(evidence: Iterable[Evidence]) -> tuple[Finding, ...]:
    """Judge programmes with p-values corrected across all of them that could be tested."""
    gathered = list(evidence)
    alone = [judge(e, p_adjusted=e.p_holm) for e in gathered]
    tests = sum(len(e.outcomes) for e in gathered)
    # A programme that failed a gate makes no claim and is no test.
    made = [e.p_holm if np.isfinite(f.p_adjusted) else np.nan for e, f in zip(gathered, alone, strict=True)]
    adjusted = benjamini_hochberg(made)
    return tuple(judge(e, p_adjusted=float(p), tests_made=tests) for e, p in zip(gathered, adjusted, strict=True))


def _manifest(portfolio: Portfolio) -> dict[str, Any]:
    study = portfolio.study
    about = about_study(study) if study.is_of_records else study.file.study.model_dump(mode="json")
    files = record_files(study) if study.is_of_records else [study.folder / STUDY_FILE, study.cohort_file]
    first = {t.protocol.programme: t.protocol.name for t in portfolio.trials}
    timed = [t.protocol for t in portfolio.trials if t.protocol.time_zero is not None]
    entered = {p.programme: {"entered": entered_forms(p)} for p in timed}
    return {
        "yoseval": installed_version("yoseval"),
        "study": {**about, "folder": study.folder.resolve().name},
        "outcomes": [_outcome_entry(portfolio, o, i) for i, o in enumerate(worded_outcomes(study))],
        "programmes": [{"id": id, "name": name, **entered.get(id, {})} for id, name in first.items()],
        "lock": {"digests": portfolio.digests()},
        "refused": portfolio.refusals(),
        "inputs": input_entries(study.folder, files),
        "versions": library_versions(RECORD_LIBRARIES + LIBRARIES if study.is_of_records else LIBRARIES),
        "seed": portfolio.seed,
        "conf_level": 0.95,
    }


def _outcome_entry(portfolio: Portfolio, o: OutcomeSection, position: int) -> dict[str, Any]:
    per_100 = MEASURES[o.measure].unit == "proportion"
    worthwhile = o.worthwhile or (portfolio.study.file.portfolio.worthwhile if per_100 else None)
    return {
        "name": o.name,
        "label": o.label,
        "noun": o.noun,
        "measure": o.measure,
        "horizon": o.horizon,
        "time_unit": o.time_unit,
        "role": "primary" if position == 0 else "secondary",
        "worthwhile": worthwhile,
    }


def _design_task(argument: tuple[CohortSource, TrialProtocol], seed: np.random.SeedSequence) -> EmulatedTrial:
    source, protocol = argument
    return design_programme(source, protocol)


def _evidence_task(argument: tuple[OutcomeSource, EmulatedTrial], seed: np.random.SeedSequence) -> Evidence:
    source, trial = argument
    try:
        return gather_evidence(source, trial, seed=int(seed.generate_state(1)[0]))
    except NotEvaluableError as problem:
        return Evidence(trial, (), (*trial.reasons, "design_failed"), (*trial.notes, str(problem)))


def _run(
    function: Callable[[Any, np.random.SeedSequence], Any],
    tasks: Mapping[str, Any],
    study: Study,
    seed: int,
    jobs: int | None,
    on_progress: Progress | None,
    stage: str,
) -> list[Any]:
    workers = min(jobs or study.file.engine.jobs, max(len(tasks), 1), os.cpu_count() or 1)
    done = []
    for _, result in map_tasks(function, tasks, seed=seed, jobs=workers):
        done.append(result)
        if on_progress is not None:
            on_progress(stage, getattr(result, "trial", result).protocol.name)
    return done


def _public_frames(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    trials = list(portfolio.trials)
    designed = [t for t in trials if t.design is not None and t.balance is not None]
    evidence = [f.evidence for f in portfolio.findings]
    outcomes = [o for e in evidence for o in e.outcomes]
    checks = [c for o in outcomes for c in o.checks]
    return {
        **portfolio.about_records,
        "findings": join_frames("findings", [f.to_frame() for f in portfolio.findings]),
        "estimates": _estimates(portfolio),
        "balance": join_frames("balance", [t.balance.statistics for t in designed if t.balance]),
        "sizes": join_frames("sizes", [t.balance.sizes if t.balance else _sizes(t) for t in trials if t.cohort is not None]),
        "attrition": join_frames("attrition", [_flow(t, portfolio) for t in trials]),
        "overlap": join_frames("overlap", [overlap_frame(t.design) for t in designed if t.design]),
        "curves": join_frames("curves", [c for e in evidence for c in _distinct_curves(e)]),
        "checks": join_frames("checks", [c.to_frame() for c in checks]),
        "protocol": protocol_frames(portfolio.study, trials),
        "programme_covariance": programme_covariance(_primaries(evidence)).to_frame(),
        **closer_frames(trials, outcomes),
        "candidates": join_frames("candidates", [t.candidates for t in trials if t.candidates is not None]),
        "kept_and_dropped": join_frames("kept_and_dropped", [kept_and_dropped(t.design) for t in designed if t.design]),
        **_joined([t.details for t in trials]),
        **_joined([e.annex for e in evidence]),
    }


def _joined(parts: Sequence[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Return the frames that some programmes have, of all of them; nothing where no programme has any."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: join_frames(name, [part[name] for part in parts if name in part]) for name in names}


def _primaries(evidence: list[Evidence]) -> list[tuple[Estimate, Design]]:
    return [(e.primary.estimate, e.trial.design) for e in evidence if e.primary is not None and e.trial.design is not None]


def _distinct_curves(evidence: Evidence) -> list[pd.DataFrame]:
    """Return one pair of curves for each event and horizon, and for each name: measures of one event share theirs."""
    found: dict[tuple[str, str, bool, float], pd.DataFrame] = {}
    drawn: set[str] = set()
    for o in evidence.outcomes:
        key = (*o.section.event_key, o.section.competes, o.section.horizon)
        if key not in found and o.section.name not in drawn:
            found[key] = o.curves
            drawn.add(o.section.name)
    return list(found.values())


def _estimates(portfolio: Portfolio) -> pd.DataFrame:
    rows = []
    for finding in portfolio.findings:
        for o in finding.evidence.outcomes:
            adjusted = finding.p_adjusted if o.estimate.role == "primary" else np.nan
            rows.append(o.estimate.to_frame().assign(p_adjusted=adjusted))
            rows += [e.to_frame() for c in o.checks for e in c.estimates]
    # Two checks may rest on one estimate, such as that of the first half of the follow-up.
    return join_frames("estimates", rows).drop_duplicates(ignore_index=True)


def _sizes(trial: EmulatedTrial) -> pd.DataFrame:
    """Return the sizes of a cohort for which no design could be built."""
    cohort = trial.cohort
    assert cohort is not None  # the caller selected trials that have one
    n = [int(cohort.treated.sum()), int((~cohort.treated).sum())]
    rows = {"sample": "before", "arm": ["treated", "comparison"], "n": n, "effective_n": [float(v) for v in n]}
    return make_frame("sizes", pd.DataFrame(rows).assign(programme=trial.protocol.programme))


def _flow(trial: EmulatedTrial, portfolio: Portfolio) -> pd.DataFrame:
    """Return the flow as far as it went: to the outcome, to the design, or to the file."""
    for finding in portfolio.findings:
        primary = finding.evidence.primary
        if finding.programme == trial.protocol.programme and primary is not None:
            return primary.attrition
    if trial.design is not None:
        return trial.design.attrition
    flow = trial.cohort.attrition if trial.cohort is not None else _flow_of_records(trial, portfolio)
    if flow.empty:
        return flow
    why = "no fair comparison could be built" if "design_failed" in trial.reasons else "too few to evaluate"
    left = flow[flow["step"] == flow["step"].max()].set_index("arm")["n_left"]
    return next_step(
        flow, stage="design", reason=why, lost_treated=int(left["treated"]), lost_comparison=int(left["comparison"])
    )


def _flow_of_records(trial: EmulatedTrial, portfolio: Portfolio) -> pd.DataFrame:
    """Return the flow up to eligibility where nobody was left to make a cohort of; empty for a prepared file."""
    flows = portfolio.about_records.get("attrition", make_frame("attrition", {}))
    return flows[flows["programme"] == trial.protocol.programme].reset_index(drop=True)


def _private_frames(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    private: dict[str, pd.DataFrame] = {}
    for trial in portfolio.trials:
        if trial.design is not None:
            private[f"design_{len(private) + 1:02d}"] = trial.design.to_frame().assign(programme=trial.protocol.programme)
    for finding in portfolio.findings:
        primary, design = finding.evidence.primary, finding.evidence.trial.design
        if primary is not None and design is not None:
            units = design.cohort.units[["unit_id"]].assign(influence=primary.estimate.influence, programme=finding.programme)
            private[f"influence_{len(private) + 1:02d}"] = units
    return {**private, **_ledgers(portfolio)}


def _ledgers(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    """Return who was kept and why not, under the numbers of the designs."""
    designed = [(t.protocol.programme, t.design) for t in portfolio.trials if t.design is not None]
    return {f"ledger_{i:02d}": ledger_frame(d).assign(programme=p) for i, (p, d) in enumerate(designed, start=1)}
