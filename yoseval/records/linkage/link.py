"""Link a service's extract to one of the police: pairs of pseudonymous keys, and a report on how well it went.

Takes two frames that hold names and gives none: the result has keys, match weights and counts. Names live in
memory for the length of one call; nothing is written, logged or sent. What the linkage cannot see: a brother or sister
who goes by the same forename, and a child whose particulars all differ.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape
from itertools import groupby
from types import MappingProxyType

import pandas as pd

from yoseval.errors import UsageError
from yoseval.records.linkage.clean import IDENTIFIERS, clean_identities
from yoseval.records.linkage.model import score_pairs
from yoseval.records.linkage.report import bin_weights, count_accuracy, count_losses, group_children, linkage_frame

LOWEST_CANDIDATE = 0.01
THRESHOLDS = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
_NEEDED = ("forename", "surname", "date_of_birth")


def _same_names() -> Mapping[str, str]:
    return MappingProxyType({name: name for name in IDENTIFIERS})


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How two extracts are linked.

    Parameters
    ----------
    left_columns, right_columns : mapping
        Identifier (``forename``, ``surname``, ``date_of_birth``, ``sex``, ``postcode``) to the column that holds it.
        The first three are needed, the others help.
    left_key, right_key : str
        Column of the pseudonymous key.
    ethnicity : str, optional
        Column of the left extract, for the count of who was lost.
    age_at : date, optional
        Day at which ages are taken for that count; without it losses are not counted by age.
    threshold : float
        Match probability from which a pair is linked, strictly between 0 and 1.
    seed : int
        Seed of the sample that teaches how often different children agree by chance.
    max_pairs : float
        Size of that sample, at least 10,000.

    Raises
    ------
    UsageError
        If a setting is outside its range, or an identifier is missing or unknown.
    """

    left_columns: Mapping[str, str] = field(default_factory=_same_names)
    right_columns: Mapping[str, str] = field(default_factory=_same_names)
    left_key: str = "key"
    right_key: str = "key"
    ethnicity: str | None = None
    age_at: date | None = None
    threshold: float = 0.95
    seed: int = 0
    max_pairs: float = 2e6

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold is {self.threshold:g}; it is a match probability between 0 and 1.", "0.95 is usual.")
        if self.max_pairs < 1e4:
            raise UsageError(f"max_pairs is {self.max_pairs:g}; at least 10,000 are needed.")
        for name, columns in (("left_columns", self.left_columns), ("right_columns", self.right_columns)):
            missing, unknown = set(_NEEDED) - set(columns), set(columns) - set(IDENTIFIERS)
            if missing or unknown:
                raise UsageError(
                    f"{name}: missing {sorted(missing)}, unknown {sorted(unknown)}.",
                    f"Name the columns of {', '.join(_NEEDED)}, and of sex and postcode where there are any.",
                )


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """Which record of the one extract is which of the other, and how sure that is. It holds no name, date or postcode.

    Parameters
    ----------
    pairs : DataFrame
        The links: ``left_key, right_key, match_weight, match_probability``, no key twice.
    candidates : DataFrame
        The same, and pairs below the threshold down to ``LOWEST_CANDIDATE``, so that other thresholds can be looked at.
    possible_twins : DataFrame
        The same columns: pairs at or above the threshold that agree on surname and date of birth and have quite different
        forenames, of records that are not linked otherwise. They are left unlinked, for somebody who may see the names
        to decide: the model weighs each identifier by itself and cannot know that twins share all but one.
    levels : DataFrame
        The frame ``linkage_levels``: what each level of agreement weighs.
    weights : DataFrame
        The frame ``linkage_weights``: how many pairs have which match weight.
    losses : DataFrame
        The frame ``linkage_losses``: who was linked and who was not, by group. Children who are not in the right
        extract at all are among the lost: nobody can tell them apart.
    threshold : float
        Match probability from which a pair is linked.
    n_left, n_right : int
        Records of the two extracts.
    n_ambiguous : int
        Records of the left extract in a tie at or above the threshold: two partners are equally likely, or one partner is
        equally likely for two of them. They are not linked.
    """

    pairs: pd.DataFrame
    candidates: pd.DataFrame
    possible_twins: pd.DataFrame
    levels: pd.DataFrame
    weights: pd.DataFrame
    losses: pd.DataFrame
    threshold: float
    n_left: int
    n_right: int
    n_ambiguous: int

    @property
    def share_linked(self) -> float:
        """Share of the left extract that was linked."""
        return len(self.pairs) / self.n_left

    def share_linked_of(self, left_keys: Iterable[str]) -> float:
        """Return the share of some children that was linked: of an arm of an evaluation, for ``linkage_bounds``.

        Parameters
        ----------
        left_keys : iterable of str
            Keys of the left extract; one given twice counts once.

        Raises
        ------
        UsageError
            If there is no key.
        """
        wanted = set(left_keys)
        if not wanted:
            raise UsageError("A share of no children was asked for.", "Give the keys of the children of one arm.")
        return len(wanted.intersection(self.pairs["left_key"])) / len(wanted)

    def to_frame(self) -> pd.DataFrame:
        """Return the frame ``linkage``: one row of counts."""
        n = len(self.pairs)
        n_twins = self.possible_twins["left_key"].nunique()
        row = (self.threshold, self.n_left, self.n_right, n, self.n_left - n, self.n_ambiguous, n_twins, self.share_linked)
        return linkage_frame("linkage", [row])

    def __str__(self) -> str:
        lines = {
            "records": f"{self.n_left:,} and {self.n_right:,}",
            "linked": f"{len(self.pairs):,} ({self.share_linked:.1%} of the first extract)",
            "threshold": f"match probability {self.threshold:g}",
            "not linked because of a tie": f"{self.n_ambiguous:,}",
            "not linked because they may be twins": f"{self.possible_twins['left_key'].nunique():,}",
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())

    def __repr__(self) -> str:
        return f"<Linkage: {len(self.pairs)} of {self.n_left} linked>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def link_extracts(left: pd.DataFrame, right: pd.DataFrame, settings: LinkSettings | None = None) -> Linkage:
    """Link two extracts that share children, one to one, by name, date of birth, sex and postcode.

    A pair is linked when its match probability reaches the threshold and neither record has a better partner: pairs
    are taken from the strongest down, each record once. A record with two equally strong partners is not linked, nor is
    a pair that may be twins; both are counted. The links at a higher threshold are some of those at a lower one.

    Parameters
    ----------
    left : DataFrame
        The service's extract, one row a child: a pseudonymous key and the identifiers, texts (dates ``YYYY-MM-DD``).
        ``read_columns(file, columns).columns`` reads one.
    right : DataFrame
        The police extract, the same.
    settings : LinkSettings, optional
        Columns, threshold and seed.

    Returns
    -------
    Linkage
        Pairs of keys with match weights, and the report. The same extracts and seed give the same result.

    Raises
    ------
    EnvironmentFault
        If splink is not installed: ``pip install "yoseval[link]"``.
    DataError
        If a column is absent, keys are empty or repeated, or too few records agree to learn from.

    References
    ----------
    fellegi1969 : Fellegi and Sunter (1969), JASA 64(328), 1183-1210.

    Examples
    --------
    >>> extracts = simulate_identities(seed=1)  # doctest: +SKIP
    >>> print(link_extracts(extracts.left, extracts.right))  # doctest: +SKIP
    records: 2,000 and 5,000
    linked: 1,670 (83.5% of the first extract)
    threshold: match probability 0.95
    not linked because of a tie: 0
    not linked because they may be twins: 14
    """
    chosen = settings or LinkSettings()
    also = () if chosen.ethnicity is None else (chosen.ethnicity,)
    clean_left = clean_identities(left, chosen.left_columns, chosen.left_key, "left", also=also)
    clean_right = clean_identities(right, chosen.right_columns, chosen.right_key, "right")
    scores = score_pairs(clean_left, clean_right, seed=chosen.seed, max_pairs=chosen.max_pairs)
    likely = _at_least(scores.pairs, LOWEST_CANDIDATE)
    candidates, ambiguous = resolve_one_to_one(likely[~likely["is_twin_like"]].drop(columns="is_twin_like"))
    pairs = _at_least(candidates, chosen.threshold)
    twins = _at_least(likely[likely["is_twin_like"]].drop(columns="is_twin_like"), chosen.threshold)
    is_linked = twins["left_key"].isin(pairs["left_key"]) | twins["right_key"].isin(pairs["right_key"])
    people = left.reset_index(drop=True).assign(_born=clean_left["date_of_birth"])
    groups = group_children(
        people, date_of_birth="_born", sex=chosen.left_columns.get("sex"), ethnicity=chosen.ethnicity, age_at=chosen.age_at
    )
    return Linkage(
        pairs=pairs,
        candidates=candidates,
        possible_twins=twins[~is_linked].reset_index(drop=True),
        levels=linkage_frame("linkage_levels", list(scores.levels.itertuples(index=False, name=None))),
        weights=bin_weights(scores.pairs, pairs),
        losses=count_losses(groups, clean_left["unique_id"].isin(pairs["left_key"])),
        threshold=chosen.threshold,
        n_left=len(left),
        n_right=len(right),
        n_ambiguous=_at_least(ambiguous, chosen.threshold)["left_key"].nunique(),
    )


