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
from yoseval.frames import make_frame
from yoseval.reporting.amounts import SCALES, is_per_100
from yoseval.reporting.coarsen import (
    differs_by_few,
    differs_by_few_units,
    merged_bins,
    stepped_curve,
    telling_answers,
    whole_per_100,
)
from yoseval.reporting.disclosure_designs import Sizes, hidden_kept, lost_of_candidates, telling_reasons, told_by_balance
from yoseval.reporting.policies import Policy, SafeFrames
from yoseval.reporting.suppression import hidden_flow, is_small, with_sisters

Frames: TypeAlias = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """A frame on its way: values, and where they are to be hidden."""

    frame: pd.DataFrame
    hidden: pd.DataFrame

    def hide(self, rows: Flags, columns: list[str]) -> None:
        for column in columns:
            present = self.frame[column].notna().to_numpy() & rows
            self.hidden.loc[present, column] = True


def protect(frames: Frames, policy: Policy, beside: Frames | None = None) -> SafeFrames:
    """Apply disclosure control to every public frame of a run.

    Parameters
    ----------
    frames : mapping of DataFrame
        Raw public frames by name; a frame without a rule of its own cannot pass.
    policy : Policy
        The rules.
    beside : mapping of DataFrame, optional
        Raw frames that leave by other rules and tell of the same units: ``lost``.

    Raises
    ------
    KeyError
        If a frame has no rule: nothing leaves by default.
    """
    safe: dict[str, pd.DataFrame] = {}
    hidden: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        draft = _RULES[name](frame, policy, {**(beside or {}), **frames})
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


#: Frames that runs of an earlier version do not have.
PORTFOLIO_FRAMES = ("programme_covariance",)
#: Steps of a correlation that is shown: a few children who are shared move it by less.
CORRELATION_STEP = 0.05

_ROUNDED_TO = 2  # decimals of rates that would otherwise give a size away
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
            # Of the second half: how many entered it and had the event before gives those who left otherwise by subtraction.
            other_units = (_counts(frame, "entry") > 0) | differs_by_few_units(frame, policy.threshold)
            draft.hide(other_units, _ARM_COUNTS)
            told |= other_units
        # Of a difference and a ratio both arms can be worked out: an unsafe row keeps no result at all.
        draft.hide(unsafe, columns)
        # Degrees of freedom and numbers of clusters are sizes too, and so is the denominator of an exact rate.
        draft.hide(told, [c for c in ("df", "interval") if c in columns])
        _round_counts(draft, _ARM_COUNTS, policy)
        on_rates = frame["measure"].isin([m for m in SCALES if is_per_100(m)]).to_numpy()
        rates = [c for c in columns if c not in _NOT_RATES]
        draft.frame.loc[told & on_rates, rates] = draft.frame.loc[told & on_rates, rates].round(_ROUNDED_TO)
        # Ratios and times stay as they are; the shares or numbers of the arms beside them do not.
        arms = ["treated_value", "comparison_value"]
        draft.frame.loc[told, arms] = draft.frame.loc[told, arms].round(_ROUNDED_TO)
        if policy.rate_decimals is not None:
            draft.frame.loc[on_rates, rates] = draft.frame.loc[on_rates, rates].round(policy.rate_decimals)
            _round_rates(draft, arms, policy)
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
        few, rare = False, shares.copy()
        for arm in ("treated", "comparison"):
            units = float(n.get((programme, sample, arm), np.nan))
            few |= bool(units < policy.threshold)
            counts = _counts(frame.loc[rows], f"mean_{arm}") * units
            tails = (counts < policy.threshold - 0.5) | (units - counts < policy.threshold - 0.5)
            hide |= with_sisters(frame.loc[rows, "term"], counts, tails & shares, policy.threshold)
            rare &= tails
        # Rare in both arms: where one has none at all, the standardised difference alone gives the other's count away.
        draft.hide(frame.index.isin(rows[rare]), ["std_mean_diff"])
        means = ["mean_treated", "mean_comparison"]
        flags = pd.Series(False, index=frame.index)
        flags.loc[rows] = hide | few
        draft.hide(flags.to_numpy(), [*means, "variance_ratio", "ks"])
    if "kept_and_dropped" in frames:
        kept = frames["kept_and_dropped"].reset_index(drop=True)
        hidden = hidden_kept(kept, _sizes_of(policy, frames), policy.threshold)[2]
        draft.hide(told_by_balance(frame, kept, hidden), ["mean_treated", "mean_comparison"])
    # With means hidden a rounded standardised difference gives no count away; below the threshold nothing is shown.
    coarse = ["std_mean_diff", "ks"]
    draft.frame.loc[draft.hidden["mean_treated"], coarse] = draft.frame[coarse].round(2)
    _round_rates(draft, ["mean_treated", "mean_comparison"], policy)
    return draft


