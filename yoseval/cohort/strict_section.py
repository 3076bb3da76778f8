"""What all sections of a study file share: an unknown key is a fault, and nothing changes once it is read."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict


class StrictSection(BaseModel):
    """A table of a study file."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the nearest of the names there are; nothing where none is near.

    Examples
    --------
    >>> did_you_mean("sez", ["age", "sex"])
    "; did you mean 'sex'?"
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
