"""Small pieces of HTML that reports are made of: headings, paragraphs, lists, facts, boxes.

Takes plain text, escapes it, and gives blocks. All HTML of reports that is not a table or a figure is made here.
"""

from collections.abc import Iterable, Sequence

from yoseval.reporting.blocks import Block, text

NOTHING = Block("")


def heading(level: int, words: str) -> Block:
    """Return a heading of level 1 to 6."""
    return Block(f"<h{level}>{text(words)}</h{level}>")


def paragraph(words: str, *, kind: str = "") -> Block:
    """Return a paragraph, with a CSS class if named."""
    style = f' class="{kind}"' if kind else ""
    return Block(f"<p{style}>{text(words)}</p>")


def strong_paragraph(words: str) -> Block:
    """Return a paragraph in bold."""
    return Block(f"<p><strong>{text(words)}</strong></p>")


def bullets(items: Iterable[str]) -> Block:
    """Return a list; nothing where there are no items."""
    inside = "".join(f"<li>{text(i)}</li>" for i in items)
    return Block(f"<ul>{inside}</ul>") if inside else NOTHING


def facts(pairs: Sequence[tuple[str, str]]) -> Block:
    """Return pairs of a term and its value as a list of facts."""
    inside = "".join(f"<dt>{text(term)}</dt><dd>{text(value)}</dd>" for term, value in pairs)
    return Block(f'<dl class="facts">{inside}</dl>') if inside else NOTHING


def callout(words: str) -> Block:
    """Return a sentence that nobody may miss."""
    return Block(f'<div class="callout"><p>{text(words)}</p></div>')


def boxed(kind: str, *blocks: Block) -> Block:
    """Return blocks inside a division of a CSS class."""
    inside = together(*blocks).html
    return Block(f'<div class="{kind}">\n{inside}\n</div>') if inside else NOTHING


def together(*blocks: Block) -> Block:
    """Return blocks one after another, leaving out the empty ones."""
    return Block("\n".join(b.html for b in blocks if b.html))
