"""The linkage report as tidy frames: the spread of match weights, who was lost, and how right the links are.

Takes scored pairs and group labels and gives small frames of counts and shares. Counts are exact: they pass
disclosure control before anybody outside the service sees them.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from yoseval.records.schema import TABLES
from yoseval.vocabulary import COLUMNS, Column

BIN_WIDTH = 2.0
NOT_RECORDED = "not recorded"

#: The columns of the linkage frames that the vocabulary does not have yet, and the frames.
LINKAGE_COLUMNS: Mapping[str, Column] = {
    "comparison": Column("text", "what is compared: forename, surname, date_of_birth, postcode or sex"),
    "level": Column("text", "how far two records agree on it, in words; or one group of children"),
    "m_probability": Column("float", "share of pairs of the same child that agree so"),
    "u_probability": Column("float", "share of pairs of different children that agree so"),
    "match_weight": Column("float", "log2 of the first over the second: positive speaks for the same child"),
    "n_linked": Column("integer", "pairs or children that were linked"),
    "group": Column("text", "what children are grouped by: age_band, sex or ethnicity"),
    "share_linked": Column("float", "share of the children who were linked"),
    "threshold": Column("float", "match probability from which a pair is linked"),
    "precision": Column("float", "share of the links that are right"),
    "recall": Column("float", "share of the children in both extracts who were linked rightly"),
    "n_service": Column("integer", "children in the service's extract"),
    "n_police": Column("integer", "children in the police extract"),
    "n_ambiguous": Column("integer", "children of the service who are not linked because two links are equally likely"),
    "n_possible_twins": Column(
        "integer", "children of the service who are not linked because the other record may be a twin's"
    ),
}
LINKAGE_FRAMES: Mapping[str, tuple[str, ...]] = {
    "linkage": ("threshold", "n_service", "n_police", "n_linked", "n_lost", "n_ambiguous", "n_possible_twins", "share_linked"),
    "linkage_levels": ("comparison", "level", "m_probability", "u_probability", "match_weight"),
    "linkage_weights": ("low", "high", "n", "n_linked"),
    "linkage_losses": ("group", "level", "n", "n_linked", "n_lost", "share_linked"),
    "linkage_accuracy": ("threshold", "n_linked", "precision", "recall"),
}
_AGE_BANDS = ((0, "0 to 9"), (10, "10 to 11"), (12, "12 to 13"), (14, "14 to 15"), (16, "16 to 17"), (18, "18 or over"))


def bin_weights(scored: pd.DataFrame, linked: pd.DataFrame) -> pd.DataFrame:
    """Count scored pairs, and the linked among them, by match weight.

    Parameters
    ----------
    scored, linked : DataFrame
        Pairs with ``match_weight``; the linked are some of the scored.

    Returns
    -------
    DataFrame
        The frame ``linkage_weights``: one row a bin of two bits from the lowest weight to the highest, empty bins
        included; a weight on an edge belongs to the bin above.
    """
    if scored.empty:
        return linkage_frame("linkage_weights", [])
    places = [np.floor(f["match_weight"].to_numpy(dtype=np.float64) / BIN_WIDTH).astype(np.int64) for f in (scored, linked)]
    first, n_bins = int(places[0].min()), int(np.ptp(places[0])) + 1
    counts, counts_linked = (np.bincount(place - first, minlength=n_bins) for place in places)
    low = BIN_WIDTH * np.arange(first, first + n_bins)
    return linkage_frame("linkage_weights", list(zip(low, low + BIN_WIDTH, counts, counts_linked, strict=True)))


def group_children(
    people: pd.DataFrame, *, date_of_birth: str, sex: str | None, ethnicity: str | None, age_at: date | None
) -> pd.DataFrame:
    """Return the groups that losses are counted by: ``age_band``, ``sex`` and ``ethnicity``, those that can be made.

    Parameters
    ----------
    people : DataFrame
        The service's extract; codes are those of the records standard in any case.
    date_of_birth : str
        Column of ISO dates of birth (clean).
    sex, ethnicity : str, optional
        Columns of codes.
    age_at : date, optional
        Day at which ages are taken; without it there are no age bands.

    Returns
    -------
    DataFrame
        Texts in the order of ``people``. A code that the standard does not know is ``unknown``, an empty cell ``not recorded``.
    """
    groups = {}
    if age_at is not None:
        groups["age_band"] = people[date_of_birth].map(partial(_age_band, day=age_at))
    for name, column in (("sex", sex), ("ethnicity", ethnicity)):
        if column is not None:
            groups[name] = people[column].map(partial(_code, codes=_codes(name)))
    return pd.DataFrame(groups, index=people.index)


def count_losses(groups: pd.DataFrame, is_linked: pd.Series) -> pd.DataFrame:
    """Count who was linked and who was lost by each grouping.

    Parameters
    ----------
    groups : DataFrame
        One text column a grouping, one row a child.
    is_linked : (n,) booleans
        In the same order.

    Returns
    -------
    DataFrame
        The frame ``linkage_losses``; within a grouping the counts add up to everybody.
    """
    rows = []
    for group in groups.columns:
        counted = pd.DataFrame({"level": groups[group].to_numpy(), "linked": is_linked.to_numpy()}).groupby("level")["linked"]
        for level, n, n_linked in zip(counted.size().index, counted.size(), counted.sum(), strict=True):
            rows.append((group, level, int(n), int(n_linked), int(n - n_linked), n_linked / n))
    return linkage_frame("linkage_losses", rows)


def count_accuracy(candidates: pd.DataFrame, truth: pd.DataFrame, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return precision and recall at several thresholds, where the truth is known.

    Parameters
    ----------
    candidates : DataFrame
        One-to-one pairs with ``left_key``, ``right_key`` and ``match_probability``.
    truth : DataFrame
        ``left_key`` and ``right_key`` of the children who are in both extracts.
    thresholds : sequence of float
        Match probabilities from which a pair counts as linked.

    Returns
    -------
    DataFrame
        The frame ``linkage_accuracy``; precision is empty where nothing is linked, recall where nobody is in both.
    """
    known = set(zip(truth["left_key"], truth["right_key"], strict=True))
    is_right = np.array(
        [pair in known for pair in zip(candidates["left_key"], candidates["right_key"], strict=True)], dtype=bool
    )
    rows = []
    for threshold in thresholds:
        linked = candidates["match_probability"].to_numpy() >= threshold
        n_linked, n_right = int(linked.sum()), int((linked & is_right).sum())
        rows.append((threshold, n_linked, _share(n_right, n_linked), _share(n_right, len(known))))
    return linkage_frame("linkage_accuracy", rows)


