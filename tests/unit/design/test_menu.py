"""The rules of options: what is refused, and what has no say."""

import pytest

from yoseval.cohort.design_section import DesignSection
from yoseval.design.menu import Method, Rule, is_number, is_one_of, is_optional, is_whole, names_in, require_options
from yoseval.design.methods import METHODS, build_design, capabilities
from yoseval.errors import UsageError


def test_defaults_fill_what_was_not_given():
    method = Method(build=lambda: None, accepts=("ATT",), options={"a": 1, "b": 2}, needs="", cite="")

    assert require_options("m", method, {"b": 3}) == {"a": 1, "b": 3}


def test_an_option_with_its_default_is_never_out_of_place():
    rule = Rule(is_whole(1), "a whole number", {"b": True}, "with b")
    method = Method(lambda: None, ("ATT",), {"a": 1, "b": False}, "", "", {"a": rule})

    assert require_options("m", method, {"a": 1})["a"] == 1
    with pytest.raises(UsageError, match=r"'a' has no say in this design\. It applies with b"):
        require_options("m", method, {"a": 2})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reuse_max": 3}, "'reuse_max' has no say in this design. It applies with replace = true"),
        ({"min_controls": 2}, "It applies with max_controls"),
        ({"mahvars": ("age",), "distance": "mahalanobis"}, "It applies with distance = 'logit' or 'score'"),
        ({"seed": 4}, "It applies with m_order = 'random'"),
        ({"caliper": None, "caliper_scale": "score"}, "It applies with a caliper"),
        ({"caliper": {"propensity score": -1}}, "'caliper' is"),
        ({"m_order": "nearest"}, "'m_order' is 'nearest'"),
        ({"replace": 1}, "'replace' is 1"),
        ({"ratio": 1.5}, "'ratio' is 1.5"),
        ({"ratio": 3, "max_controls": 2}, "needs min_controls < ratio < max_controls"),
        ({"antiexact": "colour"}, "Not a column to keep apart: colour"),
        ({"mahvars": "colour"}, "Not a column to measure distances on: colour"),
        ({"caliper": {"colour": 1}}, "Not a column to hold within a caliper: colour"),
        ({"caliper": {"sex": 1}}, "A caliper needs numbers"),
    ],
)
def test_what_nearest_cannot_do_is_said(cohort, options, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        build_design(cohort, "nearest", **options)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("cem", {"cutpoints": "often"}, "'cutpoints' is 'often'"),
        ("cem", {"cutpoints": {"colour": 3}}, "'colour' is not a covariate"),
        ("cem", {"grouping": {"sex": "f"}}, "'grouping' is"),
        ("cem", {"k2k_method": "robust_mahalanobis"}, "It applies with k2k = true"),
        ("subclass", {"subclass": 1}, "'subclass' is 1"),
        ("subclass", {"sub_by": "control"}, "'sub_by' is 'control'"),
        ("subclass", {"caliper": 0.1}, "'subclass' has no option 'caliper'"),
        ("exact", {"exact": "sex"}, "'exact' has no option 'exact'"),
        ("exact", {"estimand": "ATO"}, "Methods that can: overlap"),
    ],
)
def test_what_strata_cannot_do_is_said(cohort, method, options, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, method, **options)


def test_the_table_of_capabilities_has_a_row_for_every_option_and_method():
    table = capabilities()

    assert set(table["method"]) == set(METHODS)
    options = {(m, o) for m in METHODS for o in METHODS[m].options}
    assert {(r.method, r.option) for r in table.itertuples() if r.option} == options
    assert (table["needs"] != "").all()


def test_every_rule_belongs_to_an_option_that_its_default_obeys():
    for name, method in METHODS.items():
        for option, rule in method.rules.items():
            assert rule.holds(method.options[option]), (name, option)
            assert set(rule.only_with) <= set(method.options), (name, option)
            assert bool(rule.only_with) == bool(rule.condition), (name, option)


def test_the_study_file_has_every_option_with_the_same_default():
    fields = DesignSection.model_fields

    for method in METHODS.values():
        for option, default in method.options.items():
            assert option in fields
            # A file's caliper reaches full matching only if it is set: without one full matching keeps everybody.
            if (option, default) != ("caliper", None):
                assert fields[option].get_default(call_default_factory=True) == default


def test_checks_tell_numbers_from_what_only_looks_like_them():
    assert [is_number(v) for v in (1, 0.5, True, "1", float("nan"), float("inf"))] == [True, True, False, False, False, False]
    assert [is_whole(2)(v) for v in (2, 1, 2.0, True)] == [True, False, False, False]
    assert [is_optional(is_whole(0))(v) for v in (None, 0, -1)] == [True, True, False]
    assert [is_one_of(True, False)(v) for v in (True, 1, 0)] == [True, False, False]


def test_one_name_is_a_tuple_of_one():
    assert (names_in("sex"), names_in(["a", "b"])) == (("sex",), ("a", "b"))
