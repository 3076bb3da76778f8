"""Open the envelope of a study of records: what happened after time zero, for designs that are locked.

Takes records and built trials and gives, for each programme, everything that outcomes are read off. Nothing of it stays in the
engine: workers get one row a unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import Floats, Indices, Texts
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.eligibility import days_of
from yoseval.cohort.entries import entries_frame
from yoseval.cohort.exposure import NEVER
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.profiles import evaluation_months
from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import TimeZeroSection
from yoseval.design.cloning import original_ids
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError, EstimationError
from yoseval.outcomes.court_delay import CourtDelays, completeness, days_to_cut, delay_pairs, fit_delays
from yoseval.outcomes.during_follow_up import during_follow_up
from yoseval.outcomes.events import observe_moments, reoffence_days
from yoseval.outcomes.jdl import jdl_outputs
from yoseval.outcomes.later_starts import stand_for_later
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.outcome_codes import find_outcome, follow_outcome
from yoseval.outcomes.time_zero import Waiting, settle_clones, settle_grace, started_or_not
from yoseval.outcomes.types import FollowUp, Recurrences
from yoseval.records.engine import Engine
from yoseval.records.records import Records

_SPAN = np.int64(2**32)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedOutcomes:
    """What happened to the n eligible units of one programme.

    Parameters
    ----------
    time_zero : TimeZeroSection
        The rule, which says what has to be settled once outcomes are open.
    observed : DataFrame
        One row a unit, indexed by ``unit_id``: the columns of ``outcomes.events.observe_moments``.
    entry, trouble : (n,) floats
        Days from time zero to entry into the programme, and to the first new offence, custody or exit; infinite where none.
    reoffences : DataFrame
        ``moment`` and ``days`` of every counted reoffence, as of ``outcomes.events.recurrent_times``.
    delays : CourtDelays or None
        How long proof takes; None where too few offences are proven to tell.
    cut_days : (n,) floats
        Days from time zero to the last day on which proof counts.
    area : (n,) texts
        Where each child lives, None where it is not recorded.
    has_exits : bool
        False where exits were not recorded.
    """

    time_zero: TimeZeroSection
    observed: pd.DataFrame
    entry: Floats
    trouble: Floats
    reoffences: pd.DataFrame
    delays: CourtDelays | None
    cut_days: Floats
    area: Texts
    has_exits: bool = True

    def settle(self, design: Design) -> Design:
        """Return the design that effects are estimated with.

        Arms that formed after time zero are made fair, and somebody stands for comparison children who enter later.
        """
        rule = self.time_zero.rule
        waiting = self._waiting(design)
        if rule == "grace":
            design = settle_grace(design, waiting)
        elif rule == "clone_censor":
            design = settle_clones(design, waiting)
        if self.time_zero.later_starts == "keep":
            return design
        first_day = self.time_zero.days + 1 if rule in ("grace", "clone_censor") else 0
        end = self.observed["days_followed"].to_numpy(dtype=np.float64)[self._places(design)]
        return stand_for_later(design, waiting.entry, waiting.trouble, end, first_day=first_day)

    def naive(self, design: Design) -> Design:
        """Return the comparison of the arms as they formed, without any adjustment."""
        clones = self.time_zero.rule == "clone_censor"
        return started_or_not(design, self._waiting(design)) if clones else unadjusted_design(design.cohort)

    def follow(self, design: Design, outcome: OutcomeSection) -> FollowUp:
        """Return the follow-up of a settled design's units on one outcome.

        A comparison child who enters the programme later is followed until then, unless the protocol keeps it, or the measure
        is about everybody: to end follow-up by what a child did later would be to choose among those it is compared with.
        """
        place = self._places(design)
        return self._followed(design, outcome, place, *self._of_units(place))

    def lagged(self, design: Design, outcome: OutcomeSection, days: int) -> FollowUp | None:
        """Return the follow-up as it is if offences of the first days after time zero are not reoffences.

        Whoever offended then is followed on, to the first later reoffence. Days at risk are not given: which custody is for a
        reoffence would change as well.

        Parameters
        ----------
        design : Design
            A settled design.
        outcome : OutcomeSection
            Which outcome; None is returned unless it is read off proven reoffences of every kind.
        days : int
            The lag: an offence counts from the day after it.
        """
        if find_outcome(outcome.name).first_days != "reoffence_days":
            return None
        place = self._places(design)
        observed, reoffences = self._of_units(place)
        later = reoffences[reoffences["days"] > days]
        of_moment = later.groupby("moment")["days"]
        first = of_moment.min().reindex(observed["moment"]).to_numpy()
        number = of_moment.size().reindex(observed["moment"], fill_value=0).to_numpy()
        counted = observed.assign(reoffence_days=first, n_reoffences=number, days_at_risk=np.nan)
        return self._followed(design, outcome, place, counted, later)

    def annex(self, design: Design) -> dict[str, pd.DataFrame]:
        """Return the public frames beside the effects: as the Justice Data Lab reports, what is unproven, and the rest."""
        place = self._places(design)
        observed, reoffences = self._of_units(place)
        units, programme = design.cohort.units, design.cohort.programme
        person = units["person_id"].to_numpy(dtype=object)
        found = {"jdl": jdl_outputs(observed, design.treated, design.weight, person=person, programme=programme)}
        if self.delays is not None:
            found["completeness"] = completeness(
                observed,
                reoffences,
                design.treated,
                design.weight,
                delays=self.delays,
                time_zero=self.observed["time_zero"].to_numpy()[place],
                area=self.area[place],
                cut_days=self.cut_days[place],
                programme=programme,
            )
        found["follow_up"] = during_follow_up(
            observed, design.treated, design.weight, programme=programme, has_exits=self.has_exits
        )
        return found

    def _followed(
        self, design: Design, outcome: OutcomeSection, place: Indices, observed: pd.DataFrame, reoffences: pd.DataFrame
    ) -> FollowUp:
        """Read an outcome off what was observed of units, and end it where a comparison child enters."""
        ids = design.cohort.units["unit_id"].to_numpy(dtype=object)
        followup = follow_outcome(observed, ids, outcome, recurrent=reoffences)
        if self.time_zero.later_starts == "keep" or MEASURES[outcome.measure].everybody:
            return followup
        return censored_at(followup, ids, np.where(design.treated, np.inf, self.entry[place]))

    def _of_units(self, place: Indices) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return what was observed of units, and their reoffences, each unit as a moment of its own: copies share a child."""
        rows = self.observed.iloc[place]
        own = pd.DataFrame({"moment": rows["moment"].to_numpy(), "unit": np.arange(place.size)})
        reoffences = own.merge(self.reoffences, on="moment").drop(columns="moment").rename(columns={"unit": "moment"})
        return rows.assign(moment=np.arange(place.size)), reoffences

    def _places(self, design: Design) -> Indices:
        ids = original_ids(design.cohort.units["unit_id"].to_numpy(dtype=object))
        place: Indices = self.observed.index.get_indexer(ids)
        if (place < 0).any():
            raise DataError("The design holds units that the records do not.", "Build both from the same records.")
        return place

    def _waiting(self, design: Design) -> Waiting:
        place = self._places(design)
        return Waiting(self.entry[place], self.trouble[place], self.time_zero.days)


