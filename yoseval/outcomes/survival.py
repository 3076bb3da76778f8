"""Contrasts of the time to the outcome, and the curves of both arms.

Takes times, events, arms and weights and gives a contrast with influence values, or takes a follow-up and a design and
gives the public frame ``curves``. Events after the horizon are not looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.frames import make_frame
from yoseval.models.cox import fit_cox
from yoseval.models.curves import (
    clustered_survival_variance,
    kaplan_meier,
    number_at_risk,
    restricted_mean,
    restricted_mean_influence,
    survival_at,
    survival_influence,
)
from yoseval.models.incidence import clustered_incidence_variance, cumulative_incidence, incidence_at
from yoseval.models.intervals import limits
from yoseval.models.many_curves import survival_of_many
from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_ratio
from yoseval.outcomes.clusters import cluster_codes, degrees_of_freedom
from yoseval.outcomes.contrast import Sample, align_followup
from yoseval.outcomes.types import Contrast, FollowUp

_ROUND = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_TABLE_STEPS = 6.0


def survival_difference(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Subtract the comparison arm's share without the outcome at the horizon from the treated arm's.

    .. math:: SD(t) = \hat S_1(t) - \hat S_0(t)

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring.
    event : (n,) booleans
        True where the event happened at ``time``; an event at exactly the horizon counts.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up.

    Returns
    -------
    Contrast
        Positive = more without the outcome in the treated arm.

    Raises
    ------
    EstimationError
        If an arm is empty, or nobody in it was followed to the horizon.

    References
    ----------
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, section 17.1.
    """
    return difference(*(_free_at(time, event, weight * arm, horizon) for arm in (treated, ~treated)))


