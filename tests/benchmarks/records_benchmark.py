"""Read, validate and score a large service: yoseval, and pandas and polars doing the reading alone.

Run it when the machine is quiet::

    python tests/benchmarks/records_benchmark.py 1000000 10000000

Prints seconds and peak memory of each, every one in a process of its own. pandas and polars only read the same
files, typed; they hold no rule against them.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

EXTRACT = date(2024, 6, 30)
PEOPLE = """
select 'p' || lpad(i::varchar, 9, '0') as person_id,
       (date '2000-01-01' + ((i * 7919) % 2500)::int)::varchar as date_of_birth,
       ['female', 'male', 'male', 'other'][1 + i % 4] as sex,
       ['asian', 'black', 'mixed', 'white', 'white'][1 + (i // 4) % 5] as ethnicity,
       'area' || (i % 150) as service, 'yes' as resident, 'none' as send
from range({people}) t(i)
"""
OFFENCES = """
select 'o' || lpad(i::varchar, 10, '0') as offence_id,
       'p' || lpad((i % {people})::varchar, 9, '0') as person_id,
       (date '2017-01-01' + ((i * 104729) % 1500)::int)::varchar as offence_date,
       ['drugs', 'robbery', 'theft_and_handling', 'violence_against_the_person', 'criminal_damage'][1 + i % 5] as offence_group,
       (1 + i % 8)::varchar as seriousness,
       case when i % 3 < 2 then (date '2017-01-01' + ((i * 104729) % 1500 + 30 + i % 200)::int)::varchar end as proof_date,
       case when i % 3 < 2 then 'convicted' else 'not_proven' end as result,
       ['summary', 'either_way', 'indictable'][1 + i % 3] as tier, 'no' as custodial
from range({offences}) t(i)
"""
DISPOSALS = """
select 'd' || lpad(i::varchar, 9, '0') as disposal_id, 'p' || lpad((i % {people})::varchar, 9, '0') as person_id,
       (date '2018-01-01' + ((i * 7907) % 1400)::int)::varchar as disposal_date,
       ['referral_order', 'youth_caution', 'youth_rehabilitation_order'][1 + i % 3] as disposal_type,
       null as start_date, null as end_date, 'o' || lpad(i::varchar, 10, '0') as index_offence_id
from range({disposals}) t(i)
"""
STARTS = """
select 's' || lpad(i::varchar, 9, '0') as start_id, 'p' || lpad(((i * 3) % {people})::varchar, 9, '0') as person_id,
       'programme_' || (i % 8) as programme_id, '2022-01-10' as referral_date, null as offer_date,
       (date '2022-02-01' + (i % 300)::int)::varchar as start_date, null as end_date, 'met' as suitability,
       '10' as planned_sessions, 'ongoing' as status, null as reason
from range({starts}) t(i)
"""
PROGRAMMES = "select 'programme_' || i as programme_id, 'Programme ' || i as name from range(8) t(i)"


def write_service(folder, people, offences):
    """Write a service of so many children and offences as CSV files."""
    sizes = {"people": people, "offences": offences, "disposals": 2 * people, "starts": people // 5}
    tables = {"people": PEOPLE, "offences": OFFENCES, "disposals": DISPOSALS, "starts": STARTS, "programmes": PROGRAMMES}
    with duckdb.connect() as engine:
        for name, query in tables.items():
            engine.execute(f"copy ({query.format(**sizes)}) to '{folder / name}.csv' (header)").fetchall()
    return folder


def read_with_yoseval(folder, backend="duckdb"):
    """Read, validate and score the quality with yoseval; return how many offences there are."""
    from yoseval.records.records import read_records
    from yoseval.records.scoring.quality import quality_frame

    records = read_records(folder, extract_date=EXTRACT, jobs=2, backend=backend, memory_limit="4GB")
    quality_frame(records.tables, records.extract_date, records.report)
    n = records.report.rows_kept["offences"]
    records.engine.close()
    return n


def read_with_spark(folder):
    """The same on local Spark."""
    return read_with_yoseval(folder, "pyspark")


def read_with_pandas(folder):
    """Read with pandas: ids as texts, dates parsed. No rule is held against anything."""
    import pandas as pd

    tables = {f.stem: pd.read_csv(f, dtype=str, keep_default_na=False) for f in sorted(folder.glob("*.csv"))}
    for table in tables.values():
        for column in [c for c in table.columns if "date" in c]:
            table[column] = pd.to_datetime(table[column], format="%Y-%m-%d", errors="coerce")
    return len(tables["offences"])


def read_with_polars(folder):
    """Read with polars: ids as texts, dates parsed. No rule is held against anything."""
    import polars as pl

    tables = {f.stem: pl.read_csv(f, infer_schema=False) for f in sorted(folder.glob("*.csv"))}
    for name, table in tables.items():
        dates = [c for c in table.columns if "date" in c]
        tables[name] = table.with_columns([pl.col(c).str.to_date("%Y-%m-%d", strict=False) for c in dates])
    return len(tables["offences"])


READERS = {
    "yoseval": read_with_yoseval,
    "yoseval on Spark": read_with_spark,
    "pandas": read_with_pandas,
    "polars": read_with_polars,
}


def measure(name, folder):
    """Run one reader in a process of its own; return seconds, peak memory in GB (children included) and rows."""
    command = [sys.executable, __file__, "--one", name, str(folder)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def _one(name, folder):
    started = time.perf_counter()
    rows = READERS[name](Path(folder))
    seconds = time.perf_counter() - started
    processor = time.process_time()
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    print(json.dumps({"seconds": seconds, "cpu": processor, "peak_gb": peak, "rows": rows}))


def main(people, offences, names):
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        write_service(Path(folder), people, offences)
        print(f"{people:,} children, {offences:,} offences")
        for name in names:
            found = measure(name, folder)
            print(
                f"{name:18s} {found['seconds']:7.1f} s  {found['cpu']:7.1f} s of processor  {found['peak_gb']:5.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        _one(*sys.argv[2:4])
    else:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(READERS))
