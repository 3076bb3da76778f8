"""What the command line prints: a table that lines up, and nothing that is confidential."""

import re

import pytest

from yoseval.evaluation.portfolio import design_portfolio
from yoseval.reporting.console import design_lines, finding_lines
from yoseval.reporting.run_folder import open_run, save_run


@pytest.fixture(scope="module")
def lines(service_run):
    return finding_lines(open_run(service_run))


@pytest.fixture(scope="module")
def designed(service_study, tmp_path_factory):
    return design_lines(open_run(save_run(design_portfolio(service_study), tmp_path_factory.mktemp("runs") / "blind")))


def row_of(lines, name):
    return next(line for line in lines if line.startswith(f"{name} "))


def cells(line):
    return re.split(r"\s{2,}", line)


def test_there_is_a_row_for_every_programme(lines):
    start = next(i for i, line in enumerate(lines) if line.startswith("Programme "))
    names = [cells(line)[0] for line in lines[start + 2 : start + 8]]

    assert names == ["art", "boot_camp", "football", "Mentoring", "persistent", "tiny"]


def test_columns_line_up(lines):
    start = next(i for i, line in enumerate(lines) if line.startswith("Programme "))
    edges = [m.start() for m in re.finditer("-+", lines[start + 1])][1:]

    gaps = {line[e - 2 : e] for line in lines[start : start + 8] for e in edges}
    assert len(edges) == 5
    assert gaps == {"  "}


def test_a_finding_shows_verdict_difference_naive_reach_and_size(lines, service_run):
    row = open_run(service_run).frame("findings").set_index("programme").loc["mentoring"]
    _, verdict, difference, naive, reach, treated = cells(row_of(lines, "Mentoring"))

    assert verdict == "▼ Likely reduces reoffending"
    assert difference == f"{100 * row['estimate']:+.1f} ({100 * row['conf_low']:+.1f} to {100 * row['conf_high']:+.1f})"
    assert naive == f"{100 * row['naive_estimate']:+.1f}"
    assert reach == f"{100 * row['mde']:.1f}"
    assert treated == "256"


@pytest.mark.parametrize("name", ["persistent", "tiny"])
def test_a_programme_without_a_claim_has_no_figure(lines, name):
    assert cells(row_of(lines, name))[2:5] == ["no figure"] * 3


def test_each_finding_is_said_in_words_too(lines, service_run):
    findings = open_run(service_run).frame("findings")

    assert [f"{n}: {s}" in lines for n, s in zip(findings["name"], findings["sentence"], strict=True)] == [True] * 6


def test_the_tests_made_stand_below(lines):
    assert any(line.startswith("Tests made: 8. ") for line in lines)


def test_the_reports_that_were_written_are_named(service_portfolio, tmp_path):
    folder = save_run(service_portfolio, tmp_path / "run")
    (folder / "portfolio.html").write_text("", encoding="utf-8")

    found = finding_lines(open_run(folder))

    assert found[-2:] == [f"  {folder}/portfolio.html", f"  {folder}/*.csv, manifest.json"]


def test_the_blind_half_says_sizes_balance_and_locks_and_no_outcome(designed, service_portfolio):
    row = cells(row_of(designed, "Mentoring"))

    assert "Designs are locked. No outcome was opened." in designed
    assert row[1:3] == ["260", "900"]
    assert float(row[4]) <= 0.1
    assert row[5] == service_portfolio.digests()["mentoring"][:16]
    assert not any("reoffen" in line for line in designed)


def test_a_programme_without_design_says_none(designed):
    assert cells(row_of(designed, "tiny"))[1:5] == ["none"] * 4


def test_a_confidential_value_is_marked(service_people, tmp_path, write_study):
    from yoseval.cohort.protocol import read_study
    from yoseval.evaluation.portfolio import evaluate_portfolio

    few = service_people[~((service_people["programme"] == "tiny") & (service_people["age"] > 14.5))]
    n = int((few["programme"] == "tiny").sum())
    run = open_run(save_run(evaluate_portfolio(read_study(write_study(tmp_path / "few", few))), tmp_path / "run"))

    assert 0 < n < 10
    assert cells(row_of(finding_lines(run), "tiny"))[-1] == "[c]"