def linkage_frame(name: str, rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Build a linkage frame from its rows, with the types of the vocabulary.

    Parameters
    ----------
    name : str
        A key of ``LINKAGE_FRAMES``.
    rows : sequence of tuple
        Cells in the order of its columns.
    """
    columns = LINKAGE_FRAMES[name]
    frame = pd.DataFrame(list(rows), columns=list(columns))
    kinds = {c: (LINKAGE_COLUMNS.get(c) or COLUMNS[c]).kind for c in columns}
    return frame.astype({c: {"text": "object", "float": "float64", "integer": "Int64"}[kind] for c, kind in kinds.items()})


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _age_band(born: object, day: date) -> str:
    if not isinstance(born, str):
        return NOT_RECORDED
    birth = date.fromisoformat(born)
    # Born 29 February: the birthday of other years is 1 March.
    age = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    return next((name for first, name in reversed(_AGE_BANDS) if age >= first), NOT_RECORDED)


def _codes(name: str) -> tuple[str, ...]:
    return next(column.codes for column in TABLES["people"].columns if column.name == name)


def _code(cell: object, codes: tuple[str, ...]) -> str:
    text = "" if pd.isna(cell) else str(cell).strip().casefold()
    return text if text in codes else ("unknown" if text else NOT_RECORDED)
