"""Prepared cohort files: one row a child, columns given roles, outcomes left in their envelope.

Takes the file and the study's protocol and gives cohorts. Only ids, programmes, covariates and exact columns
are loaded; no outcome column is touched here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Texts
from yoseval.cohort.build import Cohort, in_content_order, next_step, refuse_reserved, starting_flow
from yoseval.cohort.protocol import Study, TrialProtocol
from yoseval.cohort.sections import CohortSection
from yoseval.errors import DataError, DesignError, StudyError
from yoseval.records.read import read_columns, read_header
from yoseval.records.validate import Faults, covariate, identities


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFile:
    """A prepared cohort file without its outcomes.

    Parameters
    ----------
    file : Path
        Where it was read from.
    unit_id : (n,) texts
        Ids of the children, or the number of the row where the study names no id.
    programme : (n,) texts
        Value of the programme column.
    columns : DataFrame
        Covariates and exact columns, typed.
    not_recorded : mapping of str to int
        How many values of a covariate are not recorded.
    """

    file: Path
    unit_id: Texts
    programme: Texts
    columns: pd.DataFrame
    not_recorded: dict[str, int]

    def cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the cohort of one programme, as ``read_cohort``."""
        return read_cohort(self, protocol)

    def instrument_cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the units with which the measure ``instrument`` is estimated: the same."""
        return self.cohort(protocol)

    def shares_not_recorded(self, protocol: TrialProtocol) -> dict[str, float]:
        """Return which share of the file each covariate of a protocol is not recorded for."""
        return {c: self.not_recorded[c] / len(self.unit_id) for c in protocol.design.covariates}


def read_prepared(study: Study) -> PreparedFile:
    """Read the cohort file of a study: everything a design may see and nothing else.

    Raises
    ------
    DataError
        If the file breaks a rule; every fault at once.
    StudyError
        If an outcome column is also a covariate.
    """
    section = study.roles
    # Where no programme is named, each may still have a table of its own, with covariates of its own.
    protocols = [study.protocol(p) for p in (study.include or ("", *(p for p in study.file.programmes if p != "include")))]
    wanted = list(dict.fromkeys(c for p in protocols for c in p.design.columns))
    refuse_reserved(wanted)
    _refuse_outcomes(study, [*wanted, section.programme])
    _require_outcome_columns(study)
    roles = [section.programme] if section.id is None else [section.id, section.programme]
    table = read_columns(study.cohort_file, [*roles, *wanted])
    faults = Faults(table)
    ids = identities(faults, section.id) if section.id else _row_numbers(len(table.columns))
    programme = table.columns[section.programme]
    faults.note(
        section.programme,
        "no programme",
        (programme.fillna("").str.strip() == "").to_numpy(),
        f"Write '{section.comparison}' for the comparison.",
    )
    missing = frozenset(section.missing)
    typed = {c: covariate(table.columns[c], category=c in section.categories, missing=missing) for c in wanted}
    columns = pd.DataFrame(typed, index=range(len(ids)))
    values = programme.to_numpy(dtype=object)
    _note_instruments(faults, protocols, columns, values, section.comparison)
    faults.raise_if_any()
    if section.comparison not in set(values):
        raise DataError(
            f"No row of {study.cohort_file.name} has '{section.comparison}' in the column '{section.programme}'.",
            "Name the value of the comparison in [cohort] comparison.",
        )
    return PreparedFile(study.cohort_file, ids, values, columns, {c: int(columns[c].isna().sum()) for c in wanted})


def programmes_of(prepared: PreparedFile, study: Study) -> tuple[str, ...]:
    """Return the programmes to evaluate: those the study names, or all in the file, by name."""
    found = sorted(set(prepared.programme) - {study.roles.comparison})
    return study.include or tuple(str(p) for p in found)


def read_cohort(prepared: PreparedFile, protocol: TrialProtocol) -> Cohort:
    """Return the cohort of one programme: those who started it, and the comparison.

    Raises
    ------
    DesignError
        If nobody started the programme.

    Examples
    --------
    >>> study = read_study("data/recid")  # doctest: +SKIP
    >>> read_cohort(read_prepared(study), study.protocol("work_programme"))  # doctest: +SKIP
    """
    in_programme: Flags = prepared.programme == protocol.programme
    in_comparison: Flags = prepared.programme == _roles(protocol).comparison
    if not in_programme.any():
        raise DesignError(f"No row of {prepared.file.name} belongs to the programme.", "Check how the file spells it.")
    used = in_programme | in_comparison
    ids = prepared.unit_id[used]
    units = pd.DataFrame({"unit_id": ids, "person_id": ids, "treated": in_programme[used]})
    units = pd.concat([units, prepared.columns[used].reset_index(drop=True)], axis=1)
    design = protocol.design
    flow = starting_flow(protocol.programme, in_programme[used])
    return Cohort(
        protocol.programme,
        in_content_order(units, design.covariates),
        design.covariates,
        flow,
        randomised=design.method == "randomised",
        history=design.history,
        cluster=design.cluster,
        instrument=design.instrument,
    )


def flow_after_outcomes(flow: pd.DataFrame, treated: Flags, lost: Flags) -> pd.DataFrame:
    """Return the flow with those whose outcome was not recorded, and the units that are analysed."""
    if lost.any():
        flow = next_step(
            flow,
            stage="outcome",
            reason="outcome not recorded",
            lost_treated=int((lost & treated).sum()),
            lost_comparison=int((lost & ~treated).sum()),
        )
    return next_step(flow, stage="analysis", reason="analysed", lost_treated=0, lost_comparison=0)


def _roles(protocol: TrialProtocol) -> CohortSection:
    assert protocol.cohort is not None  # a protocol of a prepared file has roles
    return protocol.cohort


def _row_numbers(n: int) -> Texts:
    return np.array([f"{i:09d}" for i in range(1, n + 1)], dtype=object)


def _refuse_outcomes(study: Study, seen_by_design: list[str]) -> None:
    outcomes = {c for o in study.file.outcomes for c in o.columns}
    both = sorted(outcomes.intersection(seen_by_design))
    if both:
        raise StudyError(
            f"'{both[0]}' is an outcome and cannot be a covariate.", "A design must not see what happened after time zero."
        )


def _note_instruments(
    faults: Faults, protocols: list[TrialProtocol], columns: pd.DataFrame, programme: Texts, comparison: str
) -> None:
    """Find units of a programme, or of its comparison, whose instrument is no number, before any work is done."""
    own = [p.programme for p in protocols]
    wrong: dict[str, Flags] = {}
    for protocol in protocols:
        name = protocol.design.instrument
        if not name:
            continue
        # The protocol without a name is that of every programme without a table of its own.
        mine = programme == protocol.programme if protocol.programme else ~np.isin(programme, own)
        known = np.isfinite(pd.to_numeric(columns[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
        wrong[name] = wrong.get(name, np.zeros(known.size, dtype=bool)) | ((mine | (programme == comparison)) & ~known)
    for name, rows in wrong.items():
        faults.note(name, "an instrument that is not a number", rows, "Give each unit a number, such as 0 and 1.")


def _require_outcome_columns(study: Study) -> None:
    """Look at the header alone, so that a missing outcome column is known before any work is done."""
    header = read_header(study.cohort_file)
    wanted = dict.fromkeys(c for o in study.file.outcomes for c in o.columns)
    absent = [c for c in wanted if c not in header]
    if absent:
        raise DataError(
            f"{study.cohort_file.name} has no column {', '.join(map(repr, absent))}, named in [[outcomes]].",
            f"It has: {', '.join(header)}.",
        )
