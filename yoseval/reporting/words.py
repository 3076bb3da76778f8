"""The study's own words: what its people, its comparison and its outcomes are called in sentences.

Takes the manifest of a run and gives frozen words, so that no sentence says "children" of a study of adults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yoseval.reporting.entered import ANY, STARTED, Entered, entered_of


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """What one outcome is called.

    Parameters
    ----------
    name : str
        Its name in the study file.
    label : str
        A verb phrase in the past: "reoffended".
    noun : str
        What it is called: "reoffending".
    role : str
        ``primary`` or ``secondary``.
    """

    name: str
    label: str
    noun: str
    role: str = "primary"


@dataclass(frozen=True, slots=True)
class Words:
    """What a study calls things.

    Parameters
    ----------
    people : str
        Plural noun for its units: "children".
    comparison : str
        What the comparison group had: "usual supervision".
    outcomes : mapping of str to OutcomeWords
        Words for each outcome, by name.
    title : str
        Title of the study.
    source : str
        One sentence on where the records come from.
    about : str
        What the study is about.
    simulated : bool
        True where every record is simulated.
    conf_level : float
        Level of the intervals.
    entries : mapping of str to Entered
        What those in the programme group did, by programme.
    """

    people: str
    comparison: str
    outcomes: Mapping[str, OutcomeWords]
    title: str = ""
    source: str = ""
    about: str = ""
    simulated: bool = False
    conf_level: float = 0.95
    entries: Mapping[str, Entered] = field(default_factory=dict)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "Words":
        """Take the words from the manifest of a run.

        Examples
        --------
        >>> Words.from_manifest({"study": {"title": "T", "people": "men", "comparison_name": "no aid"}, "outcomes": []}).people
        'men'
        """
        study = manifest["study"]
        outcomes = {
            o["name"]: OutcomeWords(
                o["name"], o.get("label") or o["name"], o.get("noun") or o["name"], o.get("role", "primary")
            )
            for o in manifest.get("outcomes", ())
        }
        return cls(
            people=study.get("people") or "children",
            comparison=study.get("comparison_name") or "comparison",
            outcomes=outcomes,
            title=study.get("title") or "Evaluation",
            source=study.get("source") or "",
            about=study.get("about") or "",
            simulated=bool(study.get("simulated", False)),
            conf_level=float(manifest.get("conf_level", 0.95)),
            entries=entered_of(manifest),
        )

    def outcome(self, name: str) -> OutcomeWords:
        """Return the words for an outcome; its own name where the study gave none."""
        return self.outcomes.get(name) or OutcomeWords(name, name, name)

    def entered(self, programme: str) -> Entered:
        """Return what those in a programme's group did: they started it where the run does not say."""
        return self.entries.get(programme, STARTED)

    @property
    def entered_any(self) -> Entered:
        """What those in the group of any programme did: one verb for all where they differ."""
        distinct = list(dict.fromkeys(self.entries.values()))
        return ANY if len(distinct) > 1 else (distinct or [STARTED])[0]

    @property
    def interval(self) -> str:
        """The interval by its level, such as "95% interval"."""
        return f"{100 * self.conf_level:g}% interval"


def capital(phrase: str) -> str:
    """Return the phrase with a capital first letter, the rest as it is."""
    return phrase[:1].upper() + phrase[1:]


METHOD_WORDS: Mapping[str, str] = {
    "nearest": "nearest-neighbour matching",
    "exact": "exact matching on every covariate",
    "cem": "coarsened exact matching",
    "subclass": "subclasses of the propensity score",
    "optimal": "optimal matching",
    "full": "optimal full matching",
    "cardinality": "cardinality matching",
    "profile": "profile matching",
    "overlap": "overlap weighting on the propensity score",
    "entropy": "entropy balancing",
    "ipw": "inverse-probability weighting",
    "matching_weights": "matching weights on the propensity score",
    "cbps": "a covariate balancing propensity score",
    "clone_censor": "copies of everybody in both groups, weighted for those who left",
    "randomised": "random allocation, with overlap weights for precision",
    "unadjusted": "no adjustment",
    "two_stage_least_squares": "two-stage least squares",
}

ESTIMAND_WORDS: Mapping[str, str] = {
    "ATT": "those who {past} the programme (ATT)",
    "ATC": "those who {negative} the programme (ATC)",
    "ATE": "everybody in the study (ATE)",
    "ATCM": "those who {negative} the programme and could be matched (ATCM)",
    "ATEM": "everybody in the study who could be matched (ATEM)",
    "ATO": "those who could well have been in either group (ATO)",
    "ATM": "those who {past} the programme and could be matched (ATM)",
}

MEASURE_WORDS: Mapping[str, str] = {
    "risk_difference": "risk difference",
    "survival_difference": "difference in share free of it",
    "restricted_mean_difference": "difference in mean time free of it",
    "mean_count_difference": "difference in mean number of events",
    "risk_ratio": "risk ratio",
    "odds_ratio": "odds ratio",
    "mean_count_ratio": "ratio of mean numbers of events",
    "rate_ratio": "rate ratio",
    "hazard_ratio": "hazard ratio",
    "restricted_mean_ratio": "ratio of mean times free of it",
    "incidence_difference": "difference in cumulative incidence",
    "cause_specific_ratio": "hazard ratio, competing events censored",
    "subdistribution_ratio": "subdistribution hazard ratio",
    "lwyy": "rate ratio of all events",
    "ag": "intensity ratio of all events",
    "pwp_total": "hazard ratio of each next event, since time zero",
    "pwp_gap": "hazard ratio of each next event, since the last",
    "severity_odds": "odds ratio of a worse outcome",
    "win_ratio": "win ratio, with the share of pairs that each group wins",
    "cure_fraction_difference": "difference in the share that will never have it",
    "instrument": "risk difference by an instrument",
}


def method_words(method: str) -> str:
    """Say the name of a method in words; its own name where there are none."""
    return METHOD_WORDS.get(method, method)


def estimand_words(estimand: str, entered: Entered = STARTED) -> str:
    """Say whom an effect is about; its own name where there are no words."""
    return ESTIMAND_WORDS.get(estimand, estimand).format(**entered.forms())


def measure_words(measure: str) -> str:
    """Say the name of a measure in words; its own name where there are none."""
    return MEASURE_WORDS.get(measure, measure)