def _sizes_of(policy: Policy, frames: Frames) -> Sizes:
    sizes, flow = frames["sizes"].reset_index(drop=True), frames["attrition"].reset_index(drop=True)
    hidden = [rule(frame, policy, frames).hidden for rule, frame in ((_sizes, sizes), (_attrition, flow))]
    return Sizes(sizes, hidden[0], flow, hidden[1], frames.get("lost"))


def _kept_and_dropped(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft = _start(frame.reset_index(drop=True))
    kept, dropped, means = hidden_kept(draft.frame, _sizes_of(policy, frames), policy.threshold)
    values = ["mean_kept", "mean_dropped", "std_mean_diff"]
    for rows, columns in ((kept, ["n_kept"]), (dropped, ["n_dropped"]), (means, values)):
        draft.hide(rows, columns)
    # Too coarse for a fraction to give a size back.
    draft.frame[values] = draft.frame[values].round(2)
    _round_counts(draft, ["n_kept", "n_dropped"], policy)
    return draft


def _candidates(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    draft, told = _start(frame), _sizes_of(policy, frames)
    programmes, size, limit = frame["programme"], _counts(frame, "effective_n"), policy.threshold
    n_kept, few = lost_of_candidates(frame, told, limit)
    loses = (frame["lost_treated"] > 0).to_numpy()
    hidden_before = _gives_loss_away(programmes, "treated", told.before(programmes, "treated"), policy, frames)
    few |= _gives_loss_away(programmes, "treated", n_kept, policy, frames) | (loses & hidden_before)
    # Where all weigh the same the effective size is the number of those who are kept; otherwise it counts nobody.
    near = few | is_small(np.abs(told.before(programmes, "comparison") - size), limit)
    for arm in ("treated", "comparison"):
        near |= _gives_loss_away(programmes, arm, size, policy, frames)
    near = is_small(size, limit) | (near & (np.abs(size - np.round(size)) < 1e-6))
    after = told.sizes[told.sizes_hidden["effective_n"].to_numpy() & (told.sizes["sample"] == "after").to_numpy()]
    near |= frame["chosen"].to_numpy(dtype=bool) & programmes.isin(after["programme"]).to_numpy()
    draft.hide(few, ["lost_treated"])
    draft.hide(near, ["effective_n"])
    draft.hide((n_kept < limit) | is_small(size, limit), ["prognostic_smd", "max_smd"])
    draft.hide(telling_reasons(frame["reason"], limit), ["reason"])
    draft.frame["lost_treated"] = draft.frame["lost_treated"].round(2)
    draft.frame[["prognostic_smd", "max_smd"]] = draft.frame[["prognostic_smd", "max_smd"]].round(3)
    # Two designs of one programme differ by few: exact sizes would say by how many.
    base = max(policy.round_to, 5)
    draft.frame["effective_n"] = (draft.frame["effective_n"] / base).round() * base
    return draft


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
    hidden = _effects(_ESTIMATE_RESULTS)(frames["estimates"], policy, frames).hidden
    draft.hide(telling_answers(frame, frames["estimates"], hidden["estimate"].to_numpy(dtype=bool)), ["value", "answer"])
    # What is rounded in the frame of estimates, as its degrees of freedom are hidden, is no finer in words.
    rounded = telling_answers(frame, frames["estimates"], hidden["df"].to_numpy(dtype=bool))
    if policy.rate_decimals is not None and policy.rate_decimals <= _ROUNDED_TO:
        rounded = np.ones(len(frame), dtype=bool)
    for column in ("value", "answer"):
        draft.frame.loc[rounded, column] = draft.frame.loc[rounded, column].map(whole_per_100)
    return draft


def _covariance(frame: pd.DataFrame, policy: Policy, frames: Frames) -> _Draft:
    """Say no more of size than the estimates do, and of who is shared no more than a step of the correlation."""
    draft = _start(frame)
    effects = _effects(_ESTIMATE_RESULTS)(frames["estimates"], policy, frames)
    primary = (effects.frame["role"] == "primary") & ~effects.hidden["std_error"]
    shown = effects.frame[primary].drop_duplicates("programme").set_index("programme")["std_error"]
    first, second = (frame[c].map(shown).to_numpy(dtype=np.float64) for c in ("programme", "other"))
    draft.frame["correlation"] = (frame["correlation"] / CORRELATION_STEP).round() * CORRELATION_STEP
    draft.frame["correlation"] = draft.frame["correlation"].round(2) + 0.0
    told = np.isfinite(first) & np.isfinite(second)
    draft.hide(~told, ["covariance", "correlation"])
    draft.frame.loc[told, "covariance"] = (draft.frame["correlation"] * first * second)[told]
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
    "programme_covariance": _covariance,
    "candidates": _candidates,
    "kept_and_dropped": _kept_and_dropped,
    # Settings: no counts of children are ever written into these.
    "protocol": _as_it_is,
}
