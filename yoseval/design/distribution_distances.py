"""How far two weighted groups lie apart as wholes: overlap of densities, and energy distance over all covariates.

Takes arrays and weights; gives numbers. Means can agree where distributions do not: these see that.
"""

import numpy as np
from scipy.spatial.distance import cdist

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.spreads import standard_deviations

GRID = 1024  # points of the density's grid
REACH = 4.0  # bandwidths beyond the outermost values
MOST = 5000  # units of an arm that energy distance looks at
BLOCK = 512  # rows of distances held at once


def overlap_coefficient(column: Floats, treated: Flags, weight: Floats, *, is_flag: bool) -> float:
    r"""Return the area shared by the two arms' distributions of one column, from 0 to 1.

    .. math:: OVL = \int \min\{f_1(x), f_0(x)\}\, dx

    Of a 0/1 column this is :math:`1 - |p_1 - p_0|`. Of a number the densities are Gaussian kernel estimates on one grid, each
    with Silverman's bandwidth for its arm's weighted SD and effective size.

    Parameters
    ----------
    column : (n,) floats
        One covariate.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more, something in each arm.
    is_flag : bool
        True for a column of 0 and 1.

    Returns
    -------
    float
        1 = the same; not a number where an arm's values do not vary and the other's do.

    References
    ----------
    inman1989 : Inman and Bradley (1989), Communications in Statistics 18(10), 3851-3874.
    silverman1986 : Silverman (1986), Density Estimation, equation 3.31.

    Examples
    --------
    >>> flags = np.array([1.0, 0.0, 1.0, 1.0])
    >>> overlap_coefficient(flags, np.array([True, True, False, False]), np.ones(4), is_flag=True)
    0.5
    """
    arms = [(column[a & (weight > 0)], weight[a & (weight > 0)]) for a in (treated, ~treated)]
    if is_flag:
        shares = [w @ x / w.sum() for x, w in arms]
        return 1.0 - abs(float(shares[0] - shares[1]))
    widths = [_bandwidth(x, w) for x, w in arms]
    if min(widths) <= 0:
        same = max(widths) <= 0 and arms[0][0][0] == arms[1][0][0]
        return 1.0 if same else (0.0 if max(widths) <= 0 else float("nan"))
    low = min(float(x.min()) for x, _ in arms) - REACH * max(widths)
    high = max(float(x.max()) for x, _ in arms) + REACH * max(widths)
    grid, step = np.linspace(low, high, GRID, retstep=True)
    densities = [_density(x, w, grid, float(step), h) for (x, w), h in zip(arms, widths, strict=True)]
    return float(np.minimum(*densities).sum() * step)


def energy_distance(x: Floats, treated: Flags, weight: Floats, *, most: int = MOST, seed: int = 0) -> float:
    r"""Return the weighted energy distance between the arms over all columns, each divided by its SD.

    .. math:: 2 \sum_{ij} w_i v_j \lVert x_i - y_j \rVert - \sum_{ij} w_i w_j \lVert x_i - x_j \rVert
              - \sum_{ij} v_i v_j \lVert y_i - y_j \rVert

    with weights that sum to one in each arm. It is zero only where the two joint distributions are one. Of an arm with more
    than ``most`` units of some weight that many are drawn, without replacement: time grows with ``most`` squared and no
    further. Distances are made block by block.

    Parameters
    ----------
    x : (n, k) floats
        Columns.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more, something in each arm.
    most : int
        Units of an arm that have a weight above zero, beyond which it is sampled.
    seed : int
        Of the sampling.

    Returns
    -------
    float
        Zero or more.

    References
    ----------
    huling2024 : Huling and Mak (2024), Journal of Causal Inference 12(1), 20220029, equation 5.
    szekely2013 : Székely and Rizzo (2013), Journal of Statistical Planning and Inference 143(8), 1249-1272.

    Examples
    --------
    >>> energy_distance(np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([True, True, False, False]), np.ones(4))
    0.0
    """
    spread = standard_deviations(x)
    z = x[:, spread > 0] / spread[spread > 0]
    rng = np.random.default_rng(seed)
    # Units of weight zero count for nothing: drawn among them, a few matched of many would hardly be seen.
    places = [_sampled(np.flatnonzero(arm & (weight > 0)), most, rng) for arm in (treated, ~treated)]
    arms = [(z[p], weight[p] / weight[p].sum()) for p in places]
    between = _mean_distance(*arms[0], *arms[1])
    within = [_mean_distance(points, share, points, share) for points, share in arms]
    return max(2.0 * between - within[0] - within[1], 0.0)


def _bandwidth(x: Floats, w: Floats) -> float:
    mean = float(np.average(x, weights=w))
    sd = float(np.sqrt(np.average((x - mean) ** 2, weights=w)))
    effective = float(w.sum()) ** 2 / float(w @ w)
    return 1.06 * sd * effective**-0.2 if sd > 1e-12 * max(abs(mean), 1e-300) else 0.0


def _density(x: Floats, w: Floats, grid: Floats, step: float, width: float) -> Floats:
    """Share each weight between the two nearest points of the grid, then smooth by a Gaussian kernel."""
    place = (x - grid[0]) / step
    left = np.clip(place.astype(np.int64), 0, GRID - 2)
    part = place - left
    mass = np.bincount(left, w * (1.0 - part), GRID) + np.bincount(left + 1, w * part, GRID)
    half = min(int(np.ceil(REACH * width / step)), GRID - 1)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / width) ** 2)
    smooth = np.convolve(mass, kernel / kernel.sum())[half : half + GRID]
    density: Floats = smooth / (smooth.sum() * step)
    return density


def _sampled(places: Indices, most: int, rng: np.random.Generator) -> Indices:
    return places if len(places) <= most else np.sort(rng.choice(places, most, replace=False))


def _mean_distance(x: Floats, over: Floats, y: Floats, under: Floats) -> float:
    total = 0.0
    for first in range(0, len(x), BLOCK):
        rows = slice(first, first + BLOCK)
        total += float(over[rows] @ (cdist(x[rows], y) @ under))
    return total
