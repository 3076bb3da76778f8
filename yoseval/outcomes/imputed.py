"""Estimate an effect within every imputation and pool by Rubin's rules.

Takes a follow-up and designs, one an imputation; gives one `Estimate`. How each estimate was made stays with
`estimate_effect`, limits and p-value with `models.intervals`.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from yoseval.arrays import Floats
from yoseval.design.imputed import Designs, ImputedDesigns
from yoseval.design.types import Design
from yoseval.models.intervals import interval
from yoseval.models.pooling import Pooled, pool_estimates
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import Estimate, FollowUp


def estimate_designs(
    followup: FollowUp, designs: Designs, measure: str, *, conf_level: float = 0.95, role: str = "primary", **how: Any
) -> Estimate:
    """Estimate the effect in one design, or in each of several imputations and pool.

    Parameters
    ----------
    followup, measure, conf_level, role
        As for ``estimate_effect``.
    designs : Design or ImputedDesigns
        Who counts, and how much.
    **how
        Further options of ``estimate_effect``, such as ``variance``.
    """
    if isinstance(designs, Design):
        return estimate_effect(followup, designs, measure, conf_level=conf_level, role=role, **how)
    return estimate_imputed_effect(followup, designs, measure, conf_level=conf_level, role=role, **how)


def estimate_imputed_effect(
    followup: FollowUp,
    imputed: ImputedDesigns,
    measure: str,
    *,
    conf_level: float = 0.95,
    role: str = "primary",
    **how: Any,
) -> Estimate:
    """Estimate the effect in every imputed design and pool.

    Parameters
    ----------
    followup : FollowUp
        The outcome.
    imputed : ImputedDesigns
        One design an imputation.
    measure : str
        A key of ``MEASURES``.
    conf_level : float
        Between 0 and 1.
    role : str
        ``primary``, ``secondary`` or ``check``.
    **how
        Further options of ``estimate_effect``, such as ``variance``.

    Returns
    -------
    Estimate
        Pooled; sizes are the smallest over imputations, values of the arms and influence are means, influence in the
        order of the first design.

    Raises
    ------
    UsageError, EstimationError
        As ``estimate_effect``.

    References
    ----------
    rubin1987 : Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3.
    barnard1999 : Barnard and Rubin (1999), Biometrika 86(4), 948-955.

    Examples
    --------
    >>> estimate_imputed_effect(followup, build_imputed_designs(cohort), "risk_difference")  # doctest: +SKIP
    """
    found = [estimate_effect(followup, d, measure, conf_level=conf_level, role=role, **how) for d in imputed.designs]
    scale = MEASURES[measure].scale
    values = np.array([np.log(e.estimate) if scale == "log" else e.estimate for e in found])
    pooled = pool_estimates(values, np.array([e.std_error for e in found]), complete_df=min(e.df for e in found))
    made = interval(pooled.estimate, pooled.std_error, pooled.df, conf_level=conf_level, scale=scale)
    return replace(
        found[0],
        estimate=float(np.exp(pooled.estimate)) if scale == "log" else pooled.estimate,
        std_error=made.std_error,
        df=made.df,
        conf_low=made.conf_low,
        conf_high=made.conf_high,
        p_value=made.p_value,
        interval=f"t, {made.df:.1f} df; Rubin's rules over {pooled.imputations} imputations",
        treated_value=float(np.mean([e.treated_value for e in found])),
        comparison_value=float(np.mean([e.comparison_value for e in found])),
        n_treated=min(e.n_treated for e in found),
        n_comparison=min(e.n_comparison for e in found),
        effective_n=min(e.effective_n for e in found),
        events_treated=min(e.events_treated for e in found),
        events_comparison=min(e.events_comparison for e in found),
        influence=_mean_influence(found, imputed),
        notes=(_missing_note(pooled), *dict.fromkeys(n for e in found for n in e.notes)),
    )


def _missing_note(pooled: Pooled) -> str:
    share = 100.0 * pooled.fraction_missing
    return f"Pooled over {pooled.imputations} imputations: {share:.0f} % of the information about this effect is missing."


def _mean_influence(found: list[Estimate], imputed: ImputedDesigns) -> Floats:
    """Average influence values unit by unit: imputations may order their units differently."""
    units = imputed.designs[0].cohort.units["unit_id"]
    total = np.zeros(len(units))
    for estimate, design in zip(found, imputed.designs, strict=True):
        own = pd.Series(estimate.influence, index=design.cohort.units["unit_id"].to_numpy())
        total += own.loc[units.to_numpy()].to_numpy()
    mean: Floats = total / len(found)
    return mean
