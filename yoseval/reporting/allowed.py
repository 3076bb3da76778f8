"""What HTML a report may hold: an allow-list, checked once more before a page is made.

Texts from data are escaped where blocks are made. Should that ever be forgotten, the page is refused here, not published.
Takes finished HTML and gives it back unchanged, byte for byte.
"""

import re
from html.parser import HTMLParser

from yoseval.errors import ReportError

_TEXT = (
    "a abbr b blockquote br cite code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q s section small span strong "
    "sub sup ul"
)
_TABLE = "caption col colgroup table tbody td tfoot th thead tr"
_MATH = (
    "annotation math mfrac mi mn mo mover mpadded mphantom mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd "
    "mtext mtr munder munderover semantics"
)
TAGS = frozenset(f"{_TEXT} {_TABLE} {_MATH}".split())

_PLAIN = (
    "abbr alt class cite colspan dir headers height href id lang role rowspan scope span src start style tabindex title type "
    "width"
)
_MATH_ATTRIBUTES = (
    "accent columnalign columnspacing depth display displaystyle encoding fence form largeop linethickness lspace mathvariant "
    "maxsize minsize movablelimits rowspacing rspace scriptlevel separator stretchy symmetric voffset xmlns"
)
ATTRIBUTES = frozenset(f"{_PLAIN} {_MATH_ATTRIBUTES}".split())

_LINK = re.compile(r"(#|https://|mailto:|[\w][\w .%-]*(\.html|\.pdf|\.csv)?(#|$))")
_IMAGE = re.compile(r"data:image/(svg\+xml|png|jpeg);base64,[A-Za-z0-9+/=\s]*$")
_STYLE_LOADS = re.compile(r"[\\<>@]|(url|image|image-set|src|expression|behavior)\s*[(:]", re.IGNORECASE)


def require_allowed(html: str) -> str:
    """Return ``html`` unchanged if it holds nothing but what a report may hold.

    Allowed are text, tables, lists, MathML, pictures given in place, links to the page itself, to a file beside it or to
    https and mail addresses. Not allowed are scripts, handlers, forms, frames, style sheets, comments and anything that
    loads from elsewhere.

    Parameters
    ----------
    html : str
        The HTML of one block.

    Raises
    ------
    ReportError
        At the first thing that is not allowed. The message names the tag or attribute, never its content.

    Examples
    --------
    >>> require_allowed("<p>About <strong>8 fewer</strong> in every 100</p>")
    '<p>About <strong>8 fewer</strong> in every 100</p>'
    """
    checker = _Checker(convert_charrefs=True)
    checker.feed(html)
    checker.close()
    if checker.rawdata:
        _refuse("a tag that never ends")
    return html


class _Checker(HTMLParser):
    """Refuses the first tag, attribute or address that is not on the list."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            _refuse(f"the tag <{tag[:20]}>")
        for name, value in attrs:
            if name not in ATTRIBUTES and not re.fullmatch(r"(aria|data)-[a-z-]+", name):
                _refuse(f"the attribute '{name[:20]}' of <{tag}>")
            _require_safe_value(tag, name, value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in TAGS:
            _refuse(f"the tag </{tag[:20]}>")

    def handle_comment(self, data: str) -> None:
        _refuse("a comment")

    def handle_decl(self, decl: str) -> None:
        _refuse("a declaration")

    def handle_pi(self, data: str) -> None:
        _refuse("a processing instruction")

    def unknown_decl(self, data: str) -> None:
        _refuse("a declaration")


def _require_safe_value(tag: str, name: str, value: str) -> None:
    if name == "href" and not (tag == "a" and _LINK.match(value)):
        _refuse(f"an address in '{name}' of <{tag}>")
    if name == "src" and not (tag == "img" and _IMAGE.match(value)):
        _refuse(f"an address in '{name}' of <{tag}>")
    if name == "style" and _STYLE_LOADS.search(value):
        _refuse(f"an address in '{name}' of <{tag}>")


def _refuse(what: str) -> None:
    raise ReportError(
        f"A block of the report holds {what}, which a report may not hold.",
        "Pass every text from data through yoseval.reporting.blocks.text.",
    )
