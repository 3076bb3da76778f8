"""Two exporters for nbconvert: a notebook that shows blocks becomes one quiet, self-contained, accessible page.

`jupyter nbconvert --to yoseval-report` (or `yoseval-briefing`, in larger type) takes an executed notebook and gives one
HTML file without script, without anything loaded from elsewhere. Only blocks and markdown cells reach the page.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import default

from yoseval.reporting.allowed import require_allowed
from yoseval.reporting.blocks import BLOCK_TYPE

TEMPLATES = Path(__file__).parent / "templates" / "yoseval"
ANOTHER_FORMAT = (
    "To ask for this page in another format (large print, easy read, braille, another language), contact the service."
)
_FORMULA = re.compile(r'<math(?=[^>]* display="block")(?![^>]* tabindex=)')


class KeepBlocks(Preprocessor):
    """Keep blocks and markdown, drop everything else and count what was dropped.

    A bare data frame, a printed line, a warning, a traceback or a widget never reaches a page. ``resources["yoseval"]``
    then holds ``blocks`` (how many were kept) and ``dropped`` (how many of each kind were not).
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook with blocks and markdown only, and the resources with the counts."""
        dropped: Counter[str] = Counter()
        kept = []
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.source, cell.execution_count = "", None
                cell.outputs = _blocks_of(cell.outputs, dropped)
            if cell.cell_type == "markdown" or cell.get("outputs"):
                kept.append(cell)
        nb.cells = kept
        nb.metadata.pop("widgets", None)
        blocks = sum(len(c.get("outputs", [])) for c in kept)
        resources["yoseval"] = {"blocks": blocks, "dropped": dict(sorted(dropped.items()))}
        return nb, resources


class ReportExporter(TemplateExporter):
    """Export an executed notebook as a report page for screen and A4.

    The notebook's metadata may hold ``yoseval``: a mapping with the texts ``title``, ``service``, ``kind``, ``provenance``
    and ``another_format``; all are escaped. The same notebook gives the same bytes.

    Raises
    ------
    ReportError
        If a block holds anything that a report may not hold.

    Examples
    --------
    >>> page, resources = ReportExporter().from_notebook_node(executed)  # doctest: +SKIP
    """

    export_from_notebook = "yoseval report"
    output_mimetype = "text/html"
    page_class = "report"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    @default("template_paths")
    def _template_paths(self, prune: bool = True, root_dirs: Any = None) -> list[str]:
        # Our own folder alone: a template of the same name elsewhere on the machine cannot take its place.
        return [str(TEMPLATES)]

    def _init_preprocessors(self) -> None:
        super()._init_preprocessors()  # type: ignore[no-untyped-call]
        self.register_preprocessor(KeepBlocks(), enabled=True)  # type: ignore[no-untyped-call]

    def _create_environment(self) -> Environment:
        environment: Environment = super()._create_environment()  # type: ignore[no-untyped-call]
        environment.autoescape = True
        environment.undefined = StrictUndefined
        environment.trim_blocks = environment.lstrip_blocks = True
        environment.filters["page_markdown"] = _page_markdown
        environment.filters["page_block"] = _page_block
        environment.globals["stylesheet"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704 (our file)
        environment.globals["page_words"] = _page_words
        environment.globals["page_class"] = self.page_class
        return environment


class BriefingExporter(ReportExporter):
    """Export an executed notebook as a briefing: the report's page in 12-point type.

    Examples
    --------
    >>> page, resources = BriefingExporter().from_notebook_node(executed)  # doctest: +SKIP
    """

    export_from_notebook = "yoseval briefing"
    page_class = "briefing"


def _blocks_of(outputs: list[NotebookNode], dropped: Counter[str]) -> list[NotebookNode]:
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if BLOCK_TYPE in data:
            output.data = NotebookNode({BLOCK_TYPE: data[BLOCK_TYPE]})  # type: ignore[no-untyped-call]
            kept.append(output)
        else:
            dropped[_kind_of(output)] += 1
    return kept


def _kind_of(output: NotebookNode) -> str:
    """Name a dropped output by its stream, or the richest type it had."""
    if output.output_type in ("stream", "error"):
        return str(output.output_type)
    types = sorted(output.get("data", {}), key=lambda t: (t.startswith("text/plain"), t))
    return types[0] if types else str(output.output_type)


def _page_markdown(source: str) -> Markup:
    """Render an author's markdown; HTML inside it comes out as text, and dangerous addresses are made harmless."""
    renderer = IPythonRenderer(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
    return _page_block(MarkdownWithMath(renderer=renderer).render(source))


def _page_block(html: str) -> Markup:
    # A formula wider than a narrow screen scrolls by itself, so the keyboard has to be able to reach it.
    reachable = _FORMULA.sub('<math tabindex="0"', require_allowed(html))
    return Markup(reachable)  # noqa: S704 (escaped where it was made, checked two lines up)


def _page_words(metadata: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the texts around the blocks; a notebook without our metadata is called by its file's name."""
    given = metadata.get("yoseval", {})
    words = {
        "title": name,
        "service": given.get("title", name),
        "kind": "Report",
        "provenance": "",
        "another_format": ANOTHER_FORMAT,
    }
    return {key: str(given.get(key) or usual) for key, usual in words.items()}
