"""Small tables of records, written into an engine row by row."""

import ibis
import pyarrow as pa
import pytest

SCHEMAS = {
    "people": {"person_id": "string", "date_of_birth": "date"},
    "offences": {
        "_row": "int64", "offence_id": "string", "person_id": "string", "offence_date": "date", "proof_date": "date",
        "result": "string", "offence_group": "string", "seriousness": "int64", "tier": "string", "custodial": "boolean",
    },
    "custody": {
        "_row": "int64", "_file": "string", "person_id": "string", "start_date": "date", "end_date": "date", "kind": "string",
    },
    "exits": {"person_id": "string", "exit_date": "date", "reason": "string"},
    "moments": {"moment": "int64", "person_id": "string", "time_zero": "date"},
}  # fmt: skip


@pytest.fixture(scope="session")
def put_tables():
    """Return a function that writes rows (a mapping of table to dictionaries) into an engine and gives its tables."""

    def put(engine, rows):
        made = {}
        for name, given in rows.items():
            schema = ibis.schema(SCHEMAS[name])
            columns = {c: [i if c == "_row" else row.get(c) for i, row in enumerate(given)] for c in schema.names}
            engine.loader.register("given", pa.table(columns, schema=schema.to_pyarrow()))
            engine.loader.execute(f'create or replace table "{name}" as select * from given')
            engine.loader.unregister("given")
            made[name] = engine.publish(name)
        return made

    return put
