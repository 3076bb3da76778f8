"""The records standard: eleven tables, their columns, and what each cell may hold.

Plain constants and two small types; nothing is read here. `records.read_records` loads and types tables by
these rules, `records.rules` checks those that span cells and tables, and the simulator writes by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["id", "date", "code", "text", "integer", "number", "flag", "value"]

#: Disposals from least to most severe, by group of the ladder; the rank of a disposal is its place in this list.
LADDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "diversion": ("community_resolution", "outcome_20", "outcome_21", "outcome_22", "deferred_prosecution"),
        "pre_court": ("youth_caution", "youth_conditional_caution", "reprimand", "final_warning"),
        "first_tier": (
            "absolute_discharge",
            "conditional_discharge",
            "fine",
            "compensation",
            "reparation_order",
            "referral_order",
        ),
        "community": ("youth_rehabilitation_order", "yro_intensive"),
        "custody": ("detention_and_training_order", "section_250", "section_259", "section_91", "section_226"),
    }
)
DISPOSALS: tuple[str, ...] = tuple(code for codes in LADDER.values() for code in codes)
DISPOSAL_RANK: Mapping[str, int] = MappingProxyType({code: rank for rank, code in enumerate(DISPOSALS, start=1)})
DISPOSAL_GROUP: Mapping[str, str] = MappingProxyType({code: group for group, codes in LADDER.items() for code in codes})

#: Breaches are never proven reoffences.
BREACH_GROUPS: tuple[str, ...] = ("breach_of_bail", "breach_of_conditional_discharge", "breach_of_statutory_order")
OFFENCE_GROUPS: tuple[str, ...] = (
    "violence_against_the_person",
    "robbery",
    "sexual",
    "drugs",
    "arson",
    "criminal_damage",
    "burglary_domestic",
    "burglary_other",
    "fraud_and_forgery",
    "motoring",
    "public_order",
    "racially_aggravated",
    "theft_and_handling",
    "vehicle_theft",
    "other",
    *BREACH_GROUPS,
)
#: Results that are proof of an offence.
PROOF_RESULTS: tuple[str, ...] = ("convicted", "cautioned")
RESULTS: tuple[str, ...] = (*PROOF_RESULTS, "diverted", "not_proven", "overturned", "pending")
#: Texts that stand in for an id in practice; compared in lower case, without outer blanks.
PLACEHOLDER_IDS: tuple[str, ...] = (
    "n/a",
    "n.a.",
    "unknown",
    "not known",
    "none",
    "null",
    "nil",
    "0",
    "00",
    "000",
    "-",
    "?",
    "tbc",
)
#: A programme may be called NA; a child may not.
PERSON_PLACEHOLDERS: tuple[str, ...] = (*PLACEHOLDER_IDS, "na", "nan", "x", "xx", "xxx", "test")


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a cell of one column may hold.

    Parameters
    ----------
    name : str
        The column.
    kind : str
        ``id`` and ``text`` (any text), ``code`` (one of ``codes``, or any code where there are none), ``date``,
        ``integer``, ``number``, ``flag`` (yes or no) or ``value`` (a number or a code, kept as text).
    required : bool
        True where every row must have a value.
    codes : tuple of str
        The codes allowed.
    minimum, maximum : float or None
        Limits of a number, both allowed.
    needed : bool
        True where the column must be there although its cells may be empty.
    """

    name: str
    kind: Kind
    required: bool = False
    codes: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the standard.

    Parameters
    ----------
    name : str
        The table.
    columns : tuple of ColumnRule
        In the order of the standard.
    required : bool
        True where no records are complete without the table.
    key : str
        The column that tells rows apart, empty where none does.
    meaning : str
        What one row is.
    """

    name: str
    columns: tuple[ColumnRule, ...]
    required: bool = False
    key: str = ""
    meaning: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> ColumnRule:
        """Return the rule of one column.

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        return {c.name: c for c in self.columns}[name]


def _id(name: str, *, required: bool = False) -> ColumnRule:
    return ColumnRule(name, "id", required)


def _date(name: str, *, required: bool = False, needed: bool = False) -> ColumnRule:
    return ColumnRule(name, "date", required, needed=needed)


def _code(name: str, *codes: str, required: bool = False) -> ColumnRule:
    return ColumnRule(name, "code", required, codes)


def _flag(name: str, *, required: bool = False) -> ColumnRule:
    return ColumnRule(name, "flag", required)


