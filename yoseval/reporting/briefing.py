"""The board briefing: two pages for one programme, half a page each for several.

Takes a run (and a programme) and gives blocks, one function a section, in the order of the notebook
``board_briefing``. A section that does not apply is empty.
"""

from yoseval.reporting.amounts import SCALES, difference, is_known
from yoseval.reporting.blocks import Block
from yoseval.reporting.charts_effects import icons_block
from yoseval.reporting.outlook_words import delivered, what_next
from yoseval.reporting.overview import opening_line, overview
from yoseval.reporting.pieces import NOTHING, boxed, bullets, facts, heading, paragraph, strong_paragraph, together
from yoseval.reporting.statements import can_say, cannot_say, how_done, how_sure, power
from yoseval.reporting.view import RunLike, View, views
from yoseval.reporting.wording import WITH_NUMBERS, detectable_size, interval_in_words, short_claim, verdict_title

SIMULATED = "All records in this report are simulated."


def title(run: RunLike, programme: str | None = None) -> Block:
    """Return the one heading of the first level, and what this is about."""
    found = views(run, programme)
    noun = found[0].noun
    question = f"Does {found[0].name} reduce {noun}?" if len(found) == 1 else f"Do our programmes reduce {noun}?"
    simulated = strong_paragraph(SIMULATED) if found[0].words.simulated else NOTHING
    return together(heading(1, question), paragraph(opening_line(found)), simulated)


def finding(run: RunLike, programme: str | None = None) -> Block:
    """Return the verdict of one programme with its picture; for several, one row each."""
    found = views(run, programme)
    if len(found) > 1:
        return together(overview(found), _how_all_were_done(found[0]))
    return together(verdict_box(found[0], 2, claim=short_claim(found[0].finding, found[0].words)), icons_block(found[0]))


def difference_section(run: RunLike, programme: str | None = None) -> Block:
    """Return the difference with its interval, what could have been seen, and whether it was delivered; one programme only."""
    found = views(run, programme)
    if len(found) > 1 or found[0].finding["verdict"] not in WITH_NUMBERS:
        return NOTHING
    view = found[0]
    return together(
        heading(2, "How large is the difference, and could we have seen it?"),
        facts(effect_facts(view)),
        paragraph(" ".join([*power(view.finding, view.words), delivered(view)])),
    )


def meaning(run: RunLike, programme: str | None = None) -> Block:
    """Return what a finding means for the board; for several programmes, half a page each."""
    found = views(run, programme)
    if len(found) > 1:
        return together(*[half_page(v) for v in found])
    row = found[0].finding
    until = "What to record until then" if row["verdict"] == "not_evaluable" else "What this means for the board"
    return boxed("keep", heading(2, until), bullets(what_next(found[0])))


def half_page(view: View) -> Block:
    """Return one programme in half a page: verdict, key facts, what next, how sure."""
    row = view.finding
    return boxed(
        "keep",
        heading(2, view.name),
        verdict_box(view, 3, claim=short_claim(row, view.words)),
        facts(key_facts(view)),
        heading(3, "What to record until then" if row["verdict"] == "not_evaluable" else "What to do next"),
        bullets(what_next(view)),
    )


def certainty(run: RunLike, programme: str | None = None) -> Block:
    """Return how sure we are of one finding; where no claim is made, and for several programmes, nothing."""
    found = views(run, programme)
    if len(found) > 1 or found[0].finding["verdict"] not in WITH_NUMBERS:
        return NOTHING
    return together(heading(2, "How sure are we?"), bullets(how_sure(found[0].finding, found[0].words)))


def statements(run: RunLike, programme: str | None = None) -> Block:
    """Return what can be said and what cannot, side by side."""
    found = views(run, programme)
    if len(found) > 1:
        return _general_statements()
    row, words = found[0].finding, found[0].words
    can = boxed("keep", heading(2, "What you can say"), bullets(f"“{s}”" for s in can_say(row, words)))
    cannot = boxed("keep", heading(2, "What you cannot say"), bullets(cannot_say(row, words)))
    return boxed("columns", can, cannot)


def method(run: RunLike, programme: str | None = None) -> Block:
    """Return how one programme's evaluation was done, in plain words; of several it stands on the first page."""
    found = views(run, programme)
    if len(found) > 1:
        return NOTHING
    view = found[0]
    said = how_done(view.finding, view.words, view.frame("protocol"))
    return boxed("keep", heading(2, "How it was done"), paragraph(" ".join(said)))


def _how_all_were_done(view: View) -> Block:
    source = [f"{view.words.source.rstrip('.')}."] if view.words.source else []
    event = view.words.entered_any.event
    said = [
        *source,
        f"Each programme was compared with a group made alike in everything recorded before {event}; how, is in its "
        "technical report.",
        "Every comparison was built, and its balance judged, without sight of any outcome; it was locked before outcomes "
        "were opened.",
    ]
    return boxed("keep", heading(2, "How it was done"), paragraph(" ".join(said)))


def verdict_box(view: View, level: int, *, claim: str | None = None) -> Block:
    """Return the verdict in a box: shape, words and colour, and the claim under them.

    Parameters
    ----------
    view : View
        One programme.
    level : int
        Level of its heading.
    claim : str, optional
        The claim in words; the whole sentence of the finding if absent.
    """
    row = view.finding
    said = row["sentence"] if claim is None else claim
    return boxed(f"verdict verdict--{row['verdict']}", heading(level, verdict_title(row, view.words)), paragraph(said))


def effect_facts(view: View) -> list[tuple[str, str]]:
    """Return the difference, its range, and the difference before the groups were made alike; nothing without a claim."""
    row = view.finding
    if row["verdict"] not in WITH_NUMBERS:
        return []
    measure, unit = row["measure"], row["time_unit"]
    pairs = []
    if is_known(row["estimate"]):
        pairs.append(
            (
                "Ratio to the comparison" if SCALES[measure].is_ratio else "Difference",
                difference(measure, row["estimate"], unit),
            )
        )
    if interval_in_words(row):
        pairs.append((f"Likely range ({view.words.interval})", interval_in_words(row)))
    if is_known(row["naive_estimate"]):
        pairs.append(("Before adjustment", difference(measure, row["naive_estimate"], unit)))
    return pairs


def key_facts(view: View) -> list[tuple[str, str]]:
    """Return the facts of an effect and what could have been seen; nothing where no claim is made. The claim has the grade."""
    row = view.finding
    pairs = effect_facts(view)
    if pairs and is_known(row["mde"]):
        pairs.append(("Could have seen", detectable_size(row)))
    return pairs


def _general_statements() -> Block:
    can = ["What the box of each programme says, with its range.", "That we cannot tell yet, where we cannot."]
    cannot = [
        "“This programme is better than that one.” The ranges overlap, and each is about its own group.",
        "“It does not work.” Not being able to tell is not the same as finding no difference.",
        "“It is certain.” One evaluation makes an effect likely, not certain.",
    ]
    left = boxed("keep", heading(2, "What you can say"), bullets(can))
    return boxed("columns", left, boxed("keep", heading(2, "What you cannot say"), bullets(cannot)))
