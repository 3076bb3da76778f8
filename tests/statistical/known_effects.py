"""Simulated services of many studies, and the true effect on the very children whom each design is about.

One big service is drawn and written down as records; the ids of its children tell the study. Trials and outcomes of all
studies are built in one pass by the code that reads a service's records, then every study is designed and estimated alone.
To the eight programmes of the simulation two are added whose looks deceive: one helps children at high risk and looks
useless, one does nothing for children at low risk and looks helpful. Every child is simulated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.protocol import Study, read_study
from yoseval.cohort.trials import build_trials
from yoseval.design.balance import assess_balance
from yoseval.design.methods import build_design
from yoseval.design.types import Design
from yoseval.errors import DesignError, EstimationError
from yoseval.evaluation.evaluability import design_reasons, event_reasons
from yoseval.evaluation.finding import Evidence, Finding, Outcome, judge
from yoseval.evaluation.trial import EmulatedTrial, method_options
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.recorded import RecordedOutcomes, observe_trials
from yoseval.records.records import read_records
from yoseval.records.schema import DISPOSALS
from yoseval.records.simulation.calendar import NEVER
from yoseval.records.simulation.circumstances import assessments, statuses
from yoseval.records.simulation.programmes import Circumstances, Programme, draw_uptake
from yoseval.records.simulation.service import EVALUATED, Service, draw_service
from yoseval.records.simulation.simulate import Simulation, write_simulation
from yoseval.records.simulation.study import study_text
from yoseval.records.simulation.tables import tables_of
from yoseval.records.simulation.truth import log_factors, reoffended

HELPS, HELPS_UNSEEN, USELESS, USELESS_UNSEEN = "mentoring", "looks_useless", "victim_awareness", "looks_helpful"
# Whoever is referred to the one is at high risk, to the other at low risk: naive comparisons are turned round.
_UNSEEN = (
    (Programme(HELPS_UNSEEN, "Looks useless", "one_to_one", "attitudes", 8, 100, 10, -1.8, 0.75, -0.6), 1.9),
    (Programme(USELESS_UNSEEN, "Looks helpful", "one_to_one", "attitudes", 8, 100, 10, -1.7, 0.75), -1.0),
)
_DIGITS = len("SIM")


@dataclass(frozen=True)
class Results:
    """What the studies gave on one programme under one rule.

    Parameters
    ----------
    programme, rule : str
    truth, treated : float
        True effect on the treated of all studies, and how many there are in a study.
    gap : (k,) floats
        Estimate less the true effect on the very treated of the study; one value a study that could be estimated.
    estimate, low, high, naive : (k,) floats
        What each study gave; ``naive`` compares who ever started with who never did.
    verdict : (k,) texts
    failed : tuple of str
        Why studies could not be estimated.
    """

    programme: str
    rule: str
    truth: float
    treated: float
    gap: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    naive: np.ndarray
    verdict: np.ndarray
    failed: tuple[str, ...]

    @property
    def bias(self) -> float:
        return float(self.gap.mean())

    @property
    def bias_error(self) -> float:
        return float(self.gap.std(ddof=1) / np.sqrt(self.gap.size))

    @property
    def coverage(self) -> float:
        return float(((self.low <= self.truth) & (self.truth <= self.high)).mean())

    @property
    def coverage_error(self) -> float:
        """Monte Carlo error of a coverage of 95 %."""
        return float(np.sqrt(0.95 * 0.05 / self.gap.size))

    @property
    def reduced(self) -> float:
        """Share of studies with the verdict that the programme likely reduced reoffending."""
        return float((self.verdict == "likely_reduced").mean())

    def __str__(self) -> str:
        return (
            f"{self.rule:9s} {self.programme:17s} {self.gap.size:4d} studies {self.treated:5.0f} treated  "
            f"truth {100 * self.truth:+6.2f}  naive {100 * self.naive.mean():+6.2f}  bias {100 * self.bias:+5.2f} "
            f"({100 * self.bias_error:.2f})  coverage {100 * self.coverage:5.1f} ({100 * self.coverage_error:.1f})  "
            f"likely reduced {100 * self.reduced:5.1f}  failed {len(self.failed)}"
        )


def pooled(parts: Sequence[Results]) -> Results:
    """Return the studies of several services as one lot."""
    first = parts[0]
    joined = [np.concatenate([getattr(p, f) for p in parts]) for f in ("gap", "estimate", "low", "high", "naive", "verdict")]
    shares = [p.treated * p.gap.size for p in parts]
    truth, treated = np.average([p.truth for p in parts], weights=shares), sum(shares) / joined[0].size
    failed = tuple(reason for p in parts for reason in p.failed)
    return Results(first.programme, first.rule, float(truth), treated, *joined, failed)


def draw_known(children: int, seed: int) -> Service:
    """Draw a service of the eight programmes and the two that deceive."""
    service = draw_service(children, 8, seed)
    rngs = np.random.default_rng(seed + 1).spawn(len(_UNSEEN))
    circumstances = Circumstances(
        risk=service.risk,
        eligible=np.isin(service.index_type, [DISPOSALS.index(d) for d in EVALUATED]),
        violent=np.zeros(children, dtype=bool),
        first_offence=_first_offence(service),
        locked_from=service.locked_from,
        locked_to=service.locked_to,
    )
    added = [
        draw_uptake(rng, programme, service.children, replace(circumstances, risk=tilt * service.risk))
        for rng, (programme, tilt) in zip(rngs, _UNSEEN, strict=True)
    ]
    uptakes = (*service.uptakes, *added)
    happened = service.candidates.happen(log_factors(service.candidates, uptakes, children))
    return replace(service, uptakes=uptakes, followed=happened)


def _first_offence(service: Service) -> np.ndarray:
    first = np.full(len(service.rate), NEVER, dtype=np.int64)
    offences = service.candidates.offences.take(service.candidates.happen())
    np.minimum.at(first, offences.child, offences.date)
    return first


def first_after(service: Service, index: np.ndarray) -> np.ndarray:
    """Return the day of each child's first recorded trouble after its index disposal: an offence, custody or leaving."""
    children, offences = service.children, service.candidates.offences.take(service.followed)
    first = np.full(len(service.rate), NEVER, dtype=np.int64)
    seen = offences.date <= children.last_seen[offences.child]
    np.minimum.at(first, offences.child[seen], offences.date[seen])
    for day in (service.locked_from, children.exit_date):
        first = np.where(day > index, np.minimum(first, day), first)
    return first