def _whole(name: str, maximum: float | None = None, *, minimum: float = 0) -> ColumnRule:
    return ColumnRule(name, "integer", minimum=minimum, maximum=maximum)


def _amount(name: str) -> ColumnRule:
    return ColumnRule(name, "number", minimum=0)


_PERSON = _id("person_id", required=True)
_PROGRAMME = _id("programme_id", required=True)

_ALL = (
    Table(
        "people",
        (
            _PERSON,
            _date("date_of_birth", required=True),
            _code("sex", "female", "male", "other", "unknown", required=True),
            _code("ethnicity", "asian", "black", "mixed", "white", "other", "unknown"),
            _id("service"),
            _flag("resident"),
            _code("send", "none", "support", "ehcp", "unknown"),
        ),
        required=True,
        key="person_id",
        meaning="one child",
    ),
    Table(
        "disposals",
        (
            _id("disposal_id", required=True),
            _PERSON,
            _date("disposal_date", required=True),
            _code("disposal_type", *DISPOSALS, required=True),
            _date("start_date"),
            _date("end_date"),
            _id("index_offence_id"),
        ),
        required=True,
        key="disposal_id",
        meaning="one sentence, caution or diversion",
    ),
    Table(
        "offences",
        (
            _id("offence_id", required=True),
            _PERSON,
            _date("offence_date", required=True),
            _code("offence_group", *OFFENCE_GROUPS, required=True),
            _whole("seriousness", 8, minimum=1),
            _date("proof_date"),
            _code("result", *RESULTS, required=True),
            _code("tier", "summary", "either_way", "indictable"),
            _flag("custodial"),
        ),
        required=True,
        key="offence_id",
        meaning="one offence, alleged or proven",
    ),
    Table(
        "starts",
        (
            _id("start_id", required=True),
            _PERSON,
            _PROGRAMME,
            _date("referral_date"),
            _date("offer_date"),
            # Without this column nobody would have started anything.
            _date("start_date", needed=True),
            _date("end_date"),
            _code("suitability", "met", "not_met", "not_assessed"),
            _whole("planned_sessions"),
            _code("status", "completed", "stopped", "never_started", "ongoing"),
            _code("reason"),
        ),
        required=True,
        key="start_id",
        meaning="one child on one programme once",
    ),
    Table(
        "programmes",
        (
            _PROGRAMME,
            ColumnRule("name", "text", required=True),
            ColumnRule("owner", "text"),
            ColumnRule("provider", "text"),
            _code("mode", "group", "one_to_one", "mixed"),
            _code("target_need"),
            _whole("planned_sessions"),
            _amount("unit_cost"),
            _whole("price_year", 2100, minimum=1990),
            _whole("min_age", 25),
            _whole("max_age", 25),
        ),
        key="programme_id",
        meaning="one programme of the menu",
    ),
    Table(
        "sessions",
        (
            _PERSON,
            _PROGRAMME,
            _date("session_date", required=True),
            _flag("held", required=True),
            _flag("attended", required=True),
            _amount("minutes"),
            _id("group_id"),
            _code("reason_missed"),
        ),
        meaning="one session planned for one child",
    ),
    Table(
        "availability",
        (_PROGRAMME, _date("start_date", required=True), _date("end_date", required=True)),
        meaning="one spell in which a child could have started a programme",
    ),
    Table(
        "custody",
        (
            _PERSON,
            _date("start_date", required=True),
            _date("end_date"),
            _code("kind", "sentence", "remand", required=True),
        ),
        meaning="one spell of custody",
    ),
    Table(
        "assessments",
        (
            _PERSON,
            _date("assessment_date", required=True),
            _code("instrument", "asset_plus", "asset", "yogrs", required=True),
            ColumnRule("item", "code", required=True),
            ColumnRule("value", "value", required=True),
        ),
        meaning="one item of one assessment",
    ),
    Table(
        "statuses",
        (
            _PERSON,
            ColumnRule("status", "code", required=True),
            _date("start_date", required=True),
            ColumnRule("value", "value"),
            _date("end_date"),
            _flag("because_of_order"),
        ),
        meaning="one episode of a child's circumstances",
    ),
    Table(
        "exits",
        (
            _PERSON,
            _date("exit_date", required=True),
            _code("reason", "died", "moved_away", "emigrated", "transferred", required=True),
        ),
        meaning="one child who could no longer be observed",
    ),
)
TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _ALL})
