"""The passes over a Cox model's rows: likelihood, score, information and score residuals.

Takes rows in the order of their cells and gives sums over those at risk at each event time, by cumulative sums from the
last time to the first. Rows that enter late, or that lie in another stratum, leave the running sum at their entry; so its
rounding error is about 1e-16 of the largest sum met later on the line, not of the sum itself. It cannot see arms, designs
or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats
from yoseval.models.cox_sample import Lingering, Moments, Sample


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Sums over the events at each time, of which m_k are tied, of the increments of hazard they make.

    With denominators :math:`d_l = S - (l/m_k) D` and mean weight :math:`w` of the events: ``one`` is the sum of w / d,
    ``square`` of w / d^2; a ``fraction`` in the name means times l/m, at the corrected times only.
    """

    one: Floats  # (m,)
    one_fraction: Floats  # (t,)
    square: Floats  # (m,)
    square_fraction: Floats  # (t,)
    square_fraction_fraction: Floats  # (t,)


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One evaluation of the likelihood.

    Parameters
    ----------
    loglik : float
        Log partial likelihood.
    score, information : (p,), (p, p) floats
        Its first derivative, and minus its second.
    risk : (n,) floats
        Relative hazard, over the largest of the stratum.
    top : (s,) floats
        Logarithm of that largest, by stratum.
    hazard : (n,) floats
        Cumulative hazard each row was exposed to, at a relative hazard of 1.
    sums, dead : (p, m), (p, t) floats
        Weighted covariates summed over those at risk, and over the events at the corrected times.
    rates : Rates
        Increments of hazard.
    """

    loglik: float
    score: Floats
    information: Floats
    risk: Floats
    top: Floats
    hazard: Floats
    sums: Floats
    dead: Floats
    rates: Rates


def evaluate(sample: Sample, beta: Floats) -> Pass:
    """Compute the likelihood and its two derivatives at standardised coefficients, (p,) floats."""
    linear, top = _centred(sample, beta @ sample.columns)
    risk = np.exp(linear)
    rows = np.empty((beta.size + 1, linear.size))
    np.multiply(sample.weight, risk, out=rows[0])
    np.multiply(sample.columns, rows[0], out=rows[1:])
    whole, dead = _at_risk_sums(sample, rows)
    rates, log_sum = _rates(sample.moments, whole[0], dead[0])
    hazard = _exposure_of(sample, rates)
    own = sample.weight[sample.events]
    rows[1:] *= hazard
    return Pass(
        loglik=float(own @ linear[sample.events]) - log_sum,
        score=_score(sample, whole[1:], dead[1:], rates),
        information=rows[1:] @ sample.columns.T - _mean_squares(sample.moments, whole[1:], dead[1:], rates),
        risk=risk,
        top=top,
        hazard=hazard,
        sums=whole[1:],
        dead=dead[1:],
        rates=rates,
    )


def score_along(sample: Sample, found: Pass, factor: Floats) -> Floats:
    """Sum a factor, (m,), times the score of each event time: (p,) floats."""
    own = sample.weight[sample.events] * factor[sample.place[sample.events] - 1]
    rates = scaled_rates(sample.moments, found.rates, factor)
    return sample.columns[:, sample.events] @ own - (found.sums @ rates.one - found.dead @ rates.one_fraction)


def information_along(sample: Sample, found: Pass, factor: Floats) -> Floats:
    """Sum a factor, (m,), times the information of each event time: (p, p) floats."""
    rates = scaled_rates(sample.moments, found.rates, factor)
    weighted = sample.columns * (sample.weight * found.risk * _exposure_of(sample, rates))
    return weighted @ sample.columns.T - _mean_squares(sample.moments, found.sums, found.dead, rates)


def score_residuals(sample: Sample, found: Pass, factor: Floats | None = None) -> Floats:
    """Give the derivative of the score (times a factor of the event time, (m,)) in each weight, times the weight: (p, n)."""
    moments = sample.moments
    rates = found.rates if factor is None else scaled_rates(moments, found.rates, factor)
    mean_rate = mean_increments(sample, found, rates)
    kept = mean_rate.copy()
    kept[:, moments.tied] -= found.sums[:, moments.tied] * rates.square_fraction - found.dead * rates.square_fraction_fraction
    hazard = found.hazard if factor is None else _exposure_of(sample, rates)
    residuals = _exposure(sample, mean_rate, kept)
    # Column by column: no second array of p by n.
    for j, column in enumerate(sample.columns):
        residuals[j] -= column * hazard
        residuals[j] *= found.risk
    at = sample.place[sample.events] - 1
    own = sample.columns[:, sample.events] - expected_covariates(sample, found)[:, at]
    residuals[:, sample.events] += own if factor is None else own * factor[at]
    residuals *= sample.weight
    return residuals


def expected_covariates(sample: Sample, found: Pass) -> Floats:
    """Give the mean covariates of those at risk at each event time, averaged over Efron's denominators: (p, m)."""
    moments = sample.moments
    total = found.sums * found.rates.one
    total[:, moments.tied] -= found.dead * found.rates.one_fraction
    return total / np.where(moments.deaths > 0, moments.deaths, 1.0)


