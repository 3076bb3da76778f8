"""Build the trial of one programme and observe its outcomes in a large service, beside a plain query.

Run it when the machine is quiet::

    python tests/benchmarks/cohort_benchmark.py 1000000 10000000

Prints seconds, seconds of processor and peak memory of each, every one in a process of its own. Making the tables is not
timed, but its memory counts. The plain query is what somebody would write by hand in DuckDB: each child's first disposal
and the first proven offence of the twelve months after it, one join, without eligibility, covariates or arms.
"""

import json
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import ibis

from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import StudyFile
from yoseval.cohort.trials import build_trials
from yoseval.outcomes.recorded import observe_trials
from yoseval.records.engine import open_engine
from yoseval.records.records import ReadReport, Records
from yoseval.records.schema import TABLES

EXTRACT = date(2024, 6, 30)
COVARIATES = ("age", "sex", "prior_offences", "seriousness", "looked_after", "ete", "send", "disposal_type", "asset_plus.total")
QUERIES = {
    "people": """
select 'p' || lpad(i::varchar, 9, '0') as person_id, date '2003-01-01' + ((i * 7919) % 1100)::int as date_of_birth,
       ['female', 'male', 'male', 'male'][1 + i % 4] as sex, ['asian', 'black', 'white'][1 + (i // 4) % 3] as ethnicity,
       'area' || (i % 150) as service, true as resident, ['none', 'support', 'ehcp'][1 + (i // 3) % 3] as send
from range({people}) t(i)""",
    "offences": """
select 'o' || lpad(i::varchar, 10, '0') as offence_id, 'p' || lpad((i % {people})::varchar, 9, '0') as person_id,
       date '2017-01-01' + (hash(i) % 1900)::int as offence_date,
       ['drugs', 'robbery', 'theft_and_handling', 'violence_against_the_person', 'criminal_damage'][1 + i % 5] as offence_group,
       1 + i % 8 as seriousness,
       case when i % 3 < 2 then date '2017-01-01' + (hash(i) % 1900 + 30 + i % 200)::int end as proof_date,
       case when i % 3 < 2 then 'convicted' else 'not_proven' end as result,
       ['summary', 'either_way', 'indictable'][1 + i % 3] as tier, false as custodial
from range({offences}) t(i)""",
    "disposals": """
select 'd' || lpad(i::varchar, 9, '0') as disposal_id, 'p' || lpad((i % {people})::varchar, 9, '0') as person_id,
       date '2018-01-01' + (hash(i + 1) % 1400)::int as disposal_date,
       ['referral_order', 'youth_caution', 'youth_rehabilitation_order'][1 + i % 3] as disposal_type,
       'o' || lpad(i::varchar, 10, '0') as index_offence_id
from range({disposals}) t(i)""",
    "starts": """
select 's' || lpad(i::varchar, 9, '0') as start_id, 'p' || lpad(((i * 3) % {people})::varchar, 9, '0') as person_id,
       'programme_' || (i % 8) as programme_id, date '2018-02-01' + (hash(i + 2) % 1500)::int as start_date
from range({starts}) t(i)""",
    "programmes": "select 'programme_' || i as programme_id, 'Programme ' || i as name from range(8) t(i)",
    "assessments": """
select 'p' || lpad(i::varchar, 9, '0') as person_id, date '2018-01-01' + (hash(i + 3) % 1400)::int as assessment_date,
       'asset_plus' as instrument, 'total' as item, (i % 40)::varchar as "value"
from range({people}) t(i)""",
    "statuses": """
select 'p' || lpad(i::varchar, 9, '0') as person_id, ['ete', 'looked_after'][1 + (i // 2) % 2] as status,
       date '2017-06-01' + (hash(i + 4) % 1400)::int as start_date,
       case when (i // 2) % 2 = 0 then ['none', 'part_time', 'full_time'][1 + i % 3] end as "value", false as because_of_order
from range({people}) t(i)""",
}
PLAIN = """
select person_id, first_day, min(offence_date) as first_reoffence
from (select person_id, min(disposal_date) as first_day from disposals
      where disposal_type in ('referral_order', 'youth_rehabilitation_order') group by person_id) as events
left join offences using (person_id)
where offence_date > first_day and offence_date <= first_day + interval 12 month
  and proof_date <= first_day + interval 18 month and result = 'convicted'
group by person_id, first_day"""
KINDS = {"date": "date", "integer": "int64", "number": "float64", "flag": "boolean"}


def make_records(people, offences):
    """Return the records of a service of so many children and offences, made where they are kept."""
    sizes = {"people": people, "offences": offences, "disposals": 2 * people, "starts": people // 5}
    engine = open_engine(memory_limit="3GB", jobs=2)
    tables = {}
    for name, query in QUERIES.items():
        engine.loader.execute(f"create table given_{name} as {query.format(**sizes)}")
        given = engine.connection.table(f"given_{name}")
        columns = {c.name: _column(given, c.name, KINDS.get(c.kind, "string")) for c in TABLES[name].columns}
        extra = {"birth_precision": ibis.literal("day")} if name == "people" else {}
        typed = given.select(**columns, **extra, _row=ibis.literal(1, "int64"), _file=ibis.literal(1))
        tables[name] = engine.materialise(name, typed)
        engine.drop(f"given_{name}")
    report = ReadReport({}, {}, {}, {}, {}, {}, (), (), (), ())
    return Records(tables, EXTRACT, report, engine)


def _column(given, name, kind):
    return given[name].cast(kind) if name in given.columns else ibis.null(kind)


def make_study():
    """Return a study of one programme with the covariates of the example."""
    return Study(
        Path(),
        StudyFile.model_validate(
            {
                "study": {"title": "Large", "records": "none", "extract_date": EXTRACT, "profile": "moj_proven_1y"},
                "eligibility": {
                    "ages": (10, 17),
                    "disposals": ("referral_order", "youth_rehabilitation_order"),
                    "index_dates": (date(2018, 1, 1), date(2022, 12, 31)),
                },
                "time_zero": {"rule": "grace", "days": 60},
                "design": {"method": "entropy", "covariates": COVARIATES, "history": "prior_offences"},
                "outcomes": [{"name": "reoffended"}],
                "programmes": {"include": ["programme_1"]},
            }
        ),
    )


def whole_way(records):
    """Build the trial and observe its outcomes with yoseval; return how many units there are."""
    study = make_study()
    trials = build_trials(records, study)
    found = observe_trials(records, study, trials)
    return len(found["programme_1"].observed)


def plain_query(records):
    """Find the first reoffence with one query."""
    return len(records.engine.loader.execute(PLAIN).fetchdf())


WAYS = {"yoseval": whole_way, "plain query": plain_query}


def measure(name, people, offences):
    """Run one way in a process of its own; return seconds, seconds of processor, peak memory in GB and rows."""
    command = [sys.executable, __file__, "--one", name, str(people), str(offences)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def _one(name, people, offences):
    records = make_records(people, offences)
    begun, processor = time.perf_counter(), time.process_time()
    rows = WAYS[name](records)
    found = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - processor, "rows": rows}
    print(json.dumps({**found, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
    records.engine.close()


def main(people, offences):
    """Print the table."""
    print(f"{people:,} children, {offences:,} offences")
    for name in WAYS:
        found = measure(name, people, offences)
        print(
            f"{name:12s} {found['seconds']:6.1f} s  {found['cpu']:6.1f} s of processor  {found['peak_gb']:5.2f} GB  "
            f"{found['rows']:,} rows",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        _one(sys.argv[2], *map(int, sys.argv[3:5]))
    else:
        main(*map(int, sys.argv[1:3]))
