"""Linking two extracts: what is linked, what leaves, and what never does."""

import logging
import re
import socket
import sys
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yoseval.errors import DataError, EnvironmentFault, UsageError
from yoseval.records.linkage import model as link_model
from yoseval.records.linkage.clean import IDENTIFIERS
from yoseval.records.linkage.link import LinkSettings, assess_linkage, link_extracts, resolve_one_to_one
from yoseval.records.linkage.simulate import ErrorRates, SimulatedIdentities, simulate_identities

CANARY = "Zyzzyvaquux"
SETTINGS = LinkSettings(ethnicity="ethnicity", age_at=date(2020, 1, 1))
PLAIN_NAMES = {name: name for name in IDENTIFIERS}


def make_extracts():
    """Simulate two extracts; the first child in both is a canary with a name of its own."""
    simulated = simulate_identities(300, 500, n_shared=220, seed=11)
    left, right = simulated.left.copy(), simulated.right.copy()
    pair = simulated.truth.iloc[0]
    for frame, key in ((left, pair["left_key"]), (right, pair["right_key"])):
        cells = [CANARY, CANARY[::-1], "2009-02-03", "ZA1 9ZZ"]
        frame.loc[frame["key"] == key, ["forename", "surname", "date_of_birth", "postcode"]] = cells
    return SimulatedIdentities(left, right, simulated.truth)


@pytest.fixture(scope="module")
def extracts():
    return make_extracts()


@pytest.fixture(scope="module")
def linkage(extracts):
    return link_extracts(extracts.left, extracts.right, SETTINGS)


def frames_of(linkage):
    return [
        linkage.pairs,
        linkage.candidates,
        linkage.possible_twins,
        linkage.levels,
        linkage.weights,
        linkage.losses,
        linkage.to_frame(),
    ]


def test_no_key_is_linked_twice(linkage):
    assert linkage.pairs["left_key"].is_unique
    assert linkage.pairs["right_key"].is_unique


def test_every_pair_reaches_the_threshold(linkage):
    assert linkage.pairs["match_probability"].min() >= linkage.threshold
    assert len(linkage.candidates) > len(linkage.pairs) > 0


def test_a_weight_is_the_log_odds_of_its_probability(linkage):
    odds = 2.0 ** linkage.candidates["match_weight"]

    # Weights are rounded to six decimals.
    assert (odds / (1 + odds)).tolist() == pytest.approx(linkage.candidates["match_probability"].tolist(), abs=1e-6)


def test_a_higher_threshold_links_some_of_the_same_pairs(extracts, linkage):
    strict = link_extracts(extracts.left, extracts.right, LinkSettings(threshold=0.9999))

    pd.testing.assert_frame_equal(
        strict.pairs, linkage.pairs[linkage.pairs["match_probability"] >= 0.9999].reset_index(drop=True)
    )
    assert 0 < len(strict.pairs) < len(linkage.pairs)


def test_nothing_that_leaves_holds_a_name_a_date_or_a_postcode(linkage):
    text = "".join(f.to_csv() for f in frames_of(linkage)) + f"{linkage}{linkage!r}{linkage._repr_html_()}"

    assert CANARY.lower() not in text.lower()
    assert CANARY[::-1].lower() not in text.lower()
    assert re.findall(r"\d{4}-\d\d-\d\d|Z[A-D]\d+ ?\d[A-Z]{2}", text) == []


def test_nothing_is_logged_printed_or_written_and_nobody_is_called(extracts, tmp_path, monkeypatch, caplog, capfd):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="splink"):
        link_extracts(extracts.left, extracts.right)

        assert logging.getLogger("splink").level == logging.DEBUG
    assert [r.name for r in caplog.records if r.name.startswith("splink")] == []
    assert CANARY.lower() not in caplog.text.lower()
    assert tuple(capfd.readouterr()) == ("", "")
    assert list(tmp_path.rglob("*")) == []


