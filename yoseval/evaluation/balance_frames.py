"""How alike the groups are beyond the means: the public frames of a locked design on products, distributions and subgroups.

Takes a design, which is blind, and gives raw frames for the run folder, bounded in size. None has a part in the gate.
"""

from collections.abc import Sequence

import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.design.balance_details import distribution_balance, distribution_frame, interaction_balance, subgroup_balance
from yoseval.design.types import Design
from yoseval.errors import StudyError

MOST_PRODUCTS = 100
MOST_VALUES = 20


def balance_frames(design: Design, subgroups: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """Return what looks closer at the balance of a design.

    Parameters
    ----------
    design : Design
        Units and weights.
    subgroups : sequence of str
        Declared columns within whose values the groups are compared.

    Returns
    -------
    dict of str to DataFrame
        ``interactions``, the ``MOST_PRODUCTS`` squares and products that differ most after the design;
        ``distribution_balance``; ``distributions``; and ``subgroup_balance`` where subgroups are declared. Nothing where there
        are no covariates.

    Examples
    --------
    >>> balance_frames(build_design(cohort, "overlap"), ["sex"])["subgroup_balance"]  # doctest: +SKIP
    """
    if not design.cohort.covariates:
        return {}
    frames = {
        "interactions": _worst(interaction_balance(design), MOST_PRODUCTS),
        "distribution_balance": distribution_balance(design),
        "distributions": distribution_frame(design),
    }
    return {**frames, "subgroup_balance": subgroup_balance(design, subgroups)} if subgroups else frames


def require_few_values(cohort: Cohort, subgroups: Sequence[str]) -> None:
    """Refuse a column to look within that has too many values to be one of groups.

    Parameters
    ----------
    cohort : Cohort
        Units at time zero.
    subgroups : sequence of str
        Declared columns.

    Raises
    ------
    StudyError
        If one has more than ``MOST_VALUES`` values.
    """
    for column in subgroups:
        found = int(cohort.units[column].nunique(dropna=False))
        if found > MOST_VALUES:
            raise StudyError(
                f"'{column}' in [design] subgroups has {found} values, and a column of groups has at most {MOST_VALUES}.",
                "Leave it out, or put its values into groups in a column of their own.",
            )


def _worst(interactions: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep the terms that differ most after the design, both before and after, in the order of that difference."""
    after = interactions.loc[interactions["sample"] == "after"].set_index("term")["std_mean_diff"].abs()
    order = after.sort_values(ascending=False, kind="stable").index[:most]
    place = interactions["term"].map(dict(zip(order, range(len(order)), strict=True)))
    kept = interactions.assign(place=place).dropna(subset=["place"])
    return kept.sort_values(["sample", "place"], ascending=[False, True], kind="stable").drop(columns="place")
