"""The linkage model: what is compared, how the weights are learned, and the score of each candidate pair.

Takes two frames of clean identities and gives pairs of keys with match weights, and the weight of each level
of agreement. The model is that of Fellegi and Sunter (1969, JASA 64, 1183-1210) as splink fits it: u, the share
of pairs of different children that agree, from random pairs; m, the share of pairs of the same child, by
expectation maximisation. The random pairs hold the few of the same child too, so that strong agreement weighs a
little less than it could: the weights err on the side of not linking. Everything happens in a DuckDB in memory that
may touch neither files nor the network.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log2
from typing import Any

import duckdb
import pandas as pd

from yoseval.errors import DataError, EnvironmentFault

NAMES = ("forename", "surname")
LEAST_AGREEING = 20
LOWEST_WEIGHT = -10.0
_START_RECALL = 0.8
_LEFT, _RIGHT = "extract_1", "extract_2"
_SWAPPED = "forename_l = surname_r and surname_l = forename_r and forename_l <> surname_l"
_CLOSE, _ALIKE = 0.92, 0.8
_TWIN_LIKE = (
    f"l.date_of_birth = r.date_of_birth and jaro_winkler_similarity(l.surname, r.surname) >= {_CLOSE} "
    f"and jaro_winkler_similarity(l.forename, r.forename) < {_ALIKE}"
)

# Comparison to its levels after "missing", from the strongest agreement to none.
_LEVELS: dict[str, tuple[tuple[str, str], ...]] = {
    "forename": (
        (_SWAPPED, "forename and surname swapped"),
        ("forename_l = forename_r", "the same"),
        (f"jaro_winkler_similarity(forename_l, forename_r) >= {_CLOSE}", "one letter or so different"),
        (f"jaro_winkler_similarity(forename_l, forename_r) >= {_ALIKE}", "alike"),
        ("ELSE", "different"),
    ),
    "surname": (
        ("surname_l = surname_r", "the same"),
        (f"jaro_winkler_similarity(surname_l, surname_r) >= {_CLOSE}", "one letter or so different"),
        (f"jaro_winkler_similarity(surname_l, surname_r) >= {_ALIKE}", "alike"),
        ("ELSE", "different"),
    ),
    "date_of_birth": (
        ("date_of_birth_l = date_of_birth_r", "the same"),
        ("date_of_birth_swapped_l = date_of_birth_r", "day and month transposed"),
        ("damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1", "one digit off"),
        ("ELSE", "different"),
    ),
    "postcode": (
        ("postcode_l = postcode_r", "the same"),
        ("sector_l = sector_r", "the same sector"),
        ("district_l = district_r", "the same district"),
        ("ELSE", "different"),
    ),
    "sex": (("sex_l = sex_r", "the same"), ("ELSE", "different")),
}
# Only pairs that agree on one of these lines are compared at all.
_BLOCKS = (
    ("date_of_birth",),
    ("forename", "surname"),
    ("postcode", "birth_year"),
    ("surname", "birth_year"),
    ("forename", "birth_year", "surname_start"),
)
_SWAPPED_BLOCK = "l.forename = r.surname and l.surname = r.forename"
_TRAINING = (("date_of_birth",), ("forename", "surname"))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scored pairs, and what each level of agreement weighs.

    Parameters
    ----------
    pairs : DataFrame
        ``left_key, right_key, match_weight, match_probability, is_twin_like``, strongest first; weights in bits, the
        prior included, rounded to six decimals and above ``LOWEST_WEIGHT``; ``is_twin_like`` where the date of
        birth is the same, the surname too or nearly, and the forenames are different altogether.
    levels : DataFrame
        ``comparison, level, m_probability, u_probability, match_weight``.
    """

    pairs: pd.DataFrame
    levels: pd.DataFrame