def test_a_failure_inside_says_its_kind_and_no_name(extracts, monkeypatch):
    def fail(*_):
        raise ValueError(f"row {CANARY} is odd")

    monkeypatch.setattr(link_model, "_train", fail)

    with pytest.raises(DataError, match=r"could not be fitted \(ValueError\)") as caught:
        link_extracts(extracts.left, extracts.right)

    assert CANARY not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_the_order_of_rows_changes_nothing(extracts, linkage):
    shuffled = (frame.sample(frac=1, random_state=5) for frame in (extracts.left, extracts.right))

    again = link_extracts(*shuffled, SETTINGS)

    for one, other in zip(frames_of(linkage), frames_of(again), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_extracts_given_are_not_changed(extracts, linkage):
    made = make_extracts()

    assert len(linkage.pairs) > 0
    pd.testing.assert_frame_equal(extracts.left, made.left)
    pd.testing.assert_frame_equal(extracts.right, made.right)


CHANGES = {
    "names swapped": lambda own: {"forename": own["surname"], "surname": own["forename"]},
    "day and month transposed": lambda own: {"date_of_birth": "2009-03-02"},
    "one digit of the date off": lambda own: {"date_of_birth": "2009-02-04"},
    "no date": lambda own: {"date_of_birth": None},
    "moved": lambda own: {"postcode": "ZD7 1AB"},
    "no postcode and no sex": lambda own: {"postcode": None, "sex": None},
    "forename misspelt": lambda own: {"forename": "Bartolomew"},
    "another surname": lambda own: {"surname": "Smith"},
    "no forename": lambda own: {"forename": None},
}


@pytest.fixture(scope="module")
def links_of_changed():
    """Link extracts in which one child is changed in each of these ways; return the partner of each, and the right one."""
    simulated = simulate_identities(300, 500, n_shared=220, seed=11)
    left, right = simulated.left.set_index("key"), simulated.right.set_index("key")
    pairs = list(simulated.truth.head(len(CHANGES)).itertuples())
    cells = {"forename": "Bartholomew", "date_of_birth": "2009-02-03", "sex": "male"}
    for letter, pair, change in zip("abcdefghi", pairs, CHANGES.values(), strict=True):
        # Another surname and place for each of them, so that they are nine children and no family.
        own = cells | {"surname": f"Qvortrup{6 * letter}", "postcode": f"ZA{ord(letter) - 90} 9ZZ"}
        changed = own | change(own)
        left.loc[pair.left_key, list(own)] = list(own.values())
        right.loc[pair.right_key, list(changed)] = list(changed.values())
    linked = link_extracts(left.reset_index(), right.reset_index()).pairs.set_index("left_key")["right_key"]
    return {name: (linked.get(p.left_key), p.right_key) for name, p in zip(CHANGES, pairs, strict=True)}


@pytest.mark.parametrize("change", CHANGES)
def test_one_error_does_not_lose_a_child(links_of_changed, change):
    found, own = links_of_changed[change]

    assert found == own


def test_a_child_twice_in_the_other_extract_is_not_linked_and_is_counted(extracts):
    pair = extracts.truth.iloc[0]
    twice = extracts.right[extracts.right["key"] == pair["right_key"]].assign(key="P9999999")

    linkage = link_extracts(extracts.left, pd.concat([extracts.right, twice]))

    assert linkage.n_ambiguous == 1
    assert pair["left_key"] not in set(linkage.pairs["left_key"])


def with_twin(extracts, *, own_record):
    """Give the canary a twin in the right extract, beside or instead of its own record; return the right extract."""
    own = extracts.right["key"] == extracts.truth["right_key"].iloc[0]
    twin = extracts.right[own].assign(key="P9999999", forename="Tabitha")
    return pd.concat([extracts.right if own_record else extracts.right[~own], twin])


def test_a_child_is_not_linked_to_the_twin_and_the_pair_is_set_aside(extracts):
    left_key = extracts.truth["left_key"].iloc[0]

    linkage = link_extracts(extracts.left, with_twin(extracts, own_record=False))

    assert left_key not in set(linkage.pairs["left_key"])
    twins = linkage.possible_twins
    assert twins.loc[twins["left_key"] == left_key, "right_key"].tolist() == ["P9999999"]
    assert linkage.to_frame()["n_possible_twins"].item() == twins["left_key"].nunique()


def test_a_child_whose_own_record_is_there_is_linked_to_it_and_not_to_the_twin(extracts):
    pair = extracts.truth.iloc[0]

    linkage = link_extracts(extracts.left, with_twin(extracts, own_record=True))

    assert linkage.pairs.set_index("left_key")["right_key"].get(pair["left_key"]) == pair["right_key"]
    assert pair["left_key"] not in set(linkage.possible_twins["left_key"])


def test_within_each_comparison_agreement_weighs_more_than_difference(linkage):
    weights = linkage.levels.set_index(["comparison", "level"])["match_weight"]

    assert all(weights[c, "the same"] > 0 > weights[c, "different"] for c in IDENTIFIERS)


def test_the_spread_of_weights_counts_every_link_once(linkage):
    assert linkage.weights["n_linked"].sum() == len(linkage.pairs)
    assert (linkage.weights["n_linked"] <= linkage.weights["n"]).all()


def test_losses_of_each_grouping_add_up_to_the_extract(linkage):
    sums = linkage.losses.groupby("group")[["n", "n_linked", "n_lost"]].sum()

    assert sorted(sums.index) == ["age_band", "ethnicity", "sex"]
    assert (sums["n"] == linkage.n_left).all()
    assert (sums["n_linked"] == len(linkage.pairs)).all()
    assert (sums["n_lost"] == linkage.n_left - len(linkage.pairs)).all()


def test_the_overview_agrees_with_the_pairs(linkage):
    row = linkage.to_frame().iloc[0]

    assert row[["n_service", "n_police", "n_linked", "n_lost"]].tolist() == [
        300,
        500,
        len(linkage.pairs),
        300 - len(linkage.pairs),
    ]
    assert row["share_linked"] == len(linkage.pairs) / 300
    assert len(str(linkage).splitlines()) <= 8


def test_the_share_linked_of_an_arm_counts_each_child_once(linkage):
    linked, lost = linkage.pairs["left_key"].iloc[0], "S-not-linked"

    assert linkage.share_linked_of([linked, linked, lost, lost]) == 0.5


def test_the_share_linked_of_nobody_is_refused(linkage):
    with pytest.raises(UsageError, match="no children"):
        linkage.share_linked_of([])


def test_other_names_of_columns_and_no_postcode_or_sex_will_do():
    simulated = simulate_identities(200, 300, n_shared=150, errors=ErrorRates(moved=0.0), seed=3)
    left = simulated.left.rename(columns={"key": "case", "surname": "family_name"})
    columns = {"forename": "forename", "surname": "family_name", "date_of_birth": "date_of_birth"}

    linkage = link_extracts(
        left, simulated.right, LinkSettings(left_key="case", left_columns=columns, right_columns=PLAIN_NAMES)
    )

    assert set(linkage.levels["comparison"]) == set(columns)
    assert linkage.losses.empty
    assert assess_linkage(linkage, simulated.truth, (0.95,))["precision"].item() > 0.95


def test_an_absent_column_of_ethnicity_is_named(extracts):
    with pytest.raises(DataError, match="The left extract has no column 'ethnic_group'"):
        link_extracts(extracts.left, extracts.right, LinkSettings(ethnicity="ethnic_group"))


def test_too_little_agreement_is_refused_with_what_to_check(extracts):
    with pytest.raises(DataError, match="at least 20 are needed") as caught:
        link_extracts(extracts.left, extracts.right.assign(date_of_birth="31/12/2009"))

    assert "0 pairs of 300 and 500 children" in str(caught.value)
    assert "YYYY-MM-DD" in caught.value.remedy


def test_without_splink_the_way_to_install_it_is_named(extracts, monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)

    with pytest.raises(EnvironmentFault, match=r'pip install "yoseval\[link\]"'):
        link_extracts(extracts.left, extracts.right)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.0}, "threshold is 1"),
        ({"threshold": 0.0}, "threshold is 0"),
        ({"max_pairs": 10}, "at least 10,000"),
        ({"left_columns": {"forename": "f", "surname": "s"}}, r"left_columns: missing \['date_of_birth'\]"),
        ({"right_columns": PLAIN_NAMES | {"nhs_number": "n"}}, r"right_columns: missing \[\], unknown \['nhs_number'\]"),
    ],
)
def test_a_setting_outside_its_range_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        LinkSettings(**options)


