"""Before anything is estimated: are the data sound, and what could be evaluated with them.

The answer of ``yoseval check``.
"""

from collections import Counter

from yoseval.cohort.prepared import PreparedFile, programmes_of, read_prepared
from yoseval.cohort.protocol import Study
from yoseval.evaluation.evaluability import minimum_detectable_difference
from yoseval.outcomes.followup import read_outcomes
from yoseval.outcomes.small_samples import MIN_EFFECTIVE_COMPARISON, MIN_TREATED

# The hardest case: no other base rate needs a larger study.
HARDEST_BASE = 0.5


def readiness_lines(study: Study) -> list[str]:
    """Validate a study and its data, and say for each programme whether it could be evaluated now.

    Outcome columns are read for faults alone; nothing is estimated. Numbers below a gate are never shown.

    Parameters
    ----------
    study : Study
        From ``read_study``.

    Returns
    -------
    list of str
        Lines to print.

    Raises
    ------
    DataError
        If the file breaks a rule; every fault at once.
    """
    prepared = read_prepared(study)
    read_outcomes(study)
    counts = Counter(prepared.programme)
    comparison = counts[study.roles.comparison]
    lines = [
        f"{study.file.study.title}",
        f"study.toml and {study.cohort_file.name} are sound: {len(prepared.unit_id):,} rows.",
        *_not_recorded(prepared),
        f"Comparison ({study.file.study.comparison_name}): {_at_least(comparison, MIN_EFFECTIVE_COMPARISON)}.",
    ]
    return lines + [_programme(study, p, counts[p], comparison) for p in programmes_of(prepared, study)]


def _programme(study: Study, programme: str, started: int, comparison: int) -> str:
    name = study.protocol(programme).name
    if started < MIN_TREATED:
        return f"{name}: not yet. {_at_least(started, MIN_TREATED)} started it; at least {MIN_TREATED} are needed."
    if comparison < MIN_EFFECTIVE_COMPARISON:
        return f"{name}: not yet. There are too few to compare with; at least {MIN_EFFECTIVE_COMPARISON} are needed."
    change = 100 * minimum_detectable_difference(HARDEST_BASE, started, comparison)
    return (
        f"{name}: can be evaluated now, if the groups overlap. {started} started it; with these numbers a fall of about "
        f"{change:.0f} per 100 or more could be seen."
    )


def _at_least(n: int, gate: int) -> str:
    return f"fewer than {gate}" if n < gate else f"{n:,}"


def _not_recorded(prepared: PreparedFile) -> list[str]:
    n = len(prepared.unit_id)
    lacking = [f"{c} {100 * k / n:.0f} %" for c, k in prepared.not_recorded.items() if k]
    return (
        [f"Not recorded: {', '.join(lacking)}. It becomes a category of its own, balanced like the others."] if lacking else []
    )
