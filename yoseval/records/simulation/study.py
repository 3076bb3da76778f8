"""The study file and the notice that go with simulated records."""

from collections.abc import Sequence

from yoseval.records.simulation.calendar import EXTRACT_DATE, FIRST_INDEX_DATE, LAST_INDEX_DATE
from yoseval.records.simulation.programmes import FULL_DOSE
from yoseval.records.simulation.service import EVALUATED
from yoseval.records.simulation.truth import GRACE_DAYS, PROFILE

_STUDY = """\
# SIMULATED. No child in these records exists. The true effects are in truth.csv.

[study]
title        = "Programmes of a simulated service"
extract_date = {extract}
records      = "records"                 # a folder with the eleven tables
profile      = "{profile}"
people       = "children"
source       = "Simulated records: no child in them exists."
simulated    = true                      # says so on every page

[eligibility]
ages        = [10, 17]
disposals   = [{disposals}]
index_dates = [{first}, {last}]

[time_zero]
rule = "grace"                           # grace | landmark | nested | clone_censor
days = {grace}

[design]
method     = "auto"
candidates = ["entropy", "nearest", "overlap"]
estimand   = "ATT"
covariates = ["age", "sex", "prior_offences", "seriousness", "looked_after", "ete", "send", "disposal_type", "asset_plus.total"]
history    = "prior_offences"
moments    = 2                           # entropy: balance the squares of numbers besides their means

[[outcomes]]                             # the first is the primary one
name    = "reoffended"
measure = "risk_difference"

[portfolio]
worthwhile = 5                           # smallest change that would matter, per 100 children

[disclosure]
policy = "tre_10"

[programmes]
include = [{programmes}]
"""

_NOTICE = """\
SIMULATED RECORDS
=================
No child, offence or programme in this folder exists. Every id begins with SIM; every row was drawn by
yoseval.records.simulation.simulate with seed {seed}. Do not mix these files with real ones.

records/    the tables of the records standard, as a service's own staff might have kept them
study.toml  a study of them
truth.csv   the true effect of each programme (a change in the risk of a proven reoffence within 12 months, as a
            proportion; negative = fewer), worked out from both potential outcomes of every child:
            risk_with, as everything happened; risk_without, had this one programme not been started and all else
            been the same. Population: resident children with an index disposal of an evaluated type, whose
            follow-up and wait for proof end by the extract, and the children each estimand names:

  att_started                 started, at any time; time zero is the start
  att_started_in_60_days      started within {grace} days of the disposal; time zero is the disposal
  att_started_by_landmark_60  the same children; time zero is {grace} days after the disposal
  itt_offered                 offered, started or not; time zero is the offer
  att_received_half           attended at least {dose:.0%} of the planned sessions; time zero is the start

What is built in: riskier children are referred more often; those who offend before the planned start mostly never
start (immortal time); the start waits for the programme to be running; effects need sessions attended; courts take
about half a year, longer for serious offences; children leave, and are locked up for old offences; some assessments
come after the disposal; one programme has two owners, one no log of sessions, one no takers; offers, numbers of
sessions planned and how it ended are not always written down.
{faults}"""


def study_text(programmes: Sequence[str]) -> str:
    """Return the study file for the programmes named."""
    return _STUDY.format(
        extract=EXTRACT_DATE,
        profile=PROFILE,
        disposals=_quoted(EVALUATED),
        first=FIRST_INDEX_DATE,
        last=LAST_INDEX_DATE,
        grace=GRACE_DAYS,
        programmes=_quoted(programmes),
    )


def notice_text(seed: int, faults: dict[str, int]) -> str:
    """Return the notice that says what the folder is, and which faults were put in on purpose."""
    listed = "".join(f"  {name}: {many}\n" for name, many in faults.items())
    told = f"\nFaults of recording put in on purpose, and how many:\n\n{listed}" if faults else ""
    return _NOTICE.format(seed=seed, grace=GRACE_DAYS, dose=FULL_DOSE, faults=told)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