def mean_increments(sample: Sample, found: Pass, rates: Rates) -> Floats:
    """Sum increments of hazard times the mean covariates of those at risk, at each event time: (p, m)."""
    product: Floats = found.sums * rates.square
    product[:, sample.moments.tied] -= found.dead * rates.square_fraction
    return product


def scaled_rates(moments: Moments, rates: Rates, factor: Floats) -> Rates:
    """Multiply the increments at each event time by a factor, (m,)."""
    at = factor[moments.tied]
    return Rates(
        rates.one * factor,
        rates.one_fraction * at,
        rates.square * factor,
        rates.square_fraction * at,
        rates.square_fraction_fraction * at,
    )


def _centred(sample: Sample, linear: Floats) -> tuple[Floats, Floats]:
    """Take the largest linear predictor of each stratum from its rows: no overflow, and strata do not drown each other."""
    top = np.maximum.reduceat(linear, sample.blocks)
    if top.size == 1:
        return linear - top[0], top
    return linear - np.repeat(top, np.diff(np.append(sample.blocks, linear.size))), top


def _at_risk_sums(sample: Sample, rows: Floats) -> tuple[Floats, Floats]:
    """Sum rows, (q, n), over those at risk at each time, (q, m), and over the events at the corrected times, (q, t)."""
    moments = sample.moments
    if sample.enter is None and moments.tied.size == 0 and 4 * sample.filled.size > sample.cell.size:
        whole, dead = _sums_row_by_row(sample, rows), np.zeros((len(rows), 0))
    else:
        whole, dead = _sums_by_cell(sample, rows)
    if sample.lingering is not None:
        whole += _lingering_sums(sample, sample.lingering, rows[:, sample.lingering.rows])
    return whole, dead


def _sums_by_cell(sample: Sample, rows: Floats) -> tuple[Floats, Floats]:
    moments = sample.moments
    whole, dead = np.empty((len(rows), moments.size.size)), np.empty((len(rows), moments.tied.size))
    for j, row in enumerate(rows):
        cells = np.zeros(2 * moments.size.size + 1)
        cells[sample.filled] = np.add.reduceat(row, sample.starts)
        dead[j] = cells[2 * moments.tied + 1]
        if sample.enter is not None:
            cells[::2] -= np.bincount(sample.enter, row, moments.size.size + 1)
        whole[j] = np.cumsum(cells[::-1])[-2::-2]
    return whole, dead


def _sums_row_by_row(sample: Sample, rows: Floats) -> Floats:
    """Sum where nearly every row has a cell of its own: gathering cells would cost more than it saves."""
    first = sample.starts[sample.filled % 2 == 1]
    whole = np.empty((len(rows), first.size))
    for j, row in enumerate(rows):
        whole[j] = np.cumsum(row[::-1])[row.size - 1 - first]
    return whole


