"""The emulated target trial in words: what was fixed, part by part, for the technical report."""

import pandas as pd

from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import OutcomeSection
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import join_frames, make_frame

_ESTIMANDS = {
    "ATT": "those who started the programme (ATT)",
    "ATM": "those who started the programme and could be matched (ATM)",
    "ATO": "those who might as well have started as not: the overlap population (ATO)",
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
        "Eligibility": f"Every row of the prepared file ({about.people}); whoever prepared it applied the criteria.",
        "Strategies": f"Start {protocol.name}, against {about.comparison_name}.",
        "Assignment": assignment,
        "Time zero": "The day from which the prepared file counts its times.",
        "Outcomes": "; ".join(_outcome(o) for o in protocol.outcomes) + ".",
        "Whose effect": f"The effect for {_whose(trial)}.",
        "Definition of outcomes": f"{about.profile}.",
    }


def _whose(trial: EmulatedTrial) -> str:
    if trial.design is None:
        return "nobody: no comparison could be made"
    return _ESTIMANDS.get(trial.design.estimand, trial.design.estimand)


def _outcome(section: OutcomeSection) -> str:
    measure = section.measure.replace("_", " ")
    return f"{section.label} within {section.horizon:g} {section.time_unit} ({measure})"


def _design(trial: EmulatedTrial) -> dict[str, str]:
    section, design = trial.protocol.design, trial.design
    options = ", ".join(f"{k} = {v}" for k, v in (design.options if design else {}).items() if v not in ((), None))
    return {
        "Method": (design.method if design else section.method) + (f" ({options})" if options else ""),
        "How it was chosen": _choice(trial),
        "Covariates": ", ".join(section.covariates) or "none",
        "Exact": ", ".join(section.exact) or "none",
        "Prognostic score fitted on": section.history or "nothing: no history of offending was declared",
        "Balance gate": f"every covariate within {section.max_smd:g} standard deviations"
        + (", the prognostic score within 0.05" if section.history else ""),
    }


def _choice(trial: EmulatedTrial) -> str:
    section = trial.protocol.design
    if section.method != "auto":
        return "Named in the study file."
    return f"Best of {', '.join(section.candidates)} by balance and size, before any outcome was opened."


def _judgement(study: Study, trial: EmulatedTrial) -> dict[str, str]:
    policy = study.file.disclosure.policy
    return {
        "Primary outcome": trial.protocol.outcomes[0].name,
        "Smallest worthwhile change": f"{trial.protocol.worthwhile:g} per 100 {study.file.study.people}",
        "Interval": "95 %; t quantile; jackknife where an arm's effective size is below 100",
        "Many tests": "Holm within the programme, Benjamini-Hochberg across programmes",
        "Disclosure policy": policy,
    }
