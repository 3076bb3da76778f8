"""The public frames that only some designs have: what their ties decide, and balance across imputations."""

from collections.abc import Sequence

import pandas as pd

from yoseval.evaluation.finding import Outcome
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import join_frames
from yoseval.sensitivity.ties import TieSensitivity, distance_range


def closer_frames(trials: Sequence[EmulatedTrial], outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the frames ``ties`` and ``imputed_balance``, where a programme has any.

    Parameters
    ----------
    trials : sequence of EmulatedTrial
        The locked trials.
    outcomes : sequence of Outcome
        What was estimated for them; empty before outcomes are opened, when distances are all there is to tell.

    Returns
    -------
    dict of str to DataFrame
    """
    opened = {o.estimate.programme: o.ties for o in outcomes if o.ties is not None}
    ties = [told.to_frame() for t in trials if (told := opened.get(t.protocol.programme) or _blind(t)) is not None]
    imputed = [t.imputed.to_frame() for t in trials if t.imputed is not None]
    found = {"ties": ties, "imputed_balance": imputed}
    return {name: join_frames(name, frames) for name, frames in found.items() if frames}


def _blind(trial: EmulatedTrial) -> TieSensitivity | None:
    return distance_range(trial.design, trial.reordered) if trial.design is not None and trial.reordered else None
