"""The profiles of proven reoffending: which events open a follow-up, how long it is, and what counts as proof.

There is no such thing as "the reoffending rate": each profile gives its own, and results carry its name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np

from yoseval.errors import StudyError
from yoseval.records.schema import BREACH_GROUPS, PROOF_RESULTS

ALL_MONTHS = tuple(range(1, 13))
INDEX_EVENTS = ("diversion", "pre_court", "first_tier", "community", "custody_release")


@dataclass(frozen=True, slots=True)
class Profile:
    """One definition of proven reoffending.

    Parameters
    ----------
    name : str
        Its key in ``PROFILES``.
    meaning : str
        What it is for, in words.
    follow_up_months : int or None
        Calendar months in which a reoffence must be committed; None = open.
    wait_months : int
        Calendar months that are added for the proof. A child is mature when both have passed at the extract.
    index_events : tuple of str
        Which events may open a follow-up: groups of the ladder of disposals, and ``custody_release``.
    index_months : tuple of int
        Calendar months in which they may lie, 1 to 12.
    proof_results : tuple of str
        Results that are proof.
    excluded_groups : tuple of str
        Offence groups that are never proven reoffences.
    lag_days : int
        Days after time zero in which an offence is not yet a reoffence: 0, 7 or 30.
    delay_modelled : bool
        True where proof counts whenever it came up to the extract, and what is not yet proven is left to a model of
        the delay; then there is no fixed wait.
    is_evaluation : bool
        False for profiles that only monitor, and are never an outcome of an evaluation.
    """

    name: str
    meaning: str
    follow_up_months: int | None
    wait_months: int
    index_events: tuple[str, ...]
    index_months: tuple[int, ...] = ALL_MONTHS
    proof_results: tuple[str, ...] = PROOF_RESULTS
    excluded_groups: tuple[str, ...] = BREACH_GROUPS
    lag_days: int = 0
    delay_modelled: bool = False
    is_evaluation: bool = True

    @property
    def horizon_days(self) -> int:
        """The most days that the months of follow-up have: 366 for 12 months.

        Raises
        ------
        StudyError
            If the profile only monitors.
        """
        months = evaluation_months(self)
        firsts = np.arange("2000-01", "2004-12", dtype="datetime64[M]")
        lengths = (firsts + months).astype("datetime64[D]") - firsts.astype("datetime64[D]")
        return int(lengths.max().astype(np.int64))

    def opens_on(self, index_date: date) -> bool:
        """Tell whether an index event of this date may open a follow-up.

        Examples
        --------
        >>> PROFILES["ni19_local"].opens_on(date(2019, 3, 31)), PROFILES["ni19_local"].opens_on(date(2019, 4, 1))
        (True, False)
        """
        return index_date.month in self.index_months


# MEASURES 1. A conviction that is not custody is a first-tier or community disposal; a caution is a pre-court one.
_MOJ_EVENTS = ("pre_court", "first_tier", "community", "custody_release")

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile("moj_proven_1y", "proven reoffending within 12 months, 6 months for the proof", 12, 6, _MOJ_EVENTS),
            Profile(
                "ni19_local",
                "the former local indicator: 12 months, 3 months for the proof; for comparison with its own past only",
                12,
                3,
                _MOJ_EVENTS,
                index_months=(1, 2, 3),
            ),
            Profile(
                "offence_dated",
                "reoffending by the date of the offence within 12 months, proof whenever it came",
                12,
                0,
                _MOJ_EVENTS,
                delay_modelled=True,
            ),
            Profile(
                "offence_dated_24m",
                "reoffending by the date of the offence within 24 months, proof whenever it came",
                24,
                0,
                _MOJ_EVENTS,
                delay_modelled=True,
            ),
            Profile("live_local", "monitoring up to the extract", None, 0, INDEX_EVENTS, is_evaluation=False),
        )
    }
)


def find_profile(name: str) -> Profile:
    """Return the profile of a name.

    Raises
    ------
    StudyError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> find_profile("moj_proven_1y").wait_months
    6
    """
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name, PROFILES, n=1)
    remedy = f"Did you mean '{near[0]}'?" if near else f"Choose one of: {', '.join(PROFILES)}."
    raise StudyError(f"profile = '{name}' is not a profile.", remedy)


def evaluation_months(profile: Profile) -> int:
    """Return the length of follow-up in calendar months of a profile that may be an outcome.

    Raises
    ------
    StudyError
        If the profile only monitors: children would be followed for different lengths of time.
    """
    if profile.is_evaluation and profile.follow_up_months is not None:
        return profile.follow_up_months
    usable = ", ".join(p.name for p in PROFILES.values() if p.is_evaluation)
    raise StudyError(
        f"profile = '{profile.name}' is for monitoring only: its follow-up is open and it does not wait for proof.",
        f"Choose one of: {usable}.",
    )
