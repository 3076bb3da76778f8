"""What the weakness of each table and column means for an evaluation, and what to record instead.

Plain constants: no number and no value of any child is in these words.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Need = Literal["essential", "important", "useful"]


class Meaning(NamedTuple):
    """How much an evaluation needs something, what its lack does to it, and what to do.

    ``essential``: without it there is no answer; ``important``: the answer is weaker or about others; ``useful``: less can
    be said about why.
    """

    need: Need
    consequence: str
    remedy: str


_ID = "Rows without it belong to nobody and are lost from every count."
_NO_ORDER = "Nobody knows when follow-up begins, so whether a reoffence came before or after cannot be told."
_LIKE = "Children who differ in it cannot be told apart, so the comparison may not be like with like."
_COST = "What a prevented reoffence cost cannot be worked out."

TABLE_MEANINGS: Mapping[str, Meaning] = {
    "people": Meaning("essential", "There is nobody to evaluate.", "Extract one row for each child."),
    "disposals": Meaning("essential", _NO_ORDER, "Extract every disposal with its date and type."),
    "offences": Meaning("essential", "Reoffending cannot be counted.", "Extract every offence with its date and result."),
    "starts": Meaning(
        "essential",
        "Nobody knows who was on which programme, so no programme can be evaluated.",
        "Log every referral and start.",
    ),
    "programmes": Meaning(
        "useful", "Programmes are shown by their codes; owner, need and cost are not known.", "Keep one list of the programmes."
    ),
    "sessions": Meaning(
        "important",
        "What was delivered is not known: a programme that did not work and one that was not delivered look the same.",
        "Keep a session log: date, held or not, attended or not.",
    ),
    "availability": Meaning(
        "important",
        "Whether a child who did not start could have started is not known, so the comparison may hold children who never "
        "had the choice.",
        "Note from when to when each programme took children.",
    ),
    "custody": Meaning(
        "important",
        "Time in custody counts as time at risk of reoffending, so that those held there look better than they are.",
        "Extract spells of custody and remand.",
    ),
    "assessments": Meaning(
        "important",
        "Risk before the start is known from offences only; children with more need may be compared with children with less.",
        "Extract assessments, one row an item, with their dates.",
    ),
    "statuses": Meaning(
        "important",
        "Care, schooling and accommodation before the start are not known, and groups may differ in them unseen.",
        "Extract episodes of care, schooling and accommodation with their dates.",
    ),
    "exits": Meaning(
        "important",
        "A child who died or moved away counts as one who did not reoffend.",
        "Note who left the area or died, and when.",
    ),
}

COLUMN_MEANINGS: Mapping[str, Meaning] = {
    "people.date_of_birth": Meaning(
        "essential", "Age is not known, so a child can be neither included nor compared.", "Record it."
    ),
    "people.sex": Meaning("important", _LIKE, "Record it for every child."),
    "people.ethnicity": Meaning(
        "important",
        "Whether a programme reaches and helps children of every ethnicity cannot be said, and groups may differ in it unseen.",
        "Ask every child, and record the answer.",
    ),
    "people.service": Meaning("useful", "Areas cannot be told apart, nor their court delays.", "Record the home service."),
    "people.resident": Meaning(
        "useful", "Children hosted for others are counted as the service's own.", "Record whether the child is hosted."
    ),
    "people.send": Meaning("useful", _LIKE, "Record special educational needs."),
    "disposals.disposal_date": Meaning("essential", _NO_ORDER, "Record the date of every disposal."),
    "disposals.disposal_type": Meaning(
        "essential", "Which children could have been given a programme is not known.", "Record the type of every disposal."
    ),
    "disposals.start_date": Meaning("useful", "When an order began is taken from its date.", "Record when the order began."),
    "disposals.end_date": Meaning(
        "useful", "Whether a programme was within the order cannot be said.", "Record when the order ends."
    ),
    "disposals.index_offence_id": Meaning(
        "important",
        "How serious the offence was that led to the order must be guessed from dates, so groups may differ in it.",
        "Link every disposal to its most serious offence.",
    ),
    "offences.offence_date": Meaning(
        "essential", "Whether it came before or after the programme cannot be told.", "Record it."
    ),
    "offences.offence_group": Meaning(
        "essential", "Breaches, which never count, cannot be told from reoffences.", "Record the group of every offence."
    ),
    "offences.seriousness": Meaning(
        "important", "Severity cannot be an outcome, and groups may differ in earlier severity unseen.", "Record the YJB score."
    ),
    "offences.proof_date": Meaning(
        "essential",
        "An offence was proven, but not when; whether that was within the wait for proof cannot be told, so it is not counted.",
        "Record the date of conviction or caution.",
    ),
    "offences.result": Meaning("essential", "Whether the offence was proven is not known.", "Record the result of every case."),
    "offences.tier": Meaning("useful", "Severity by court tier cannot be shown.", "Record the tier."),
    "offences.custodial": Meaning(
        "useful", "Custody for a reoffence cannot be an outcome.", "Record whether it led to custody."
    ),
    "starts.referral_date": Meaning(
        "important",
        "When the way to the programme began is not known; children referred and not referred cannot be compared from one day.",
        "Record the date of every referral.",
    ),
    "starts.offer_date": Meaning(
        "useful", "Children who declined cannot be told from children who were never offered a place.", "Record every offer."
    ),
    "starts.start_date": Meaning(
        "essential",
        "Children who started cannot be told from children who were referred only; the programme cannot be evaluated from "
        "these rows.",
        "Record the first day, or 'never_started' as the status.",
    ),
    "starts.end_date": Meaning(
        "useful", "How long a child was on the programme, and on which others then, is not known.", "Record the last day."
    ),
    "starts.suitability": Meaning(
        "important",
        "Whether the programme met the right children cannot be said, and unsuitable children may be the comparison.",
        "Record for each referral whether the criteria were met.",
    ),
    "starts.planned_sessions": Meaning(
        "important",
        "What a full programme would have been is not known, so neither is the share delivered.",
        "Record the plan.",
    ),
    "starts.status": Meaning(
        "important", "Completed, stopped and still running cannot be told apart.", "Record how each referral ended."
    ),
    "starts.reason": Meaning("useful", "Why children stop or never start cannot be said.", "Record the reason, as a code."),
    "programmes.name": Meaning("useful", "Reports show a code.", "Name the programme."),
    "programmes.owner": Meaning("useful", "Nobody is named who could act on the finding.", "Name one owner."),
    "programmes.provider": Meaning("useful", "Who delivers the programme is not known.", "Name the provider."),
    "programmes.mode": Meaning(
        "useful", "Children taught together may be counted as if they were independent.", "Record group or one to one."
    ),
    "programmes.target_need": Meaning(
        "important", "Children with the need the programme is for cannot be picked out to compare.", "Record the need."
    ),
    "programmes.planned_sessions": Meaning(
        "important", "What a full programme would have been is not known.", "Record the number of sessions of the programme."
    ),
    "programmes.unit_cost": Meaning("useful", _COST, "Record the cost of a start."),
    "programmes.price_year": Meaning("useful", _COST, "Record the year of the cost."),
    "programmes.min_age": Meaning("useful", "Children too young for it may be in the comparison.", "Record the lowest age."),
    "programmes.max_age": Meaning("useful", "Children too old for it may be in the comparison.", "Record the highest age."),
    "sessions.held": Meaning(
        "important", "Whether the session took place is not known.", "Record yes or no for every session."
    ),
    "sessions.attended": Meaning(
        "important", "Whether the child was there is not known.", "Record yes or no for every session."
    ),
    "sessions.minutes": Meaning("useful", "The dose can be counted in sessions only.", "Record the minutes."),
    "sessions.group_id": Meaning(
        "important",
        "Children taught together cannot be told, so the interval of a group programme is too narrow.",
        "Give each group a code.",
    ),
    "sessions.reason_missed": Meaning("useful", "Why sessions are missed cannot be said.", "Record the reason, as a code."),
    "statuses.because_of_order": Meaning(
        "important",
        "Care that the court's decision itself brought is taken for a circumstance before it, and is adjusted away.",
        "Record whether the child is looked after because of the order or remand.",
    ),
}

#: Every other required cell, such as an id or a code that a row cannot do without.
REQUIRED = Meaning("essential", _ID, "Fill it in, or take the row out.")
#: Every other cell.
OPTIONAL = Meaning("useful", "Less can be said about why a programme works or does not.", "Record it where it is known.")