def assess_linkage(linkage: Linkage, truth: pd.DataFrame, thresholds: Sequence[float] = THRESHOLDS) -> pd.DataFrame:
    """Return precision and recall at several thresholds against a known truth: a simulation, or pairs checked by hand.

    Parameters
    ----------
    linkage : Linkage
        The result of ``link_extracts``.
    truth : DataFrame
        ``left_key`` and ``right_key`` of every child who is in both extracts.
    thresholds : sequence of float
        Match probabilities, from ``LOWEST_CANDIDATE`` up.

    Returns
    -------
    DataFrame
        The frame ``linkage_accuracy``.

    Raises
    ------
    UsageError
        If a threshold lies below the candidates that were kept.
    """
    if any(not LOWEST_CANDIDATE <= t <= 1 for t in thresholds):
        raise UsageError(f"Thresholds are match probabilities from {LOWEST_CANDIDATE:g} to 1; pairs below were not kept.")
    return count_accuracy(linkage.candidates, truth, thresholds)


def resolve_one_to_one(pairs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose pairs from the strongest down, each record once; return the chosen, and those that were tied.

    Parameters
    ----------
    pairs : DataFrame
        ``left_key, right_key, match_weight, …``.

    Returns
    -------
    tuple of DataFrame
        The pairs chosen, and the pairs set aside because a record had two partners of the same weight and no
        stronger one; the records of those stay unlinked. Both in order of weight, then keys.
    """
    ordered = pairs.sort_values(["match_weight", "left_key", "right_key"], ascending=[False, True, True], ignore_index=True)
    chosen: list[int] = []
    tied: list[int] = []
    used_left: set[str] = set()
    used_right: set[str] = set()
    rows = zip(ordered.index, ordered["left_key"], ordered["right_key"], ordered["match_weight"], strict=True)
    for _, same_weight in groupby(rows, key=lambda row: row[3]):
        free = [row for row in same_weight if row[1] not in used_left and row[2] not in used_right]
        lefts, rights = Counter(row[1] for row in free), Counter(row[2] for row in free)
        for place, left, right, _ in free:
            (chosen if lefts[left] == 1 and rights[right] == 1 else tied).append(place)
        used_left.update(lefts)
        used_right.update(rights)
    return ordered.loc[chosen].reset_index(drop=True), ordered.loc[tied].reset_index(drop=True)


def _at_least(pairs: pd.DataFrame, threshold: float) -> pd.DataFrame:
    return pairs[pairs["match_probability"] >= threshold].reset_index(drop=True)
