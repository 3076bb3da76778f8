"""Which programmes can be evaluated, and when: told from who started and who can be compared, before any outcome is opened.

Takes built trials, the study and what is known of the records' gaps; gives the public frame ``evaluability``. It reads dates
of starts and of index events, never an offence after time zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from yoseval.arrays import Indices
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.entries import STARTED, entries_frame
from yoseval.cohort.profiles import evaluation_months
from yoseval.cohort.protocol import Study
from yoseval.cohort.trials import mature_days
from yoseval.evaluation.entered import entered_forms
from yoseval.evaluation.evaluability import minimum_detectable_difference
from yoseval.evaluation.readiness import HARDEST_BASE
from yoseval.evaluation.remedies import remedies_of
from yoseval.frames import join_frames, make_frame
from yoseval.outcomes.small_samples import MIN_EFFECTIVE_COMPARISON, MIN_TREATED
from yoseval.records.calendar import add_months
from yoseval.records.records import Records

NOW, FROM_DATE, NOT_WITH_THESE_DATA = "now", "from_date", "not_with_these_data"
_YEAR = 365


@dataclass(frozen=True, slots=True, eq=False)
class Maturity:
    """When the eligible children of one programme are mature, in days since 1970.

    Parameters
    ----------
    treated : (n,) integers
        One a child who started and was eligible, sorted.
    comparison : (m,) integers
        One a comparison child that was eligible, sorted.
    extract : int
        The last day of the records.
    """

    treated: Indices
    comparison: Indices
    extract: int

    def sizes(self, day: int) -> tuple[int, int]:
        """Return how many of each arm are mature on a day."""
        return int((self.treated <= day).sum()), int((self.comparison <= day).sum())


def outlook_frame(
    trials: Sequence[BuiltTrial],
    study: Study,
    extract_date: date,
    started: Mapping[str, int],
    *,
    delivery: pd.DataFrame,
    notes: pd.DataFrame,
) -> pd.DataFrame:
    """Return for each programme whether it can be evaluated, with how many, from when, and what to record until then.

    The gates are those of an evaluation: ``MIN_TREATED`` and ``MIN_EFFECTIVE_COMPARISON``. A comparison counts here by its
    children, who are never fewer than its effective size, so a programme that passes may still fail once it is designed.

    Parameters
    ----------
    trials : sequence of BuiltTrial
        From ``build_trials``.
    study : Study
        Of records.
    extract_date : date
        The last day of the records.
    started : mapping of str to int
        How many children ever started each programme: from ``count_started``.
    delivery, notes : DataFrame
        The raw public frames ``delivery`` and ``delivery_notes``.

    Returns
    -------
    DataFrame
        The public frame ``evaluability``, one row a programme.

    Examples
    --------
    >>> outlook_frame(trials, study, date(2026, 3, 31), {"mentoring": 181}, delivery=d, notes=n)  # doctest: +SKIP
    """
    extract = int(np.datetime64(extract_date, "D").astype(np.int64))
    rows = [_row(t, study, extract, started[t.protocol.programme], _issues(t, delivery, notes)) for t in trials]
    return join_frames("evaluability", [make_frame("evaluability", row) for row in rows])


def count_started(records: Records, trials: Sequence[BuiltTrial]) -> dict[str, int]:
    """Return how many children ever started each programme; of a joint strategy, all parts of it."""
    parts = {t.protocol.programme: t.protocol.joint or (t.protocol.programme,) for t in trials}
    wanted = sorted({p for own in parts.values() for p in own})
    entries = entries_frame(records.engine, records.tables, wanted, STARTED)
    children = {p: set(entries.loc[entries["programme_id"] == p, "person_id"]) for p in wanted}
    return {programme: len(set.intersection(*(children[p] for p in own))) for programme, own in parts.items()}


def maturity_of(trial: BuiltTrial, study: Study, extract: int) -> Maturity:
    """Return when the eligible of a trial are mature: at time zero where the primary outcome may be censored.

    Parameters
    ----------
    trial : BuiltTrial
        One programme's.
    study : Study
        Whose profile says how long follow-up and the wait for proof are.
    extract : int
        The last day of the records, in days since 1970.
    """
    eligible = trial.candidates[(trial.candidates["stage"] == "") | trial.candidates["immature_only"]]
    zero = eligible["time_zero"].to_numpy(dtype=np.int64)
    months = months_to_maturity(trial, study)
    day = mature_days(zero, months) if months else zero
    # A comparison child may stand in several trials: it counts once, from the first that is over.
    treated = eligible["treated"].to_numpy(dtype=bool)
    firsts = [
        pd.Series(day[arm]).groupby(eligible["person_id"].to_numpy(dtype=object)[arm]).min() for arm in (treated, ~treated)
    ]
    found = [np.sort(f.to_numpy(dtype=np.int64)) for f in firsts]
    return Maturity(found[0], found[1], extract)


def months_to_maturity(trial: BuiltTrial, study: Study) -> int:
    """Return the calendar months of follow-up and wait; 0 where the primary outcome may be censored."""
    needs = trial.protocol.outcomes[0].needs_mature
    return evaluation_months(study.profile) + study.profile.wait_months if needs else 0


def outlook_lines(frame: pd.DataFrame, trials: Sequence[BuiltTrial] = ()) -> list[str]:
    """Return one line a programme for the screen of the one who holds the records; sizes below a gate are not told.

    Parameters
    ----------
    frame : DataFrame
        The public frame ``evaluability``.
    trials : sequence of BuiltTrial
        What makes a child one of a programme's group: starting it, unless its trial says otherwise.
    """
    past = {t.protocol.programme: entered_forms(t.protocol)["past"] for t in trials}
    return [f"{r['name']}: {_line(r, past.get(r['programme'], 'started'))}" for r in frame.to_dict("records")]


def _row(trial: BuiltTrial, study: Study, extract: int, started: int, issues: tuple[str, ...]) -> dict[str, object]:
    maturity = maturity_of(trial, study, extract)
    n_mature, n_comparable = maturity.sizes(extract)
    recent, last = _recent(trial, study, extract)
    is_now = n_mature >= MIN_TREATED and n_comparable >= MIN_EFFECTIVE_COMPARISON
    ready = None if is_now else _ready(maturity, recent, last, months_to_maturity(trial, study))
    state = NOW if is_now else NOT_WITH_THESE_DATA if ready is None else FROM_DATE
    enough = (maturity.treated.size >= MIN_TREATED, n_comparable >= MIN_EFFECTIVE_COMPARISON)
    codes, sentences = remedies_of(trial, started, issues, state, enough=enough)
    return {
        "programme": trial.protocol.programme,
        "name": trial.protocol.name,
        "state": state,
        "n_started": started,
        "n_eligible": int(maturity.treated.size),
        "n_mature": n_mature,
        "n_comparable": n_comparable,
        "n_recent": recent[0],
        "from_month": str(np.datetime64(ready.day, "D").astype("datetime64[M]")) if ready else "",
        "extrapolated": ready.is_extrapolated if ready else False,
        "mde_now": minimum_detectable_difference(HARDEST_BASE, n_mature, n_comparable),
        "mde_later": _detectable_on(maturity, ready.day) if ready else np.nan,
        "reasons": " | ".join(codes),
        "remedy": " | ".join(sentences),
    }


def _detectable_on(maturity: Maturity, day: int) -> float:
    """Return what could be seen on the day on which both gates are passed; those who are extrapolated make up the gates."""
    treated, comparison = maturity.sizes(day)
    return minimum_detectable_difference(HARDEST_BASE, max(treated, MIN_TREATED), max(comparison, MIN_EFFECTIVE_COMPARISON))


@dataclass(frozen=True, slots=True)
class _Ready:
    """The day from which both gates are passed, and whether it is extrapolated."""

    day: int
    is_extrapolated: bool


def _recent(trial: BuiltTrial, study: Study, extract: int) -> tuple[tuple[int, int], int]:
    """Return how many of each arm were eligible in the last twelve months in which one could be, and their last day.

    Those are the months up to the extract, or up to the last day on which an index event counts.
    """
    section = trial.protocol.eligibility
    assert section is not None  # the study is one of records
    last = min(extract, int(np.datetime64(section.index_dates[1], "D").astype(np.int64)))
    eligible = trial.candidates[(trial.candidates["stage"] == "") | trial.candidates["immature_only"]]
    zero = eligible["time_zero"].to_numpy(dtype=np.int64)
    rows = eligible[(zero > last - _YEAR) & (zero <= last)]
    treated = rows["treated"].to_numpy(dtype=bool)
    people = rows["person_id"].to_numpy(dtype=object)
    return (len(set(people[treated])), len(set(people[~treated]))), last


def _ready(maturity: Maturity, recent: tuple[int, int], last: int, months: int) -> _Ready | None:
    """Return when both gates are passed; None where no starts, or nobody to compare with, are to be expected."""
    gates = ((maturity.treated, recent[0], MIN_TREATED), (maturity.comparison, recent[1], MIN_EFFECTIVE_COMPARISON))
    found = [_gate_day(days, rate, gate, last, months, maturity.extract) for days, rate, gate in gates]
    known = [f for f in found if f is not None]
    if len(known) < len(found):
        return None
    return _Ready(max(f.day for f in known), any(f.is_extrapolated for f in known))


def _gate_day(days: Indices, rate: int, gate: int, last: int, months: int, extract: int) -> _Ready | None:
    """Return the day on which so many are mature: of those there are, or at the rate of the last twelve months."""
    if days.size >= gate:
        return _Ready(int(days[gate - 1]), False)
    if rate == 0:
        return None
    start = last + int(np.ceil((gate - days.size) * _YEAR / rate))
    day = int(add_months(np.array([start]), months)[0])
    # Nothing can be known before the next extract.
    return _Ready(max(day, extract + 1), True)


def _issues(trial: BuiltTrial, delivery: pd.DataFrame, notes: pd.DataFrame) -> tuple[str, ...]:
    """Return the codes of what the records lack on any part of the programme."""
    own = trial.protocol.joint or (trial.protocol.programme,)
    issues = tuple(notes.loc[notes["programme"].isin(own), "issue"])
    referred = delivery[delivery["programme"].isin(own) & (delivery["stage"] == "referred")]
    few = "nobody_referred" not in issues and bool((referred.groupby("programme")["n"].sum() < MIN_TREATED).any())
    return (*issues, *(("too_few_referred",) if few else ()))


def _line(row: Mapping[str, object], past: str) -> str:
    first = str(row["remedy"]).split(" | ", maxsplit=1)[0]
    if row["state"] == NOW:
        fall = 100 * float(str(row["mde_now"]))
        return (
            f"can be evaluated now, if the groups overlap. {row['n_mature']} {past} it and were followed; a fall of about "
            f"{fall:.0f} per 100 or more could be seen."
        )
    if row["state"] == FROM_DATE:
        how = ", at the rate of the last twelve months" if row["extrapolated"] else ""
        return f"can be evaluated from {row['from_month']}{how}. {first}"
    return f"cannot be evaluated with these data. {first}"