def _lingering_sums(sample: Sample, lingering: Lingering, rows: Floats) -> Floats:
    """Sum rows over those past their competing event, each with the share it keeps: (q, m)."""
    groups, m = lingering.level.shape
    # Someone who has reached k times lingers from the next on.
    cell = lingering.group * (m + 1) + sample.place[lingering.rows]
    found = np.empty((rows.shape[0], m))
    for total, row in zip(found, rows * lingering.inverse, strict=True):
        gathered = np.bincount(cell, row, groups * (m + 1)).reshape(groups, m + 1)
        total[:] = (np.cumsum(gathered, axis=1)[:, :-1] * lingering.level).sum(axis=0)
    return found


def _rates(moments: Moments, whole: Floats, dead: Floats) -> tuple[Rates, float]:
    """Give the increments of hazard and the sum over events of mean weight times log denominator."""
    some, tied, fraction = moments.deaths > 0, moments.tied, moments.fraction
    denominator = np.where(some, whole, 1.0)
    one, logs = moments.deaths / denominator, moments.deaths * np.log(denominator)
    square = one / denominator
    if tied.size == 0:
        none = np.zeros(0)
        return Rates(one, none, square, none, none), float(logs.sum())
    size, begins = moments.size[tied], moments.tied_starts
    share = np.repeat(moments.deaths[tied] / size, size)
    each = np.repeat(whole[tied], size) - fraction * np.repeat(dead, size)
    logs[tied] = np.add.reduceat(share * np.log(each), begins)
    rate = share / each
    one[tied] = np.add.reduceat(rate, begins)
    one_fraction = np.add.reduceat(rate * fraction, begins)
    rate /= each
    square[tied] = np.add.reduceat(rate, begins)
    rate *= fraction
    square_fraction = np.add.reduceat(rate, begins)
    rate *= fraction
    return Rates(one, one_fraction, square, square_fraction, np.add.reduceat(rate, begins)), float(logs.sum())


def _kept(moments: Moments, total: Floats, lost: Floats) -> Floats:
    """Give what a unit with the event keeps of each increment: all but Efron's share of the tied events."""
    kept = total.copy()
    kept[moments.tied] -= lost
    return kept


def _score(sample: Sample, sums: Floats, dead: Floats, rates: Rates) -> Floats:
    found: Floats = sample.observed - (sums @ rates.one - dead @ rates.one_fraction)
    return found


def _mean_squares(moments: Moments, sums: Floats, dead: Floats, rates: Rates) -> Floats:
    """Sum over events of mean weight times the outer square of the mean covariates."""
    cross = (sums[:, moments.tied] * rates.square_fraction) @ dead.T
    found: Floats = (sums * rates.square) @ sums.T - cross - cross.T + (dead * rates.square_fraction_fraction) @ dead.T
    return found


def _exposure_of(sample: Sample, rates: Rates) -> Floats:
    kept = _kept(sample.moments, rates.one, rates.one_fraction)
    hazard: Floats = _exposure(sample, rates.one[None, :], kept[None, :])[0]
    return hazard


def _exposure(sample: Sample, increments: Floats, kept: Floats) -> Floats:
    """Sum increments, (q, m), over each row's time at risk, (q, n); at its own event a row meets only what is ``kept``."""
    found = np.empty((len(increments), sample.cell.size))
    by_cell = np.zeros(2 * increments.shape[1] + 1)
    for j, (row, own) in enumerate(zip(increments, kept, strict=True)):
        np.cumsum(row, out=by_cell[2::2])
        by_cell[1::2] = by_cell[:-1:2] + own
        found[j] = by_cell[sample.cell]
        if sample.enter is not None:
            found[j] -= by_cell[::2][sample.enter]
    if sample.lingering is not None:
        found[:, sample.lingering.rows] += _lingering_exposure(sample, sample.lingering, increments)
    return found


def _lingering_exposure(sample: Sample, lingering: Lingering, increments: Floats) -> Floats:
    """Sum increments after each lingering row's own time, with the share it keeps: (q, c)."""
    place = sample.place[lingering.rows]
    found = np.empty((increments.shape[0], place.size))
    for total, row in zip(found, increments, strict=True):
        after = np.zeros((lingering.level.shape[0], row.size + 1))
        after[:, :-1] = np.cumsum((lingering.level * row)[:, ::-1], axis=1)[:, ::-1]
        total[:] = after[lingering.group, place] * lingering.inverse
    return found