def score_pairs(left: pd.DataFrame, right: pd.DataFrame, *, seed: int, max_pairs: float) -> Scores:
    """Learn the weights from two extracts and score their candidate pairs.

    Parameters
    ----------
    left, right : DataFrame
        Results of ``clean_identities``.
    seed : int
        Seed of the sample of random pairs; the same seed gives the same numbers.
    max_pairs : float
        Random pairs to learn u from.

    Returns
    -------
    Scores
        Pairs that share enough to be compared, and the weights.

    Raises
    ------
    EnvironmentFault
        If splink is not installed.
    DataError
        If fewer than ``LEAST_AGREEING`` pairs agree on forename, surname and date of birth, so that nothing can be
        learned, or splink fails.
    """
    linker_class, api_class = _load_splink()
    agreeing = _count_agreeing(left, right)
    if agreeing < LEAST_AGREEING:
        raise DataError(
            f"{agreeing} pairs of {len(left)} and {len(right)} children agree on forename, surname and date of birth; "
            f"at least {LEAST_AGREEING} are needed to learn how the extracts differ.",
            "Check that both extracts are about the same area and years, and that dates are YYYY-MM-DD.",
        )
    with _silent(), _connect() as engine:
        try:
            api = api_class(connection=engine)
            inputs = [api.register(_with_start(f), table_name=name) for f, name in ((left, _LEFT), (right, _RIGHT))]
            linker = linker_class(inputs, _settings(left, right, agreeing), log_level=None, validate_settings=False)
            pairs = len(left) * len(right)
            model = _settle(_train(linker, seed, max_pairs), agreeing, pairs, min(pairs, max_pairs))
            return Scores(
                _as_pairs(_predict(linker_class(inputs, model, log_level=None, validate_settings=False))), _as_levels(model)
            )
        # A message from inside could quote a row, and a row holds names: only its kind is passed on.
        except Exception as problem:
            kind = type(problem).__name__
    raise DataError(f"The linkage model could not be fitted ({kind}).", "Check that the extracts hold the columns you named.")


def _load_splink() -> tuple[Any, Any]:
    try:
        from splink import DuckDBAPI, Linker  # noqa: PLC0415 - an extra
    except ImportError:
        raise EnvironmentFault(
            "Linking extracts needs splink, which is not installed.", 'pip install "yoseval[link]"'
        ) from None
    return Linker, DuckDBAPI


def _count_agreeing(left: pd.DataFrame, right: pd.DataFrame) -> int:
    on = [*NAMES, "date_of_birth"]
    return len(left[on].dropna().merge(right[on].dropna(), on=on))


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _connect() -> Iterator[duckdb.DuckDBPyConnection]:
    # One thread, so that sums are added in one order; no temporary files, because they would hold names.
    with duckdb.connect(":memory:", config={"threads": "1", "autoinstall_known_extensions": "false"}) as engine:
        engine.execute("set temp_directory = ''")
        engine.execute("set enable_external_access = false")
        yield engine


