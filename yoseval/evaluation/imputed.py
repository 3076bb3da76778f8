"""What a trial whose missing covariates were imputed several times says of itself before outcomes are opened."""

from dataclasses import replace

import numpy as np

from yoseval.cohort.design_section import DesignSection
from yoseval.design.balance import Balance
from yoseval.design.imputed import ImputedDesigns


def across_imputations(imputed: ImputedDesigns) -> Balance:
    """Return the balance of the first imputation with the gate, and the largest differences, of all.

    Parameters
    ----------
    imputed : ImputedDesigns
        The designs.
    """
    first = imputed.balances[0]
    return replace(
        first,
        balanced=imputed.balanced,
        max_smd=imputed.max_smd,
        prognostic_smd=float(np.max([b.prognostic_smd for b in imputed.balances])),
        notes=tuple(dict.fromkeys(n for b in imputed.balances for n in b.notes)),
    )


def missing_notes(section: DesignSection, imputed: ImputedDesigns | None, not_recorded: str) -> tuple[str, ...]:
    """Say what became of what was not recorded.

    Parameters
    ----------
    section : DesignSection
        The protocol's design.
    imputed : ImputedDesigns or None
        The designs, where anything was imputed.
    not_recorded : str
        Which covariates were not always recorded; may be empty.
    """
    lacking = (f"Not always recorded: {not_recorded}.",) if not_recorded else ()
    if section.missing == "category":
        return tuple(f"{w} 'Not recorded' is a category of its own, balanced like the others." for w in lacking)
    if imputed is None:
        return (*lacking, "Nothing that this programme's comparison needs was missing, so nothing was imputed.")
    notes = (
        *lacking,
        f"What was not recorded was imputed {len(imputed.designs)} times by chained equations, from the other covariates and "
        "the group, and a design was built in each imputation. Outcomes have no part in it, since designs are locked before "
        "outcomes are opened: what imputed covariates have to do with the outcome may be understated, and differences in "
        "them be removed in part only.",
        f"{'The choice of method, the' if section.method == 'auto' else 'The'} balance of single terms, overlap, flow and "
        "curves are those of the first imputation. The gate is passed only if every imputation passes it; effects are pooled "
        "over all by Rubin's rules.",
    )
    estimands = sorted({d.estimand for d in imputed.designs})
    told = f"Imputations differ in how many could be matched, and so in whom the effect is about: {', '.join(estimands)}."
    return (*notes, told) if len(estimands) > 1 else notes
