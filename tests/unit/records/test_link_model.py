"""The learned probabilities against counts by hand over all pairs."""

import pandas as pd
import pytest

from yoseval.records.linkage.clean import IDENTIFIERS, clean_identities
from yoseval.records.linkage.model import score_pairs
from yoseval.records.linkage.simulate import simulate_identities

COLUMNS = {name: name for name in IDENTIFIERS}


@pytest.fixture(scope="module")
def cleaned():
    extracts = simulate_identities(150, 250, n_shared=120, seed=4)
    sides = ((extracts.left, "left"), (extracts.right, "right"))
    return tuple(clean_identities(frame, COLUMNS, "key", side) for frame, side in sides)


@pytest.fixture(scope="module")
def scores(cleaned):
    # 150 x 250 pairs: all of them are the sample.
    return score_pairs(*cleaned, seed=1, max_pairs=1e6)


@pytest.fixture(scope="module")
def levels(scores):
    return scores.levels.set_index(["comparison", "level"])


@pytest.fixture(scope="module")
def all_pairs(cleaned):
    return cleaned[0].merge(cleaned[1], how="cross", suffixes=("_l", "_r"))


def share(pairs, column, agree):
    """Return the share of pairs that agree, among those where both sides are recorded."""
    both = pairs[pairs[f"{column}_l"].notna() & pairs[f"{column}_r"].notna()]
    return agree(both).mean()


@pytest.mark.parametrize(
    ("column", "level", "agree"),
    [
        ("date_of_birth", "the same", lambda p: p["date_of_birth_l"] == p["date_of_birth_r"]),
        (
            "date_of_birth",
            "day and month transposed",
            lambda p: (p["date_of_birth_swapped_l"] == p["date_of_birth_r"]) & (p["date_of_birth_l"] != p["date_of_birth_r"]),
        ),
        ("postcode", "the same", lambda p: p["postcode_l"] == p["postcode_r"]),
        ("postcode", "the same sector", lambda p: (p["sector_l"] == p["sector_r"]) & (p["postcode_l"] != p["postcode_r"])),
        ("postcode", "the same district", lambda p: (p["district_l"] == p["district_r"]) & (p["sector_l"] != p["sector_r"])),
        ("sex", "different", lambda p: p["sex_l"] != p["sex_r"]),
        ("forename", "the same", lambda p: p["forename_l"] == p["forename_r"]),
    ],
)
def test_chance_agreement_is_the_share_of_all_pairs(levels, all_pairs, column, level, agree):
    counted = share(all_pairs, column, agree)

    # The same counts; a level never seen is half a pair.
    assert levels.loc[(column, level), "u_probability"] == pytest.approx(counted or 0.5 / len(all_pairs), rel=1e-9)


def test_a_weight_is_the_log_of_the_ratio(levels):
    ratio = levels["m_probability"] / levels["u_probability"]

    assert (2.0 ** levels["match_weight"]).tolist() == pytest.approx(ratio.tolist(), rel=1e-9)


def test_an_identifier_that_nobody_has_on_one_side_is_not_compared(cleaned):
    left, right = cleaned

    scores = score_pairs(left.assign(postcode=None, sector=None, district=None), right, seed=1, max_pairs=1e6)

    assert "postcode" not in set(scores.levels["comparison"])


def test_pairs_come_strongest_first_and_no_pair_twice(scores):
    assert scores.pairs["match_weight"].is_monotonic_decreasing
    assert not scores.pairs.duplicated(["left_key", "right_key"]).any()


def test_keys_stay_on_their_side(scores):
    assert scores.pairs["left_key"].str[0].unique().tolist() == ["S"]
    assert scores.pairs["right_key"].str[0].unique().tolist() == ["P"]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_another_sample(cleaned):
    one, again, other = (score_pairs(*cleaned, seed=s, max_pairs=1e4) for s in (1, 1, 2))

    pd.testing.assert_frame_equal(one.levels, again.levels, check_exact=True)
    pd.testing.assert_frame_equal(one.pairs, again.pairs, check_exact=True)
    assert not one.levels.equals(other.levels)