def _with_start(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(surname_start=frame["surname"].str[:2]).astype("string[pyarrow]")


def _settings(left: pd.DataFrame, right: pd.DataFrame, agreeing: int) -> dict[str, Any]:
    used = [name for name in _LEVELS if left[name].notna().any() and right[name].notna().any()]
    rules = [*(_rule(columns) for columns in _BLOCKS), _SWAPPED_BLOCK]
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "comparisons": [_comparison(name) for name in used],
        "blocking_rules_to_generate_predictions": [{"blocking_rule": rule} for rule in rules],
        "probability_two_random_records_match": _prior(agreeing, _START_RECALL, len(left) * len(right)),
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def _rule(columns: Sequence[str]) -> str:
    return " and ".join(f"l.{c} = r.{c}" for c in columns)


def _comparison(name: str) -> dict[str, Any]:
    missing = f"{name}_l is null or {name}_r is null"
    if name == "surname":
        # What a swap says is said once, under forename.
        missing = f"{missing} or ({_SWAPPED})"
    levels = [_level(name, condition, label) for condition, label in _LEVELS[name]]
    return {
        "output_column_name": name,
        "comparison_levels": [{"sql_condition": missing, "label_for_charts": "missing", "is_null_level": True}, *levels],
    }


def _level(name: str, condition: str, label: str) -> dict[str, Any]:
    level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
    if name in NAMES and label == "the same":
        # To agree on a rare name says more than to agree on a common one.
        level |= {"tf_adjustment_column": name, "tf_adjustment_weight": 1.0}
    return level


def _train(linker: Any, seed: int, max_pairs: float) -> dict[str, Any]:
    training = linker.training
    training.estimate_u_using_random_sampling(max_pairs=max_pairs, seed=seed, min_count_per_level=None, num_chunks=1)
    # What a rule blocks on cannot be learned under it; two rules between them leave nothing out.
    for columns in _TRAINING:
        training.estimate_parameters_using_expectation_maximisation(_rule(columns), estimate_without_term_frequencies=True)
    model: dict[str, Any] = linker.misc.save_model_to_json(None)
    return model


def _settle(model: dict[str, Any], agreeing: int, pairs: int, sampled: float) -> dict[str, Any]:
    """Give levels that were never seen a small probability, and the prior the recall that was learned."""
    recall, comparisons = 1.0, []
    for comparison in model["comparisons"]:
        levels = [_seen(level, 0.5 / agreeing, 0.5 / sampled) for level in comparison["comparison_levels"]]
        comparisons.append(comparison | {"comparison_levels": levels})
        if comparison["output_column_name"] in (*NAMES, "date_of_birth"):
            recall *= next(level["m_probability"] for level in levels if level["label_for_charts"] == "the same")
    return model | {"comparisons": comparisons, "probability_two_random_records_match": _prior(agreeing, recall, pairs)}


def _seen(level: dict[str, Any], least_m: float, least_u: float) -> dict[str, Any]:
    if level.get("is_null_level"):
        return level
    # Half a pair where none was seen; what neither matches nor others show weighs nothing.
    m, u = (level.get(p) if isinstance(level.get(p), float) else 0.0 for p in ("m_probability", "u_probability"))
    u = u or least_u
    return level | {"m_probability": max(m or 0.0, min(least_m, u)), "u_probability": u}


def _prior(agreeing: int, recall: float, pairs: int) -> float:
    """Return the probability that two random records are of one child: agreeing pairs over those that should agree."""
    return min(agreeing / recall / pairs, 0.5)


def _predict(linker: Any) -> pd.DataFrame:
    scored = linker.inference.predict(threshold_match_weight=LOWEST_WEIGHT, warning_mode="never")
    # What was compared stays in the engine; only keys, weights and a flag come out.
    query = f"""
        select unique_id_l, unique_id_r, match_weight, match_probability, coalesce({_TWIN_LIKE}, false) as is_twin_like
        from {scored.physical_name}
        join {_LEFT} l on l.unique_id = unique_id_l
        join {_RIGHT} r on r.unique_id = unique_id_r
    """  # noqa: S608 - constants and a name that splink made
    frame: pd.DataFrame = linker.misc.query_sql(query, output_type="pandas")
    return frame


def _as_pairs(scored: pd.DataFrame) -> pd.DataFrame:
    pairs = pd.DataFrame(
        {
            "left_key": scored["unique_id_l"].astype(object),
            "right_key": scored["unique_id_r"].astype(object),
            "match_weight": scored["match_weight"].astype("float64").round(6),
            "match_probability": scored["match_probability"].astype("float64"),
            "is_twin_like": scored["is_twin_like"].astype(bool),
        }
    )
    return pairs.sort_values(["match_weight", "left_key", "right_key"], ascending=[False, True, True], ignore_index=True)


def _as_levels(model: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "comparison": comparison["output_column_name"],
            "level": level["label_for_charts"],
            "m_probability": level["m_probability"],
            "u_probability": level["u_probability"],
            "match_weight": log2(level["m_probability"] / level["u_probability"]),
        }
        for comparison in model["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]
    return pd.DataFrame(rows)
