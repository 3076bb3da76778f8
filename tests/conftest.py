"""A simulated service of six programmes, evaluated once for all tests that read it."""

import textwrap

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from yoseval.cohort.protocol import read_study
from yoseval.cohort.simulate import SimulatedProgramme, simulate_cohort
from yoseval.evaluation.portfolio import evaluate_portfolio
from yoseval.reporting.run_folder import PUBLIC_FRAMES, save_run

# As in ``map_tasks``: workers of a test run would only get in each other's way with threads of their own.
threadpool_limits(limits=1, user_api="blas")

SIX = (
    SimulatedProgramme("art", 150, selection=0.0),
    SimulatedProgramme("boot_camp", 220, effect=0.2),
    SimulatedProgramme("football", 120),
    SimulatedProgramme("mentoring", 260, effect=-0.2),
    # More prior offences than anybody in the comparison has: there is no overlap.
    SimulatedProgramme("persistent", 60, min_prior_offences=11),
    SimulatedProgramme("tiny", 12),
)

STUDY = """
[study]
title = "Programmes of the service"
cohort = "people.csv"
simulated = true

[cohort]
id = "person"
programme = "programme"
comparison = "usual_supervision"
names = { mentoring = "Mentoring" }

[design]
covariates = ["age", "sex", "prior_offences", "seriousness", "looked_after", "area", "school_hours"]
history = "prior_offences"

[[outcomes]]
name = "reoffended_1y"
event = "reoffended"
days = "days_to_reoffence"
horizon_days = 365

[[outcomes]]
name = "days_free"
event = "reoffended"
days = "days_to_reoffence"
horizon_days = 365
measure = "restricted_mean_difference"
"""


@pytest.fixture(scope="session")
def write_study():
    """Return a function that writes a study folder from people (a frame, or the text of a CSV) and a study text."""

    def write(folder, people, text=STUDY):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "study.toml").write_text(textwrap.dedent(text), encoding="utf-8")
        content = people if isinstance(people, str) else people.to_csv(index=False, lineterminator="\n")
        (folder / "people.csv").write_text(content, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def service_people():
    """Six programmes; the outcome of 15 comparison children and of 4 of mentoring was not recorded."""
    people = simulate_cohort(SIX, n_comparison=900, seed=1).people
    for programme, n in (("usual_supervision", 15), ("mentoring", 4)):
        rows = people.index[people["programme"] == programme][:n]
        people[["reoffended", "days_to_reoffence"]] = people[["reoffended", "days_to_reoffence"]].astype(object)
        people.loc[rows, ["reoffended", "days_to_reoffence"]] = np.nan
    return people


@pytest.fixture(scope="session")
def service_folder(tmp_path_factory, write_study, service_people):
    """The study folder of the service."""
    return write_study(tmp_path_factory.mktemp("studies") / "service", service_people)


@pytest.fixture(scope="session")
def service_study(service_folder):
    """The study, read."""
    return read_study(service_folder)


@pytest.fixture(scope="session")
def service_portfolio(service_study):
    """Every programme of the service, judged together."""
    return evaluate_portfolio(service_study, seed=3)


@pytest.fixture(scope="session")
def effect_frames(service_portfolio):
    """The raw frames of the service that every run has: those that ``disclosure.protect`` has rules for."""
    return {name: service_portfolio.frames()[name] for name in PUBLIC_FRAMES}


@pytest.fixture(scope="session")
def service_run(service_portfolio, tmp_path_factory):
    """The run folder of the service: read it, never write to it."""
    return save_run(service_portfolio, tmp_path_factory.mktemp("runs") / "service")
