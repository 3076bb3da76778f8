"""The emulated target trial in words: what was fixed, part by part, for the technical report."""

import pandas as pd

from yoseval.cohort.design_section import DesignSection
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.profiles import evaluation_months
from yoseval.cohort.protocol import Study
from yoseval.design.choose import RULE
from yoseval.evaluation.entered import alone, entered_forms
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import join_frames, make_frame
from yoseval.models.few_clusters import FEW_CLUSTERS

RULE_ITEM = "Rule of the choice"
_ESTIMANDS = {
    "ATT": "those who {past} the programme (ATT)",
    "ATM": "those who {past} the programme and could be matched (ATM)",
    "ATC": "those who {negative} the programme (ATC)",
    "ATCM": "those who {negative} the programme and could be matched (ATCM)",
    "ATEM": "everybody in the study who could be matched (ATEM)",
    "ATO": "those who might as well have {participle_alone} as not: the overlap population (ATO)",
    "ATE": "everybody in the study (ATE)",
}


def protocol_frame(study: Study, trial: EmulatedTrial) -> pd.DataFrame:
    """Return the protocol of one programme's trial: the public frame ``protocol``.

    Parameters
    ----------
    study : Study
        The study.
    trial : EmulatedTrial
        The locked trial.
    """
    parts = {"target trial": _target_trial(study, trial), "design": _design(trial), "judgement": _judgement(study, trial)}
    rows = [(section, item, value) for section, items in parts.items() for item, value in items.items()]
    columns = pd.DataFrame(rows, columns=["section", "item", "value"])
    return make_frame("protocol", columns.assign(programme=trial.protocol.programme))


def protocol_frames(study: Study, trials: list[EmulatedTrial]) -> pd.DataFrame:
    """Return the protocols of all trials, stacked."""
    return join_frames("protocol", [protocol_frame(study, t) for t in trials])


def _target_trial(study: Study, trial: EmulatedTrial) -> dict[str, str]:
    about, protocol = study.file.study, trial.protocol
    randomised = protocol.design.method == "randomised"
    assignment = (
        "At random, by those who ran the trial."
        if randomised
        else "Not at random. It is emulated by comparing like with like on the covariates."
    )
    return {
        **(_of_records(trial) if study.is_of_records else _of_a_file(study)),
        "Strategies": _strategies(study, trial),
        "Assignment": assignment,
        "Outcomes": "; ".join(_outcome(o, study) for o in protocol.outcomes) + ".",
        "Whose effect": f"The effect for {_whose(trial)}.",
        "Definition of outcomes": f"{study.profile.name}: {study.profile.meaning}."
        if study.is_of_records
        else f"{about.profile}.",
    }


def _of_a_file(study: Study) -> dict[str, str]:
    people = study.file.study.people
    return {
        "Eligibility": f"Every row of the prepared file ({people}); whoever prepared it applied the criteria.",
        "Time zero": "The day from which the prepared file counts its times.",
    }


def _of_records(trial: EmulatedTrial) -> dict[str, str]:
    section, zero = trial.protocol.eligibility, trial.protocol.time_zero
    assert section is not None
    assert zero is not None  # both: the study is one of records
    kinds = ", ".join(d.replace("_", " ") for d in section.disposals)
    which = {"first": "the first", "last": "the last", "most_severe": "the most severe"}[section.index]
    first, last = section.index_dates
    residents = ", living in the area" if section.residents_only else ""
    return {
        "Index event": f"{kinds}, {first} to {last}; of several {which}. Custody counts at release.",
        "Eligibility": f"Aged {section.ages[0]} to {section.ages[1]}{residents}, at liberty and under observation at time "
        f"zero, not on the programme before; the same for both groups.",
        "Time zero": _TIME_ZERO[zero.rule].format(days=zero.days, within=zero.within_days, **_forms(trial)),
        "Later starts": _LATER[zero.later_starts].format(**_forms(trial)),
        "Other programmes": _OTHERS[zero.concurrent],
    }


def _forms(trial: EmulatedTrial) -> dict[str, str]:
    """Return the forms of what makes a child one of the programme group, with its object and without."""
    forms = entered_forms(trial.protocol)
    one = alone(forms, "past").replace("were ", "was ", 1)
    return {**forms, **{f"{form}_alone": alone(forms, form) for form in forms}, "one_alone": one}


