"""The folder that ``yoseval init`` writes: a commented study of simulated children that runs as it is."""

from pathlib import Path

from yoseval.cohort.protocol import STUDY_FILE
from yoseval.cohort.simulate import SimulatedProgramme, simulate_cohort
from yoseval.errors import UsageError

_STUDY = """\
# A study folder: this file and the data beside it. Everything here is fixed before any outcome is opened.
# The children in people.csv are simulated. Replace the file by your own, one row a child, and name its columns here.

[study]
title           = "Programmes of the service (simulated example)"
cohort          = "people.csv"           # CSV (UTF-8), Excel (one sheet) or Parquet
people          = "children"             # what one row is, in the plural, as the reports will say
comparison_name = "usual supervision"    # what the comparison group had
source          = "Simulated records."   # one sentence on where the records come from
simulated       = true                   # says so on every page; delete it with your own data

[cohort]                                 # the roles of the columns
id         = "person"                    # pseudonymous id; without it each row is a child
programme  = "programme"                 # each of its values but the comparison is a programme
comparison = "usual_supervision"
names      = { mentoring = "Mentoring", weapons_awareness = "Weapons awareness" }
# missing    = ["NA"]                    # texts that stand for 'not recorded', besides the empty cell
# categories = ["area"]                  # columns of codes that look like numbers

[design]
method     = "auto"                      # or nearest, optimal, full, cardinality, profile, exact, cem, subclass,
                                         # overlap, entropy, ipw, matching_weights, cbps; randomised if it was
candidates = ["entropy", "nearest", "overlap"]
estimand   = "ATT"                       # the effect on those who started; capabilities() lists what each method can give
covariates = ["age", "sex", "prior_offences", "seriousness", "looked_after", "area", "school_hours"]
history    = "prior_offences"            # offending before time zero: the prognostic score is fitted on it
# cluster  = "team"                      # column of taught groups or areas in which children are alike; empty where in none
# variance = "auto"                      # or sandwich, jackknife, cr2, abadie_imbens (nearest with replace = true)
# missing  = "multiple_imputation"       # what was not recorded: "category" (of its own, the default), or imputed several times
# imputations = 20                       # how often, 2 or more; outcomes have no part in it
# imputation_seed = 0
# subgroups = ["sex", "area"]            # covariates within each of whose values balance is shown besides
# exact    = ["sex"]                     # nearest: match only within these
# caliper  = 0.2                         # nearest: in standard deviations of the logit of the score; "none" for none
# ratio    = 1                           # nearest: comparison children for each
# propensity = "logit"                   # ipw, overlap, matching_weights: or firth, ridge, boosting
# trim     = "crump"                     # ipw: leave out scores near 0 or 1; or a share such as 0.05 of the other group
# truncate = 0.01                        # ipw: set weights beyond this quantile and its complement to them
# stabilize = true                       # ipw: weights of each arm add up to about its size
# over     = true                        # cbps: weigh balance against likelihood

[[outcomes]]                             # the first is the primary one
name         = "reoffended_1y"
label        = "reoffended"              # "... children reoffended"
noun         = "reoffending"             # "likely reduces reoffending"
event        = "reoffended"              # 1 = it happened (or censored = "...", 1 = it did not)
days         = "days_to_reoffence"       # time to the event or to the end of follow-up (or weeks, months)
horizon_days = 365
measure      = "risk_difference"         # risk_ratio, odds_ratio, survival_difference, restricted_mean_difference, hazard_ratio
# adjustment = "none"                    # g_computation, aipw, tmle: a model of the outcome on top of the design
# bootstrap  = 1000                      # an interval from designs built again on children drawn anew, as a check

[[outcomes]]
name         = "days_free"
event        = "reoffended"
days         = "days_to_reoffence"
horizon_days = 365
measure      = "restricted_mean_difference"

# [linkage]                              # where outcomes come from linked records: which share of each arm was linked
# treated    = 0.96
# comparison = 0.94

[portfolio]
worthwhile = 5                           # smallest change that would matter, per 100 children

[disclosure]
policy = "tre_10"                        # or local, opensafely, dfe

[engine]
jobs = 1                                 # programmes worked on at once

# [programmes]                           # all in the file, unless named
# include = ["mentoring"]
# [programmes.mentoring.design]          # a programme may have a design of its own
# method = "nearest"
"""


def write_starter(folder: Path) -> list[Path]:
    """Write a study folder that runs as it is.

    Parameters
    ----------
    folder : Path
        A new folder, or one without a study file.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        If there is a study already: nothing is overwritten.
    """
    files = [folder / STUDY_FILE, folder / "people.csv"]
    there = [f.name for f in files if f.exists()]
    if there:
        raise UsageError(f"{folder} already has {' and '.join(there)}.", "Name another folder; nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    simulated = simulate_cohort(
        [SimulatedProgramme("mentoring", 260, effect=-0.16), SimulatedProgramme("weapons_awareness", 180)],
        n_comparison=900,
        seed=20,
    )
    files[0].write_text(_STUDY, encoding="utf-8")
    simulated.people.to_csv(files[1], index=False, lineterminator="\n")
    return files
