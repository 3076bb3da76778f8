"""The policies of disclosure control by name, and the frames that passed one."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from yoseval.errors import StudyError

HIDDEN_MARK = "[c]"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one kind of place that records may leave.

    Parameters
    ----------
    name : str
        As in the study file.
    threshold : int
        Counts from 1 to ``threshold - 1`` are hidden, and so are their complements.
    round_to : int
        Counts that stay are rounded to a multiple of this; 1 = not rounded.
    rate_decimals : int or None
        Decimals of a proportion; None = as computed.
    sentence : str
        The policy in words.
    min_residual_df : int
        An estimate is hidden when the units less the two arms are fewer.
    """

    name: str
    threshold: int
    round_to: int
    rate_decimals: int | None
    sentence: str
    min_residual_df: int = 10


# MEASURES 8. The threshold of `local` is a convention, to be confirmed with the service.
POLICIES: Mapping[str, Policy] = {
    "local": Policy("local", 5, 1, None, "Counts from 1 to 4 are confidential."),
    "tre_10": Policy("tre_10", 10, 1, None, "Counts below 10 are confidential."),
    "opensafely": Policy("opensafely", 8, 5, 3, "Counts of 7 or fewer are confidential; others are rounded to 5."),
    "dfe": Policy("dfe", 10, 10, 2, "Counts below 10 are confidential; others are rounded to 10, rates to whole per cents."),
}


@dataclass(frozen=True, slots=True, eq=False)
class SafeFrames:
    """Public frames that passed disclosure control.

    Parameters
    ----------
    policy : Policy
        The rules that were applied.
    frames : mapping of DataFrame
        Hidden values are empty.
    hidden : mapping of DataFrame of booleans
        True where a value was hidden.
    """

    policy: Policy
    frames: dict[str, pd.DataFrame]
    hidden: Mapping[str, pd.DataFrame]

    def with_marks(self, name: str) -> pd.DataFrame:
        """Return a frame as it is written: ``[c]`` where a value is confidential."""
        return self.frames[name].astype(object).mask(self.hidden[name], HIDDEN_MARK)

    def counts(self) -> dict[str, int]:
        """Return how many values were hidden in each frame."""
        return {name: int(mask.to_numpy().sum()) for name, mask in self.hidden.items()}


def find_policy(name: str) -> Policy:
    """Return the policy of this name.

    Raises
    ------
    StudyError
        If there is none.

    Examples
    --------
    >>> find_policy("tre_10").threshold
    10
    """
    if name not in POLICIES:
        raise StudyError(f"There is no disclosure policy '{name}'.", f"Choose one of: {', '.join(POLICIES)}.")
    return POLICIES[name]
