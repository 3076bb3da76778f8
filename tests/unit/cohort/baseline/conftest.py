"""One child, one moment and as many rows as a case needs, in an engine; what is not said is as plain as can be."""

from datetime import date

import pyarrow as pa
import pytest

from yoseval.cohort.baseline.menu import baseline_frame
from yoseval.records.engine import open_engine
from yoseval.records.schema import TABLES
from yoseval.records.scoring.tables import TYPES

ARROW = {"string": pa.string(), "date": pa.date32(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_()}
MOMENT = {
    "moment": "int64",
    "person_id": "string",
    "time_zero": "date",
    "index_date": "date",
    "index_kind": "string",
    "disposal_type": "string",
    "index_offence_id": "string",
}
NEEDED = ("people", "disposals", "offences", "starts")
USUAL = {
    "people": {"person_id": "a", "date_of_birth": date(2005, 6, 15), "sex": "male"},
    "disposals": {"disposal_type": "referral_order"},
    "offences": {"offence_group": "drugs", "result": "convicted"},
    "starts": {"programme_id": "mentoring"},
    "assessments": {"instrument": "asset_plus", "item": "total"},
    "custody": {"kind": "sentence"},
    "statuses": {"status": "looked_after"},
}
USUAL_MOMENT = {
    "person_id": "a",
    "time_zero": date(2020, 6, 15),
    "index_date": date(2020, 6, 1),
    "index_kind": "disposal",
    "disposal_type": "referral_order",
}


def stored_rows(engine, name, rows, types):
    """Return rows (dicts, in which a column may be missing) as a typed table of the engine."""
    schema = pa.schema([(c, ARROW[t]) for c, t in types.items()])
    engine.loader.register("given", pa.Table.from_pylist(rows, schema=schema))
    engine.loader.execute(f"create or replace table {name} as select * from given")
    engine.loader.unregister("given")
    return engine.publish(name)


def store_tables(engine, records):
    """Return tables of the standard: those given, and the four that no records lack."""
    tables = {}
    for name in dict.fromkeys([*NEEDED, *records]):
        rule = TABLES[name]
        rows = [
            {"person_id": "a", rule.key or "_": f"{name}{i}", **USUAL.get(name, {}), **row}
            for i, row in enumerate(records.get(name, [{}] if name == "people" else []))
        ]
        tables[name] = stored_rows(engine, name, rows, {c.name: TYPES[c.kind] for c in rule.columns})
    return tables


def store_moments(engine, moments):
    """Return moments, numbered from 0 unless they say otherwise."""
    return stored_rows(engine, "moments", [{"moment": i, **USUAL_MOMENT, **m} for i, m in enumerate(moments)], MOMENT)


@pytest.fixture(scope="session")
def store():
    """Return the function that stores rows (dicts) as a typed table of an engine."""
    return stored_rows


@pytest.fixture(scope="session")
def moment_types():
    """Return the columns of moments and their types."""
    return MOMENT


@pytest.fixture(scope="package")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


@pytest.fixture
def stored(engine):
    """Return a function that stores records and moments."""

    def both(records, moments=({},)):
        return store_tables(engine, records), store_moments(engine, moments)

    return both


@pytest.fixture
def frame_of(engine, stored):
    """Return a function that gives the baseline of some moments."""

    def answer(names, records, moments=({},)):
        return baseline_frame(engine, *stored(records, moments), names)

    return answer


@pytest.fixture
def value_of(frame_of):
    """Return a function that gives one covariate of one moment."""

    def answer(name, *, moment=None, **records):
        return frame_of([name], records, [moment or {}])[name].iloc[0]

    return answer
