"""What linkage loss can do to an effect: bounds of a risk difference when some children could not be linked.

Takes risks among the linked and the shares linked and gives two limits. No model of who is lost: the first bound
assumes nothing, the second only what is declared.
"""

from yoseval.errors import UsageError


def linkage_bounds(
    risk_treated: float,
    risk_comparison: float,
    linked_share_treated: float,
    linked_share_comparison: float,
    *,
    ratio: float | None = None,
) -> tuple[float, float]:
    r"""Bound the risk difference of all children when the outcomes of those not linked are unknown.

    With risk :math:`r_a` among the linked of arm :math:`a` and share linked :math:`s_a`, the risk of the whole arm lies in

    .. math:: [\, s_a r_a + (1 - s_a)\, l_a ,\; s_a r_a + (1 - s_a)\, u_a \,] ,

    with :math:`l_a = 0, u_a = 1` when nothing is assumed, and :math:`l_a = r_a / \rho, u_a = \min(1, \rho r_a)` when the
    risk of the unlinked is declared to be at most :math:`\rho` times, and at least one :math:`\rho`-th of, that of the
    linked. The bounds of the difference put the arms at opposite ends. They hold for the children who should have been
    linked; sampling error comes on top, and a false link is not covered.

    Parameters
    ----------
    risk_treated, risk_comparison : float
        Share with the outcome among the linked children of each arm, 0 to 1.
    linked_share_treated, linked_share_comparison : float
        Share of each arm that was linked, above 0 and at most 1.
    ratio : float, optional
        The declared :math:`\rho`, at least 1; without it the worst case is taken.

    Returns
    -------
    tuple of float
        Lower and upper bound of treated minus comparison, as proportions.

    Raises
    ------
    UsageError
        If a risk or a share lies outside its range, or the ratio is below 1.

    References
    ----------
    manski1990 : Manski (1990), American Economic Review 80(2), 319-323: bounds that use no assumption about the missing.

    Examples
    --------
    >>> low, high = linkage_bounds(0.40, 0.50, 0.9, 0.8)
    >>> round(low, 3), round(high, 3)
    (-0.24, 0.06)
    >>> low, high = linkage_bounds(0.40, 0.50, 0.9, 0.8, ratio=1.5)
    >>> round(low, 3), round(high, 3)
    (-0.163, -0.047)
    """
    _require_usable((risk_treated, risk_comparison), (linked_share_treated, linked_share_comparison), ratio)
    low_treated, high_treated = _risk_bounds(risk_treated, linked_share_treated, ratio)
    low_comparison, high_comparison = _risk_bounds(risk_comparison, linked_share_comparison, ratio)
    return low_treated - high_comparison, high_treated - low_comparison


def _risk_bounds(risk: float, share: float, ratio: float | None) -> tuple[float, float]:
    low, high = (0.0, 1.0) if ratio is None else (risk / ratio, min(1.0, risk * ratio))
    return share * risk + (1 - share) * low, share * risk + (1 - share) * high


def _require_usable(risks: tuple[float, float], shares: tuple[float, float], ratio: float | None) -> None:
    if not all(0 <= r <= 1 for r in risks):
        raise UsageError(f"The risks are {risks[0]:g} and {risks[1]:g}; risks are proportions from 0 to 1.")
    if not all(0 < s <= 1 for s in shares):
        raise UsageError(f"The shares linked are {shares[0]:g} and {shares[1]:g}; they lie above 0 and at most at 1.")
    if ratio is not None and not ratio >= 1:
        raise UsageError(f"The ratio is {ratio:g}; it is at least 1.", "Give how many times as high the risk may be.")
