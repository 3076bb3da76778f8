"""What children of the programme group did, in words: started it, were offered it, attended sessions of it, or completed it.

Takes the protocol of a trial and gives the forms of one verb and the event's name. The manifest carries them, so that reports
say of each programme whose effect was estimated.
"""

from collections.abc import Mapping
from types import MappingProxyType

from yoseval.cohort.protocol import TrialProtocol

_STARTED = {
    "past": "started",
    "present": "starts",
    "participle": "started",
    "gerund": "starting",
    "infinitive": "start",
    "negative": "did not start",
    "event": "the start",
}
_OFFERED = {
    "past": "were offered",
    "present": "is offered",
    "participle": "been offered",
    "gerund": "being offered",
    "infinitive": "be offered",
    "negative": "were not offered",
    "event": "the offer",
}
_COMPLETED = {
    "past": "completed",
    "present": "completes",
    "participle": "completed",
    "gerund": "completing",
    "infinitive": "complete",
    "negative": "did not complete",
    "event": "the completion",
}
_RECEIVED = {
    "past": "attended {sessions} of",
    "present": "attends {sessions} of",
    "participle": "attended {sessions} of",
    "gerund": "attending {sessions} of",
    "infinitive": "attend {sessions} of",
    "negative": "did not attend {sessions} of",
    "event": "session {number}",
}
#: Forms of the verb by exposure: each goes before 'it' or 'the programme', but for the event, which stands alone.
FORMS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"started": _STARTED, "offered": _OFFERED, "received": _RECEIVED, "completed": _COMPLETED}
)


def entered_forms(protocol: TrialProtocol) -> dict[str, str]:
    """Return what makes a child one of the programme group, in the forms that sentences need.

    A prepared file says no more than that they were in the programme: they started it.

    Parameters
    ----------
    protocol : TrialProtocol
        With the exposure of its own time zero.

    Returns
    -------
    dict of str to str
        ``past``, ``present``, ``participle``, ``gerund``, ``infinitive``, ``negative`` and ``event``.

    Examples
    --------
    >>> entered_forms(protocol)["past"]  # doctest: +SKIP
    'attended at least 6 sessions of'
    """
    zero = protocol.time_zero
    if zero is None:
        return dict(_STARTED)
    number = zero.sessions or 1
    sessions = f"at least {number} session{'' if number == 1 else 's'}"
    return {form: words.format(sessions=sessions, number=number) for form, words in FORMS[zero.exposure].items()}


def alone(forms: Mapping[str, str], form: str) -> str:
    """Return a form without its object: 'started' can do without 'it', the others cannot.

    Examples
    --------
    >>> [alone(FORMS[e], "past") for e in ("started", "offered")]
    ['started', 'were offered it']
    """
    return forms[form] if forms["infinitive"] == "start" else f"{forms[form]} it"
