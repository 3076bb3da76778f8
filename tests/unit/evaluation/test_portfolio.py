"""The whole study: blind first, then judged together, the same for any number of jobs."""

import hashlib
import platform

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort import prepared as prepared_module
from yoseval.cohort.protocol import read_study
from yoseval.evaluation import portfolio as portfolio_module
from yoseval.evaluation import sources as sources_module
from yoseval.evaluation.multiplicity import benjamini_hochberg
from yoseval.evaluation.portfolio import design_portfolio, evaluate_portfolio, judge_together
from yoseval.frames import check_frame
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES
from yoseval.reporting.run_folder import PUBLIC_FRAMES

VERDICTS = {
    "art": "cannot_tell",
    "boot_camp": "likely_increased",
    "football": "cannot_tell",
    "mentoring": "likely_reduced",
    "persistent": "not_comparable",
    "tiny": "not_evaluable",
}


def test_every_programme_of_a_service_gets_its_finding(service_portfolio):
    assert {f.programme: f.verdict for f in service_portfolio.findings} == VERDICTS


def test_the_findings_are_a_public_frame_one_row_a_programme(service_portfolio):
    frame = check_frame(service_portfolio.to_frame(), "findings")

    assert frame["programme"].tolist() == list(VERDICTS)


def test_one_job_and_two_give_the_same(service_study, service_portfolio):
    both = evaluate_portfolio(service_study, seed=3, jobs=2)

    assert both.digests() == service_portfolio.digests()
    for name, frame in service_portfolio.frames().items():
        pd.testing.assert_frame_equal(both.frames()[name], frame, check_exact=True)


def test_progress_is_told_with_the_names_that_are_shown(service_study):
    told = []

    design_portfolio(service_study, on_progress=lambda stage, name: told.append((stage, name)))

    assert told == [("Designing", "Mentoring" if p == "mentoring" else p) for p in VERDICTS]


def test_designing_opens_no_outcome(service_study, monkeypatch):
    def forbidden(study):
        raise AssertionError("an outcome was opened")

    monkeypatch.setattr(sources_module, "read_outcomes", forbidden)

    designed = design_portfolio(service_study)

    assert len(designed.trials) == len(VERDICTS)
    assert designed.findings == ()


def test_outcomes_are_opened_only_after_every_design_is_locked(service_study, monkeypatch):
    order = []
    real_columns, real_outcomes = prepared_module.read_columns, sources_module.read_outcomes
    monkeypatch.setattr(
        prepared_module, "read_columns", lambda file, columns: order.append("covariates") or real_columns(file, columns)
    )
    monkeypatch.setattr(sources_module, "read_outcomes", lambda study: order.append("outcomes") or real_outcomes(study))

    evaluate_portfolio(service_study, on_progress=lambda stage, name: order.append(stage))

    n = len(VERDICTS)
    assert order == ["covariates", *["Designing"] * n, "outcomes", *["Evaluating"] * n]


def test_locked_designs_are_not_built_again(service_study, service_portfolio, monkeypatch):
    monkeypatch.setattr(portfolio_module, "design_programme", None)

    again = evaluate_portfolio(service_study, locked=service_portfolio)

    assert [t is u for t, u in zip(again.trials, service_portfolio.trials, strict=True)] == [True] * len(VERDICTS)


def test_p_values_are_corrected_across_the_programmes_that_could_be_tested(make_evidence):
    p_values = {"a": 0.01, "b": 0.03, "c": 0.5}
    gathered = [make_evidence(programme=p, p_holm=v) for p, v in p_values.items()]

    findings = judge_together(gathered)

    np.testing.assert_allclose([f.p_adjusted for f in findings], benjamini_hochberg(list(p_values.values())))


def test_a_programme_that_failed_a_gate_is_no_test(make_evidence):
    gated = make_evidence(programme="gated", reasons=("imbalance",), p_holm=0.9)
    alone = make_evidence(programme="alone", p_holm=0.04)

    findings = judge_together([gated, alone])

    # With two tests 0.04 would have become 0.08.
    assert [f.verdict for f in findings] == ["not_comparable", "likely_reduced"]
    assert np.isnan(findings[0].p_adjusted)
    assert findings[1].p_adjusted == pytest.approx(0.04)


def test_a_claim_that_stands_alone_can_fall_among_many(make_evidence):
    alone = judge_together([make_evidence(p_holm=0.04)])
    among = judge_together([make_evidence(p_holm=0.04), *(make_evidence(programme=f"p{i}", p_holm=0.5) for i in range(5))])

    assert alone[0].verdict == "likely_reduced"
    assert among[0].verdict == "cannot_tell"
    assert "not_significant_after_adjustment" in among[0].reasons


def test_every_estimate_with_a_p_value_counts_as_a_test_made(make_evidence, service_portfolio):
    made = judge_together([make_evidence(programme="a"), make_evidence(programme="b", estimated=False)])

    assert {f.tests_made for f in made} == {1}
    # Four programmes were estimated, each with two outcomes.
    assert {f.tests_made for f in service_portfolio.findings} == {8}


def test_no_programmes_make_no_findings():
    assert judge_together([]) == ()


def test_the_public_frames_are_those_of_the_run_folder(service_portfolio):
    # No subgroups are declared.
    assert set(service_portfolio.frames()) == {*PUBLIC_FRAMES, *BALANCE_FRAMES} - {"subgroup_balance"}


def test_the_adjusted_p_value_stands_beside_the_primary_estimate_only(service_portfolio):
    estimates = service_portfolio.frames()["estimates"]

    has = estimates.groupby("role")["p_adjusted"].agg(lambda p: p.notna().all())
    none = estimates.groupby("role")["p_adjusted"].agg(lambda p: p.isna().all())
    assert has["primary"]
    assert none["secondary"]
    assert none["check"]


