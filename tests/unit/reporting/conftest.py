"""A synthetic run that passed disclosure control: three programmes, one of each kind of trouble."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.layouts import FRAMES
from yoseval.reporting.wording import add_sentences
from yoseval.reporting.words import Words

INJECTION = "<script>alert(1)</script>{{7*7}}"


@dataclass(frozen=True)
class FakeProgramme:
    id: str
    name: str
    slug: str


@dataclass(frozen=True)
class FakeRun:
    manifest: dict[str, Any]
    frames: dict[str, pd.DataFrame]
    masks: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def programmes(self):
        return [FakeProgramme(p["id"], p["name"], p["slug"]) for p in self.manifest["programmes"]]

    def frame(self, name):
        return self.frames[name] if name in self.frames else make_frame(name, {})

    def hidden(self, name):
        frame = self.frame(name)
        return self.masks.get(name, pd.DataFrame(False, index=frame.index, columns=frame.columns))


def finding(**changes):
    """A finding that likely reduced, with every number; change what a test is about."""
    row = {
        "programme": "mentoring",
        "name": "Mentoring",
        "verdict": "likely_reduced",
        "n_treated": 412,
        "n_comparison": 412,
        "effective_n": 412.0,
        "outcome": "reoffended",
        "measure": "risk_difference",
        "method": "nearest",
        "estimate": -0.084,
        "std_error": 0.0204,
        "conf_low": -0.124,
        "conf_high": -0.044,
        "p_value": 0.0001,
        "p_adjusted": 0.0003,
        "estimate_shrunk": -0.07,
        "conf_low_shrunk": -0.11,
        "conf_high_shrunk": -0.03,
        "probability_of_benefit": 0.999,
        "rank_low": 1.0,
        "rank_high": 2.0,
        "mde": 0.081,
        "max_smd": 0.062,
        "balanced": True,
        "grade": "moderate",
        "tests_made": 3,
        "estimand": "ATT",
        "treated_value": 0.25,
        "comparison_value": 0.334,
        "events_treated": 103,
        "events_comparison": 138,
        "horizon": 12.0,
        "time_unit": "months",
        "worthwhile": 0.05,
        "randomised": False,
        "naive_estimate": -0.121,
        "naive_conf_low": -0.151,
        "naive_conf_high": -0.091,
        "e_value": 2.01,
        "e_value_limit": 1.47,
        "reasons": "excludes_zero",
    }
    return make_frame("findings", {**row, **changes}).to_dict("records")[0]


def study_words(**changes):
    return Words.from_manifest(manifest(**changes))


def manifest(**study):
    return {
        "yoseval": "0.1.0",
        "study": {
            "title": "Programmes of the service",
            "people": "children",
            "comparison_name": "usual supervision",
            "simulated": False,
            "source": "The records are those of an invented service.",
            "about": "Programmes started between 2018 and 2020.",
            **study,
        },
        "outcomes": [
            {
                "name": "reoffended",
                "label": "reoffended",
                "noun": "reoffending",
                "measure": "risk_difference",
                "horizon": 12.0,
                "time_unit": "months",
                "role": "primary",
                "worthwhile": 5.0,
            },
        ],
        "programmes": [{"id": "mentoring", "name": "Mentoring", "slug": "mentoring"}],
        "disclosure": {
            "policy": "tre_10",
            "threshold": 10,
            "sentence": "Counts below 10 are hidden.",
            "hidden": {"attrition": 1},
        },
        "inputs": [{"file": "people.csv", "sha256": "ab" * 32, "rows": 2400}],
        "lock": {"digests": {"mentoring": "cd" * 32}, "history": [{"digest": "cd" * 32}], "changed": False},
        "versions": {"python": "3.11.9", "numpy": "2.4.0"},
        "seed": 7,
        "conf_level": 0.95,
    }


def estimate_rows(programme="mentoring"):
    shared = {
        "programme": programme,
        "estimand": "ATT",
        "horizon": 12.0,
        "time_unit": "months",
        "df": 411.0,
        "n_treated": 412,
        "n_comparison": 412,
        "effective_n": 412.0,
        "interval": "t, 411 df; sandwich over 412 matched sets",
    }
    rd = {"outcome": "reoffended", "measure": "risk_difference"}
    rows = [
        {
            **rd,
            "method": "nearest",
            "role": "primary",
            "treated_value": 0.25,
            "comparison_value": 0.334,
            "estimate": -0.084,
            "std_error": 0.0204,
            "conf_low": -0.124,
            "conf_high": -0.044,
            "p_value": 0.0001,
            "p_adjusted": 0.0003,
        },
        {
            **rd,
            "method": "unadjusted",
            "role": "check",
            "treated_value": 0.25,
            "comparison_value": 0.371,
            "estimate": -0.121,
            "std_error": 0.015,
            "conf_low": -0.151,
            "conf_high": -0.091,
            "p_value": 0.00001,
        },
        {
            **rd,
            "method": "overlap",
            "role": "check",
            "estimand": "ATO",
            "treated_value": 0.255,
            "comparison_value": 0.33,
            "estimate": -0.075,
            "std_error": 0.019,
            "conf_low": -0.113,
            "conf_high": -0.037,
            "p_value": 0.0004,
        },
        {
            "outcome": "reoffended",
            "measure": "hazard_ratio",
            "method": "nearest",
            "role": "secondary",
            "estimate": 0.69,
            "std_error": 0.09,
            "conf_low": 0.58,
            "conf_high": 0.82,
            "p_value": 0.0002,
            "p_adjusted": 0.0004,
        },
        {
            "outcome": "reoffended",
            "measure": "restricted_mean_difference",
            "method": "nearest",
            "role": "secondary",
            "treated_value": 10.4,
            "comparison_value": 9.9,
            "estimate": 0.5,
            "std_error": 0.15,
            "conf_low": 0.2,
            "conf_high": 0.8,
            "p_value": 0.001,
            "p_adjusted": 0.002,
        },
    ]
    return [{**shared, **r} for r in rows]


def balance_frame(programme="mentoring"):
    terms = [
        ("age", "numeric", 0.41, 0.02, 1.1, 0.04),
        ("earlier offences", "numeric", -0.62, -0.05, 0.9, 0.05),
        ("sex: male", "binary", 0.12, 0.01, None, 0.01),
        ("looked after", "binary", 0.21, -0.06, None, 0.03),
        ("disposal: referral order", "binary", -0.18, 0.02, None, 0.01),
        ("propensity score", "score", 0.95, 0.04, 1.05, 0.04),
        ("prognostic score", "prognostic", -0.3, 0.01, 1.0, 0.02),
    ]
    rows = [
        {
            "programme": programme,
            "sample": s,
            "term": t,
            "kind": k,
            "mean_treated": 0.5,
            "mean_comparison": 0.5 - v / 10,
            "std_mean_diff": v,
            "variance_ratio": vr,
            "ks": ks,
        }
        for s in ("before", "after")
        for t, k, b, a, vr, ks in terms
        for v in [b if s == "before" else a]
    ]
    return pd.DataFrame(rows)


def product_rows(programme="mentoring"):
    terms = {"age squared": (0.3, 0.12), "age × sex: male": (0.2, -0.14), "sex: male × looked after": (None, None)}
    rows = [
        {"programme": programme, "sample": s, "term": t, "kind": "numeric", "std_mean_diff": v}
        for j, s in enumerate(("before", "after"))
        for t, values in terms.items()
        for v in [values[j]]
    ]
    return pd.DataFrame(rows)


def distance_rows(programme="mentoring"):
    terms = [
        ("age", 0.8, 0.96, 0.2, 0.04),
        ("earlier offences", 0.7, 0.94, 0.25, 0.05),
        ("looked after", None, None, None, None),
    ]
    rows = [
        {"programme": programme, "sample": s, "term": t, "kind": "numeric", "overlap_coefficient": o, "ks": ks}
        for s in ("before", "after")
        for t, ob, oa, kb, ka in terms
        for o, ks in [(ob, kb) if s == "before" else (oa, ka)]
    ]
    apart = [
        {"programme": programme, "sample": s, "term": "all covariates together", "kind": "all", "energy_distance": e}
        for s, e in (("before", 0.118), ("after", 0.023))
    ]
    return pd.DataFrame([*rows, *apart])


def step_rows(programme="mentoring"):
    shares = {
        ("before", "treated"): [0.1, 0.5, 1.0],
        ("before", "comparison"): [0.3, 0.75, 1.0],
        ("after", "treated"): [0.1, 0.52, 1.0],
        ("after", "comparison"): [0.12, 0.55, 1.0],
    }
    rows = [
        {"programme": programme, "sample": s, "arm": a, "term": t, "high": high, "cumulative": v}
        for t in ("age", "earlier offences")
        for (s, a), values in shares.items()
        for high, v in zip((12.5, 14.5, None), values, strict=True)
    ]
    return pd.DataFrame(rows)


def subgroup_rows(programme="mentoring"):
    values = {"sex: female": (0.4, 0.12), "sex: male": (0.3, -0.02), "area: tiny": (None, None), "area: rest": (0.2, 0.05)}
    rows = [
        {"programme": programme, "subgroup": g, "sample": s, "term": t, "kind": "numeric", "std_mean_diff": v}
        for g, both in values.items()
        for s, v in zip(("before", "after"), both, strict=True)
        for t in ("age", "earlier offences")
    ]
    return pd.DataFrame(rows)


def attrition_frame(programme="mentoring"):
    flow = [
        ("file", "read", 0, 0, 500, 1900),
        ("cohort", "no record of the first assessment", None, 38, None, 1862),
        ("design", "no comparison unit within the caliper", 76, 0, 412, 1862),
        ("design", "not needed: not the closest to anybody", 0, 1450, 412, 412),
        ("outcome", "analysed", 0, 0, 412, 412),
    ]
    rows = [
        {"programme": programme, "step": i, "stage": stage, "reason": why, "arm": arm, "n_lost": lost, "n_left": left}
        for i, (stage, why, lt, lc, nt, nc) in enumerate(flow, start=1)
        for arm, lost, left in (("treated", lt, nt), ("comparison", lc, nc))
    ]
    return pd.DataFrame(rows)


def overlap_rows(programme="mentoring"):
    edges = np.array([0.02, 0.1, 0.16, 0.22, 0.3, 0.42, 0.66])
    shares = {
        ("before", "treated"): [0.05, 0.1, 0.15, 0.2, 0.25, 0.25],
        ("before", "comparison"): [0.3, 0.25, 0.2, 0.13, 0.09, 0.03],
        ("after", "treated"): [0.06, 0.12, 0.17, 0.2, 0.24, 0.21],
        ("after", "comparison"): [0.07, 0.12, 0.17, 0.2, 0.24, None],
    }
    rows = [
        {"programme": programme, "sample": s, "arm": a, "low": lo, "high": hi, "share": v}
        for (s, a), values in shares.items()
        for lo, hi, v in zip(edges[:-1], edges[1:], values, strict=True)
    ]
    return pd.DataFrame(rows)


def curve_rows(programme="mentoring"):
    shared = {"programme": programme, "outcome": "reoffended", "time_unit": "months"}
    rows = []
    for arm, top in (("treated", 0.25), ("comparison", 0.334)):
        for t in np.arange(0, 12.5, 0.5):
            f = top * (1 - np.exp(-t / 6)) / (1 - np.exp(-2.0))
            half = 0.04 * np.sqrt(t / 12)
            rows.append(
                {
                    **shared,
                    "kind": "curve",
                    "arm": arm,
                    "time": t,
                    "incidence": f,
                    "conf_low": max(f - half, 0),
                    "conf_high": f + half,
                    "n_at_risk": round(412 * (1 - f)),
                }
            )
        for t in (0, 2, 4, 6, 8, 10, 12):
            f = top * (1 - np.exp(-t / 6)) / (1 - np.exp(-2.0))
            rows.append(
                {
                    **shared,
                    "kind": "at_risk",
                    "arm": arm,
                    "time": t,
                    "n_at_risk": None if t == 12 and arm == "treated" else round(412 * (1 - f) / 10) * 10,
                }
            )
    return pd.DataFrame(rows)


def completeness_rows(programme="mentoring"):
    shared = {"programme": programme, "outcome": "reoffended", "n": 412, "longest_delay": 1830.0}
    return pd.DataFrame(
        [
            {
                **shared,
                "arm": "treated",
                "n_reoffended": 103,
                "n_reoffences": 231,
                "uncorrected": 0.56,
                "corrected": 0.68,
                "n_truncated": 12,
                "share_complete": 0.31,
                "lowest_share": 0.4,
            },
            {
                **shared,
                "arm": "comparison",
                "n_reoffended": 138,
                "n_reoffences": 330,
                "uncorrected": 0.8,
                "corrected": 0.97,
                "n_truncated": None,
                "share_complete": 0.33,
                "lowest_share": 0.4,
            },
        ]
    )


def follow_up_rows(programme="mentoring"):
    """Two rows: how many of the comparison died is confidential, and with it the mean days at risk."""
    shared = {"programme": programme, "n": 412, "n_turned_18": 61}
    treated = {"arm": "treated", "n_pseudo": 37, "n_died": 0, "n_moved": 14, "n_custody": 21}
    comparison = {"arm": "comparison", "n_pseudo": 44, "n_died": None, "n_moved": 17, "n_custody": 25}
    days = {"mean_days_at_risk": 351.0, "mean_days_not_at_risk": 4.0}, {"mean_days_at_risk": None, "mean_days_not_at_risk": 6.0}
    return pd.DataFrame([{**shared, **treated, **days[0]}, {**shared, **comparison, **days[1]}])


def jdl_rows(programme="mentoring"):
    """Seven rows: one that too few reoffenders leave out by its own rule would be the days; two on tiers are confidential."""
    among = "among those who reoffended (compares selected groups)"
    values = ("treated_value", "comparison_value", "difference", "conf_low", "conf_high")
    counts = ("n_treated", "n_comparison", "events_treated", "events_comparison")
    rows = [
        ("jdl_rate", "One-year proven reoffending rate", (0.25, 0.334, -0.084, -0.146, -0.022), (412, 412, 103, 138)),
        ("jdl_frequency", "Proven reoffences per person in the year", (0.56, 0.8, -0.24, -0.4, -0.08), (412, 412, 103, 138)),
        ("jdl_days_to_first", f"Mean days to the first reoffence, {among}", (142, 131, 11, -15, 37), (103, 138, 103, 138)),
        (
            "jdl_first_summary",
            f"First reoffence was a summary offence, {among}",
            (0.52, 0.49, 0.03, -0.1, 0.16),
            (103, 138, 54, 68),
        ),
        ("jdl_first_either_way", f"First reoffence was an either-way offence, {among}", (None,) * 5, (103, 138, None, None)),
        ("jdl_first_indictable", f"First reoffence was indictable only, {among}", (None,) * 5, (103, 138, None, None)),
        ("jdl_first_custody", f"First reoffence led to custody, {among}", (0.14, 0.17, -0.03, -0.12, 0.06), (103, 138, 14, 23)),
    ]
    frame = pd.DataFrame(
        [dict(zip(("measure", "label", *values, *counts), (m, t, *v, *c), strict=True)) for m, t, v, c in rows]
    )
    few = frame["treated_value"].isna()
    reason = np.where(few, "Too few, or all but too few, in one of the groups.", "")
    return frame.assign(programme=programme, conditioned=frame.index >= 2, shown=~few, reason=reason)


def safe_run(*, findings=None, **study):
    """A run of one programme or of the given findings, with one hidden step of the flow, one bin and one at-risk number."""
    rows = findings or [finding()]
    content = manifest(**study)
    content["programmes"] = [{"id": r["programme"], "name": r["name"], "slug": r["programme"]} for r in rows]
    content["lock"]["digests"] = {r["programme"]: "cd" * 32 for r in rows}
    ids = [r["programme"] for r in rows]
    parts = {
        "balance": balance_frame,
        "attrition": attrition_frame,
        "overlap": overlap_rows,
        "curves": curve_rows,
        "estimates": lambda p: pd.DataFrame(estimate_rows(p)),
        "completeness": completeness_rows,
        "jdl": jdl_rows,
        "follow_up": follow_up_rows,
        "interactions": product_rows,
        "distribution_balance": distance_rows,
        "distributions": step_rows,
        "subgroup_balance": subgroup_rows,
    }
    frames = {
        name: make_frame(name, pd.concat([make(i).astype(object) for i in ids], ignore_index=True))
        for name, make in parts.items()
    }
    frames["sizes"] = make_frame(
        "sizes",
        pd.DataFrame(
            [
                {"programme": i, "sample": s, "arm": a, "n": n, "effective_n": e}
                for i in ids
                for s, a, n, e in (
                    ("before", "treated", 500, 500.0),
                    ("before", "comparison", 1900, 1900.0),
                    ("after", "treated", 412, 412.0),
                    ("after", "comparison", 412, 412.0),
                )
            ]
        ),
    )
    frames["checks"] = make_frame(
        "checks",
        pd.DataFrame(
            [
                {"programme": i, "outcome": "reoffended", "check": c, "question": q, "value": v, "answer": a}
                for i in ids
                for c, q, v, a in (
                    (
                        "e_value",
                        "How strong would an unmeasured difference have to be?",
                        "2.0 (limit 1.5)",
                        "Tied to both by a risk ratio of 2.0.",
                    ),
                    (
                        "placebo",
                        "Does the programme seem to change what happened before it?",
                        "0.3 more in every 100",
                        "No: the interval includes no difference.",
                    ),
                )
            ]
        ),
    )
    frames["protocol"] = make_frame(
        "protocol",
        pd.DataFrame(
            [
                {"programme": i, "section": s, "item": k, "value": v}
                for i in ids
                for s, k, v in (
                    ("eligibility", "who", "aged 10 to 17 with a community disposal"),
                    ("strategies", "compared", "start the programme, or usual supervision"),
                    ("time zero", "time zero", "the day of the disposal"),
                    ("follow-up", "length", "12 months"),
                    ("estimand", "target", "ATT"),
                    ("method", "design", "nearest, caliper 0.2"),
                )
            ]
        ),
    )
    all_findings = add_sentences(
        make_frame("findings", pd.DataFrame(rows)[list(FRAMES["findings"])]), Words.from_manifest(content)
    )
    frames["findings"] = all_findings
    masks = {name: _mask(frames[name], column) for name, column in (("attrition", "n_lost"), ("overlap", "share"))}
    masks["attrition"]["n_left"] = frames["attrition"]["n_left"].isna()
    masks["curves"] = _mask(frames["curves"], "n_at_risk")
    for name in ("interactions", "subgroup_balance"):
        masks[name] = _mask(frames[name], "std_mean_diff")
    masks["distributions"] = _mask(frames["distributions"], "high")
    masks["completeness"] = _mask(frames["completeness"], "n_truncated")
    masks["follow_up"] = frames["follow_up"].isna()
    masks["jdl"] = frames["jdl"].isna()
    return FakeRun(content, frames, masks)


def _mask(frame, column):
    mask = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    mask[column] = frame[column].isna().to_numpy()
    return mask


@pytest.fixture
def run():
    return safe_run()


@pytest.fixture
def make_run():
    return safe_run


@pytest.fixture
def make_finding():
    return finding


@pytest.fixture
def make_words():
    return study_words


@pytest.fixture
def injection():
    return INJECTION
