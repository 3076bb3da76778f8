"""A logistic regression with clusters: statsmodels' numbers, and those of the influence values."""

import numpy as np
import pytest
import statsmodels.api as sm

from yoseval.errors import EstimationError
from yoseval.models.clustered_logit import fit_clustered_logit
from yoseval.models.glm import fit_logit
from yoseval.models.variance import clustered_sandwich


@pytest.fixture
def rows():
    rng = np.random.default_rng(8)
    x = np.column_stack([rng.normal(size=(900, 3)), rng.random((900, 2)) < 0.3]).astype(float)
    cluster = rng.integers(10, 130, 900)
    y = rng.random(900) < 1 / (1 + np.exp(0.3 - x[:, 0] - rng.normal(size=130)[cluster]))
    return x, y, cluster, rng.uniform(0.5, 2.0, 900)


def test_coefficients_and_covariance_are_those_of_statsmodels(rows):
    x, y, cluster, _ = rows

    found = fit_clustered_logit(x, y, cluster)

    model = sm.Logit(y.astype(float), sm.add_constant(x))
    peer = model.fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": cluster})
    assert found.coefficients == pytest.approx(peer.params, abs=1e-8)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(peer.bse, rel=1e-6)
    assert found.covariance == pytest.approx(peer.cov_params(), rel=1e-6, abs=1e-10)


def test_with_weights_it_is_the_sandwich_of_the_influence_values(rows):
    x, y, cluster, weight = rows

    found = fit_clustered_logit(x, y, cluster, weight)

    groups = len(np.unique(cluster))
    plain = clustered_sandwich(fit_logit(x, y, weight).influence, cluster)
    assert found.covariance == pytest.approx(plain * groups / (groups - 1) * 899 / 894, rel=1e-10)
    assert found.n_clusters == groups


@pytest.mark.parametrize("name", [lambda c: c * 10**9, lambda c: np.array([f"court {k}" for k in c]), lambda c: -c])
def test_names_of_clusters_do_not_matter(rows, name):
    x, y, cluster, _ = rows

    named = fit_clustered_logit(x, y, name(cluster))

    assert named.covariance == pytest.approx(fit_clustered_logit(x, y, cluster).covariance, rel=1e-10)


def test_one_cluster_is_refused(rows):
    x, y, _, _ = rows

    with pytest.raises(EstimationError, match="needs two clusters"):
        fit_clustered_logit(x, y, np.zeros(900, dtype=int))