def test_the_flow_goes_as_far_as_the_programme_went(service_portfolio):
    flow = service_portfolio.frames()["attrition"]
    last = flow.drop_duplicates(["programme", "arm"], keep="last").groupby("programme")["stage"].first().to_dict()

    assert last == {p: "design" if p in ("persistent", "tiny") else "analysis" for p in VERDICTS}


def test_where_no_design_could_be_built_all_are_lost_for_that_reason(service_portfolio):
    flow = service_portfolio.frames()["attrition"]
    ends = flow[flow["programme"].isin(("persistent", "tiny"))].drop_duplicates(["programme", "arm"], keep="last")

    assert ends[["programme", "reason", "arm", "n_lost", "n_left"]].to_numpy().tolist() == [
        ["persistent", "no fair comparison could be built", "treated", 60, 0],
        ["persistent", "no fair comparison could be built", "comparison", 900, 0],
        ["tiny", "too few to evaluate", "treated", 12, 0],
        ["tiny", "too few to evaluate", "comparison", 900, 0],
    ]


@pytest.mark.parametrize("arm", ["treated", "comparison"])
def test_every_step_of_the_flow_adds_up(service_portfolio, arm):
    flow = service_portfolio.frames()["attrition"]

    for _, steps in flow[flow["arm"] == arm].groupby("programme"):
        left = steps["n_left"].astype(int).tolist()
        lost = steps["n_lost"].astype(int).tolist()
        assert [a - b for a, b in zip(left, lost[1:], strict=False)] == left[1:]


def test_sizes_are_known_even_where_no_design_could_be_built(service_portfolio):
    sizes = service_portfolio.frames()["sizes"]

    assert sizes[sizes["programme"] == "tiny"].set_index(["sample", "arm"])["n"].to_dict() == {
        ("before", "treated"): 12,
        ("before", "comparison"): 900,
    }


def test_ids_are_in_private_frames_only(service_portfolio, service_people):
    ids = set(service_people["person"])
    public = {v for f in service_portfolio.frames().values() for c in f.select_dtypes("object") for v in f[c]}

    assert not ids & public
    assert not any(i in text for text in public for i in list(ids)[:50])
    assert all("unit_id" in f.columns for f in service_portfolio.private_frames().values())


def test_every_design_has_its_ledger_under_its_number(service_portfolio):
    frames = service_portfolio.private_frames()

    numbers = {kind: [n[-2:] for n in frames if n.startswith(kind)] for kind in ("design", "ledger")}
    assert numbers["design"] == numbers["ledger"] != []
    for number in numbers["design"]:
        design, ledger = frames[f"design_{number}"], frames[f"ledger_{number}"]
        assert design["programme"].unique().tolist() == ledger["programme"].unique().tolist()
        assert ((ledger["status"] == "kept") == (design["weight"] > 0)).all()


def test_the_choice_and_the_kept_are_told_before_any_outcome(service_study, service_portfolio):
    blind, seen = design_portfolio(service_study, seed=3).frames(), service_portfolio.frames()

    for name in ("candidates", "kept_and_dropped"):
        pd.testing.assert_frame_equal(blind[name], seen[name], check_exact=True)
        assert set(blind[name]["programme"]) == {"art", "boot_camp", "football", "mentoring"}


def test_influence_values_belong_to_their_units(service_portfolio):
    finding = next(f for f in service_portfolio.findings if f.programme == "mentoring")
    frames = service_portfolio.private_frames()
    own = [f for name, f in frames.items() if name.startswith("influence") and (f["programme"] == "mentoring").all()]

    assert len(own) == 1
    np.testing.assert_array_equal(own[0]["influence"], finding.evidence.primary.estimate.influence)
    assert own[0]["unit_id"].tolist() == finding.evidence.trial.design.cohort.units["unit_id"].tolist()


def test_the_manifest_names_what_the_run_rests_on(service_portfolio, service_folder):
    manifest = service_portfolio.manifest()

    assert {i["file"]: i["sha256"] for i in manifest["inputs"]} == {
        name: hashlib.sha256((service_folder / name).read_bytes()).hexdigest() for name in ("study.toml", "people.csv")
    }
    assert manifest["lock"]["digests"] == service_portfolio.digests()
    assert manifest["seed"] == 3
    assert manifest["versions"]["python"] == platform.python_version()
    assert [p["id"] for p in manifest["programmes"]] == list(VERDICTS)
    assert [(o["role"], o["worthwhile"]) for o in manifest["outcomes"]] == [("primary", 5.0), ("secondary", None)]


def test_the_manifest_holds_no_path_of_the_machine(service_portfolio, service_folder):
    assert str(service_folder.parent) not in str(service_portfolio.manifest())


def test_a_programme_named_that_nobody_started_is_a_finding(service_folder, service_people, tmp_path, write_study):
    text = (service_folder / "study.toml").read_text(encoding="utf-8") + '\n[programmes]\ninclude = ["absent", "art"]\n'

    found = evaluate_portfolio(read_study(write_study(tmp_path / "s", service_people, text)))

    assert [(f.programme, f.verdict) for f in found.findings] == [("absent", "not_evaluable"), ("art", "cannot_tell")]
    for name, frame in found.frames().items():
        assert check_frame(frame, name) is frame


def test_a_portfolio_shows_at_most_eight_lines(service_portfolio):
    lines = str(service_portfolio).splitlines()

    assert lines[0] == "Portfolio: Programmes of the service"
    assert len(lines) <= 8
