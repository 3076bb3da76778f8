"""Emulated trials from raw events: for every programme its candidates, its eligible units at time zero and their flow.

Takes records and a study and gives one `BuiltTrial` a programme. Everything heavy is an Ibis expression that runs where the
records are; what comes to memory is one row a child and one row a unit. Nothing after time zero is read, but who enters a
programme in the days that a licensed rule declares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.cohort.baseline.menu import baseline_frame, check_names
from yoseval.cohort.baseline.programmes import open_programmes
from yoseval.cohort.build import in_content_order, next_step, refuse_reserved, starting_flow
from yoseval.cohort.built_trial import CONCURRENT, OPEN, BuiltTrial, covariates_of
from yoseval.cohort.design_section import CALENDAR
from yoseval.cohort.eligibility import CLOSED, Criterion, Known, Menu, criteria, days_of, open_share, state_frame
from yoseval.cohort.entries import STARTED, entries_frame, make_entries, menu_frame
from yoseval.cohort.exposure import NEVER, Candidates, Entries, line_up
from yoseval.cohort.index import children_frame
from yoseval.cohort.licence import require_licence
from yoseval.cohort.profiles import evaluation_months
from yoseval.cohort.protocol import Study, TrialProtocol
from yoseval.cohort.sections import EligibilitySection, TimeZeroSection
from yoseval.errors import DataError
from yoseval.records.calendar import add_months
from yoseval.records.records import Records

_SPAN = np.int64(2**32)


@dataclass(frozen=True, slots=True, eq=False)
class _Sketch:
    """A trial on its way: candidates and what has been found of them."""

    protocol: TrialProtocol
    menu: Menu
    children: pd.DataFrame
    entries: Entries
    candidates: Candidates

    @property
    def asks_calendar(self) -> bool:
        """True where the study takes the programme's calendar as an instrument."""
        return self.protocol.design.instrument == CALENDAR

    @property
    def open_share(self) -> Floats:
        """Return on which share of the days in which each candidate could have started the calendar was open."""
        assert self.protocol.time_zero is not None  # the study is one of records
        return open_share(self.candidates.time_zero, self.protocol.time_zero, self.menu)


def build_trials(
    records: Records, study: Study, *, on_progress: Callable[[str, str], None] | None = None
) -> tuple[BuiltTrial, ...]:
    """Build the trial of every programme of a study of records.

    Parameters
    ----------
    records : Records
        Validated records.
    study : Study
        Of records.
    on_progress : callable, optional
        Called with a stage and a name as each step is done.

    Returns
    -------
    tuple of BuiltTrial
        In the study's order; a programme that nobody started is one of them.

    Raises
    ------
    StudyError
        If a protocol reads the future, or names a covariate that there is not.
    DataError
        If the study names a programme that the records do not know.

    Examples
    --------
    >>> [t.protocol.name for t in build_trials(records, study)]  # doctest: +SKIP
    """
    tell = on_progress or (lambda stage, name: None)
    registered = menu_frame(records.engine, records.tables)
    protocols = _protocols(study, registered)
    for protocol in protocols:
        require_licence(protocol)
        names = [c for c in (*covariates_of(protocol), *protocol.design.carried) if c != CONCURRENT]
        refuse_reserved(names)
        check_names(names, records.tables)
    sketches = _sketches(records, study, protocols, registered)
    tell("Reading", "index events and starts")
    found = _find_known(records, sketches)
    tell("Reading", "eligibility at time zero")
    judged = [_judge(s, k, study, records) for s, k in zip(sketches, found, strict=True)]
    built = _with_covariates(records, sketches, judged, found)
    tell("Reading", "covariates at time zero")
    return built


def _protocols(study: Study, registered: Mapping[str, tuple[str, Menu]]) -> list[TrialProtocol]:
    own = [p for p in study.file.programmes if p != "include"]
    joint = [p for p in own if study.file.programmes[p].get("joint")]
    wanted = study.include or (*registered, *joint)
    protocols = [study.protocol(p) for p in dict.fromkeys([*wanted, *(j for j in joint if j not in wanted)])]
    unknown = sorted({p for t in protocols for p in (t.joint or (t.programme,)) if p not in registered})
    if unknown:
        raise DataError(
            f"The records know no programme {', '.join(map(repr, unknown))}, which the study names.",
            f"They know: {', '.join(registered)}.",
        )
    return [replace(p, name=_name(p, registered)) for p in protocols]


