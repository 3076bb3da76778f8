"""What those in the programme group did: started the programme, were offered it, attended sessions of it, or completed it.

Takes the manifest of a run and gives the forms of one verb, so that no sentence says "started" of an offer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entered:
    """The forms of one verb; each goes before its object, but for the event.

    Parameters
    ----------
    past, present, participle, gerund, infinitive, negative : str
        As in "they {past} it", "who {present} it", "have {participle} it", "{gerund} it", "to {infinitive} it" and
        "those who {negative} it".
    event : str
        What happened on the day of it: "the start".
    """

    past: str = "started"
    present: str = "starts"
    participle: str = "started"
    gerund: str = "starting"
    infinitive: str = "start"
    negative: str = "did not start"
    event: str = "the start"

    def alone(self, form: str) -> str:
        """Return a form without its object: "started" can do without "it", the others cannot.

        Examples
        --------
        >>> Entered().alone("participle")
        'started'
        """
        verb: str = getattr(self, form)
        return verb if self.infinitive in ("start", "enter") else f"{verb} it"

    @property
    def one(self) -> str:
        """The past of one person: "was offered"."""
        return self.past.replace("were ", "was ", 1)

    @property
    def did_not(self) -> str:
        """The negation without its verb: "did not", "were not"."""
        return " ".join(self.negative.split()[:2])

    def forms(self) -> dict[str, str]:
        """Return every form by name, and with ``_alone`` after it without its object."""
        forms = {name: str(words) for name, words in asdict(self).items()}
        return {
            **forms,
            **{f"{name}_alone": self.alone(name) for name in forms},
            "one_alone": self.alone("one"),
            "did_not": self.did_not,
        }


STARTED = Entered()
#: Of programmes that differ in what makes a person one of the programme group.
ANY = Entered("entered", "enters", "entered", "entering", "enter", "did not enter", "the entry")


def entered_of(manifest: Mapping[str, Any]) -> dict[str, Entered]:
    """Return the forms of each programme of a run; "started" where the manifest does not say.

    Examples
    --------
    >>> entered_of({"programmes": [{"id": "mentoring"}]})["mentoring"].past
    'started'
    """
    return {p["id"]: Entered(**p.get("entered", {})) for p in manifest.get("programmes", ())}
