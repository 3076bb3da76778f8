"""A design of clones: every eligible unit stands in both arms at time zero.

Takes a cohort and gives a `Design` of two units for each of its units. The arms are the same children, so they balance by
construction; who follows which strategy, and what weights stand for those who do not, is settled once outcomes are open.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from yoseval.arrays import Texts
from yoseval.cohort.build import Cohort, in_content_order, next_step
from yoseval.design.propensity import fit_propensity
from yoseval.design.support import common_support
from yoseval.design.types import Design, Weighting

METHOD = "clone_censor"
STARTS, WAITS = "|starts", "|does not"
NOTE = (
    "Every eligible child stands in both groups at time zero; a copy leaves the group whose strategy the child no longer "
    "follows, and weights by a model of starting stand for those who left."
)


def clone_design(cohort: Cohort, *, estimand: str = "ATT") -> Design:
    """Put every unit of a cohort into both arms.

    Parameters
    ----------
    cohort : Cohort
        Units at time zero, ``treated`` being who entered within the days of grace.
    estimand : str
        ``ATT``: each child counts by its probability of entering; ``ATE``: all count alike.

    Returns
    -------
    Design
        Two units a child, of one ``person_id``.

    Raises
    ------
    DesignError
        If covariates separate those who entered from the others.

    References
    ----------
    cain2010 : Cain, Robins, Lanoy, Logan, Costagliola and Hernán (2010), International Journal of Biostatistics 6(2), 18.
    """
    cohort = _on_support(cohort)
    score = fit_propensity(cohort.matrix(), cohort.treated).score
    units = cohort.units.assign(_score=score)
    copies = [units.assign(treated=arm, unit_id=units["unit_id"] + mark) for arm, mark in ((True, STARTS), (False, WAITS))]
    cloned = in_content_order(pd.concat(copies, ignore_index=True), cohort.covariates)
    found = cloned["_score"].to_numpy(dtype=np.float64)
    own = replace(cohort, units=cloned.drop(columns="_score"))
    weighting = Weighting(
        weight=found if estimand == "ATT" else np.ones(found.size),
        set_id=np.full(found.size, -1, dtype=np.int64),
        score=found,
        estimand=estimand,
        notes=(NOTE,),
    )
    return Design(own, METHOD, {}, weighting, estimand, cohort.attrition, weighting.notes)


def _on_support(cohort: Cohort) -> Cohort:
    """Leave out, with its reason, whoever has nobody of the other arm in a category: no weight could stand for such a child."""
    support = common_support(cohort.matrix(), cohort.treated)
    flow = cohort.attrition
    for reason, gone in support.left:
        lost = [int((gone & arm).sum()) for arm in (cohort.treated, ~cohort.treated)]
        flow = next_step(flow, stage="design", reason=reason, lost_treated=lost[0], lost_comparison=lost[1])
    return replace(cohort, units=cohort.units[support.kept].reset_index(drop=True), attrition=flow)


def original_ids(unit_id: Texts) -> Texts:
    """Return the ids of the units behind clones; ids of other units stay."""
    return np.array([str(u).removesuffix(STARTS).removesuffix(WAITS) for u in unit_id], dtype=object)
