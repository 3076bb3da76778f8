"""The portfolio page: every programme of the study on one page.

Takes a run and gives blocks, one function a section, in the order of the notebook ``portfolio``. Programmes
stand in the order of their names, never of their estimates.
"""

from yoseval.reporting.amounts import is_known, number, per_cent
from yoseval.reporting.blocks import Block
from yoseval.reporting.briefing import SIMULATED
from yoseval.reporting.outlook_words import what_next
from yoseval.reporting.overview import opening_line, overview, verdict_tiles
from yoseval.reporting.pieces import NOTHING, bullets, heading, paragraph, strong_paragraph, together
from yoseval.reporting.view import RunLike, views
from yoseval.reporting.wording import WITH_NUMBERS

#: Below this no correlation is named: the smallest step in which one is shown.
_LEAST_CORRELATION = 0.05


def title(run: RunLike) -> Block:
    """Return the one heading of the first level, what this is about, and how many programmes have each verdict."""
    found = views(run)
    simulated = strong_paragraph(SIMULATED) if found[0].words.simulated else NOTHING
    question = f"Which programmes reduce {found[0].noun}?"
    return together(heading(1, question), paragraph(opening_line(found)), simulated, verdict_tiles(found))


def findings(run: RunLike) -> Block:
    """Return the forest plot and the table of all programmes."""
    found = views(run)
    return together(heading(2, "What was found"), overview(found))


def sentences(run: RunLike) -> Block:
    """Return each programme's finding and next step in words."""
    blocks = [heading(2, "Each programme in words")]
    for view in views(run):
        row = view.finding
        blocks += [heading(3, view.name), paragraph(row["sentence"]), paragraph(f"Next: {' '.join(what_next(view))}")]
    return together(*blocks)


def reading(run: RunLike) -> Block:
    """Return how to read the page, with the number of tests made and how they were corrected for."""
    view = views(run)[0]
    people, entered = view.words.people, view.words.entered_any
    items = [
        f"“3.0 fewer in every 100” means: of every 100 {people} who {entered.past} the programme, about 3 fewer had the "
        f"outcome than among 100 similar {people} who {entered.did_not}.",
        "The likely range says which differences are compatible with the records; a wide range means that little is known.",
        "“We cannot tell yet” does not mean that a programme does not work.",
        "Programmes stand in the order of their names. Their estimates are not a league table: each is about its own "
        "group, and most ranges overlap.",
        *_tests(run),
        *_shared(run),
    ]
    return together(heading(2, "How to read this page"), bullets(items))


def _shared(run: RunLike) -> list[str]:
    """Say how far two programmes' estimates vary together because they share children; nothing for a single programme."""
    names = {v.programme: v.name for v in views(run) if v.finding["verdict"] in WITH_NUMBERS}
    frame = run.frame("programme_covariance")
    two = frame[(frame["programme"] != frame["other"]) & frame["programme"].isin(names) & frame["other"].isin(names)]
    known = two[two["correlation"].notna()]
    if known.empty:
        return []
    people = views(run)[0].words.people
    row = known.loc[known["correlation"].abs().idxmax()]
    if abs(row["correlation"]) < _LEAST_CORRELATION:
        return [f"No two programmes share so many {people} that their estimates vary together."]
    sign = "err in the same direction" if row["correlation"] > 0 else "err in opposite directions"
    return [
        f"Programmes can share {people}, most of all those they are compared with, so chance can make their estimates {sign}: "
        f"the largest correlation between two estimates is {number(row['correlation'], 2)} "
        f"({names[row['programme']]} and {names[row['other']]}). A shared finding of these two is less than two findings, and "
        "a difference between them has another error than two separate groups would give it."
    ]


def _tests(run: RunLike) -> list[str]:
    tests = max((int(v.finding["tests_made"]) for v in views(run) if is_known(v.finding["tests_made"])), default=0)
    if tests < 2:
        return ["One test was made in this study, so no correction for several was needed."] if tests else []
    return [
        f"{tests} tests were made in this study. If no programme did anything and the tests were independent, the "
        f"chance of at least one false "
        f"alarm would be {per_cent(1 - 0.95**tests)} without correction. Verdicts use p-values corrected by Holm within "
        f"a programme and by "
        "Benjamini and Hochberg across programmes."
    ]
