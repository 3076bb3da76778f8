"""One programme's trial as it was built from records, before it is designed.

It holds the eligible units with their covariates, how they came to be so, and nothing that happened after time zero.
"""

from dataclasses import dataclass, replace

import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.cohort.protocol import TrialProtocol
from yoseval.errors import DesignError

CONCURRENT = "concurrent_programmes"
OPEN = "programme_open"


@dataclass(frozen=True, slots=True, eq=False)
class BuiltTrial:
    """One programme's trial before it is designed.

    Parameters
    ----------
    protocol : TrialProtocol
        What is fixed, with the programme's name from the register.
    units : DataFrame
        ``unit_id``, ``person_id``, ``treated``, ``time_zero`` and ``index_date`` (days since 1970), then the covariates: the
        eligible units in the order of their content.
    flow : DataFrame
        The public frame ``attrition``, from everybody in the extract to the eligible.
    candidates : DataFrame
        Everybody, one row a candidate: ``person_id``, ``treated``, ``time_zero`` (days since 1970), ``stage`` and ``reason`` of
        the loss (empty = eligible), ``immature_only`` (lost for nothing but an unfinished follow-up), and what is known of
        all: ``birth`` (days since 1970), ``sex``, ``area``, ``n_events``.
    others : DataFrame
        ``unit_id``, ``treated`` and ``programme``: other programmes that an eligible unit was on at time zero.
    with_closed : BuiltTrial, optional
        The trial as it would be if the programme's calendar kept nobody out, with ``programme_open``: where the study asks for
        an instrument.
    """

    protocol: TrialProtocol
    units: pd.DataFrame
    flow: pd.DataFrame
    candidates: pd.DataFrame
    others: pd.DataFrame
    with_closed: "BuiltTrial | None" = None

    @property
    def observed_units(self) -> pd.DataFrame:
        """All units whose outcomes are wanted: the eligible, and where an instrument is those kept out by the calendar."""
        return self.units if self.with_closed is None else self.with_closed.units

    def instrument_cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the units with which the measure ``instrument`` is estimated, those kept out by the calendar among them.

        Raises
        ------
        DesignError
            If there is no such trial, or an arm is empty.
        """
        if self.with_closed is None:
            raise DesignError("The study asks for no instrument.", "Give instrument = 'calendar' in [design].")
        return replace(self.with_closed.cohort(protocol), instrument=OPEN)

    def cohort(self, protocol: TrialProtocol) -> Cohort:
        """Return the eligible units as a cohort.

        Parameters
        ----------
        protocol : TrialProtocol
            That of the trial.

        Raises
        ------
        DesignError
            If nobody started, or there is nobody to compare with.
        """
        treated = self.units["treated"].to_numpy(dtype=bool)
        if not treated.any():
            raise DesignError("Nobody who was eligible started the programme.", "The flow says where they were lost.")
        if treated.all():
            raise DesignError("Nobody is left to compare with.", "The flow says where they were lost.")
        design = protocol.design
        units = self.units.drop(columns=["time_zero", "index_date"])
        names, is_random = covariates_of(protocol), design.method == "randomised"
        return Cohort(protocol.programme, units, names, self.flow, is_random, design.history, design.cluster)

    def shares_not_recorded(self, protocol: TrialProtocol) -> dict[str, float]:
        """Return which share of the units each covariate of the protocol is not recorded for."""
        return {c: float(self.units[c].isna().mean()) for c in covariates_of(protocol)}


def covariates_of(protocol: TrialProtocol) -> tuple[str, ...]:
    """Return the declared covariates and those that the rules of time zero need.

    Sequential trials have to be alike in how long children had waited; where a new offence before time zero excludes
    nobody, or other programmes are adjusted for, these are balanced too.
    """
    zero = protocol.time_zero
    if zero is None:
        return protocol.design.covariates
    sequential, late = zero.rule == "nested", zero.rule in ("nested", "landmark")
    needed = (
        ("days_since_index", sequential),
        ("offences_since_index", late and zero.new_offence == "adjust"),
        (CONCURRENT, zero.concurrent == "adjust"),
    )
    return tuple(dict.fromkeys([*protocol.design.covariates, *(name for name, is_needed in needed if is_needed)]))
