"""What else happened during follow-up: pseudo-reconvictions, birthdays, exits, custody and days at risk, one row an arm.

Takes what was observed of a design's units and gives the public frame ``follow_up``. Nothing of it is an effect: it says what
the follow-up of each arm was made of.
"""

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.frames import make_frame


def during_follow_up(
    observed: pd.DataFrame, treated: Flags, weight: Floats, *, programme: str, has_exits: bool = True
) -> pd.DataFrame:
    """Count, of the units of each arm that a design uses, those to whom something else happened during follow-up.

    Counts are of units and unweighted, means are weighted as effects are. Follow-up is that of the profile, up to the first
    exit; of a comparison child who enters the programme later it is not cut here.

    Parameters
    ----------
    observed : DataFrame
        One row a unit, with the columns ``n_pseudo``, ``turned_18_days``, ``exit_reason``, ``days_not_at_risk`` and
        ``days_at_risk`` of ``outcomes.events.OBSERVED``. The last two are empty where custody was not recorded.
    treated : (n,) booleans
        The arm of each unit.
    weight : (n,) floats
        Design weights; units of weight 0 are not counted.
    programme : str
        Its id.
    has_exits : bool
        False where exits were not recorded: then nobody knows who died or left.

    Returns
    -------
    DataFrame
        The public frame ``follow_up``: one row an arm, days in days.

    Examples
    --------
    >>> seen = {"n_pseudo": [2], "turned_18_days": [90.0], "exit_reason": [""]}
    >>> days = {"days_not_at_risk": [5.0], "days_at_risk": [360.0]}
    >>> frame = during_follow_up(pd.DataFrame(seen | days), np.array([True]), np.array([1.0]), programme="mentoring")
    >>> frame.loc[0, ["n_pseudo", "n_turned_18", "n_died", "n_custody"]].tolist()
    [1, 1, 0, 1]
    """
    used = weight > 0
    rows = []
    for arm, inside in (("treated", treated & used), ("comparison", ~treated & used)):
        rows.append({"arm": arm, **_of_arm(observed[inside], weight[inside], has_exits=has_exits)})
    return make_frame("follow_up", pd.DataFrame(rows).astype(object).assign(programme=programme))


def _of_arm(seen: pd.DataFrame, weight: Floats, *, has_exits: bool) -> dict[str, object]:
    reason = seen["exit_reason"].astype(str)
    aside = seen["days_not_at_risk"].to_numpy(dtype=np.float64)
    has_custody = not np.isnan(aside).any()
    return {
        "n": len(seen),
        "n_pseudo": int((seen["n_pseudo"] > 0).sum()),
        "n_turned_18": int(seen["turned_18_days"].notna().sum()),
        "n_died": int((reason == "died").sum()) if has_exits else None,
        "n_moved": int((~reason.isin(("", "died"))).sum()) if has_exits else None,
        "n_custody": int((aside > 0).sum()) if has_custody else None,
        "mean_days_at_risk": _mean(seen["days_at_risk"].to_numpy(dtype=np.float64), weight),
        "mean_days_not_at_risk": _mean(aside, weight),
    }


def _mean(days: Floats, weight: Floats) -> float | None:
    """Return the weighted mean; None of nobody, or where custody was not recorded."""
    return None if not days.size or np.isnan(days).any() else float(np.average(days, weights=weight))
