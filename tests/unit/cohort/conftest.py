"""Records of a few children, written row by row, and studies of them; what is not said is as plain as can be."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import StudyFile
from yoseval.records.engine import open_engine
from yoseval.records.records import ReadReport, Records
from yoseval.records.schema import TABLES
from yoseval.records.scoring.tables import TYPES

ARROWS = {"string": pa.string(), "date": pa.date32(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_()}
INDEX = date(2022, 3, 1)
PLAIN = {
    "people": {"date_of_birth": date(2007, 1, 15), "sex": "male"},
    "disposals": {"disposal_date": INDEX, "disposal_type": "referral_order"},
    "offences": {"offence_group": "drugs", "result": "convicted"},
    "starts": {"programme_id": "mentoring"},
    "custody": {"kind": "sentence"},
    "sessions": {"programme_id": "mentoring", "held": True, "attended": True},
    "availability": {"programme_id": "mentoring"},
    "programmes": {"name": "Mentoring"},
    "exits": {"reason": "moved_away"},
}
PLAIN_STUDY = {
    "study": {"title": "A few", "records": "none", "extract_date": date(2026, 3, 31), "profile": "moj_proven_1y"},
    "eligibility": {"ages": (10, 17), "disposals": ("referral_order",), "index_dates": (date(2022, 1, 1), date(2022, 12, 31))},
    "time_zero": {"rule": "grace", "days": 60},
    "design": {"method": "entropy", "covariates": ("age",)},
    "outcomes": [{"name": "reoffended"}],
    "programmes": {"include": ["mentoring"]},
}


@pytest.fixture(scope="session")
def index_day():
    """The day on which every plain child is sentenced."""
    return INDEX


@pytest.fixture(scope="session")
def after():
    """Return a function that gives the day so many days after the index event."""
    return lambda days: INDEX + timedelta(days)


@pytest.fixture(scope="session")
def table_engine():
    """An engine for the tables of this folder."""
    with open_engine(jobs=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def tables_of(table_engine):
    """Return a function that writes rows by table (dictionaries, in which a column may be missing) into the engine."""

    def write(**rows):
        tables = {}
        for name in dict.fromkeys(["people", "disposals", "offences", "starts", *rows]):
            rule = TABLES[name]
            schema = pa.schema([(c.name, ARROWS[TYPES[c.kind]]) for c in rule.columns])
            given = [{rule.key or "_": f"{name}{i}", **PLAIN.get(name, {}), **row} for i, row in enumerate(rows.get(name, []))]
            table_engine.loader.register("given", pa.Table.from_pylist(given, schema=schema))
            table_engine.loader.execute(f'create or replace table "{name}" as select * from given')
            table_engine.loader.unregister("given")
            tables[name] = table_engine.publish(name)
        return tables

    return write


@pytest.fixture(scope="session")
def records_of(table_engine, tables_of):
    """Return a function that makes records of rows by table."""

    def make(extract_date=date(2026, 3, 31), **rows):
        return Records(tables_of(**rows), extract_date, ReadReport({}, {}, {}, {}, {}, {}, (), (), (), ()), table_engine)

    return make


@pytest.fixture(scope="session")
def study_with():
    """Return a function that makes a study of records: sections laid over plain ones."""

    def make(**sections):
        laid = {name: {**PLAIN_STUDY.get(name, {}), **own} if isinstance(own, dict) else own for name, own in sections.items()}
        return Study(Path(), StudyFile.model_validate({**PLAIN_STUDY, **laid}))

    return make
