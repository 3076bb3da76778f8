"""The study's own words: what its people, its comparison and its outcomes are called in sentences.

Takes the manifest of a run and gives frozen words, so that no sentence says "children" of a study of adults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    """

    people: str
    comparison: str
    outcomes: Mapping[str, OutcomeWords]
    title: str = ""
    source: str = ""
    about: str = ""
    simulated: bool = False
    conf_level: float = 0.95

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
        )

    def outcome(self, name: str) -> OutcomeWords:
        """Return the words for an outcome; its own name where the study gave none."""
        return self.outcomes.get(name) or OutcomeWords(name, name, name)

    @property
    def interval(self) -> str:
        """The interval by its level, such as "95% interval"."""
        return f"{100 * self.conf_level:g}% interval"


def capital(phrase: str) -> str:
    """Return the phrase with a capital first letter, the rest as it is."""
    return phrase[:1].upper() + phrase[1:]


METHOD_WORDS: Mapping[str, str] = {
    "nearest": "nearest-neighbour matching on the propensity score",
    "overlap": "overlap weighting on the propensity score",
    "entropy": "entropy balancing",
    "randomised": "random allocation, with overlap weights for precision",
    "unadjusted": "no adjustment",
}

ESTIMAND_WORDS: Mapping[str, str] = {
    "ATT": "those who started the programme (ATT)",
    "ATE": "everybody in the study (ATE)",
    "ATO": "those who could well have been in either group (ATO)",
    "ATM": "those who started the programme and could be matched (ATM)",
}

MEASURE_WORDS: Mapping[str, str] = {
    "risk_difference": "risk difference",
    "survival_difference": "difference in share free of it",
    "restricted_mean_difference": "difference in mean time free of it",
    "risk_ratio": "risk ratio",
    "hazard_ratio": "hazard ratio",
}


def method_words(method: str) -> str:
    """Say the name of a method in words; its own name where there are none."""
    return METHOD_WORDS.get(method, method)


def estimand_words(estimand: str) -> str:
    """Say whom an effect is about; its own name where there are no words."""
    return ESTIMAND_WORDS.get(estimand, estimand)


def measure_words(measure: str) -> str:
    """Say the name of a measure in words; its own name where there are none."""
    return MEASURE_WORDS.get(measure, measure)
