"""The report on the records: what they can carry and what not, how good they are, and what was delivered.

Takes a run and gives blocks, one function a section, in the order of the notebook ``data_quality``. It says nothing of
effects: it can be read before any programme is evaluated.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from yoseval.reporting.amounts import count
from yoseval.reporting.blocks import Block, text
from yoseval.reporting.briefing import SIMULATED
from yoseval.reporting.charts_quality import (
    GOOD,
    funnel_block,
    scores_block,
    suitability_block,
    waits_block,
)
from yoseval.reporting.outlook_page import outlook_block
from yoseval.reporting.pieces import NOTHING, bullets, callout, heading, paragraph, strong_paragraph, together
from yoseval.reporting.tables import HIDDEN, HIDDEN_NOTE, Column, table_block
from yoseval.reporting.view import RunLike
from yoseval.reporting.words import Words, capital


class Standing(NamedTuple):
    """What the records of a programme can carry: a short name, a sentence, and the tone of its tile."""

    title: str
    sentence: str
    tone: str


#: The first issue that a programme has decides; none of them means that start and delivery are both recorded.
STANDINGS: Mapping[str, Standing] = {
    "nobody_referred": Standing(
        "Nobody was referred", "Nobody was referred to it, so there is nothing to evaluate.", "not_evaluable"
    ),
    "starts_unclear": Standing(
        "Cannot be evaluated yet",
        "For too many referrals nobody recorded whether the child started. Until that is recorded it cannot be evaluated.",
        "not_comparable",
    ),
    "nobody_started": Standing(
        "Nobody is known to have started", "Children were referred, but no start is recorded.", "not_evaluable"
    ),
    "no_session_log": Standing(
        "Only whether starting helps",
        "Who started is recorded, what they received is not. Whether starting it helps can be evaluated; if it seems not to, "
        "nobody could say whether it does not work or was not delivered.",
        "cannot_tell",
    ),
    "sessions_unclear": Standing(
        "Only whether starting helps",
        "Who started is recorded, but for too many of them no session. Whether starting it helps can be evaluated, not what "
        "it was that helped.",
        "cannot_tell",
    ),
    "": Standing(
        "Start and delivery are recorded",
        "Who started is recorded, and what they received. Both can be evaluated, if enough children started.",
        "likely_reduced",
    ),
}
UNTIL: Mapping[str, str] = {
    "nobody_referred": "Nothing, or take it off the menu.",
    "starts_unclear": "For each referral: the first day, or 'never_started'.",
    "nobody_started": "The first day of each child who starts.",
    "no_session_log": "Each planned session: date, held or not, attended or not.",
    "sessions_unclear": "The sessions of every child who started, also those not held.",
    "": "Nothing more; keep recording.",
}


class Issue(NamedTuple):
    """A contradiction or gap: what was found, its numbers (``{n}``, ``{of}``), and what it means."""

    found: str
    numbers: str
    means: str


ISSUES: Mapping[str, Issue] = {
    "nobody_referred": Issue("On the list of programmes, but nobody was referred", "", "It cannot be evaluated."),
    "nobody_started": Issue("Referrals, but no start", "none of {of}", "It cannot be evaluated."),
    "starts_unclear": Issue(
        "Referrals that say neither that the child started nor that the child did not",
        "{n} of {of}",
        "Those who started cannot be told from those who did not.",
    ),
    "no_session_log": Issue(
        "Children who started a programme of which the session log has nothing", "{n}", "Nobody knows what was delivered."
    ),
    "sessions_unclear": Issue(
        "Children who started, of whom the session log has nothing", "{n} of {of}", "Nobody knows what they received."
    ),
    "two_owners": Issue(
        "More than one owner", "{n} owners", "Nobody alone can act on a finding, and records may be kept twice."
    ),
    "sessions_without_referral": Issue("Sessions that belong to no referral", "{n} of {of}", "They are counted for nobody."),
    "sessions_before_start": Issue("Sessions held before the start", "{n} of {of}", "The start date may be wrong."),
    "sessions_after_end": Issue("Sessions held after the end", "{n} of {of}", "The end date may be wrong."),
    "completed_without_session": Issue(
        "Completed, but attended no session in the log", "{n} of {of}", "'Completed' does not mean received."
    ),
    "started_unsuitable": Issue(
        "Started although suitability was not met",
        "{n} of {of}",
        "The programme is judged on children it was not made for.",
    ),
    "started_while_closed": Issue(
        "Started on a day on which the programme was not available",
        "{n} of {of}",
        "Its calendar cannot show who could have started.",
    ),
    "concurrent": Issue(
        "On another programme at the same time",
        "{n} of {of}",
        "Two effects can be told apart only where enough children had one programme alone.",
    ),
    "contradictory_assessments": Issue(
        "One assessment item, several values on one day",
        "{n} of {of}",
        "Which value is right is not known; neither can be used.",
    ),
}


_MOST_FIRST = 6


def title(run: RunLike) -> Block:
    """Return the one heading of the first level, what this is about, and how many programmes stand how."""
    words = Words.from_manifest(run.manifest)
    simulated = strong_paragraph(SIMULATED) if words.simulated else NOTHING
    about = f"{words.title.rstrip('.')}. {words.about.rstrip('.')}{'. ' if words.about else ''}"
    line = f"{about}This page says what the records can carry, before anything is evaluated. It says nothing about effects."
    return together(heading(1, "What can the records carry?"), paragraph(line), simulated, _tiles(run))


def summary(run: RunLike) -> Block:
    """Return what can be evaluated, what cannot, and what to record until then."""
    standings = programme_standings(run)
    rows = pd.DataFrame(
        [
            {"title": standing.title, "who": who, "means": standing.sentence, "until": UNTIL[issue]}
            for issue, standing in reversed(list(STANDINGS.items()))
            if (who := ", ".join(name for name, own in standings if own == issue))
        ]
    )
    table = (
        table_block(
            rows,
            caption="What can be evaluated",
            columns=[
                Column("title", "What the records carry"),
                Column("who", "Programmes"),
                Column("means", "What that means"),
                Column("until", "What to record"),
            ],
            wide=True,
            note="Whether enough children started, and whether a fair comparison can be made, the evaluation itself tells.",
        )
        if standings
        else callout("No referral to any programme is recorded, so no programme can be evaluated.")
    )
    first = _first_things(run)
    return together(
        heading(2, "In plain words"),
        table,
        heading(3, "What to put right first"),
        bullets(first) if first else paragraph(f"Nothing that an evaluation needs scores below {GOOD:.0f} of 100."),
    )


def outlook(run: RunLike) -> Block:
    """Return which programmes can be evaluated, and when; nothing where no trial was built."""
    return outlook_block(run)


def scores(run: RunLike) -> Block:
    """Return the scores: the weakest of each table, then every weakness with what it means."""
    return together(
        heading(2, "How good are the records?"),
        scores_block(run),
        heading(3, "Each weakness, and what it means for an evaluation"),
        _weaknesses(run),
    )


def delivery(run: RunLike) -> Block:
    """Return the way through each programme, in the order of their names."""
    programmes = run.frame("delivery").drop_duplicates("programme")
    intro = (
        "Each bar is a stage. The hatched part is what nobody recorded: it may have happened or not. An empty cell is never "
        "counted as a no."
    )
    blocks = [
        together(heading(3, str(name)), funnel_block(run, str(programme)))
        for programme, name in zip(programmes["programme"], programmes["name"], strict=True)
    ]
    if not blocks:
        blocks = [paragraph("No referral is recorded.")]
    return together(heading(2, "Was each programme delivered?"), paragraph(intro), *blocks)


def suitability(run: RunLike) -> Block:
    """Return for whom suitability was met, not met, not assessed and not recorded."""
    return together(heading(2, "Did programmes meet the children they are for?"), suitability_block(run))


def waits(run: RunLike) -> Block:
    """Return how long children wait from the order to the start."""
    why = (
        "A child who waits can reoffend before the start. A comparison of 'ever started' with 'never started' counts such "
        "children as not started, and makes every programme look better than it is; evaluations here do not compare so."
    )
    return together(heading(2, "How long do children wait?"), waits_block(run), callout(why))


def contradictions(run: RunLike) -> Block:
    """Return what contradicts itself, programme by programme."""
    notes, hidden = run.frame("delivery_notes"), run.hidden("delivery_notes")
    if notes.empty:
        return together(heading(2, "What does not fit together?"), paragraph("Nothing that was looked for was found."))
    rows = []
    for issue, own in notes.groupby("issue", sort=False):
        told = [_programme_issue(str(issue), notes.loc[i], hidden.loc[i]) for i in own.index]
        rows.append({"found": ISSUES[str(issue)].found, "where": "; ".join(told), "means": ISSUES[str(issue)].means})
    table = pd.DataFrame(rows)
    columns = [Column("found", "What the records say"), Column("where", "Where"), Column("means", "What that means")]
    return together(
        heading(2, "What does not fit together?"),
        table_block(table, caption="Contradictions and gaps", columns=columns, wide=True),
        paragraph(HIDDEN_NOTE, kind="muted") if table["where"].str.contains(HIDDEN, regex=False).any() else NOTHING,
    )


def reading(run: RunLike) -> Block:
    """Return how to read the page."""
    items = [
        "Complete: recorded, where there was something to record. Valid: within the rules of the records standard. Unique: "
        "told once. Timely: up to date at the extract. Consistent: not against another column.",
        "A score says how many of every 100 rows pass a rule. Essential: without it there is no answer. Important: the answer "
        "is weaker, or about others. Useful: less can be said about why.",
        "Good scores do not mean that a programme works, nor that what was recorded is true.",
    ]
    return together(heading(2, "How to read this page"), bullets(items))


def programme_standings(run: RunLike) -> list[tuple[str, str]]:
    """Return each programme's name and the issue that decides what its records can carry, by name.

    Whether an issue exists is decided on the records themselves and is no count, so it holds where counts are confidential.
    """
    notes = run.frame("delivery_notes")
    unused = notes[notes["issue"] == "nobody_referred"]
    both = pd.concat([run.frame("delivery")[["programme", "name"]], unused[["programme", "name"]]]).drop_duplicates("programme")
    # Two programmes of one name are told apart by their ids.
    is_twin = both["name"].duplicated(keep=False)
    names = dict(
        zip(both["programme"], both["name"].where(~is_twin, both["name"] + " (" + both["programme"] + ")"), strict=True)
    )
    has = {p: set(notes.loc[notes["programme"] == p, "issue"]) for p in names}
    return [
        (str(names[p]), next((s for s in STANDINGS if s in has[p]), ""))
        for p in sorted(names, key=lambda p: (str(names[p]).casefold(), str(p)))
    ]


def _tiles(run: RunLike) -> Block:
    """Return how many programmes stand how; shape and words carry it, the colour repeats it."""
    titles = [STANDINGS[s] for _, s in programme_standings(run)]
    shapes = {"likely_reduced": "▲", "cannot_tell": "◆", "not_comparable": "○", "not_evaluable": "○"}
    order = list(dict.fromkeys(s.title for s in reversed(list(STANDINGS.values()))))
    tiles = [
        f'<li class="tile verdict--{own[0].tone}"><strong>{len(own)}</strong> {text(f"{shapes[own[0].tone]} {name}")}</li>'
        for name in order
        if (own := [s for s in titles if s.title == name])
    ]
    return Block('<ul class="tiles">\n' + "\n".join(tiles) + "\n</ul>") if tiles else NOTHING


def _first_things(run: RunLike) -> list[str]:
    """Say the weaknesses that cost an evaluation most: essential before important, lowest score first."""
    weak = _weak(run)
    weak = weak[weak["need"].isin(("essential", "important"))]
    # What means the same for an evaluation is said once.
    groups = weak.groupby(["consequence", "remedy"], sort=False)
    return [
        f"{'; '.join(dict.fromkeys(_where(r) for r in rows.to_dict('records')))}: {consequence} {remedy}"
        for (consequence, remedy), rows in groups
    ][:_MOST_FIRST]


def _weak(run: RunLike) -> pd.DataFrame:
    quality = run.frame("quality")
    weak = quality[quality["score"] < GOOD]
    order = {"essential": 0, "important": 1, "useful": 2}
    ranked = weak.assign(_rank=weak["need"].map(order)).sort_values(["_rank", "score"], kind="stable")
    return ranked.drop(columns="_rank").drop_duplicates(["table", "column", "rule", "source"])


def _where(row: Mapping[str, Any]) -> str:
    return (
        f"{capital(str(row['table']))}, {str(row['column']).replace('_', ' ')}" if row["column"] else capital(str(row["table"]))
    )


def _weaknesses(run: RunLike) -> Block:
    weak = _weak(run)
    if weak.empty:
        return paragraph(f"No score is below {GOOD:.0f} of 100.")
    hidden = run.hidden("quality").loc[weak.index].reset_index(drop=True)
    shown = weak.reset_index(drop=True).assign(where=[_where(r) for r in weak.to_dict("records")])
    columns = [
        Column("where", "Table, column"),
        Column("dimension", "Kind"),
        Column("rule", "What was checked"),
        Column("score", "Score, of 100", "number", 1),
        Column("need", "How much it is needed"),
        Column("consequence", "What it means for an evaluation"),
        Column("remedy", "What to do"),
    ]
    return table_block(
        shown.assign(need=shown["need"].map(capital), dimension=shown["dimension"].map(capital)),
        caption=f"Scores below {GOOD:.0f} of 100, what is needed most first",
        columns=columns,
        hidden=hidden,
        wide=True,
        note="Scores that rest on few rows are confidential and left out.",
    )


def _programme_issue(issue: str, row: pd.Series, mask: pd.Series) -> str:
    """Say how many of how many of one programme an issue concerns."""
    told = {"n": HIDDEN if mask["n"] else count(row["n"]), "of": HIDDEN if mask["n_of"] else count(row["n_of"])}
    numbers = ISSUES[issue].numbers.format(**told)
    name = str(row["name"]) or "All assessments"
    return f"{name} ({numbers})" if numbers else name
