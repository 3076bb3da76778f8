"""The technical report of one programme, last part: method with equations, limits, references, provenance.

Takes a run and a programme and gives blocks. Equations are MathML with words beside them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from latex2mathml.converter import convert

from yoseval.reporting.amounts import is_known
from yoseval.reporting.blocks import Block, text
from yoseval.reporting.pieces import bullets, callout, facts, heading, paragraph, together
from yoseval.reporting.references import cited_works
from yoseval.reporting.statements import how_done
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.view import RunLike, View, views

_SCORE = (
    "Propensity score: the probability of starting the programme, given what was recorded before.",
    r"e(x) = \Pr(A = 1 \mid X = x) = \frac{1}{1 + \exp(-\alpha - \beta^\top x)}",
)
_EQUATIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "nearest": (
        _SCORE,
        (
            "Matching: each who started is paired with the nearest on the logit of the score, within a caliper; a "
            "comparison weighs 1/m where m are matched to one.",
            r"j(i) = \underset{j:\,A_j = 0}{\operatorname{argmin}} \left| \operatorname{logit} e(x_i) - "
            r"\operatorname{logit} e(x_j) \right|",
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
            "Entropy balancing: comparison weights as even as possible, with the means of those who started.",
            r"\min_{w} \sum_{i: A_i = 0} w_i \log w_i \quad \text{with} \quad \sum_{i: A_i = 0} w_i x_i = \sum_{i: A_i "
            r"= 1} x_i",
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
_MEASURES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "risk_difference": (_KM, ("Risk difference at the end of follow-up.", r"\widehat{RD}(t) = \hat S_0(t) - \hat S_1(t)")),
    "survival_difference": (_KM, ("Difference of the shares still free.", r"\hat\Delta(t) = \hat S_1(t) - \hat S_0(t)")),
    "risk_ratio": (_KM, ("Risk ratio at the end of follow-up.", r"\widehat{RR}(t) = \frac{1 - \hat S_1(t)}{1 - \hat S_0(t)}")),
    "restricted_mean_difference": (
        _KM,
        (
            "Difference of mean times free of the outcome, up to the horizon.",
            r"\hat\Delta(\tau) = \int_0^\tau \hat S_1(u) - \hat S_0(u) \, du",
        ),
    ),
    "hazard_ratio": (
        (
            "Hazard ratio, by a weighted Cox model with Efron's treatment of ties.",
            r"\lambda(t \mid A) = \lambda_0(t)\, \exp(\theta A)",
        ),
    ),
}
_VARIANCE = (
    "Variance: the sum of squares over independent groups g (matched sets, or single people) of the influence of their "
    "members on the estimate.",
    r"\widehat{\operatorname{Var}}(\hat\theta) = \frac{G}{G-1} \sum_{g=1}^{G} \Big( \sum_{i \in g} \hat\psi_i \Big)^2",
)


def method(run: RunLike, programme: str | None = None) -> Block:
    """Return how it was done: in words, then as equations with words beside them."""
    view = views(run, programme)[0]
    row = view.finding
    pairs = [*_EQUATIONS.get(row["method"], ()), *_MEASURES.get(row["measure"], ()), _VARIANCE]
    return together(
        heading(2, "Method"),
        paragraph(" ".join(how_done(row, view.words, view.frame("protocol")))),
        heading(3, "In equations"),
        *[equation(words, latex) for words, latex in pairs],
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
    words = view.words
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
        "Delivery was not recorded in this study's file: starting the programme is compared with not starting it, "
        "however much was received.",
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
        has_e_value=is_known(view.finding["e_value"]),
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
    return table_block(rows, caption="Input files", columns=columns)


def _short(digest: str) -> str:
    return digest[:16]