def _name(protocol: TrialProtocol, registered: Mapping[str, tuple[str, Menu]]) -> str:
    return " with ".join(registered[p][0] for p in protocol.joint or (protocol.programme,))


def _sketches(
    records: Records, study: Study, protocols: Sequence[TrialProtocol], registered: Mapping[str, tuple[str, Menu]]
) -> list[_Sketch]:
    engine, tables, months = records.engine, records.tables, study.profile.index_months
    parts = sorted({p for t in protocols for p in (t.joint or (t.programme,))})
    started = entries_frame(engine, tables, parts, STARTED)
    populations: dict[EligibilitySection, pd.DataFrame] = {}
    entered: dict[TimeZeroSection, pd.DataFrame] = {}
    sketches = []
    for protocol in protocols:
        section, zero = protocol.eligibility, protocol.time_zero
        assert section is not None
        assert zero is not None  # both: the study is one of records
        if section not in populations:
            populations[section] = children_frame(engine, tables, section, months)
        exposure = TimeZeroSection(exposure=zero.exposure, sessions=zero.sessions, rule="landmark")
        if exposure not in entered:
            entered[exposure] = entries_frame(engine, tables, parts, exposure)
        own = protocol.joint or (protocol.programme,)
        entries = make_entries(populations[section], entered[exposure], started, own)
        menu = registered[own[0]][1] if len(own) == 1 else Menu()
        sketches.append(_Sketch(protocol, menu, populations[section], entries, line_up(entries, zero)))
    return sketches


def _find_known(records: Records, sketches: Sequence[_Sketch]) -> list[Known]:
    """Find what eligibility needs, once for each distinct child and day."""
    moments, places = _moments(records, sketches, [s.candidates.time_zero != NEVER for s in sketches], "moments")
    state = state_frame(records.engine, records.tables, moments)
    held, new = state["in_custody"].to_numpy(dtype=bool), state["new_offences"].to_numpy(dtype=np.int64)
    others = records.engine.frame(open_programmes(records.tables, moments))
    return [_known(s, place, held, new, others) for s, place in zip(sketches, places, strict=True)]


def _known(sketch: _Sketch, place: Indices, held: Flags, new: Indices, others: pd.DataFrame) -> Known:
    own = sketch.protocol.joint or (sketch.protocol.programme,)
    counted = others[~others["programme_id"].isin(own)].drop_duplicates(["moment", "programme_id"])
    many = np.bincount(counted["moment"].to_numpy(dtype=np.int64), minlength=held.size)
    there = place >= 0
    return Known(held[place] & there, np.where(there, new[place], 0), np.where(there, many[place], 0))


def _moments(
    records: Records, sketches: Sequence[_Sketch], wanted: Sequence[Flags], name: str
) -> tuple[ir.Table, list[Indices]]:
    """Put every distinct child and day that is wanted into the engine; return where each candidate's is, -1 if not wanted."""
    populations = list({id(s.children): s.children for s in sketches}.values())
    first_row = {id(p): i * len(p) for i, p in enumerate(populations)}
    keys = [
        (first_row[id(s.children)] + s.candidates.child[w]) * _SPAN + s.candidates.time_zero[w]
        for s, w in zip(sketches, wanted, strict=True)
    ]
    distinct = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.int64)
    places = [np.full(w.size, -1, dtype=np.int64) for w in wanted]
    for place, key, who in zip(places, keys, wanted, strict=True):
        place[who] = np.searchsorted(distinct, key)
    uploaded = records.engine.upload(name, _moment_rows(pd.concat(populations, ignore_index=True), distinct))
    dates = {c: uploaded[c].cast("date") for c in ("time_zero", "index_date")}
    return uploaded.mutate(**dates), places


