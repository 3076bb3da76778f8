"""Simulated services whose one programme is reached only by children who stay out of trouble.

Many studies are drawn at once, as one service whose ids tell the study: cohorts and outcomes of all of them are then built in
one pass by the code that reads a service's records. Every child is simulated.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import AnyArray, Flags, Indices, Texts
from yoseval.cohort.build import Cohort
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.design_section import DesignSection
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import StudyFile
from yoseval.cohort.trials import build_trials
from yoseval.design.cloning import clone_design
from yoseval.design.methods import build_design
from yoseval.errors import YosevalError
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.recorded import RecordedOutcomes, observe_trials
from yoseval.records.engine import open_engine
from yoseval.records.records import ReadReport, Records
from yoseval.records.schema import TABLES

EXTRACT = date(2026, 3, 31)
PROGRAMME = "reached_by_the_quiet"
_FIRST_INDEX = int(np.datetime64("2021-01-01", "D").astype(int))
_YEAR = 365.25
COVARIATES = ("age", "sex", "prior_offences")
OUTCOME = OutcomeSection(name="reoffended")
RULES = ("grace", "landmark", "nested", "clone_censor")
#: The comparison that immortal time spoils: who ever started within a year against who never did, from the index event on.
NAIVE = "ever_never"
RESULTS = ["study", "estimate", "std_error", "conf_low", "conf_high", "n_treated", "effective_n", "treated_value"]


@dataclass(frozen=True)
class Service:
    """Simulated children of many studies, and what each would do without the programme and with it.

    Parameters
    ----------
    study : (m,) integers
        Number of the study.
    index, born : (m,) integers
        Days since 1970.
    male : (m,) booleans
    prior : (m,) integers
        Offences proven before the index event.
    start : (m,) integers
        Day of the start, -1 where the child never starts.
    offences : DataFrame
        ``child`` and ``day`` of every offence as it happened.
    without : DataFrame
        The same, had nobody started.
    """

    study: Indices
    index: Indices
    born: Indices
    male: Flags
    prior: Indices
    start: Indices
    offences: pd.DataFrame
    without: pd.DataFrame


def draw_service(
    studies: int,
    n: int,
    seed: int | np.random.SeedSequence,
    *,
    factor: float = 1.0,
    wanting: float = 0.5,
    wait: float = 80.0,
) -> Service:
    """Draw a service.

    Parameters
    ----------
    studies, n : int
        How many studies of how many children.
    seed : int or SeedSequence
        Seed.
    factor : float
        What the programme multiplies the rate of offending by from the day after the start; 1 = it does nothing.
    wanting : float
        Share of average children who would start if they stayed out of trouble for long enough.
    wait : float
        Mean days from the index event to the start.
    """
    rng = np.random.default_rng(seed)
    m = studies * n
    index = _FIRST_INDEX + rng.integers(0, 900, m)
    age = rng.uniform(11.0, 17.8, m)
    male = rng.random(m) < 0.8
    prior = np.minimum(rng.poisson(1.6, m), 8)
    linear = 0.22 * (prior - 1.6) - 0.08 * (age - 14.5) + 0.3 * (male - 0.8)
    rate = np.exp(-0.35 + linear) * rng.gamma(2.0, 0.5, m)
    many = rng.poisson(rate * 2.0)
    child = np.repeat(np.arange(m), many)
    day = index[child] + 1 + (rng.random(child.size) * 2.0 * _YEAR).astype(np.int64)
    mark = rng.random(child.size)
    first = np.full(m, 2**31)
    np.minimum.at(first, child, day)
    # Riskier children are referred more often; a new offence before the day ends the wait.
    wants = rng.random(m) < 1.0 / (1.0 + np.exp(-(np.log(wanting / (1 - wanting)) + 0.8 * linear)))
    planned = index + 1 + rng.exponential(wait, m).astype(np.int64)
    start = np.where(wants & (planned < first) & (planned <= index + 365), planned, -1)
    happens = (start[child] < 0) | (day <= start[child]) | (mark < factor)
    without = pd.DataFrame({"child": child, "day": day})
    born = index - (age * _YEAR).astype(np.int64)
    return Service(np.repeat(np.arange(studies), n), index, born, male, prior, start, without[happens], without)


def as_records(service: Service) -> Records:
    """Write a service down as validated records in an engine; close its engine when done."""
    m = service.study.size
    ids = np.array([f"{s:05d}-{i:07d}" for i, s in enumerate(service.study)], dtype=object)
    proven = np.repeat(np.arange(m), service.prior)
    spacing = np.concatenate([np.arange(k) for k in service.prior]) if proven.size else np.zeros(0, dtype=np.int64)
    before = service.index[proven] - 60 - 40 * spacing.astype(np.int64)
    later = service.offences
    offences = pd.concat(
        [
            _offences(ids, np.arange(m), service.index - 20, service.index),
            _offences(ids, proven, before, before + 30),
            _offences(ids, later["child"].to_numpy(), later["day"].to_numpy(), later["day"].to_numpy() + 60),
        ]
    ).reset_index(drop=True)
    offences["offence_id"] = "O" + pd.Series(np.arange(len(offences))).astype(str)
    started = np.flatnonzero(service.start >= 0)
    frames = {
        "people": pd.DataFrame(
            {"person_id": ids, "date_of_birth": _dates(service.born), "sex": np.where(service.male, "male", "female")}
        ),
        "disposals": pd.DataFrame(
            {
                "disposal_id": ids,
                "person_id": ids,
                "disposal_date": _dates(service.index),
                "disposal_type": "referral_order",
                "index_offence_id": offences["offence_id"].to_numpy()[:m],
            }
        ),
        "offences": offences,
        "starts": pd.DataFrame(
            {
                "start_id": ids[started],
                "person_id": ids[started],
                "programme_id": PROGRAMME,
                "start_date": _dates(service.start[started]),
            }
        ),
    }
    engine = open_engine()
    tables = {name: _typed(engine.upload(name, frame), name) for name, frame in frames.items()}
    return Records(tables, EXTRACT, ReadReport({}, {}, {}, {}, {}, {}, (), (), (), ()), engine)


def study_of(rule: str, *, days: int = 60, **zero: object) -> Study:
    """Return a study of such a service with one rule of time zero."""
    file = StudyFile.model_validate(
        {
            "study": {"title": "Simulated", "records": "none", "extract_date": EXTRACT, "profile": "moj_proven_1y"},
            "eligibility": {
                "ages": (10, 17),
                "disposals": ("referral_order",),
                "index_dates": (date(2020, 1, 1), date(2024, 12, 31)),
            },
            "time_zero": {"rule": rule, "days": days, **zero},
            "design": DesignSection(method="entropy", covariates=COVARIATES, history="prior_offences").model_dump(),
            "outcomes": [OutcomeSection(name="reoffended").model_dump()],
            "programmes": {"include": [PROGRAMME]},
        }
    )
    return Study(folder=Path(), file=file)


def split_cohorts(built: BuiltTrial, studies: int) -> list[Cohort | None]:
    """Return the cohort of each study, None where an arm is empty."""
    number = built.units["person_id"].str.slice(0, 5).astype(int).to_numpy()
    cohorts = []
    for s in range(studies):
        part = replace(built, units=built.units[number == s].reset_index(drop=True))
        treated = part.units["treated"].to_numpy(dtype=bool)
        cohorts.append(part.cohort(part.protocol) if treated.any() and not treated.all() else None)
    return cohorts


def estimate_part(part: tuple[str, int, int], seed: np.random.SeedSequence) -> pd.DataFrame:
    """Return ``estimate_studies`` of (rule, studies, n): one task of many."""
    return estimate_studies(*part, seed)


def estimate_studies(rule: str, studies: int, n: int, seed: int | np.random.SeedSequence, **service: float) -> pd.DataFrame:
    """Draw studies and estimate the risk difference in each, by the project's own code from records to interval.

    Parameters
    ----------
    rule : str
        One of ``RULES``, or ``NAIVE``.
    studies, n, seed
        As for ``draw_service``.
    service : float
        ``factor``, ``wanting`` and ``wait`` of ``draw_service``.

    Returns
    -------
    DataFrame
        ``RESULTS``, one row a study that could be estimated.
    """
    records = as_records(draw_service(studies, n, seed, **service))
    try:
        study = study_of("grace", days=365, later_starts="keep") if rule == NAIVE else study_of(rule)
        built = build_trials(records, study)[0]
        outcomes = observe_trials(records, study, [built])[PROGRAMME]
    finally:
        records.engine.close()
    rows = []
    for number, cohort in enumerate(split_cohorts(built, studies)):
        found = None if cohort is None else _estimated(rule, cohort, outcomes)
        rows += [] if found is None else [(number, *found)]
    return pd.DataFrame(rows, columns=RESULTS)


def _estimated(rule: str, cohort: Cohort, outcomes: RecordedOutcomes) -> tuple[float, ...] | None:
    """Return one study's results, None where the project refuses to estimate."""
    try:
        design = clone_design(cohort) if rule == "clone_censor" else build_design(cohort, "entropy")
        # Naive: the arms as they ended up, balanced and taken at their word.
        settled = design if rule == NAIVE else outcomes.settle(design)
        found = estimate_effect(outcomes.follow(settled, OUTCOME), settled, "risk_difference")
    except YosevalError:
        return None
    return tuple(float(getattr(found, name)) for name in RESULTS[1:])


def rejects(results: pd.DataFrame) -> Flags:
    """Tell of each study whether its interval leaves out no effect."""
    outside: Flags = ((results["conf_low"] > 0) | (results["conf_high"] < 0)).to_numpy(dtype=bool)
    return outside


def _offences(ids: Texts, child: Indices, day: Indices, proof: Indices) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person_id": ids[child],
            "offence_date": _dates(day),
            "offence_group": "public_order",
            "seriousness": 3,
            "proof_date": _dates(proof),
            "result": "convicted",
            "tier": "summary",
            "custodial": False,
        }
    )


def _dates(days: Indices) -> AnyArray:
    return days.astype("datetime64[D]").astype("datetime64[s]")


def _typed(table: ir.Table, name: str) -> ir.Table:
    kinds = {"date": "date", "integer": "int64", "number": "float64", "flag": "boolean"}
    columns = {}
    for c in TABLES[name].columns:
        kind = kinds.get(c.kind, "string")
        columns[c.name] = table[c.name].cast(kind) if c.name in table.columns else ibis.null(kind)
    extra = {"birth_precision": ibis.literal("day")} if name == "people" else {}
    return table.select(**columns, **extra, _row=ibis.row_number().cast("int64"), _file=ibis.literal(1))
