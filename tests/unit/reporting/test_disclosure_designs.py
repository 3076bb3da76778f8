"""The choice among designs and the ledger give no small group away: attempts to work hidden numbers back."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import check_frame, make_frame
from yoseval.reporting.disclosure import protect
from yoseval.reporting.disclosure_designs import telling_reasons
from yoseval.reporting.policies import find_policy

TRE = find_policy("tre_10")
ARMS = ("treated", "comparison")


def flow_rows(n, lost):
    """Return a flow: all that were read, those whom the design left out, those analysed."""
    left = [n[a] - sum(k for arm, _, k in lost if arm == a) for a in ARMS]
    rows = [(1, "file", "read", a, 0, n[a]) for a in ARMS]
    steps = dict.fromkeys(r for _, r, _ in lost)
    for step, reason in enumerate(steps, start=2):
        for a in ARMS:
            gone = sum(k for arm, r, k in lost if arm == a and r == reason)
            before = [r for r in rows if r[3] == a][-1][5]
            rows.append((step, "design", reason, a, gone, before - gone))
    rows += [(len(steps) + 2, "analysis", "analysed", a, 0, k) for a, k in zip(ARMS, left, strict=True)]
    return make_frame(
        "attrition", pd.DataFrame(rows, columns=["step", "stage", "reason", "arm", "n_lost", "n_left"]).assign(programme="p")
    )


def matched(n=(200, 400), dropped=(40, 240), flags=None, lost=None, equal=True):
    """Return the frames of a design that keeps some of each arm; ``flags``: of each 0/1 term how many of the four groups."""
    flags = flags or {"looked after": (80, 20, 90, 100)}
    kept = (n[0] - dropped[0], n[1] - dropped[1])
    reasons = lost or [(a, "no partner", d) for a, d in zip(ARMS, dropped, strict=True)]
    sizes, balance, ledger = [], [], []
    for i, arm in enumerate(ARMS):
        sizes += [("p", s, arm, k, float(k)) for s, k in (("before", n[i]), ("after", kept[i]))]
    for term, (a, b, c, d) in flags.items():
        shares = {"before": ((a + b) / n[0], (c + d) / n[1]), "after": (a / kept[0], c / kept[1] + (0 if equal else 0.01))}
        for sample, (x, y) in shares.items():
            spread = np.sqrt(max(shares["before"][0] * (1 - shares["before"][0]), 1e-3))
            balance.append(("p", sample, term, "binary", x, y, (x - y) / spread, None, abs(x - y)))
        for i, (arm, own, out) in enumerate((("treated", a, b), ("comparison", c, d))):
            means = (own / kept[i], out / dropped[i] if dropped[i] else np.nan)
            ledger.append(("p", arm, term, "binary", kept[i], dropped[i], *means, means[0] - means[1]))
    names = ["programme", "sample", "term", "kind", "mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks"]
    kept_names = ["programme", "arm", "term", "kind", "n_kept", "n_dropped", "mean_kept", "mean_dropped", "std_mean_diff"]
    return {
        "sizes": make_frame("sizes", pd.DataFrame(sizes, columns=["programme", "sample", "arm", "n", "effective_n"])),
        "attrition": flow_rows(dict(zip(ARMS, n, strict=True)), reasons),
        "balance": make_frame("balance", pd.DataFrame(balance, columns=names)),
        "kept_and_dropped": make_frame("kept_and_dropped", pd.DataFrame(ledger, columns=kept_names)),
    }


def kept_of(frames, policy=TRE, beside=None):
    return protect(frames, policy, beside).frames["kept_and_dropped"]


VALUES = ["mean_kept", "mean_dropped", "std_mean_diff"]


def test_large_groups_are_shown_rounded():
    shown = kept_of(matched())

    assert shown[["n_kept", "n_dropped"]].to_numpy().tolist() == [[160, 40], [160, 240]]
    assert shown["mean_kept"].tolist() == [0.5, 0.56]


@pytest.mark.parametrize("few", [1, 9])
def test_of_few_dropped_or_few_kept_nothing_is_told_of_the_arm(few):
    for frames in (matched(dropped=(few, 240)), matched(dropped=(200 - few, 240))):
        shown = kept_of(frames).query("arm == 'treated'")
        assert shown[["n_kept", "n_dropped", *VALUES]].isna().all(axis=None)


def test_where_nobody_was_dropped_that_is_told():
    shown = kept_of(matched(dropped=(0, 240), flags={"looked after": (100, 0, 90, 100)})).query("arm == 'treated'")

    assert shown["n_dropped"].tolist() == [0]
    assert shown["n_kept"].tolist() == [200]


@pytest.mark.parametrize("counts", [(80, 4, 90, 100), (80, 36, 90, 100), (4, 20, 90, 100), (156, 20, 90, 100)])
def test_a_small_count_or_complement_hides_kept_dropped_and_their_difference(counts):
    shown = kept_of(matched(flags={"looked after": counts, "ete": (80, 20, 90, 100)})).query("arm == 'treated'")

    assert shown.set_index("term")[VALUES].isna().all(axis=1).to_dict() == {"looked after": True, "ete": False}


def test_the_means_after_the_design_do_not_give_the_dropped_back():
    """By n M = n_kept K + n_dropped D no count below the threshold follows for any number of them."""
    for few in (0, 1, 9, 10, 20, 30, 31, 40):
        frames = matched(flags={"looked after": (80, few, 90, 100)})
        safe = protect(frames, TRE).frames
        means = safe["balance"].set_index("sample")["mean_treated"]
        told = 200 * means["before"] - 160 * means["after"]
        if not np.isnan(told):
            assert TRE.threshold <= round(told) <= 40 - TRE.threshold
        else:
            assert few < TRE.threshold or 40 - few < TRE.threshold


def test_of_few_dropped_no_mean_after_the_design_is_shown():
    safe = protect(matched(dropped=(3, 240), flags={"looked after": (98, 1, 90, 100), "ete": (60, 2, 80, 90)}), TRE).frames
    after = safe["balance"].query("sample == 'after'")

    assert after[["mean_treated", "mean_comparison"]].isna().all(axis=None)
    # What is left says how alike the arms are, too coarsely for a count.
    assert (after[["std_mean_diff", "ks"]] == after[["std_mean_diff", "ks"]].round(2)).all(axis=None)
    assert safe["balance"].query("sample == 'before'")["mean_treated"].notna().all()


def test_where_those_kept_weigh_differently_the_means_after_tell_nothing():
    safe = protect(matched(dropped=(0, 240), flags={"looked after": (100, 0, 90, 4)}, equal=False), TRE).frames

    assert safe["balance"]["mean_comparison"].notna().all()
    assert safe["kept_and_dropped"].query("arm == 'comparison'")[VALUES].isna().all(axis=None)


def test_a_term_hidden_in_one_arm_is_hidden_in_the_other_as_their_difference_is_shown():
    shown = kept_of(matched(flags={"looked after": (80, 20, 90, 4)}))

    assert shown[VALUES].isna().all(axis=None)


def test_a_level_that_would_follow_from_its_sisters_is_hidden():
    levels = {"area: a": (60, 2, 60, 80), "area: b": (50, 18, 50, 80), "area: c": (50, 20, 50, 80)}
    shown = kept_of(matched(flags=levels)).query("arm == 'treated'")

    assert shown["mean_dropped"].isna().sum() >= 2


def test_a_loss_hidden_in_the_flow_hides_the_whole_arm():
    lost = [("treated", "no partner", 37), ("treated", "no score", 3), ("comparison", "no partner", 240)]

    assert kept_of(matched(lost=lost)).query("arm == 'treated'")[["n_kept", "n_dropped", *VALUES]].isna().all(axis=None)


def test_few_without_a_reason_of_their_own_are_not_told_by_subtraction():
    lost = [("treated", "no partner", 35), ("comparison", "no partner", 240)]

    assert kept_of(matched(lost=lost)).query("arm == 'treated'")["n_dropped"].isna().all()


def test_what_is_hidden_for_one_reason_does_not_follow_from_all_reasons_together():
    lost = [("treated", "a", 20), ("treated", "b", 20), ("comparison", "a", 120), ("comparison", "b", 120)]
    rows = [("a", 17 / 20), ("b", 3 / 20)]
    by_reason = pd.DataFrame(rows, columns=["reason", "mean_lost"]).assign(
        programme="p", arm="treated", stage="design", term="looked after", kind="binary", n_lost=20, n_kept=160, mean_kept=0.5
    )
    frames = matched(lost=lost)

    assert kept_of(frames)["mean_dropped"].notna().all()
    assert kept_of(frames, beside={"lost": make_frame("lost", by_reason)})["mean_dropped"].isna().all()


def candidates(*rows):
    """Return the frame of (method, effective size, share lost)."""
    frame = pd.DataFrame(rows, columns=["method", "effective_n", "lost_treated"])
    numbers = {"prognostic_smd": 0.01234, "max_smd": 0.04321, "balanced": True, "place": np.arange(1, len(frame) + 1)}
    return make_frame("candidates", frame.assign(programme="p", chosen=frame.index == 0, **numbers))


def choice_of(*rows, policy=TRE, **changes):
    return protect({**matched(), "candidates": candidates(*rows).assign(**changes)}, policy).frames["candidates"]


def test_candidates_are_shown_coarsely():
    row = choice_of(("nearest", 160.0, 0.2), ("overlap", 318.4, 0.0)).iloc[1]

    assert row[["prognostic_smd", "max_smd", "effective_n", "lost_treated"]].tolist() == [0.012, 0.043, 320.0, 0.0]


@pytest.mark.parametrize("lost", [1, 9, 192, 199])
def test_few_lost_or_kept_by_a_candidate_are_hidden_with_the_size_that_tells_them(lost):
    row = choice_of(("overlap", 318.4, 0.0), ("nearest", 200.0 - lost, lost / 200)).iloc[1]

    assert row[["effective_n", "lost_treated"]].isna().all()


def test_no_whole_size_is_a_few_less_than_one_that_is_shown():
    sizes = np.array([s for shown in (160, 200, 400) for s in range(shown - 11, shown + 12)], dtype=float)
    told = choice_of(*[("subclass", size, 0.0) for size in (318.0, *sizes)])["effective_n"].to_numpy()[1:]

    gaps = np.abs(np.array([200, 160, 400]) - sizes[:, None])
    assert (np.isnan(told) == ((gaps > 0) & (gaps < TRE.threshold)).any(axis=1)).all()


def test_a_size_that_counts_nobody_may_lie_near_one_that_does():
    assert choice_of(("overlap", 318.4, 0.0), ("ipw", 196.7, 0.0))["effective_n"].tolist() == [320.0, 195.0]


def test_a_small_effective_size_hides_the_differences_too():
    row = choice_of(("overlap", 318.4, 0.0), ("ipw", 6.3, 0.0)).iloc[1]

    assert row[["effective_n", "prognostic_smd", "max_smd"]].isna().all()


def test_a_reason_that_holds_a_small_number_is_hidden():
    texts = [
        "",
        "3 of 200 scores are outside.",
        "ortools is not installed.",
        "197 of 200 are.",
        "A caliper of 0.2 is too narrow.",
    ]

    assert telling_reasons(pd.Series(texts), 10).tolist() == [False, True, False, True, False]
    assert choice_of(("overlap", 318.4, 0.0), ("full", np.nan, np.nan), reason=texts[:2])["reason"].tolist() == ["", ""]


@pytest.mark.parametrize("policy", ["local", "tre_10", "opensafely", "dfe"])
def test_sizes_are_rounded_as_the_policy_says(policy):
    rules = find_policy(policy)
    frames = {**matched(n=(203, 407), dropped=(41, 245)), "candidates": candidates(("overlap", 318.4, 0.0))}
    safe = protect(frames, rules).frames

    assert (safe["kept_and_dropped"][["n_kept", "n_dropped"]] % rules.round_to == 0).all(axis=None)
    assert (safe["candidates"]["effective_n"] % max(rules.round_to, 5) == 0).all()


@pytest.mark.parametrize("name", ["candidates", "kept_and_dropped"])
def test_an_empty_frame_stays_empty_and_of_the_vocabulary(name):
    safe = protect({**matched(), name: make_frame(name, {})}, TRE)

    assert len(check_frame(safe.frames[name], name)) == 0
