"""Inverse-probability weights: options, who leaves, derivatives and refits."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from yoseval.cohort.covariates import code_covariates
from yoseval.design.ipw import IpwOptions, ipw_weighting
from yoseval.design.methods import build_design
from yoseval.design.score_weights import score_weights
from yoseval.errors import UsageError

COVARIATES = ("age", "prior", "area", "sex")


@pytest.fixture
def coded(frame):
    return code_covariates(frame, COVARIATES), frame["started"].to_numpy() == 1


def change(weighting, treated, options, matrix):
    """Influence on the mean of a column, weights as estimated, against a jackknife that does everything again."""
    w, y = weighting.weight, matrix.values[:, 1] + matrix.values[:, 0]
    everybody = np.arange(len(y))

    def contrast(kept, weight):
        arm = treated[kept]
        return np.average(y[kept][arm], weights=weight[arm]) - np.average(y[kept][~arm], weights=weight[~arm])

    slope = np.zeros(len(y))
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        slope[arm] = sign * (y[arm] - np.average(y[arm], weights=w[arm])) / w[arm].sum()
    corrected = w * slope + weighting.estimation.influence @ (weighting.estimation.gradient.T @ slope)
    value = contrast(everybody, w)
    again = [value - contrast(kept, weighting.reweight(kept)) for kept in (np.delete(everybody, i) for i in everybody[::5])]
    return corrected[::5], np.array(again)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC"])
def test_weights_are_those_of_the_fitted_score(coded, estimand):
    matrix, treated = coded

    weighting = ipw_weighting(matrix, treated, IpwOptions(estimand))

    assert (weighting.weight == score_weights(weighting.score, treated, estimand)).all()
    assert (weighting.estimand, weighting.left) == (estimand, ())


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC"])
def test_stabilised_weights_are_in_proportion_and_sum_to_about_the_size_of_each_arm(coded, estimand):
    matrix, treated = coded

    plain = ipw_weighting(matrix, treated, IpwOptions(estimand)).weight
    stable = ipw_weighting(matrix, treated, IpwOptions(estimand, stabilize=True)).weight

    for arm in (treated, ~treated):
        assert np.ptp(stable[arm] / plain[arm]) < 1e-12
        assert stable[arm].sum() == pytest.approx(arm.sum(), rel=0.15)


def test_truncated_weights_lie_between_the_quantiles_and_nobody_leaves(coded):
    matrix, treated = coded
    plain = ipw_weighting(matrix, treated, IpwOptions("ATE")).weight

    cut = ipw_weighting(matrix, treated, IpwOptions("ATE", truncate=0.05)).weight

    assert (cut.min(), cut.max()) == tuple(np.quantile(plain, [0.05, 0.95]))
    assert (cut > 0).all()


def test_truncation_leaves_the_treated_at_one_for_the_att(coded):
    matrix, treated = coded

    cut = ipw_weighting(matrix, treated, IpwOptions("ATT", truncate=0.1)).weight

    assert (cut[treated] == 1).all()
    assert np.unique(cut[~treated]).size < np.unique(score_weights(cut / (1 + cut), treated, "ATT")).size + 1


@pytest.mark.parametrize("rule", ["crump", 0.02])
def test_who_is_trimmed_weighs_nothing_and_is_named(cohort, rule):
    design = build_design(cohort, "ipw", estimand="ATE", trim=rule)

    ((reason, who),) = design.weighting.left
    assert "score below" in reason
    assert ((design.weight == 0) == who).all()
    assert who.any()
    assert design.attrition["reason"].iloc[-1] == reason
    assert any("Trimmed by the propensity score" in n for n in design.notes)


def test_after_trimming_the_score_is_that_of_a_fit_on_the_kept_alone(cohort):
    design = build_design(cohort, "ipw", estimand="ATE", trim=0.02)
    kept = design.weight > 0

    matrix = code_covariates(cohort.units[kept], cohort.covariates)
    alone = ipw_weighting(matrix, cohort.treated[kept], IpwOptions("ATE"))

    assert design.weight[kept] == pytest.approx(alone.weight, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        IpwOptions("ATT"),
        IpwOptions("ATE", stabilize=True),
        IpwOptions("ATC"),
        IpwOptions("ATE", trim=0.02),
        IpwOptions("ATT", propensity="firth"),
        IpwOptions("ATT", propensity="ridge"),
    ],
    ids=["att", "ate, stabilised", "atc", "trimmed", "firth", "ridge"],
)
def test_the_correction_is_what_a_refit_without_each_unit_shows(coded, options):
    matrix, treated = coded

    corrected, again = change(ipw_weighting(matrix, treated, options), treated, options, matrix)

    # To first order in 1 / n.
    assert np.corrcoef(corrected, again)[0, 1] > 0.995
    assert np.linalg.norm(again) == pytest.approx(np.linalg.norm(corrected), rel=0.05)


def test_a_stabilised_weight_depends_on_the_share_treated_as_its_gradient_says(coded):
    matrix, treated = coded
    weighting = ipw_weighting(matrix, treated, IpwOptions("ATE", stabilize=True))
    plain = ipw_weighting(matrix, treated, IpwOptions("ATE")).weight

    assert weighting.estimation.gradient[:, -1] == pytest.approx(np.where(treated, plain, -plain), rel=1e-12)
    assert weighting.estimation.influence[:, -1].sum() == pytest.approx(0.0, abs=1e-12)


def test_a_learner_gives_weights_but_no_derivatives(coded):
    matrix, treated = coded

    weighting = ipw_weighting(matrix, treated, IpwOptions("ATT", propensity=LogisticRegression(max_iter=1000)))

    assert (weighting.estimation, weighting.reweight) == (None, None)
    assert any("takes the weights as known" in n for n in weighting.notes)


def test_boosting_is_a_model_like_another(cohort):
    design = build_design(cohort, "ipw", estimand="ATE", propensity="boosting")

    assert any("boosted trees" in n for n in design.notes)
    assert (design.weight > 0).all()


def test_reweighting_can_be_sent_to_another_process(coded):
    weighting = ipw_weighting(*coded, IpwOptions("ATE", trim=0.02, truncate=0.01))
    kept = np.arange(1, len(coded[1]))

    assert (pickle.loads(pickle.dumps(weighting.reweight))(kept) == weighting.reweight(kept)).all()


def test_whom_the_effect_is_about_is_noted(cohort):
    assert any("everybody in the study" in n for n in build_design(cohort, "ipw", estimand="ATE").notes)


@pytest.mark.parametrize(
    "options",
    [{"truncate": 0.7}, {"truncate": True}, {"stabilize": 1}, {"trim": "half"}, {"propensity": "oracle"}, {"estimand": "ATO"}],
)
def test_an_option_there_is_not_is_an_error(cohort, options):
    with pytest.raises(UsageError, match=r"'(truncate|stabilize|trim|propensity)' is|cannot be asked"):
        build_design(cohort, "ipw", **options)