def write_known(service: Service, folder: Path, seed: int) -> None:
    """Write a service down as a study folder."""
    rngs = np.random.default_rng(seed + 2).spawn(3)
    tables = tables_of(service, rngs[0])
    tables |= {"assessments": assessments(service, rngs[1]), "statuses": statuses(service, rngs[2])}
    text = study_text([u.programme.programme_id for u in service.uptakes])
    write_simulation(Simulation(tables, pd.DataFrame(), text, "", {}), folder)


def study_with(folder: Path, rule: str, programmes: Sequence[str]) -> Study:
    """Return the study of a folder with one rule of time zero, entropy balancing and some of the programmes."""
    study = read_study(folder)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    include = text[text.index("include = [") :]
    text = text.replace(include, f"include = {list(programmes)!r}\n").replace('rule = "grace"', f'rule = "{rule}"')
    other = folder.with_name(f"{folder.name}_{rule}")
    other.mkdir(exist_ok=True)
    (other / "study.toml").write_text(text.replace('method     = "auto"', 'method     = "entropy"'), encoding="utf-8")
    assert study.is_of_records
    return read_study(other)


def observed(folder: Path, rule: str, programmes: Sequence[str]) -> list[tuple[BuiltTrial, RecordedOutcomes]]:
    """Build the trials of all studies at once and open their outcomes, by the code that a service runs."""
    study = study_with(folder, rule, programmes)
    records = read_records(folder / "records", extract_date=study.file.study.extract_date)
    try:
        trials = build_trials(records, study)
        outcomes = observe_trials(records, study, trials)
    finally:
        records.engine.close()
    return [(t, outcomes[t.protocol.programme]) for t in trials]


def with_simulated_index(
    service: Service, built: BuiltTrial, outcomes: RecordedOutcomes
) -> tuple[BuiltTrial, RecordedOutcomes]:
    """Keep the units whose index event is the one that referrals were drawn from.

    One child in 25 had an index disposal that is not evaluated, and a later one, for a new offence, that is: nobody is
    referred after that one, and in the comparison such children would stand for nobody who started.
    """
    child = children_of(built.units["person_id"])
    same = np.flatnonzero(built.units["index_date"].to_numpy() == service.children.index_date[child])
    return of_rows(built, outcomes, same)


def each_study(built: BuiltTrial, outcomes: RecordedOutcomes, size: int) -> Iterator[tuple[BuiltTrial, RecordedOutcomes]]:
    """Cut trials and outcomes into studies of so many children by their ids."""
    number = children_of(built.units["person_id"]) // size
    for study in np.unique(number):
        yield of_rows(built, outcomes, np.flatnonzero(number == study))


