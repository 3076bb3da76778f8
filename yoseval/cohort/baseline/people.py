"""Who the child is: age at time zero, and what the register of people says.

The register has no dates: sex, ethnicity, area, residence and special needs are as recorded at the extract.
"""

from collections.abc import Sequence

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import Leaf, Tables, completed_years, fetch, placed
from yoseval.records.engine import Engine

_UNDATED = "as recorded in people (undated)"
MEANINGS = {
    "age": "completed years at time zero",
    "sex": f"sex, {_UNDATED}",
    "ethnicity": f"ethnicity, {_UNDATED}",
    "area": f"home youth offending service, {_UNDATED}",
    "resident": f"yes, or no for a child hosted for another service, {_UNDATED}",
    "send": f"special educational needs, {_UNDATED}",
}


def people_covariates(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates of the register; the code ``unknown`` is not recorded.

    Examples
    --------
    >>> people_covariates(engine, tables, moments, ["age", "sex"])  # doctest: +SKIP
    """
    register = tables["people"].rename(_child="person_id")
    joined = moments.left_join(register, moments["person_id"] == register["_child"])
    resident = joined["resident"]
    values = {
        "age": completed_years(joined["date_of_birth"], joined["time_zero"]),
        "sex": joined["sex"].nullif("unknown"),
        "ethnicity": joined["ethnicity"].nullif("unknown"),
        "area": joined["service"],
        "resident": ibis.cases((resident, "yes"), (~resident, "no"), else_=ibis.null("string")),
        "send": joined["send"].nullif("unknown"),
    }
    return fetch(engine, joined.select("moment", **placed([values[n] for n in names])), names)


PEOPLE = Leaf(MEANINGS, people_covariates)