_TIME_ZERO = {
    "grace": "The index event. Who {present_alone} within {days} days of it is in the programme group; a comparison child "
    "counts by its chance of having {participle_alone} before its own new offence, custody or leaving.",
    "landmark": "{days} days after the index event. Who had {participle_alone} by then is in the programme group; children "
    "with a new offence before that day are left out of both groups, unless the protocol adjusts for it.",
    "nested": "The day of {event}, within {within} days of the index event. Comparison children inherit the wait of a child "
    "who {one_alone}, in trials of {days} days each, and must not have {participle_alone} by then.",
    "clone_censor": "The index event. Every child stands in both groups and leaves the one whose strategy (to "
    "{infinitive_alone} within {days} days unless a new offence, custody or leaving comes first; not to {infinitive_alone}) it "
    "no longer follows; weights stand for those who left.",
}
_LATER = {
    "censor": "A comparison child who {present_alone} later is followed until that day.",
    "keep": "A comparison child who {present_alone} later stays in the comparison.",
}
_OTHERS = {
    "adjust": "The number of other programmes at time zero is balanced like a covariate.",
    "exclude": "Children on another programme of the study at time zero are left out of both groups.",
    "ignore": "Not taken into account.",
}


def _strategies(study: Study, trial: EmulatedTrial) -> str:
    zero, about = trial.protocol.time_zero, study.file.study
    verbs = {"started": "Start", "offered": "Be offered", "completed": "Complete", "received": "Attend sessions of"}
    verb = "Start" if zero is None else verbs[zero.exposure]
    sessions = f" (at least {zero.sessions} sessions)" if zero is not None and zero.sessions else ""
    return f"{verb} {trial.protocol.name}{sessions}, against {about.comparison_name}."


def _whose(trial: EmulatedTrial) -> str:
    if trial.design is None:
        return "nobody: no comparison could be made"
    return _ESTIMANDS.get(trial.design.estimand, trial.design.estimand).format(**_forms(trial))


def _outcome(section: OutcomeSection, study: Study) -> str:
    measure = section.measure.replace("_", " ")
    by_calendar = study.is_of_records and section.horizon == study.profile.horizon_days
    length = f"{evaluation_months(study.profile)} months" if by_calendar else f"{section.horizon:g} {section.time_unit}"
    return f"{section.label} within {length} ({measure})"


def _design(trial: EmulatedTrial) -> dict[str, str]:
    section, design = trial.protocol.design, trial.design
    options = ", ".join(f"{k} = {v}" for k, v in (design.options if design else {}).items() if v not in ((), None, False, {}))
    return {
        "Method": (design.method if design else section.method) + (f" ({options})" if options else ""),
        "How it was chosen": _choice(trial),
        **({RULE_ITEM: RULE} if _is_chosen(trial) else {}),
        "Covariates": ", ".join(trial.cohort.covariates if trial.cohort else section.covariates) or "none",
        "Missing covariates": _missing(trial),
        "Exact": ", ".join(section.exact) or "none",
        **({"Balance is shown within": ", ".join(section.subgroups)} if section.subgroups else {}),
        "Prognostic score fitted on": section.history or "nothing: no history of offending was declared",
        "Balance gate": f"every covariate within {section.max_smd:g} standard deviations"
        + (", the prognostic score within 0.05" if section.history else ""),
    }


def _missing(trial: EmulatedTrial) -> str:
    section = trial.protocol.design
    if section.missing == "category":
        return "'Not recorded' is a category of its own."
    return f"Imputed {section.imputations} times by chained equations, without the outcome (seed {section.imputation_seed})."


def _is_chosen(trial: EmulatedTrial) -> bool:
    return trial.protocol.design.method == "auto" and not _has_clones(trial)


def _has_clones(trial: EmulatedTrial) -> bool:
    return trial.protocol.time_zero is not None and trial.protocol.time_zero.rule == "clone_censor"


def _choice(trial: EmulatedTrial) -> str:
    if _has_clones(trial):
        return "Given by the rule of time zero: clones."
    if not _is_chosen(trial):
        return "Named in the study file."
    return f"Best of {', '.join(trial.protocol.design.candidates)} by a written rule, before any outcome was opened."


def _variance(section: DesignSection) -> str:
    """Say which variance was declared, in words that hold for every programme of the study."""
    if section.variance != "auto":
        return f"variance: {section.variance}" + (f", clustered on {section.cluster}" if section.cluster else "")
    rule = "jackknife where an arm's effective size is below 100"
    if not section.cluster:
        return rule
    few = f"CR2 with Satterthwaite's degrees of freedom where an arm has fewer than {FEW_CLUSTERS} of them"
    return f"clustered on {section.cluster}; {few}, otherwise {rule}"


def _judgement(study: Study, trial: EmulatedTrial) -> dict[str, str]:
    policy = study.file.disclosure.policy
    return {
        "Primary outcome": trial.protocol.outcomes[0].name,
        "Smallest worthwhile change": f"{trial.protocol.worthwhile:g} per 100 {study.file.study.people}",
        "Interval": f"95 %; t quantile; {_variance(trial.protocol.design)}",
        "Many tests": "Holm within the programme, Benjamini-Hochberg across programmes",
        "Disclosure policy": policy,
    }
