"""Statistical disclosure control: what may leave, and what is hidden.

Takes the raw public frames of a run and a policy and gives `SafeFrames`, the only thing a run folder is
written from. Counts below the policy's threshold, the rates they make, and whatever would give them away by
subtraction are hidden; curves are stepped by blocks of events; the rest is rounded as the policy says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.errors import StudyError
from yoseval.frames import make_frame
from yoseval.reporting.coarsen import differs_by_few, merged_bins, stepped_curve, telling_answers
from yoseval.reporting.suppression import hidden_flow, is_small, secondary

HIDDEN_MARK = "[c]"
Frames: TypeAlias = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one kind of place that records may leave.

    Parameters
    ----------
    name : str
        As in the study file.
    threshold : int
        Counts from 1 to ``threshold - 1`` are hidden, and so are their complements.
    round_to : int
        Counts that stay are rounded to a multiple of this; 1 = not rounded.
    rate_decimals : int or None
        Decimals of a proportion; None = as computed.
    sentence : str
        The policy in words.
    min_residual_df : int
        An estimate is hidden when the units less the two arms are fewer.
    """

    name: str
    threshold: int
    round_to: int
    rate_decimals: int | None
    sentence: str
    min_residual_df: int = 10


# MEASURES 8. The threshold of `local` is a convention, to be confirmed with the service.
POLICIES: Mapping[str, Policy] = {
    "local": Policy("local", 5, 1, None, "Counts from 1 to 4 are confidential."),
    "tre_10": Policy("tre_10", 10, 1, None, "Counts below 10 are confidential."),
    "opensafely": Policy("opensafely", 8, 5, 3, "Counts of 7 or fewer are confidential; others are rounded to 5."),
    "dfe": Policy("dfe", 10, 10, 2, "Counts below 10 are confidential; others are rounded to 10, rates to whole per cents."),
}


