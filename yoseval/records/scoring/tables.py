"""Tables made ready for counting: every column of the standard is there, and every row knows its file.

Takes typed tables, of which some columns may be missing, and gives tables with all of them, empty where they were not
given. Ibis expressions only, so that the embedded engine, a cluster and a database run the same.
"""

import warnings
from collections.abc import Mapping

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.records.schema import TABLES

TYPES: Mapping[str, str] = {
    "id": "string",
    "code": "string",
    "text": "string",
    "value": "string",
    "date": "date",
    "integer": "int64",
    "number": "float64",
    "flag": "boolean",
}


def complete(tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Return the tables with every column of the standard, in its order, and ``_file``.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Typed tables by name; columns may be missing.

    Returns
    -------
    dict of str to ibis.Table
        The tables that were given, and no others.

    Raises
    ------
    KeyError
        If a table is not one of the standard.
    """
    return {name: _complete_table(name, table) for name, table in tables.items()}


def count_if(condition: ir.BooleanValue) -> ir.IntegerScalar:
    """Count the rows where ``condition`` holds; a condition that cannot be told does not hold."""
    return condition.fill_null(False).cast("int64").sum().fill_null(0)


def fetched(expression: ir.Table) -> pd.DataFrame:
    """Bring a small result to memory, without the engines' remarks on their own future."""
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
        return expression.to_pandas()


def _complete_table(name: str, table: ir.Table) -> ir.Table:
    columns = {
        rule.name: table[rule.name] if rule.name in table.columns else ibis.null(TYPES[rule.kind])
        for rule in TABLES[name].columns
    }
    file = table["_file"] if "_file" in table.columns else ibis.literal(name)
    return table.select(**columns, _file=file)
