"""The one thing a report notebook may show: a block of safe HTML that was escaped once, at the door."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

BLOCK_TYPE = "application/vnd.yoseval.block+html"


@dataclass(frozen=True, slots=True)
class Block:
    """A finished piece of a report.

    Exporters render outputs of this type and drop and count everything else.

    Parameters
    ----------
    html : str
        Finished HTML. Texts from data passed through ``text`` on their way in.
    """

    html: str

    def __add__(self, other: "Block") -> "Block":
        """Put one block after another."""
        return Block(f"{self.html}\n{other.html}")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Mapping[str, str]:
        return {BLOCK_TYPE: self.html, "text/html": self.html}


def text(value: object) -> str:
    """Escape a text from data for HTML, quotes included.

    Examples
    --------
    >>> text("<b>{{7*7}}")
    '&lt;b&gt;&#123;&#123;7*7&#125;&#125;'
    """
    # Braces too: no template that meets this text later can take it for its own.
    return escape(str(value), quote=True).replace("{", "&#123;").replace("}", "&#125;")