def test_a_threshold_below_what_was_kept_cannot_be_assessed(linkage, extracts):
    with pytest.raises(UsageError, match="pairs below were not kept"):
        assess_linkage(linkage, extracts.truth, (0.001,))


def scored(*rows):
    return pd.DataFrame(rows, columns=["left_key", "right_key", "match_weight"])


def test_the_stronger_of_two_pairs_is_chosen_and_the_rest_make_do():
    chosen, tied = resolve_one_to_one(scored(("a", "x", 3.0), ("a", "y", 5.0), ("b", "y", 4.0), ("b", "x", 1.0)))

    assert chosen[["left_key", "right_key"]].to_numpy().tolist() == [["a", "y"], ["b", "x"]]
    assert tied.empty


def test_tied_pairs_are_set_aside_with_their_records():
    chosen, tied = resolve_one_to_one(scored(("a", "x", 5.0), ("a", "y", 5.0), ("b", "y", 4.0), ("c", "z", 5.0)))

    assert chosen["left_key"].tolist() == ["c"]
    assert tied[["left_key", "right_key"]].to_numpy().tolist() == [["a", "x"], ["a", "y"]]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from("vwxyz"), st.sampled_from([1.0, 2.0, 3.0, 4.0])),
        unique_by=lambda row: row[:2],
        max_size=25,
    )
)
def test_a_pair_is_refused_only_for_a_record_of_a_pair_that_is_at_least_as_strong(rows):
    chosen, tied = resolve_one_to_one(scored(*rows))

    kept = [tuple(row) for row in chosen.to_numpy().tolist()]
    settled = kept + [tuple(row) for row in tied.to_numpy().tolist()]
    assert len({r[0] for r in kept}) == len({r[1] for r in kept}) == len(kept)
    for left, right, weight in set(rows) - set(settled):
        assert any(w > weight and (a == left or b == right) for a, b, w in settled)
    for left, right, weight in set(settled) - set(kept):
        assert any(w == weight and (a == left) != (b == right) for a, b, w in settled)
