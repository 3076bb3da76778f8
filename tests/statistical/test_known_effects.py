"""Do the designs of records find effects that are known? Simulated services, the whole way from raw records to verdicts.

The slice runs in every test run; ``pytest -m grid tests/statistical/test_known_effects.py -s`` runs 300 studies a rule and
prints a table. The truth is that of the very children and time zero of each design, from both potential outcomes.
"""

import importlib.util
import sys
from pathlib import Path

import pytest
from scipy import stats

SIZE = 2000
PROGRAMMES = ("mentoring", "looks_useless", "looks_helpful")


def load_known():
    """Import `known_effects.py` by its path: tests are no package."""
    name = "yoseval_known_effects"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("known_effects.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


known = load_known()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Twenty-five studies of 2,000 children as one service, drawn and written down."""
    folder = tmp_path_factory.mktemp("known") / "service"
    service = known.draw_known(25 * SIZE, 7)
    known.write_known(service, folder, 7)
    return service, folder


@pytest.fixture(scope="module")
def grace(drawn):
    """The trials of the rule of grace, their outcomes, and what each study gave on each programme."""
    service, folder = drawn
    seen = {t.protocol.programme: (t, o) for t, o in known.observed(folder, "grace", PROGRAMMES)}
    return seen, {p: known.estimate_studies(service, *of, SIZE) for p, of in seen.items()}


def test_the_treated_of_grace_are_those_who_started_in_sixty_days_before_any_trouble(drawn, grace):
    service, _ = drawn
    built, outcomes = known.with_simulated_index(service, *grace[0]["mentoring"])
    uptake = next(u for u in service.uptakes if u.programme.programme_id == "mentoring")
    start, index = uptake.start_of(len(service.rate)), service.children.index_date
    first = known.first_after(service, index)
    eligible = known.children_of(built.units["person_id"])
    cleanly = eligible[(start[eligible] <= index[eligible] + 60) & (start[eligible] < first[eligible])]

    settled = outcomes.settle(known.build_design(built.cohort(built.protocol), "entropy"))
    used = known.used_treated(settled, built)

    assert (used["zero"].to_numpy() == index[used["child"]]).all()
    assert set(used["child"]) == set(cleanly)


def test_effects_of_grace_are_those_of_both_potential_outcomes(grace):
    for found in grace[1].values():
        # One point is what counts; with 25 studies chance alone makes more.
        assert abs(found.bias) < 0.01 + 2.0 * found.bias_error, str(found)
        assert abs(found.coverage - 0.95) < 0.02 + 2.5 * found.coverage_error, str(found)


def test_a_programme_that_looks_useless_and_helps_is_found_where_studies_are_large(drawn, grace):
    service, _ = drawn
    small = grace[1]["looks_useless"]
    large = known.estimate_studies(service, *grace[0]["looks_useless"], 5 * SIZE)

    assert abs(small.naive.mean()) < 0.03
    assert small.truth < -0.1
    assert small.reduced > 0.4
    assert large.reduced > 0.9


def test_a_programme_that_looks_helpful_and_does_nothing_is_not_called_helpful(grace):
    found = grace[1]["looks_helpful"]

    assert found.truth == 0.0
    assert (found.naive < -0.05).mean() > 0.9
    # No more often than one in twenty, as far as 25 studies can tell.
    n = found.verdict.size
    assert stats.binom.sf(round(found.reduced * n) - 1, n, 0.05) > 0.001


def test_a_naive_comparison_understates_mentoring(grace):
    found = grace[1]["mentoring"]

    assert found.naive.mean() - found.truth > 0.03 > abs(found.bias)


@pytest.mark.grid
@pytest.mark.parametrize("rule", ["grace", "nested"])
def test_bias_and_coverage_of_three_hundred_studies(rule, tmp_path):
    for found in three_hundred_studies(rule, tmp_path):
        print(found)
        assert abs(found.bias) < 0.01 + 2.0 * found.bias_error
        assert abs(found.coverage - 0.95) < 0.02 + 2.0 * found.coverage_error
        assert len(found.failed) < 0.05 * (found.gap.size + len(found.failed))
        if found.truth == 0.0:
            assert found.reduced <= 0.05


@pytest.mark.grid
def test_a_landmark_sees_no_effect_where_there_is_none_and_errs_towards_none_where_there_is_one(tmp_path):
    # A programme that helped before the landmark kept frailer children out of trouble until then: they meet sturdier ones.
    for found in three_hundred_studies("landmark", tmp_path):
        print(found)
        if found.truth == 0.0:
            assert abs(found.bias) < 0.01
            assert found.reduced <= 0.05
        else:
            assert 0 < found.bias < 0.03


def three_hundred_studies(rule, folder):
    """Return what 300 studies gave on each programme."""
    parts = []
    for seed in range(101, 106):
        service = known.draw_known(60 * SIZE, seed)
        known.write_known(service, folder / str(seed), seed)
        seen = known.observed(folder / str(seed), rule, PROGRAMMES)
        parts.append([known.estimate_studies(service, *of, SIZE) for of in seen])
    return [known.pooled(programme) for programme in zip(*parts, strict=True)]
