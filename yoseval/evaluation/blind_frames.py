"""What the trials of a study of records tell before any outcome is opened: the public frames of a run that rest on them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.protocol import Study
from yoseval.design.types import Design
from yoseval.evaluation.coexposure import coexposure_of_records
from yoseval.evaluation.losses import lost_frame
from yoseval.evaluation.outlook import count_started, outlook_frame
from yoseval.frames import join_frames
from yoseval.records.records import Records


def outlook_frames(
    records: Records, study: Study, trials: Sequence[BuiltTrial], scored: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return which programmes can be evaluated and when, and the flow from the extract to the eligible.

    Parameters
    ----------
    records : Records
        Validated records.
    study : Study
        Of records.
    trials : sequence of BuiltTrial
        Built from them.
    scored : mapping of DataFrame
        The raw frames ``delivery`` and ``delivery_notes``.

    Returns
    -------
    dict of str to DataFrame
        ``evaluability`` and ``attrition``.
    """
    started = count_started(records, trials)
    told = {"delivery": scored["delivery"], "notes": scored["delivery_notes"]}
    return {
        "evaluability": outlook_frame(trials, study, records.extract_date, started, **told),
        "attrition": join_frames("attrition", [t.flow for t in trials]),
    }


def blind_frames(
    records: Records,
    study: Study,
    trials: Sequence[BuiltTrial],
    scored: Mapping[str, pd.DataFrame],
    designs: Mapping[str, Design],
) -> dict[str, pd.DataFrame]:
    """Return the frames of ``outlook_frames``, who was lost, and other programmes of those who are compared.

    Parameters
    ----------
    records, study, trials, scored
        As for ``outlook_frames``.
    designs : mapping of str to Design
        The locked design of each programme that has one.

    Returns
    -------
    dict of str to DataFrame
        ``evaluability``, ``attrition``, ``lost`` and ``coexposure``.

    Examples
    --------
    >>> blind_frames(records, study, trials, scored_frames(records), designs)  # doctest: +SKIP
    """
    return {
        **outlook_frames(records, study, trials, scored),
        "lost": join_frames("lost", [lost_frame(t, designs.get(t.protocol.programme)) for t in trials]),
        "coexposure": coexposure_of_records(trials, records),
    }
