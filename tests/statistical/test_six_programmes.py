"""A simulated service of six programmes: each gets the verdict that the truth and the data deserve, everywhere.

Two programmes help, one harms, one does nothing, one has too few children and one nobody to be compared with.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from yoseval.cohort.simulate import SimulatedProgramme, simulate_cohort
from yoseval.cohort.starter import write_starter
from yoseval.reporting.run_folder import open_run
from yoseval.reporting.wording import verdict_title
from yoseval.reporting.words import Words

PROGRAMMES = [
    SimulatedProgramme("mentoring", 400, effect=-0.20),
    SimulatedProgramme("employability", 350, effect=-0.18),
    SimulatedProgramme("boot_camp", 400, effect=0.18),
    SimulatedProgramme("first_aid", 1500, effect=0.0, selection=0.3),
    SimulatedProgramme("cadets", 7, effect=-0.10),
    SimulatedProgramme("secure_unit", 120, min_prior_offences=12),
]
DESERVED = {
    "mentoring": "likely_reduced",
    "employability": "likely_reduced",
    "boot_camp": "likely_increased",
    "first_aid": "no_worthwhile_effect",
    "cadets": "not_evaluable",
    "secure_unit": "not_comparable",
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, pd.DataFrame]:
    where = tmp_path_factory.mktemp("six")
    write_starter(where / "service")
    simulated = simulate_cohort(PROGRAMMES, n_comparison=3000, seed=11)
    simulated.people.to_csv(where / "service" / "people.csv", index=False)
    ended = subprocess.run(
        [sys.executable, "-m", "yoseval", "evaluate", "service"],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return where / "reports" / "service", ended.stdout, simulated.truth.set_index("programme")


def test_every_programme_gets_the_verdict_it_deserves_in_the_csv(evaluated: tuple[Path, str, pd.DataFrame]) -> None:
    found = open_run(evaluated[0]).frame("findings").set_index("programme")["verdict"]

    assert found.to_dict() == DESERVED


def test_the_table_and_the_briefing_say_the_same(evaluated: tuple[Path, str, pd.DataFrame]) -> None:
    folder, printed, _ = evaluated
    run = open_run(folder)
    words = Words.from_manifest(run.manifest)
    briefing = (folder / "board_briefing.html").read_text(encoding="utf-8")

    for row in run.frame("findings").to_dict("records"):
        title = verdict_title(row, words)
        line = next(text for text in printed.splitlines() if text.startswith(f"{row['name']}  "))
        assert title in line
        assert f'class="verdict verdict--{row["verdict"]}"' in briefing
        assert title in briefing


def test_adjusted_intervals_hold_the_truth_and_naive_estimates_are_further_off(
    evaluated: tuple[Path, str, pd.DataFrame],
) -> None:
    folder, _, truth = evaluated
    found = open_run(folder).frame("findings").set_index("programme")

    for programme in ("mentoring", "employability", "boot_camp", "first_aid"):
        row, effect = found.loc[programme], truth.loc[programme, "effect"]
        assert row["conf_low"] <= effect <= row["conf_high"]
        assert abs(row["naive_estimate"] - effect) > abs(row["estimate"] - effect)


def test_a_programme_of_seven_shows_no_number_of_its_children(evaluated: tuple[Path, str, pd.DataFrame]) -> None:
    folder, printed, _ = evaluated
    run = open_run(folder)
    cadets = run.frame("findings")["programme"] == "cadets"

    assert run.hidden("findings").loc[cadets, "n_treated"].all()
    sizes = run.frame("sizes")
    assert sizes.loc[(sizes["programme"] == "cadets") & (sizes["arm"] == "treated"), "n"].isna().all()
    line = next(text for text in printed.splitlines() if text.startswith("cadets"))
    assert line.rstrip().endswith("[c]")


def test_programmes_without_a_verdict_show_no_effect_in_the_briefing(evaluated: tuple[Path, str, pd.DataFrame]) -> None:
    briefing = (evaluated[0] / "board_briefing.html").read_text(encoding="utf-8")
    start = briefing.index("<h2>secure_unit</h2>")

    assert "in every 100" not in briefing[start : start + 900]


def test_every_report_was_written(evaluated: tuple[Path, str, pd.DataFrame]) -> None:
    names = {f.name for f in evaluated[0].iterdir()}

    assert {"board_briefing.html", "board_briefing.pdf", "portfolio.html"} <= names
    assert {f"technical_{p.programme}.html" for p in PROGRAMMES} <= names