def restricted_mean_difference(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Subtract the comparison arm's mean time without the outcome, up to the horizon, from the treated arm's.

    .. math:: \int_0^{\tau} \hat S_1(t) - \hat S_0(t)\,dt

    It needs no proportional hazards and is read in days, weeks or months. Without weights its standard error is the
    one that R's ``survfit`` prints; with weights, R treats them there as numbers of units, and this does not.

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``survival_difference``.

    Returns
    -------
    Contrast
        Positive = longer without the outcome in the treated arm.

    Raises
    ------
    EstimationError
        If an arm is empty, or nobody in it was followed to the horizon.

    References
    ----------
    royston2013 : Royston and Parmar (2013), BMC Medical Research Methodology 13:152.
    """
    return difference(*(_mean_time(time, event, weight * arm, horizon) for arm in (treated, ~treated)))


def restricted_mean_ratio(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Divide the treated arm's mean time without the outcome, up to the horizon, by the comparison arm's; a logarithm.

    .. math:: \log \int_0^{\tau} \hat S_1(t)\,dt - \log \int_0^{\tau} \hat S_0(t)\,dt

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``survival_difference``.

    Returns
    -------
    Contrast
        Above 0 = longer without the outcome in the treated arm; the values of the arms are times.

    Raises
    ------
    EstimationError
        If an arm is empty, everybody in it has the outcome at once, or nobody in it was followed to the horizon.

    References
    ----------
    royston2013 : Royston and Parmar (2013), BMC Medical Research Methodology 13:152.
    """
    means = [_mean_time(time, event, weight * arm, horizon) for arm in (treated, ~treated)]
    if min(mean.value for mean in means) <= 0.0:
        raise EstimationError("A ratio needs some time without the outcome in both arms.", "Choose the difference.")
    return log_ratio(*means)


def hazard_ratio(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit a Cox model of the arm alone, ties by Efron; the value is the logarithm of the hazard ratio.

    .. math:: \lambda_1(t) = e^{\beta} \lambda_0(t)

    Follow-up ends at the horizon. The ratio is non-collapsible and presumes proportional hazards: never a headline.

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``survival_difference``.

    Returns
    -------
    Contrast
        The arms have no values of their own.

    Raises
    ------
    EstimationError
        If an arm is empty or has no event by the horizon, or no finite maximum exists.

    References
    ----------
    cox1972 : Cox (1972), JRSS B 34(2), 187-220.
    efron1977 : Efron (1977), JASA 72(359), 557-565.
    """
    require_events(time, event, treated, weight, horizon)
    fit = fit_cox(np.minimum(time, horizon), event & (time <= horizon), treated[:, None].astype(np.float64), weight)
    return Contrast(float(fit.coefficients[0]), fit.influence[:, 0], np.nan, np.nan)


def shares_without(time: Floats, event: Flags, weights: Floats, horizon: float) -> Floats:
    """Return one arm's share without the outcome under each set of weights, (r,) floats; NaN where there is none."""
    return survival_of_many(time, event, weights, horizon).at_horizon


def mean_times(time: Floats, event: Flags, weights: Floats, horizon: float) -> Floats:
    """Return one arm's mean time without the outcome under each set of weights, (r,) floats; NaN where there is none."""
    return survival_of_many(time, event, weights, horizon).restricted_mean


def _free_at(time: Floats, event: Flags, weight: Floats, horizon: float) -> ArmMean:
    level = float(survival_at(kaplan_meier(time, event, weight), np.array([horizon]))[0])
    return ArmMean(level, survival_influence(time, event, weight, horizon))


def _mean_time(time: Floats, event: Flags, weight: Floats, horizon: float) -> ArmMean:
    mean = restricted_mean(kaplan_meier(time, event, weight), horizon)
    return ArmMean(mean, restricted_mean_influence(time, event, weight, horizon))


def require_events(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> None:
    """Refuse a ratio of hazards where an arm has no event by the horizon.

    Raises
    ------
    EstimationError
        Saying which arm has none.
    """
    seen = event & (time <= horizon) & (weight > 0)
    for arm, name in ((treated, "treated"), (~treated, "comparison")):
        if not (seen & arm).any():
            raise TooFewEventsError(
                f"A hazard ratio needs events in both arms; the {name} arm has none.", "Choose the risk difference."
            )


def survival_curves(followup: FollowUp, design: Design, *, competing: bool = False, conf_level: float = 0.95) -> pd.DataFrame:
    """Give the share with the outcome over time in both arms, with limits and numbers at risk.

    Rows of the kind ``curve`` stand at 0, at each distinct event time of the arm and at the horizon; rows of the kind
    ``at_risk`` at about six round times, with the numbers still followed. Limits are made on the log(-log) scale with
    the clusters of the design, corrected for estimated weights, and the t quantile of the effects.

    Parameters
    ----------
    followup : FollowUp
        The outcome.
    design : Design
        Who counts, and how much.
    competing : bool
        True where other events compete with the outcome (cumulative incidence by Aalen and Johansen), and do not censor it.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    DataFrame
        The public frame ``curves``; counts are unweighted.

    Raises
    ------
    EstimationError
        If an arm is empty, the follow-up has no causes although others compete, or nobody in it was followed to the horizon.

    References
    ----------
    kalbfleisch2002 : Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, section 1.4.
    """
    sample = align_followup(followup, design)
    if competing and sample.cause is None:
        raise EstimationError("The follow-up does not tell what competes with the outcome.", "Give its causes.")
    df = degrees_of_freedom(sample.weight, design.treated)
    codes = cluster_codes(design)
    read = _incidence_curve if competing else _survival_curve
    parts = []
    for name, arm in (("treated", design.treated), ("comparison", ~design.treated)):
        parts.append(_curve_rows(read, sample, design, arm=arm, codes=codes, df=df, conf_level=conf_level).assign(arm=name))
        parts.append(_at_risk_rows(sample, arm & (sample.weight > 0)).assign(arm=name))
    rows = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    named = {"programme": design.cohort.programme, "outcome": followup.outcome, "time_unit": followup.time_unit}
    return make_frame("curves", rows.assign(**named))


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """The share free of the outcome in one arm at k times with its variance, and the events at each of m event times."""

    times: Floats
    free: Floats
    variance: Floats
    moments: Floats
    n_events: Indices


def _curve_rows(
    read: Callable[[Sample, Design, Floats, Indices], _Curve],
    sample: Sample,
    design: Design,
    *,
    arm: Flags,
    codes: Indices,
    df: float,
    conf_level: float,
) -> pd.DataFrame:
    weight = sample.weight * arm
    curve = read(sample, design, weight, codes)
    low, high = limits(curve.free, np.sqrt(curve.variance), df, conf_level=conf_level, scale="loglog")
    return pd.DataFrame(
        {
            "kind": "curve",
            "time": curve.times,
            "incidence": 1.0 - curve.free,
            "conf_low": 1.0 - high,
            "conf_high": 1.0 - low,
            "n_at_risk": number_at_risk(sample.time, (weight > 0).astype(np.float64), curve.times).astype(np.int64),
            "n_events": _events_at(curve),
        }
    )


def _survival_curve(sample: Sample, design: Design, weight: Floats, codes: Indices) -> _Curve:
    found = kaplan_meier(sample.time, sample.event, weight)
    times = _times_of(found.time, sample.horizon)
    slope, moved = _through_weights(design, codes)
    variance = clustered_survival_variance(
        sample.time, sample.event, weight, codes, times, gradient=slope, parameter_influence=moved
    )
    return _Curve(times, survival_at(found, times), variance, found.time, found.n_events)


def _incidence_curve(sample: Sample, design: Design, weight: Floats, codes: Indices) -> _Curve:
    assert sample.cause is not None  # the caller looked
    found = cumulative_incidence(sample.time, sample.cause, weight)
    happened = found.n_events[:, 0] > 0
    times = _times_of(found.time[happened], sample.horizon)
    slope, moved = _through_weights(design, codes)
    variance = clustered_incidence_variance(
        sample.time, sample.cause, weight, codes, times, gradient=slope, parameter_influence=moved
    )
    return _Curve(times, 1.0 - incidence_at(found, 1, times), variance, found.time[happened], found.n_events[happened, 0])


def _times_of(moments: Floats, horizon: float) -> Floats:
    return np.unique(np.concatenate(([0.0], moments[moments <= horizon], [horizon])))


def _through_weights(design: Design, codes: Indices) -> tuple[Floats | None, Floats | None]:
    """Return the weights' derivative in their parameters and the clusters' influence on these; None where weights are known."""
    estimation = design.weighting.estimation
    if estimation is None:
        return None, None
    by_cluster = np.zeros((int(codes.max()) + 1, estimation.influence.shape[1]))
    np.add.at(by_cluster, codes, estimation.influence)
    return estimation.gradient, by_cluster


def _events_at(curve: _Curve) -> Indices:
    found = np.zeros(curve.times.size, dtype=np.int64)
    within = curve.moments <= curve.times[-1]
    found[np.searchsorted(curve.times, curve.moments[within])] = curve.n_events[within]
    return found


def _at_risk_rows(sample: Sample, used: Flags) -> pd.DataFrame:
    times = _round_times(sample.horizon)
    counts = number_at_risk(sample.time, used.astype(np.float64), times).astype(np.int64)
    return pd.DataFrame({"kind": "at_risk", "time": times, "n_at_risk": counts})


def _round_times(horizon: float) -> Floats:
    """Choose round times from 0, about six steps of them up to the horizon."""
    magnitude = 10.0 ** np.floor(np.log10(horizon / _TABLE_STEPS))
    steps = magnitude * np.array([*_ROUND, 10.0])
    step = steps[np.argmin(np.abs(np.log(horizon / steps / _TABLE_STEPS)))]
    times: Floats = step * np.arange(np.floor(horizon / step * (1.0 + 1e-9)) + 1.0)
    return times