def of_rows(built: BuiltTrial, outcomes: RecordedOutcomes, rows: np.ndarray) -> tuple[BuiltTrial, RecordedOutcomes]:
    """Return some units and what happened to them."""
    return (
        replace(built, units=built.units.iloc[rows].reset_index(drop=True)),
        replace(
            outcomes,
            observed=outcomes.observed.iloc[rows],
            entry=outcomes.entry[rows],
            trouble=outcomes.trouble[rows],
            cut_days=outcomes.cut_days[rows],
            area=outcomes.area[rows],
            reoffences=outcomes.reoffences.iloc[:0],
        ),
    )


def children_of(person_id: pd.Series) -> np.ndarray:
    """Return which of the simulated children an id stands for."""
    return person_id.str.slice(_DIGITS).astype(np.int64).to_numpy() - 1


def estimate_studies(service: Service, built: BuiltTrial, outcomes: RecordedOutcomes, size: int) -> Results:
    """Design, settle, estimate and judge every study alone; the truth is that of the treated whom the designs kept."""
    built, outcomes = with_simulated_index(service, built, outcomes)
    findings, treated, naive, failed = [], [], [], []
    for part, own in each_study(built, outcomes, size):
        try:
            findings.append(find_alone(part, own))
        except (DesignError, EstimationError) as problem:
            failed.append(problem.problem)
            continue
        naive.append(naive_difference(part, own))
        treated.append(used_treated(own.settle(findings[-1].evidence.trial.design), part).assign(study=len(naive)))
    units = pd.concat(treated)
    with_it, without = potential_outcomes(service, built.protocol.programme, units)
    change = pd.Series(with_it.astype(float) - without.astype(float)).groupby(units["study"].to_numpy()).mean().to_numpy()
    found = [f.evidence.primary.estimate for f in findings]
    estimate, low, high = np.array([(e.estimate, e.conf_low, e.conf_high) for e in found]).T
    truth = float(with_it.mean() - without.mean())
    verdicts = np.array([f.verdict for f in findings])
    sizes = (truth, len(units) / len(findings), estimate - change, estimate, low, high, np.array(naive))
    return Results(built.protocol.programme, built.protocol.time_zero.rule, *sizes, verdicts, tuple(failed))


def find_alone(built: BuiltTrial, outcomes: RecordedOutcomes) -> Finding:
    """Evaluate one programme of one study as declared, but for its checks and other designs."""
    protocol = built.protocol
    cohort = built.cohort(protocol)
    design = build_design(cohort, protocol.design.method, **method_options(protocol, protocol.design.method))
    section, settled = protocol.outcomes[0], outcomes.settle(design)
    found = estimate_effect(outcomes.follow(settled, section), settled, section.measure)
    balance = assess_balance(design)
    reasons = (*design_reasons(design), *(() if balance.balanced else ("imbalance",)), *event_reasons(found))
    trial = EmulatedTrial(protocol, "", cohort, design, balance)
    outcome = Outcome(section, found, (), pd.DataFrame(), pd.DataFrame())
    return judge(Evidence(trial, (outcome,), reasons), p_adjusted=found.p_value)


def used_treated(design: Design, built: BuiltTrial) -> pd.DataFrame:
    """Return child and time zero of every treated unit that a settled design counts."""
    ids = design.cohort.units["unit_id"][design.treated & (design.weight > 0)]
    own = built.units.set_index("unit_id").loc[ids]
    return pd.DataFrame({"child": children_of(own["person_id"]), "zero": own["time_zero"].to_numpy()})


def naive_difference(built: BuiltTrial, outcomes: RecordedOutcomes) -> float:
    """Return the difference between who ever started and who never did, from the same time zero."""
    ever = built.units["treated"].to_numpy(dtype=bool) | np.isfinite(outcomes.entry)
    happened = outcomes.observed["reoffence_days"].notna().to_numpy()
    return float(happened[ever].mean() - happened[~ever].mean())


def potential_outcomes(service: Service, programme: str, units: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return what happened to units, and what would have without the programme, all else being the same."""
    n = len(service.rate)
    others = [u for u in service.uptakes if u.programme.programme_id != programme]
    without = service.candidates.happen(log_factors(service.candidates, others, n))
    return tuple(_reoffended(service, kept, units) for kept in (service.followed, without))


def _reoffended(service: Service, kept: np.ndarray, units: pd.DataFrame) -> np.ndarray:
    """Tell of each unit whether its child has a proven reoffence; a child may be there with several time zeros."""
    found = np.zeros(len(units), dtype=bool)
    child, zero = units["child"].to_numpy(), units["zero"].to_numpy()
    turn = units.groupby("child").cumcount().to_numpy()
    for t in range(int(turn.max(initial=-1)) + 1):
        mine = np.flatnonzero(turn == t)
        day = np.full(len(service.rate), -(2**31), dtype=np.int64)
        day[child[mine]] = zero[mine]
        found[mine] = reoffended(service.candidates, kept, day)[child[mine]]
    return found