def censored_at(followup: FollowUp, unit_id: Texts, limit: Floats) -> FollowUp:
    """Return a follow-up that ends at each unit's limit; what happened on that very day still counts.

    Parameters
    ----------
    followup : FollowUp
        Of some of the units.
    unit_id : (n,) texts
        The units.
    limit : (n,) floats
        Times, infinite where there is none.
    """
    own = limit[pd.Index(unit_id).get_indexer(followup.unit_id)]
    ends = own < followup.time
    cut = replace(followup, time=np.where(ends, own, followup.time), event=followup.event & ~ends)
    if followup.count is None or followup.followed is None or followup.recurrences is None:
        return cut
    inside = followup.recurrences.time <= own[followup.recurrences.unit]
    left = Recurrences(followup.recurrences.unit[inside], followup.recurrences.time[inside])
    count = np.bincount(left.unit, minlength=own.size).astype(np.float64)
    # When in custody somebody was is not known here, so nor is how many of their days at risk are left.
    days = None if (own < followup.followed).any() else followup.days_at_risk
    return replace(cut, count=count, followed=np.minimum(followup.followed, own), recurrences=left, days_at_risk=days)


def observe_trials(records: Records, study: Study, trials: Sequence[BuiltTrial]) -> dict[str, RecordedOutcomes]:
    """Observe what happened to the units of every trial: outcomes by the study's profile, entries and what ended the waits.

    Parameters
    ----------
    records : Records
        The records that the trials were built from.
    study : Study
        Of records.
    trials : sequence of BuiltTrial
        Of programmes whose designs are locked.

    Returns
    -------
    dict of str to RecordedOutcomes
        By programme.
    """
    wanted = [t.observed_units for t in trials]
    people = pd.Index(np.unique(np.concatenate([u["person_id"].to_numpy(dtype=str) for u in wanted])).astype(object))
    keys = [people.get_indexer(u["person_id"]) * _SPAN + u["time_zero"].to_numpy(dtype=np.int64) for u in wanted]
    distinct = np.unique(np.concatenate(keys))
    zero = distinct % _SPAN
    own = pd.array(people.to_numpy(dtype=object)[distinct // _SPAN], dtype="string")
    rows = {"moment": np.arange(distinct.size), "person_id": own}
    uploaded = records.engine.upload(
        "observed_moments", pd.DataFrame({**rows, "time_zero": zero.astype("datetime64[D]").astype("datetime64[s]")})
    )
    moments = uploaded.mutate(time_zero=uploaded.time_zero.cast("date"))
    seen = (records.engine, records.tables, moments, study.profile, records.extract_date)
    observed = observe_moments(*seen).assign(time_zero=zero.astype("datetime64[D]").astype("datetime64[s]"))
    reoffences = reoffence_days(*seen)
    delays = _delays(records)
    profile = study.profile
    cut = days_to_cut(observed["time_zero"].to_numpy(), evaluation_months(profile), profile.wait_months, records.extract_date)
    area = _areas(records, people)[distinct // _SPAN]
    trouble = _trouble_days(records.engine, records.tables, moments) - zero
    found = {}
    for trial, key in zip(trials, keys, strict=True):
        place = np.searchsorted(distinct, key)
        own = observed.iloc[place].set_index(pd.Index(trial.observed_units["unit_id"], name="unit_id"))
        section = trial.protocol.time_zero
        assert section is not None  # a trial built from records has one
        mine = reoffences[reoffences["moment"].isin(own["moment"])]
        found[trial.protocol.programme] = RecordedOutcomes(
            section,
            own,
            _entry_days(records, trial, section),
            _or_never(trouble[place]),
            mine,
            delays,
            cut[place],
            area[place],
            "exits" in records.tables,
        )
    return found


def _delays(records: Records) -> CourtDelays | None:
    """Return how long proof takes; None in a service with too few proven offences, where nothing is corrected for it."""
    try:
        return fit_delays(delay_pairs(records.engine, records.tables, records.extract_date))
    except EstimationError:
        return None


def _areas(records: Records, people: pd.Index) -> Texts:
    """Return the home service of each child, None where it is not recorded."""
    table = records.tables["people"].select("person_id", "service")
    frame = records.engine.frame(table).set_index("person_id")["service"]
    areas: Texts = frame.reindex(people).astype(object).where(lambda s: s.notna(), None).to_numpy(dtype=object)
    return areas


def _entry_days(records: Records, trial: BuiltTrial, section: TimeZeroSection) -> Floats:
    """Return the days from each unit's time zero to its first entry on or after it, infinite where there is none."""
    parts = trial.protocol.joint or (trial.protocol.programme,)
    entered = entries_frame(records.engine, records.tables, parts, section)
    zero = trial.observed_units["time_zero"].to_numpy(dtype=np.int64)
    # Of a joint strategy any part ends the time in the comparison; all parts together make an entry.
    return _or_never(_first_entry(trial, entered, zero) - zero)


def _first_entry(trial: BuiltTrial, entered: pd.DataFrame, zero: Indices) -> Indices:
    """Return each unit's first entry on or after its time zero, NEVER where there is none."""
    people = pd.Index(trial.observed_units["person_id"]).unique()
    code = people.get_indexer(entered["person_id"])
    known = code >= 0
    keys = np.sort(code[known] * _SPAN + entered["entry"].to_numpy(dtype=np.int64)[known])
    own = people.get_indexer(trial.observed_units["person_id"])
    place = np.searchsorted(keys, own * _SPAN + zero)
    found = np.append(keys, -1)[place]
    return np.where(found // _SPAN == own, found % _SPAN, NEVER)


def _or_never(days: Indices) -> Floats:
    return np.where(days > NEVER // 2, np.inf, days.astype(np.float64))


def _trouble_days(engine: Engine, tables: Mapping[str, ir.Table], moments: ir.Table) -> Indices:
    """Return the day of each moment's first alleged offence, custody or exit after it, NEVER where there is none."""
    offences = tables["offences"].select("person_id", day="offence_date")
    events = [offences]
    if "custody" in tables:
        events.append(tables["custody"].select("person_id", day="start_date"))
    if "exits" in tables:
        events.append(tables["exits"].select("person_id", day="exit_date"))
    every = events[0] if len(events) == 1 else ibis.union(*events)
    joined = moments.inner_join(every, "person_id")
    joined = joined.filter(joined.day > joined.time_zero)
    first = joined.group_by("moment").aggregate(day=joined.day.min())
    frame = engine.frame(moments.select("moment").left_join(first, "moment").select("moment", "day"))
    return days_of(frame.sort_values("moment")["day"])
