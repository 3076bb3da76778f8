"""Laws of the whole way: outcomes change no design, the order of rows changes no byte, jobs change no byte."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.protocol import Study, read_study
from yoseval.cohort.simulate import SimulatedProgramme, simulate_cohort
from yoseval.cohort.starter import write_starter
from yoseval.evaluation.portfolio import design_portfolio, evaluate_portfolio
from yoseval.reporting.run_folder import PUBLIC_FRAMES, save_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("laws") / "study"
    write_starter(where)
    simulated = simulate_cohort(
        [SimulatedProgramme("mentoring", 120, effect=-0.2), SimulatedProgramme("weapons_awareness", 90)],
        n_comparison=300,
        seed=4,
    )
    simulated.people.to_csv(where / "people.csv", index=False)
    return where


def copied(folder: Path, where: Path, people: pd.DataFrame) -> Study:
    shutil.copytree(folder, where)
    people.to_csv(where / "people.csv", index=False)
    return read_study(where)


def people_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "people.csv", dtype=str, keep_default_na=False)


def csv_bytes(run: Path) -> dict[str, bytes]:
    return {name: (run / f"{name}.csv").read_bytes() for name in PUBLIC_FRAMES}


def test_changing_every_outcome_leaves_lock_and_designs_byte_identical(folder: Path, tmp_path: Path) -> None:
    people = people_of(folder)
    changed = people.assign(
        reoffended=np.where(people["reoffended"] == "1", "0", "1"),
        days_to_reoffence=[str(1 + i % 300) for i in range(len(people))],
    )

    before = design_portfolio(read_study(folder))
    after = design_portfolio(copied(folder, tmp_path / "changed", changed))

    assert after.digests() == before.digests()
    for name, frame in before.private_frames().items():
        assert after.private_frames()[name].to_csv() == frame.to_csv()
    for name in ("candidates", "kept_and_dropped"):
        assert after.frames()[name].to_csv() == before.frames()[name].to_csv()


def test_unreadable_outcomes_do_not_disturb_a_design(folder: Path, tmp_path: Path) -> None:
    spoilt = people_of(folder).assign(reoffended="unreadable", days_to_reoffence="unreadable")

    after = design_portfolio(copied(folder, tmp_path / "spoilt", spoilt))

    assert after.digests() == design_portfolio(read_study(folder)).digests()


def test_a_changed_covariate_changes_the_lock(folder: Path, tmp_path: Path) -> None:
    people = people_of(folder)
    people.loc[people["programme"] == "mentoring", "age"] = "13.0"

    after = design_portfolio(copied(folder, tmp_path / "aged", people))

    assert after.digests()["mentoring"] != design_portfolio(read_study(folder)).digests()["mentoring"]


def test_shuffling_rows_and_columns_changes_no_byte(folder: Path, tmp_path: Path) -> None:
    people = people_of(folder)
    rng = np.random.default_rng(1)
    shuffled = people.iloc[rng.permutation(len(people))][list(rng.permutation(people.columns))]

    first = save_run(evaluate_portfolio(read_study(folder)), tmp_path / "first")
    second = save_run(evaluate_portfolio(copied(folder, tmp_path / "shuffled", shuffled)), tmp_path / "second")

    assert csv_bytes(first) == csv_bytes(second)


def test_one_job_or_two_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    study = read_study(folder)

    one = save_run(evaluate_portfolio(study, jobs=1), tmp_path / "one")
    two = save_run(evaluate_portfolio(study, jobs=2), tmp_path / "two")

    assert csv_bytes(one) == csv_bytes(two)


def test_renaming_every_child_changes_no_published_byte(folder: Path, tmp_path: Path) -> None:
    people = people_of(folder)
    renamed = people.assign(person=[f"Z{len(people) - i:05d}" for i in range(len(people))])

    first = save_run(evaluate_portfolio(read_study(folder)), tmp_path / "first")
    second = save_run(evaluate_portfolio(copied(folder, tmp_path / "renamed", renamed)), tmp_path / "second")

    assert csv_bytes(first) == csv_bytes(second)
