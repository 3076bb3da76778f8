"""A small service with a confounded, overlapping programme."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort


def service(n=300, seed=11):
    rng = np.random.default_rng(seed)
    age = rng.integers(10, 18, n).astype(float)
    prior = rng.poisson(1.0 + 0.2 * (age - 10)).astype(float)
    area = rng.choice(["north", "south", "west"], n)
    score = 1 / (1 + np.exp(-(-1.0 + 0.25 * (age - 14) + 0.3 * prior - 0.6 * (area == "west"))))
    columns = {"id": [f"c{i:04d}" for i in range(n)], "started": (rng.random(n) < score).astype(int)}
    return pd.DataFrame({**columns, "age": age, "prior": prior, "area": area, "sex": rng.choice(["f", "m"], n, p=[0.2, 0.8])})


@pytest.fixture
def frame():
    return service()


@pytest.fixture
def make_cohort():
    def make(frame, **changes):
        given = {"treated": "started", "id": "id", "covariates": ["age", "prior", "area", "sex"], **changes}
        return Cohort.from_frame(frame, **given)

    return make


@pytest.fixture
def cohort(frame, make_cohort):
    return make_cohort(frame)
