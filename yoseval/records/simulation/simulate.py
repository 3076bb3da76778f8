"""Simulate a service in the records standard whose programmes have known effects.

Takes a number of children and a seed; gives the tables, the study and the truth. Nothing real goes in, and what comes
out says on its face that it is simulated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from yoseval.errors import UsageError
from yoseval.records.simulation.circumstances import assessments, statuses
from yoseval.records.simulation.faults import add_faults
from yoseval.records.simulation.service import USUAL_HISTORY, Service, draw_service
from yoseval.records.simulation.study import notice_text, study_text
from yoseval.records.simulation.tables import tables_of
from yoseval.records.simulation.truth import true_effects

_MOST_PROGRAMMES = 40
_PEOPLE_A_FAULT = 200
#: Offences a child when nothing else is asked for: about 1.6 before the index offence, itself, and 2.6 after it.
_USUAL_OTHER_OFFENCES = 3.6
_HISTORY_SCALE = 1.08


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """A simulated service.

    Parameters
    ----------
    tables : mapping
        The eleven tables of the records standard as texts in the canonical form, missing where not recorded.
    truth : DataFrame
        The true effect of each programme and estimand, as `simulate_truth.true_effects` says.
    study : str
        The text of the study file.
    notice : str
        What the folder is, in words.
    faults : mapping
        How many times each fault of recording was put in.
    """

    tables: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame
    study: str
    notice: str
    faults: Mapping[str, int]

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        people, offences, starts = (len(self.tables[t]) for t in ("people", "offences", "starts"))
        return (
            f"Simulation (no child in it exists)\nchildren: {people}\noffences: {offences}\nreferrals: {starts}\n"
            f"programmes: {self.truth['programme'].nunique()}\nfaults put in: {sum(self.faults.values())}"
        )


def simulate_records(
    n_people: int,
    *,
    programmes: int = 8,
    seed: int,
    faults: Sequence[str] = (),
    offences_per_person: float | None = None,
) -> Simulation:
    """Simulate the records of a service whose programmes have known effects.

    Parameters
    ----------
    n_people : int
        Children, each with an index disposal at age 10 to 17.
    programmes : int
        Programmes on the menu, 1 to 40. Of the first eight two help, one harms, four do nothing and one has no takers;
        the rest do nothing.
    seed : int
        Seed; the same arguments give the same texts.
    faults : sequence of str
        Faults of recording to put in, keys of `simulate_faults.FAULTS`: one for every 200 children, at least one, each.
    offences_per_person : float, optional
        Mean number of offences a child, 4 or more; about 5.3 if absent. More of them lengthen the past, not the future.

    Returns
    -------
    Simulation
        Tables, truth and study.

    Raises
    ------
    UsageError
        If a number is out of range or a fault is not known.

    Examples
    --------
    >>> len(simulate_records(50, seed=1).tables["people"])
    50
    """
    _require(n_people >= 1, "n_people must be 1 or more")
    _require(1 <= programmes <= _MOST_PROGRAMMES, f"programmes must be 1 to {_MOST_PROGRAMMES}")
    _require(offences_per_person is None or offences_per_person >= 4, "offences_per_person must be 4 or more")
    service = draw_service(n_people, programmes, seed, _history(offences_per_person))
    rngs = [np.random.default_rng(s) for s in np.random.SeedSequence([seed, 1]).spawn(3)]
    tables = tables_of(service, rngs[0])
    tables["assessments"], tables["statuses"] = assessments(service, rngs[1]), statuses(service, rngs[1])
    tables, counts = add_faults(tables, faults, times=max(1, n_people // _PEOPLE_A_FAULT), rng=rngs[2])
    names = [u.programme.programme_id for u in service.uptakes]
    return Simulation(tables, _truth(service), study_text(names), notice_text(seed, counts), counts)


def write_simulation(simulation: Simulation, folder: str | Path) -> list[Path]:
    """Write a simulated study folder: the tables under ``records``, the study, the truth and a notice.

    Parameters
    ----------
    simulation : Simulation
        What to write.
    folder : path
        A new folder, or one without a study file.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        If there is a study already: nothing is overwritten.
    """
    there = Path(folder)
    if (there / "study.toml").exists() or (there / "records").exists():
        raise UsageError(f"{there} already holds a study.", "Name another folder; nothing is overwritten.")
    (there / "records").mkdir(parents=True)
    files = []
    for name, table in simulation.tables.items():
        files.append(there / "records" / f"{name}.csv")
        _write_csv(table, files[-1])
    truth = simulation.truth.to_csv(index=False, lineterminator="\n", float_format="%.6f")
    texts = {"study.toml": simulation.study, "truth.csv": truth, "README.txt": simulation.notice}
    for name, text in texts.items():
        files.append(there / name)
        files[-1].write_bytes(text.encode("utf-8"))
    return files


def _truth(service: Service) -> pd.DataFrame:
    return true_effects(service.candidates, service.uptakes, service.children.index_date, service.evaluated)


def _history(offences_per_person: float | None) -> float:
    if offences_per_person is None:
        return USUAL_HISTORY
    return (offences_per_person - _USUAL_OTHER_OFFENCES) / _HISTORY_SCALE


def _write_csv(table: pd.DataFrame, file: Path) -> None:
    # Simulated texts hold no comma, quotation mark or line break; Arrow refuses any that would need quoting.
    with file.open("wb") as lines:
        lines.write((",".join(table.columns) + "\n").encode("utf-8"))
        options = csv.WriteOptions(include_header=False, quoting_style="none")
        csv.write_csv(pa.Table.from_pandas(table, preserve_index=False), lines, options)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise UsageError(f"{rule}.", "Correct the argument.")