def _moment_rows(children: pd.DataFrame, keys: Indices) -> pd.DataFrame:
    own = children.iloc[keys // _SPAN]
    # As texts: a column that is empty throughout would have no type in the engine.
    rows = {c: own[c].astype("string").array for c in ("person_id", "index_kind", "disposal_type", "index_offence_id")}
    return pd.DataFrame(
        {
            "moment": np.arange(keys.size, dtype=np.int64),
            "time_zero": (keys % _SPAN).astype("datetime64[D]").astype("datetime64[s]"),
            "index_date": own["index_date"].to_numpy(dtype="datetime64[s]"),
            **rows,
        }
    )


def _judge(sketch: _Sketch, known: Known, study: Study, records: Records) -> list[Criterion]:
    protocol, zero = sketch.protocol, sketch.candidates.time_zero
    profile = study.profile
    months = evaluation_months(profile) + profile.wait_months
    mature = mature_days(zero, months) if protocol.outcomes[0].needs_mature else None
    return criteria(
        protocol,
        sketch.children,
        sketch.candidates,
        known,
        before=sketch.entries.before[sketch.candidates.child],
        menu=sketch.menu,
        extract_day=int(days_of(pd.Series([pd.Timestamp(records.extract_date)]))[0]),
        mature_day=mature,
    )


def mature_days(time_zero: Indices, months: int) -> Indices:
    """Return the day on which follow-up and wait are over, NEVER where there is no time zero."""
    there = time_zero != NEVER
    return np.where(there, add_months(np.where(there, time_zero, 0), months), NEVER)


def _with_covariates(
    records: Records, sketches: Sequence[_Sketch], judged: Sequence[list[Criterion]], found: Sequence[Known]
) -> tuple[BuiltTrial, ...]:
    eligible = [_passed(own) for own in judged]
    wider = [_but_for_calendar(own) if s.asks_calendar else own for s, own in zip(sketches, judged, strict=True)]
    names = list(dict.fromkeys(c for s in sketches for c in (*covariates_of(s.protocol), *s.protocol.design.carried)))
    moments, places = _moments(records, sketches, [_passed(own) for own in wider], "eligible_moments")
    frame = baseline_frame(records.engine, records.tables, moments, [c for c in names if c != CONCURRENT])
    others = records.engine.frame(open_programmes(records.tables, moments))
    built = []
    for sketch, own, wide, kept, place, known in zip(sketches, judged, wider, eligible, places, found, strict=True):
        trial = _built(sketch, own, np.where(kept, place, -1), frame, others, known)
        if sketch.asks_calendar:
            units = in_content_order(_units(sketch, place, frame, known), covariates_of(sketch.protocol))
            flow = _flow(sketch.protocol.programme, sketch.candidates.treated, wide)
            trial = replace(trial, with_closed=replace(trial, units=units, flow=flow))
        built.append(trial)
    return tuple(built)


def _but_for_calendar(judged: list[Criterion]) -> list[Criterion]:
    return [c for c in judged if c.reason != CLOSED]


def _passed(judged: list[Criterion]) -> Flags:
    passed: Flags = ~np.any([c.fails for c in judged], axis=0)
    return passed


def _built(
    sketch: _Sketch, judged: list[Criterion], place: Indices, frame: pd.DataFrame, others: pd.DataFrame, known: Known
) -> BuiltTrial:
    people = sketch.children["person_id"].to_numpy(dtype=object)[sketch.candidates.child]
    units = _units(sketch, place, frame, known)
    return BuiltTrial(
        sketch.protocol,
        in_content_order(units, covariates_of(sketch.protocol)),
        _flow(sketch.protocol.programme, sketch.candidates.treated, judged),
        _described(sketch, judged, people),
        _others(units, place[place >= 0], others, sketch.protocol),
    )


def _units(sketch: _Sketch, place: Indices, frame: pd.DataFrame, known: Known) -> pd.DataFrame:
    """Return the candidates that have a place among the moments, with their covariates."""
    protocol, candidates = sketch.protocol, sketch.candidates
    kept = np.flatnonzero(place >= 0)
    people = sketch.children["person_id"].to_numpy(dtype=object)[candidates.child]
    ids = _unit_ids(people, candidates, nested=protocol.time_zero is not None and protocol.time_zero.rule == "nested")
    wanted = dict.fromkeys([*covariates_of(protocol), *protocol.design.carried])
    columns = {c: frame[c].to_numpy()[place[kept]] for c in wanted if c != CONCURRENT}
    columns |= {CONCURRENT: _how_many(known.others_open[kept])} if CONCURRENT in wanted else {}
    opened = {OPEN: sketch.open_share[kept]} if sketch.asks_calendar else {}
    return pd.DataFrame(
        {
            "unit_id": ids[kept],
            "person_id": people[kept],
            "treated": candidates.treated[kept],
            "time_zero": candidates.time_zero[kept],
            "index_date": sketch.entries.index[candidates.child[kept]],
            **{c: columns[c] for c in wanted},
            **opened,
        }
    )


def _how_many(others: Indices) -> AnyArray:
    """Name the number of other programmes: a rare category leaves the comparison, where a rare number would end the design."""
    named: AnyArray = np.array(["none", "one", "several"], dtype=object)[np.minimum(others, 2)]
    return named


def _unit_ids(people: AnyArray, candidates: Candidates, *, nested: bool) -> AnyArray:
    if not nested:
        return people
    arm = np.where(candidates.treated, "started", "waiting")
    marks = [f"{p}|{t}|{a}" for p, t, a in zip(people, candidates.trial, arm, strict=True)]
    return np.array(marks, dtype=object)


def _flow(programme: str, treated: Flags, judged: list[Criterion]) -> pd.DataFrame:
    """Return the flow from the extract on: each candidate leaves for the first criterion it fails."""
    flow = starting_flow(programme, treated, stage="extract", reason="children in the records")
    here = np.ones(treated.size, dtype=bool)
    for criterion in judged:
        lost = here & criterion.fails
        here &= ~criterion.fails
        if lost.any():
            arms = (int((lost & treated).sum()), int((lost & ~treated).sum()))
            flow = next_step(
                flow, stage=criterion.stage, reason=criterion.reason, lost_treated=arms[0], lost_comparison=arms[1]
            )
    return flow


def _described(sketch: _Sketch, judged: list[Criterion], people: AnyArray) -> pd.DataFrame:
    """Say of every candidate where it left and what is known of all, so that the lost can be compared with the kept."""
    candidates = sketch.candidates
    stage, reason = (np.full(people.size, "", dtype=object) for _ in range(2))
    for criterion in reversed(judged):
        stage[criterion.fails], reason[criterion.fails] = criterion.stage, criterion.reason
    own = sketch.children.iloc[candidates.child]
    mature = next((c for c in judged if c.stage == "follow-up"), None)
    return pd.DataFrame(
        {
            "person_id": people,
            "treated": candidates.treated,
            "time_zero": candidates.time_zero,
            "stage": stage,
            "reason": reason,
            "immature_only": mature.fails & (reason == mature.reason) if mature is not None else False,
            "birth": days_of(own["date_of_birth"]),
            "sex": own["sex"].to_numpy(dtype=object),
            "area": own["service"].to_numpy(dtype=object),
            "n_events": own["n_events"].to_numpy(dtype=np.int64),
        }
    )


def _others(units: pd.DataFrame, place: Indices, others: pd.DataFrame, protocol: TrialProtocol) -> pd.DataFrame:
    """Return which other programmes eligible units were on at time zero."""
    own = protocol.joint or (protocol.programme,)
    rows = pd.DataFrame({"moment": place, "unit_id": units["unit_id"], "treated": units["treated"]})
    counted = others[~others["programme_id"].isin(own)].drop_duplicates(["moment", "programme_id"])
    joined = rows.merge(counted[["moment", "programme_id"]], on="moment")
    named = joined.rename(columns={"programme_id": "programme"})[["unit_id", "treated", "programme"]]
    # Engines give rows in orders of their own.
    return named.sort_values(["unit_id", "programme"], kind="stable").reset_index(drop=True)
