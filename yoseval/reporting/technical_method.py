"""The technical report of one programme, last part: method with equations, limits, references, provenance.

Takes a run and a programme and gives blocks. Equations are MathML with words beside them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from latex2mathml.converter import convert

from yoseval.reporting.amounts import is_known
from yoseval.reporting.blocks import Block, text
from yoseval.reporting.outlook_words import delivered
from yoseval.reporting.pieces import bullets, callout, facts, heading, paragraph, together
from yoseval.reporting.references import cited_works
from yoseval.reporting.statements import how_done
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.technical_choice import how_chosen
from yoseval.reporting.view import RunLike, View, views

_SCORE = (
    "Propensity score: the probability of {gerund} the programme, given what was recorded before.",
    r"e(x) = \Pr(A = 1 \mid X = x) = \frac{1}{1 + \exp(-\alpha - \beta^\top x)}",
)
_STRATA = (
    "Strata: within stratum s, a member of a group of n counts by N over n, where N are those in s whom the effect is about.",
    r"w_i = \frac{N_{s(i)}}{n_{A_i, s(i)}}",
)
_EQUATIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "nearest": (
        _SCORE,
        (
            "Matching: each who {one_alone} is paired with the nearest in distance d, within the calipers and cells that "
            "the protocol names; d is the difference of the logits of the score unless it says otherwise. A comparison "
            "weighs 1/m where m are matched to one.",
            r"j(i) = \underset{j:\,A_j = 0}{\operatorname{argmin}} \; d(x_i, x_j), \qquad d(x_i, x_j) = \left| "
            r"\operatorname{logit} e(x_i) - \operatorname{logit} e(x_j) \right|",
        ),
    ),
    "exact": (_STRATA,),
    "cem": (
        (
            "Coarsened exact matching: each covariate is cut into bins or groups c; those alike in all of them form a stratum.",
            r"s(i) = s(j) \iff c_k(x_{ik}) = c_k(x_{jk}) \text{ for all } k",
        ),
        _STRATA,
    ),
    "subclass": (
        _SCORE,
        (
            "Subclasses: the score is cut at its quantiles q.",
            r"s(i) = k \iff q_{k-1} \le e(x_i) < q_k",
        ),
        _STRATA,
    ),
    "optimal": (
        _SCORE,
        (
            "Optimal matching: of all ways to pair as many as possible, one whose pairs P are closest in total in "
            "distance d, the difference of the logits of the score unless the protocol says otherwise. A comparison weighs "
            "1/m where m are matched to one.",
            r"\min_{P} \sum_{(i,j) \in P} d(x_i, x_j)",
        ),
    ),
    "full": (
        _SCORE,
        (
            "Full matching: everybody is in a set of one against one or more, and the sets are closest in total in "
            "distance d, as in optimal matching. For those who {past_alone}, a comparison in a set of t who {past_alone} and m "
            "comparisons weighs t/m.",
            r"\min_{S} \sum_{(i,j) \in S} d(x_i, x_j)",
        ),
    ),
    "cardinality": (
        (
            "Cardinality matching: the largest sample of both groups whose means lie within the tolerance, in standard "
            "deviations.",
            r"\max_{z \in \{0,1\}^n} \sum_i z_i \quad \text{with} \quad \left| \bar x_1(z) - \bar x_0(z) \right| \le \delta",
        ),
    ),
    "profile": (
        (
            "Profile matching: the largest sample whose means lie within the tolerance of the target’s, in standard "
            "deviations.",
            r"\max_{z \in \{0,1\}^n} \sum_i z_i \quad \text{with} \quad \left| \bar x(z) - x^* \right| \le \delta",
        ),
    ),
    "overlap": (
        _SCORE,
        (
            "Overlap weights: each counts by the probability of being in the other group.",
            r"w_i = A_i\,(1 - e(x_i)) + (1 - A_i)\, e(x_i)",
        ),
    ),
    "entropy": (
        (
            "Entropy balancing: comparison weights as even as possible, with the means of those who {past_alone}.",
            r"\min_{w} \sum_{i: A_i = 0} w_i \log w_i \quad \text{with} \quad \sum_{i: A_i = 0} w_i x_i = \sum_{i: A_i "
            r"= 1} x_i",
        ),
    ),
    "ipw": (
        _SCORE,
        (
            "Inverse-probability weights: each counts by the share of the people the effect is about, h, over the probability "
            "of the group it is in; h is e for those who {past_alone}, 1 for everybody, 1 − e for those who {did_not}.",
            r"w_i = \frac{h(x_i)}{A_i\, e(x_i) + (1 - A_i)\,(1 - e(x_i))}",
        ),
    ),
    "matching_weights": (
        _SCORE,
        (
            "Matching weights: each counts by how far it could be paired one to one.",
            r"w_i = \frac{\min \{ e(x_i),\, 1 - e(x_i) \}}{A_i\, e(x_i) + (1 - A_i)\,(1 - e(x_i))}",
        ),
    ),
    "cbps": (
        _SCORE,
        (
            "Balancing score: its coefficients are chosen so that the weighted means of the two groups agree.",
            r"\sum_{i: A_i = 1} w_i(\beta)\, x_i = \sum_{i: A_i = 0} w_i(\beta)\, x_i",
        ),
    ),
    "clone_censor": (
        (
            "Copies: everybody stands in both groups at time zero, and a copy leaves the group whose strategy is no longer "
            "followed. A copy that stays weighs the inverse of the chance of staying; T is the day of {event}, k the days "
            "allowed for it, t the day of new trouble, or k where there was none.",
            r"w_i(0) = \frac{1}{1 - G_i(t)}, \qquad w_i(1) = \frac{1}{G_i(k)}, \qquad G_i(t) = \Pr(T < t \mid x_i)",
        ),
        (
            "In the group that {present_alone}, a copy whose new trouble came first, so that it could still have "
            "{participle_alone}, weighs:",
            r"w_i(1) = \frac{1 - G_i(t) / G_i(k)}{1 - G_i(t)}",
        ),
    ),
    "randomised": (
        _SCORE,
        (
            "Allocation was random; weights only make the estimate more precise.",
            r"w_i = A_i\,(1 - e(x_i)) + (1 - A_i)\, e(x_i)",
        ),
    ),
}
_KM = (
    "Kaplan–Meier: the share still free of the outcome at t; d are weighted events, Y those weighted still at risk.",
    r"\hat S_a(t) = \prod_{t_k \le t} \left( 1 - \frac{d_a(t_k)}{Y_a(t_k)} \right)",
)
_MEAN_COUNT = (
    "Mean number of events per unit at t; the sum runs over all events, w are weights, Y those still followed.",
    r"\hat\mu_a(t) = \sum_{k:\, t_k \le t} \frac{w_k}{Y_a(t_k)}",
)
_RATES = (
    (
        "Rate ratio of all events, by a weighted Cox model of rows cut at each event; rows of a unit count as one.",
        r"E\{dN(t) \mid A\} = \exp(\theta A)\, d\mu_0(t)",
    ),
)
_MEASURES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "risk_difference": (_KM, ("Risk difference at the end of follow-up.", r"\widehat{RD}(t) = \hat S_0(t) - \hat S_1(t)")),
    "survival_difference": (_KM, ("Difference of the shares still free.", r"\hat\Delta(t) = \hat S_1(t) - \hat S_0(t)")),
    "risk_ratio": (_KM, ("Risk ratio at the end of follow-up.", r"\widehat{RR}(t) = \frac{1 - \hat S_1(t)}{1 - \hat S_0(t)}")),
    "odds_ratio": (
        _KM,
        (
            "Odds ratio at the end of follow-up.",
            r"\widehat{OR}(t) = \frac{(1 - \hat S_1(t)) / \hat S_1(t)}{(1 - \hat S_0(t)) / \hat S_0(t)}",
        ),
    ),
    "restricted_mean_difference": (
        _KM,
        (
            "Difference of mean times free of the outcome, up to the horizon.",
            r"\hat\Delta(\tau) = \int_0^\tau \hat S_1(u) - \hat S_0(u) \, du",
        ),
    ),
    "rate_ratio": (
        (
            "Events for each day at risk; N are a unit's events, D its days at risk, w weights.",
            r"\hat\lambda_a = \frac{\sum_{i:\, A_i = a} w_i N_i}{\sum_{i:\, A_i = a} w_i D_i}",
        ),
        ("Ratio of the rates.", r"\widehat{IRR} = \hat\lambda_1 / \hat\lambda_0"),
    ),
    "mean_count_ratio": (
        _MEAN_COUNT,
        ("Ratio of the mean numbers.", r"\widehat{MR}(t) = \hat\mu_1(t) / \hat\mu_0(t)"),
    ),
    "mean_count_difference": (
        _MEAN_COUNT,
        ("Difference of the mean numbers.", r"\hat\Delta(t) = \hat\mu_1(t) - \hat\mu_0(t)"),
    ),
    "hazard_ratio": (
        (
            "Hazard ratio, by a weighted Cox model with Efron's treatment of ties.",
            r"\lambda(t \mid A) = \lambda_0(t)\, \exp(\theta A)",
        ),
    ),
    "restricted_mean_ratio": (
        _KM,
        (
            "Ratio of mean times free of the outcome, up to the horizon.",
            r"\hat R(\tau) = \int_0^\tau \hat S_1(u)\, du \Big/ \int_0^\tau \hat S_0(u)\, du",
        ),
    ),
    "incidence_difference": (
        (
            "Cumulative incidence, by Aalen and Johansen: d are weighted events of the outcome, Y those weighted at risk, "
            "S the share without any event; other events compete and are not censored.",
            r"\hat F_a(t) = \sum_{t_k \le t} \hat S_a(t_{k-1}) \frac{d_a(t_k)}{Y_a(t_k)}",
        ),
        ("Difference at the end of follow-up.", r"\hat\Delta(t) = \hat F_1(t) - \hat F_0(t)"),
    ),
    "cause_specific_ratio": (
        (
            "Hazard ratio among those free of every event, by a weighted Cox model with competing events censored.",
            r"\lambda_1(t \mid A) = \lambda_{10}(t)\, \exp(\theta A)",
        ),
    ),
    "subdistribution_ratio": (
        (
            "Subdistribution hazard ratio, by the weighted model of Fine and Gray; F is the cumulative incidence.",
            r"1 - F(t \mid A) = \{1 - F_0(t)\}^{\exp(\theta A)}",
        ),
    ),
    "lwyy": _RATES,
    "ag": _RATES,
    "pwp_total": (
        (
            "Hazard ratio of the k-th event after the one before it, with a baseline of its own for each k, from time zero on.",
            r"\lambda_k(t \mid A) = \lambda_{0k}(t)\, \exp(\theta A)",
        ),
    ),
    "pwp_gap": (
        (
            "Hazard ratio of the k-th event after the one before it, with a baseline of its own for each k, since that event.",
            r"\lambda_k(t \mid A) = \lambda_{0k}(t - t_{k-1})\, \exp(\theta A)",
        ),
    ),
    "severity_odds": (
        (
            "Odds ratio of a worse outcome, by a weighted proportional-odds model of the worst outcome Y.",
            r"\operatorname{logit} P(Y \ge k \mid A) = \theta A - \alpha_k",
        ),
    ),
    "win_ratio": (
        (
            "Win ratio: weighted pairs in which the treated unit i fares better than the comparison unit j, over those in "
            "which it fares worse; first by the worst outcome, then by the time to the event.",
            r"\widehat{WR} = \sum_{i,j} w_i w_j 1\{i \succ j\} \Big/ \sum_{i,j} w_i w_j 1\{i \prec j\}",
        ),
    ),
    "cure_fraction_difference": (
        (
            "Mixture cure model of each group: p is the share that would ever have the outcome, at lognormal times.",
            r"S_a(t) = 1 - p_a + p_a \, \Phi\!\left(\frac{\mu_a - \log t}{\sigma_a}\right)",
        ),
        ("Difference of the shares that never would.", r"\hat\Delta = \hat p_0 - \hat p_1"),
    ),
    "instrument": (
        (
            "Two-stage least squares: the change in the outcome Y for one unit of the instrument Z, over that in the share who "
            "start, with covariates taken out of each.",
            r"\hat\Delta = \frac{\sum_i \tilde Z_i \tilde Y_i}{\sum_i \tilde Z_i \tilde A_i}",
        ),
    ),
}
_VARIANCE = (
    "Variance: the sum of squares over independent groups g (matched sets, or single people) of the influence of their "
    "members on the estimate.",
    r"\widehat{\operatorname{Var}}(\hat\theta) = \frac{G}{G-1} \sum_{g=1}^{G} \Big( \sum_{i \in g} \hat\psi_i \Big)^2",
)
_POOLING = (
    "Pooling over m imputations (Rubin’s rules): the mean of the estimates; its variance is the mean variance of an imputation "
    "and, on top, the variance between imputations. Degrees of freedom are those of Barnard and Rubin.",
    r"\bar\theta = \frac{1}{m} \sum_{j=1}^{m} \hat\theta_j, \qquad T = \bar U + \Big( 1 + \frac{1}{m} \Big) B",
)


def method(run: RunLike, programme: str | None = None) -> Block:
    """Return how it was done: in words, then as equations with words beside them."""
    view = views(run, programme)[0]
    row = view.finding
    pairs = [*_EQUATIONS.get(row["method"], ()), *_MEASURES.get(row["measure"], ()), _VARIANCE]
    pairs += [] if view.frame("imputed_balance").empty else [_POOLING]
    return together(
        heading(2, "Method"),
        paragraph(" ".join(how_done(row, view.words, view.frame("protocol")))),
        how_chosen(view),
        heading(3, "In equations"),
        *[equation(words.format(**view.entered.forms()), latex) for words, latex in pairs],
        *_notes(view),
    )


def equation(words: str, latex: str) -> Block:
    """Return an equation as MathML with its meaning in words.

    Parameters
    ----------
    words : str
        What it says.
    latex : str
        The equation; never from data.
    """
    # A brace in MathML is not data, but a template that reads braces would not know.
    mathml = convert(latex, display="block").replace("{", "&#123;").replace("}", "&#125;")
    return Block(f'<div class="keep">\n<p>{text(words)}</p>\n{mathml}\n</div>')


def limits(run: RunLike, programme: str | None = None) -> Block:
    """Return what this evaluation cannot know."""
    view = views(run, programme)[0]
    words, gerund = view.words, view.entered.gerund
    is_randomised = not pd.isna(view.finding["randomised"]) and bool(view.finding["randomised"])
    first = (
        "Allocation was random, so that only chance, and what happened after allocation, can stand between the groups."
        if is_randomised
        else "The groups were made alike in what was recorded only. A difference in what was not recorded, such as "
        "motivation, can bias the result either way."
    )
    items = [
        first,
        f"The result is about {words.people} like those analysed, in this place and time; nothing is known about others.",
        f"The outcome is what the records show ({view.noun}); what never reached the records is not counted, in either group.",
        f"{delivered(view).rstrip('.')}: {gerund} the programme is compared with not {gerund} it, however much was received.",
        "Numbers that could tell something about one person are confidential and shown as [c]; curves are drawn in "
        "steps of several events.",
    ]
    return together(heading(2, "Limits"), bullets(items))


def references(run: RunLike, programme: str | None = None) -> Block:
    """Return the works on which the methods used rest."""
    view = views(run, programme)[0]
    used = view.frame("estimates")
    works = cited_works(
        [view.finding["method"], *used["method"]],
        [view.finding["measure"], *used["measure"]],
        intervals=[words for words in used["interval"] if words],
        has_e_value=is_known(view.finding["e_value"]),
        has_delays=not view.frame("completeness").empty,
        has_imputations=not view.frame("imputed_balance").empty,
        has_distances=not view.frame("distribution_balance").empty,
    )
    return together(heading(2, "References"), bullets(works))


def provenance(run: RunLike, programme: str | None = None) -> Block:
    """Return what made this report: versions, seed, digests of inputs and design, the lock and disclosure control."""
    view = views(run, programme)[0]
    manifest = run.manifest
    disclosure = manifest.get("disclosure", {})
    pairs = [
        ("yoseval", str(manifest.get("yoseval", "not recorded"))),
        *[(str(k), str(v)) for k, v in sorted(manifest.get("versions", {}).items())],
        ("Seed", str(manifest.get("seed", "not recorded"))),
        ("Disclosure policy", str(disclosure.get("policy", "not recorded"))),
        ("Digest of the design", _short(manifest.get("lock", {}).get("digests", {}).get(view.programme, "not recorded"))),
    ]
    sentence = [paragraph(disclosure["sentence"])] if disclosure.get("sentence") else []
    return together(heading(2, "Provenance"), facts(pairs), *sentence, _lock(manifest.get("lock", {})), _inputs(manifest))


def _notes(view: View) -> list[Block]:
    notes = [n.strip() for n in str(view.finding["notes"]).split("|") if n.strip()]
    return [heading(3, "Notes"), bullets(notes)] if notes else []


def _lock(lock: Mapping[str, Any]) -> Block:
    times = len(lock.get("history", ()))
    if lock.get("changed"):
        return callout(
            f"The design was changed after it had first been locked: {times} locks are on record, and this report uses "
            f"the last."
        )
    return paragraph("The design was locked before outcomes were opened, and has not been changed since.")


def _inputs(manifest: Mapping[str, Any]) -> Block:
    inputs = manifest.get("inputs", [])
    if not inputs:
        return paragraph("No input files are on record.")
    rows = pd.DataFrame([{"file": i.get("file"), "sha256": _short(str(i.get("sha256", "")))} for i in inputs])
    columns = [Column("file", "File"), Column("sha256", "SHA-256, first 16 digits")]
    return table_block(rows, caption="Input files", columns=columns, wide=True)


def _short(digest: str) -> str:
    return digest[:16]