@dataclass(frozen=True, slots=True, eq=False)
class SafeFrames:
    """Public frames that passed disclosure control.

    Parameters
    ----------
    policy : Policy
        The rules that were applied.
    frames : mapping of DataFrame
        Hidden values are empty.
    hidden : mapping of DataFrame of booleans
        True where a value was hidden.
    """

    policy: Policy
    frames: dict[str, pd.DataFrame]
    hidden: Mapping[str, pd.DataFrame]

    def with_marks(self, name: str) -> pd.DataFrame:
        """Return a frame as it is written: ``[c]`` where a value is confidential."""
        return self.frames[name].astype(object).mask(self.hidden[name], HIDDEN_MARK)

    def counts(self) -> dict[str, int]:
        """Return how many values were hidden in each frame."""
        return {name: int(mask.to_numpy().sum()) for name, mask in self.hidden.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """A frame on its way: values, and where they are to be hidden."""

    frame: pd.DataFrame
    hidden: pd.DataFrame

    def hide(self, rows: Flags, columns: list[str]) -> None:
        for column in columns:
            present = self.frame[column].notna().to_numpy() & rows
            self.hidden.loc[present, column] = True


def find_policy(name: str) -> Policy:
    """Return the policy of this name.

    Raises
    ------
    StudyError
        If there is none.

    Examples
    --------
    >>> find_policy("tre_10").threshold
    10
    """
    if name not in POLICIES:
        raise StudyError(f"There is no disclosure policy '{name}'.", f"Choose one of: {', '.join(POLICIES)}.")
    return POLICIES[name]


def protect(frames: Frames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to every public frame of a run.

    Parameters
    ----------
    frames : mapping of DataFrame
        Raw public frames by name; a frame without a rule of its own cannot pass.
    policy : Policy
        The rules.

    Raises
    ------
    KeyError
        If a frame has no rule: nothing leaves by default.
    """
    safe: dict[str, pd.DataFrame] = {}
    hidden: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        draft = _RULES[name](frame, policy, frames)
        kept = draft.frame.astype(object).mask(draft.hidden, None)
        safe[name], hidden[name] = make_frame(name, kept), draft.hidden.reset_index(drop=True)
    return SafeFrames(policy, safe, hidden)


def _counts(draft: pd.DataFrame, column: str) -> Floats:
    values: Floats = pd.to_numeric(draft[column]).to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _start(frame: pd.DataFrame) -> _Draft:
    return _Draft(frame.copy(), pd.DataFrame(False, index=frame.index, columns=frame.columns))


def _round_counts(draft: _Draft, columns: list[str], policy: Policy) -> None:
    if policy.round_to > 1:
        for column in columns:
            rounded = (draft.frame[column].astype("float64") / policy.round_to).round() * policy.round_to
            draft.frame[column] = rounded.astype(draft.frame[column].dtype)


def _round_rates(draft: _Draft, columns: list[str], policy: Policy) -> None:
    if policy.rate_decimals is not None:
        for column in columns:
            draft.frame[column] = draft.frame[column].round(policy.rate_decimals)


_ARM_COUNTS = ["n_treated", "n_comparison", "effective_n", "events_treated", "events_comparison"]
_RESULTS = ["treated_value", "comparison_value", "estimate", "std_error", "conf_low", "conf_high", "p_value", "p_adjusted"]
_ESTIMATE_RESULTS = [*_RESULTS, "df", "interval"]
_NOT_RATES = ("p_value", "p_adjusted", "e_value", "e_value_limit", "df", "interval")
_FINDING_RESULTS = [*_RESULTS, "naive_estimate", "naive_conf_low", "naive_conf_high", "e_value", "e_value_limit", "mde"]


def _effects(columns: list[str]) -> Callable[[pd.DataFrame, Policy, Frames], _Draft]:
    """Make the rule for frames whose rows are effects."""

    def rule(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
        draft = _start(frame)
        unsafe, told = np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
        for arm in ("treated", "comparison"):
            n, events = _counts(frame, f"n_{arm}"), _counts(frame, f"events_{arm}")
            few = is_small(n, policy.threshold)
            # A rate hides when its numerator or its complement does; nobody and everybody are hidden too.
            with np.errstate(invalid="ignore"):
                tail = (events < policy.threshold) | (n - events < policy.threshold)
            telling = _gives_loss_away(frame["programme"], arm, n, policy, frames)
            # An effective size or a number of events beside its rate would give the size back.
            sizes = [f"n_{arm}", "effective_n"] if arm == "comparison" else [f"n_{arm}"]
            draft.hide(few | telling, sizes)
            draft.hide(few | tail | telling, [f"events_{arm}"])
            unsafe |= few | tail
            told |= telling
        with np.errstate(invalid="ignore"):
            unsafe |= _counts(frame, "n_treated") + _counts(frame, "n_comparison") - 2 < policy.min_residual_df
        draft.hide(is_small(_counts(frame, "effective_n"), policy.threshold), ["effective_n"])
        if "role" in frame.columns:
            less = differs_by_few(frame, policy.threshold)
            draft.hide(less, ["events_treated", "events_comparison"])
            unsafe |= less
        # Of a difference and a ratio both arms can be worked out: an unsafe row keeps no result at all.
        draft.hide(unsafe, columns)
        # Degrees of freedom and numbers of clusters are sizes too, and so is the denominator of an exact rate.
        draft.hide(told, [c for c in ("df", "interval") if c in columns])
        _round_counts(draft, _ARM_COUNTS, policy)
        on_rates = frame["measure"].isin(("risk_difference", "survival_difference", "mean_count_difference")).to_numpy()
        rates = [c for c in columns if c not in _NOT_RATES]
        draft.frame.loc[told & on_rates, rates] = draft.frame.loc[told & on_rates, rates].round(2)
        if policy.rate_decimals is not None:
            draft.frame.loc[on_rates, rates] = draft.frame.loc[on_rates, rates].round(policy.rate_decimals)
            _round_rates(draft, ["treated_value", "comparison_value"], policy)
        return draft

    return rule


def _sizes(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft = _start(frame)
    n = _counts(frame, "n")
    for arm in ("treated", "comparison"):
        telling = _gives_loss_away(frame["programme"], arm, n, policy, frames)
        draft.hide(telling & (frame["arm"] == arm).to_numpy(), ["n", "effective_n"])
    draft.hide(is_small(n, policy.threshold), ["n", "effective_n"])
    draft.hide(is_small(_counts(frame, "effective_n"), policy.threshold), ["effective_n"])
    _round_counts(draft, ["n", "effective_n"], policy)
    return draft


def _arm_sizes(frames: Frames) -> pd.Series:
    return frames["sizes"].set_index(["programme", "sample", "arm"])["n"].astype("float64")


def _gives_loss_away(programmes: pd.Series, arm: str, n: Floats, policy: Policy, frames: Frames) -> Flags:
    """Tell where a size, less a size that is shown in the flow, is a loss too small to be shown."""
    flow = frames["attrition"]
    shown = flow[(flow["arm"] == arm) & ~_attrition(flow, policy, frames).hidden["n_left"]].groupby("programme")["n_left"]
    left = {programme: sizes.to_numpy(dtype=np.float64) for programme, sizes in shown}
    telling = [
        is_small(np.abs(left[p] - k), policy.threshold).any() if p in left else False
        for p, k in zip(programmes, n, strict=True)
    ]
    return np.array(telling, dtype=bool)


def _attrition(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft = _start(frame)
    for _, own in frame.groupby("programme", sort=False):
        lost, left = hidden_flow(own, policy.threshold)
        draft.hidden.loc[own.index[lost], "n_lost"] = True
        draft.hidden.loc[own.index[left], "n_left"] = True
    _round_counts(draft, ["n_lost", "n_left"], policy)
    return draft


def _balance(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft = _start(frame)
    n = _arm_sizes(frames)
    is_share = frame["kind"].isin(("binary", "missing")).to_numpy()
    for (programme, sample), rows in frame.groupby(["programme", "sample"], sort=False).groups.items():
        shares = pd.Series(is_share, index=frame.index).loc[rows].to_numpy()
        hide = np.zeros(len(rows), dtype=bool)
        few = False
        for arm in ("treated", "comparison"):
            units = float(n.get((programme, sample, arm), np.nan))
            few |= bool(units < policy.threshold)
            counts = _counts(frame.loc[rows], f"mean_{arm}") * units
            tails = (counts < policy.threshold - 0.5) | (units - counts < policy.threshold - 0.5)
            hide |= _with_sisters(frame.loc[rows, "term"], counts, tails & shares, policy.threshold)
        means = ["mean_treated", "mean_comparison"]
        flags = pd.Series(False, index=frame.index)
        flags.loc[rows] = hide | few
        draft.hide(flags.to_numpy(), [*means, "variance_ratio", "ks"])
    # With means hidden a rounded standardised difference gives no count away; below the threshold nothing is shown.
    draft.frame.loc[draft.hidden["mean_treated"], "std_mean_diff"] = draft.frame["std_mean_diff"].round(2)
    _round_rates(draft, ["mean_treated", "mean_comparison"], policy)
    return draft


def _with_sisters(terms: pd.Series, counts: Floats, primary: Flags, threshold: int) -> Flags:
    """Hide a second level of a category when one alone would follow from the others."""
    hide = primary.copy()
    families = terms.str.split(": ").str[0].where(terms.str.contains(": "), terms)
    for family in set(families[primary]):
        own = (families == family).to_numpy() & terms.str.contains(": ").to_numpy()
        if own.any():
            hide[own] = secondary(counts[own], primary[own], threshold)
    return hide


def _overlap(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    parts = [merged_bins(bins, policy.threshold) for _, bins in frame.groupby("programme", sort=False)]
    draft = _start(pd.concat(parts, ignore_index=True) if parts else frame)
    for column in ("low", "high", "share"):
        draft.frame[column] = draft.frame[column].round(3)
    size = draft.frame.groupby(["programme", "sample", "arm"])["n"].transform("sum")
    for arm in ("treated", "comparison"):
        # Bins add up to the size of the arm.
        telling = _gives_loss_away(draft.frame["programme"], arm, _counts(size.to_frame("n"), "n"), policy, frames)
        draft.hide(telling & (draft.frame["arm"] == arm).to_numpy(), ["n"])
    _round_counts(draft, ["n"], policy)
    return draft


def _curves(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    parts = [
        stepped_curve(rows, policy.threshold) if kind == "curve" else rows
        for (_, _, kind, _), rows in frame.groupby(["programme", "outcome", "kind", "arm"], sort=False)
    ]
    draft = _start(pd.concat(parts, ignore_index=True) if parts else frame)
    at_risk = _counts(draft.frame, "n_at_risk")
    base = max(policy.round_to, 5)
    rounded = np.round(at_risk / base) * base
    draft.frame["n_at_risk"] = pd.array(np.where(np.isnan(rounded), 0, rounded).astype(int), dtype="Int64")
    draft.frame.loc[np.isnan(at_risk), "n_at_risk"] = pd.NA
    draft.hide(is_small(at_risk, policy.threshold), ["n_at_risk"])
    _round_counts(draft, ["n_events"], policy)
    _round_rates(draft, ["incidence", "conf_low", "conf_high"], policy)
    return draft


def _checks(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft = _start(frame)
    effects = _effects(_ESTIMATE_RESULTS)(frames["estimates"], policy, frames)
    draft.hide(
        telling_answers(frame, frames["estimates"], effects.hidden["estimate"].to_numpy(dtype=bool)), ["value", "answer"]
    )
    return draft


def _as_it_is(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    return _start(frame)


_RULES: Mapping[str, Callable[[pd.DataFrame, Policy, Frames], _Draft]] = {
    "findings": _effects(_FINDING_RESULTS),
    "estimates": _effects(_ESTIMATE_RESULTS),
    "balance": _balance,
    "sizes": _sizes,
    "attrition": _attrition,
    "overlap": _overlap,
    "curves": _curves,
    "checks": _checks,
    # Settings: no counts of children are ever written into these.
    "protocol": _as_it_is,
}
