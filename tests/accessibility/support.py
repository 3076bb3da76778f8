"""Checks of finished report files: each takes a path and gives the faults found, in words; none means none.

They are functions, not tests, so that any page of any study can be put through them.
"""

import importlib.util
import json
import os
import re
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from yoseval.reporting.pdf import find_browser

VOID = {"br", "col", "hr", "img", "link", "meta"}
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# --- the page's own text ------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Collects what the checks of a page need."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.headings, self.ids, self.images, self.tables, self.links = [], [], [], [], []
        self.addresses, self.tags, self.regions, self.lang, self.title = [], [], [], None, ""
        self.labels = set()
        self._open, self._cell = [], None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self._note_identity(tag, attrs)
        if tag == "img":
            self.images.append(attrs)
            if self._cell is not None:
                self._cell["text"] += "image"
        if tag == "table":
            self.tables.append({"caption": "", "th": [], "cells": []})
        if tag in ("th", "td") and self.tables:
            self._cell = {"tag": tag, "text": "", "scope": attrs.get("scope")}
            self.tables[-1]["cells"].append(self._cell)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), ""])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def _note_identity(self, tag, attrs):
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "html":
            self.lang = attrs.get("lang")
        self.addresses += [attrs[n] for n in ("src", "srcset", "data", "poster", "action") if n in attrs]
        if tag == "a":
            self.links.append(attrs.get("href", ""))
        elif "href" in attrs:
            self.addresses.append(attrs["href"])
        if "table-scroll" in (attrs.get("class") or "").split():
            self.regions.append(attrs)
        self.labels.update((attrs.get("aria-labelledby") or "").split())

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self._cell = None
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if "title" in self._open:
            self.title += data
        if "caption" in self._open and self.tables:
            self.tables[-1]["caption"] += data
        if self._cell is not None:
            self._cell["text"] += data
        if self.headings and any(re.fullmatch("h[1-6]", t) for t in self._open):
            self.headings[-1][1] += data


def page_faults(path):
    """Faults of an HTML page that need no browser: headings, alt texts, tables, identities, scripts, addresses."""
    html = Path(path).read_text(encoding="utf-8")
    page = _Page()
    page.feed(html)
    page.close()
    return [*_head_faults(page, html), *_heading_faults(page), *_image_faults(page), *_table_faults(page), *_link_faults(page)]


def _head_faults(page, html):
    faults = [] if html.lstrip().lower().startswith("<!doctype html>") else ["no doctype"]
    faults += [] if page.lang == "en-GB" else [f"lang is {page.lang}"]
    faults += [] if page.title.strip() else ["no title"]
    faults += [f"holds <{t}>" for t in ("script", "iframe", "object", "embed", "link", "form", "base") if t in page.tags]
    faults += [f"loads {a[:40]}" for a in page.addresses if not (a or "").startswith("data:")]
    css = re.findall(r"(?s)<style>(.*?)</style>", html)
    faults += ["the stylesheet loads something"] if any("url(" in c or "@import" in c for c in css) else []
    faults += [] if "default-src 'none'" in html else ["no content security policy"]
    return faults + [f"no <{t}>" for t in ("header", "main", "footer") if page.tags.count(t) != 1]


def _heading_faults(page):
    levels = [level for level, _ in page.headings]
    faults = [] if levels.count(1) == 1 else [f"{levels.count(1)} h1"]
    faults += [f"h{a} is followed by h{b}" for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]
    return faults + [f"an empty h{level}" for level, text in page.headings if not text.strip()]


def _image_faults(page):
    faults = [f"image {i} has no alt text" for i, a in enumerate(page.images) if not (a.get("alt") or "").strip()]
    titles = {text.strip() for _, text in page.headings}
    return faults + [
        f"image {i} has its title as alt text" for i, a in enumerate(page.images) if (a.get("alt") or "").strip() in titles
    ]


def _table_faults(page):
    faults = []
    for i, table in enumerate(page.tables):
        headers = [c for c in table["cells"] if c["tag"] == "th"]
        faults += [] if table["caption"].strip() else [f"table {i} has no caption"]
        faults += [] if headers else [f"table {i} has no header cell"]
        faults += [
            f"table {i} has a header without scope" for c in headers if c["scope"] not in ("col", "row", "colgroup", "rowgroup")
        ]
        faults += [f"table {i} has an empty cell" for c in table["cells"] if not c["text"].strip()]
    for region in page.regions:
        named = region.get("aria-label") or region.get("aria-labelledby")
        if region.get("role") != "region" or region.get("tabindex") != "0" or not named:
            faults.append("a wide table is not a focusable, named region")
    return faults


def _link_faults(page):
    faults = [f"id {i} is used twice" for i in sorted({i for i in page.ids if page.ids.count(i) > 1})]
    faults += [f"nothing has the id {i}" for i in sorted(page.labels - set(page.ids))]
    faults += [f"the link {h} leads nowhere" for h in page.links if h.startswith("#") and h[1:] not in page.ids]
    faults += [
        f"a dangerous link: {h[:20]}" for h in page.links if re.match(r"\s*(javascript|data|vbscript):", h, re.IGNORECASE)
    ]
    return faults + ([] if page.links[:1] == ["#main"] else ["the first link is not the skip link"])


# --- colours ------------------------------------------------------------------------------------------------------


def contrast(first, second):
    """Contrast ratio of two colours written #rrggbb (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def css_rules(css):
    """(selector, declarations) of every rule of a stylesheet, those inside @media too."""
    plain = re.sub(r"(?s)/\*.*?\*/", "", css)
    found = re.findall(r"([^{};]+)\{([^{}]*)\}", plain)
    return [(s.strip(), dict(d.split(":", 1) for d in (x.strip() for x in body.split(";")) if ":" in d)) for s, body in found]


def colour_faults(css):
    """Text below 4.5:1 or shapes below 3:1 on any ground of the stylesheet they can stand on.

    Text whose rule sets its own ground is measured on that; other text, and every tone of a verdict, on every light ground.
    Thin grey rules between table rows carry no meaning and are not measured.
    """
    rules = css_rules(css)
    grounds = {d["background"].strip() for _, d in rules if _is_light(d.get("background", "").strip())}
    pairs = []
    for selector, said in rules:
        own = said.get("background", "").strip()
        for name in ("color", "--tone"):
            colour = said.get(name, "").strip()
            if colour.startswith("#"):
                under = {own} if own.startswith("#") else grounds - {"#ffdd00"}
                pairs += [(f"{selector} {name}", colour, ground, 4.5) for ground in sorted(under)]
        for name in ("border-left", "border-top", "outline"):
            shape = re.search(r"(\d+)px solid (#[0-9a-f]{6})", said.get(name, ""))
            if shape and int(shape[1]) >= 3 and shape[2] not in ("#ffdd00", "#b1b4b6"):
                pairs += [(f"{selector} {name}", shape[2], ground, 3.0) for ground in sorted(grounds - {"#ffdd00"})]
    return [f"{what}: {a} on {b} is {contrast(a, b):.2f}:1" for what, a, b, least in pairs if contrast(a, b) < least]


def _is_light(colour):
    return bool(re.fullmatch(r"#[0-9a-f]{6}", colour)) and _luminance(colour) > 0.5


# --- axe in a browser ---------------------------------------------------------------------------------------------

_PROBE = """
<script>{axe}</script>
<script>
const options = {{runOnly: {{type: "tag", values: {tags}}}, resultTypes: ["violations"]}};
addEventListener("load", () => axe.run(document, options).then(r =>
  parent.postMessage(JSON.stringify({{
    version: axe.version, passes: r.passes.length, width: document.documentElement.clientWidth,
    wide: document.documentElement.scrollWidth,
    violations: r.violations.map(v => v.id + ": " + v.help + " (" + v.nodes.length + " times, first " + v.nodes[0].target + ")")
  }}), "*")));
</script>
"""
_FRAME = """<!DOCTYPE html><html lang="en"><head><title>frame</title></head><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe><pre id="result"></pre>
<script>addEventListener("message", e => {{ document.getElementById("result").textContent = "<<" + e.data + ">>"; }});</script>
</body></html>"""


def run_axe(path, *, width=1280):
    """What axe says of a page at a width of so many CSS pixels: version, passes, width, wide, violations.

    The page stands in a frame, because a browser's own window cannot be made narrower than about 500 pixels. The copy under
    test has lost its content security policy, which would stop axe; nothing else is changed.
    """
    html = Path(path).read_text(encoding="utf-8")
    bare, taken = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    assert taken <= 1
    probe = _PROBE.format(axe=_axe_source(), tags=json.dumps(AXE_TAGS))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        (root / "page.html").write_text(bare.replace("</body>", probe + "</body>"), encoding="utf-8")
        (root / "frame.html").write_text(_FRAME.format(width=width, height=900), encoding="utf-8")
        dumped = _dump_dom(root / "frame.html", root / "profile", width=max(width, 600))
    found = re.search(r"(?s)&lt;&lt;(.*)&gt;&gt;", dumped)
    assert found, "axe gave no result"
    said = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\xa0").replace("&amp;", "&")
    return json.loads(said)


def axe_faults(path, *, width=1280):
    """Violations of WCAG 2.2 AA and good practice that axe finds, and content wider than the window."""
    result = run_axe(path, width=width)
    assert result["width"] == width, "the page was not laid out at the width asked for"
    wide = result["wide"] > result["width"]
    return [*result["violations"], *([f"the page is {result['wide']} px wide in {width} px"] if wide else [])]


def _axe_source():
    where = importlib.util.find_spec("axe_playwright_python")
    assert where is not None, "install the test extra"
    return (Path(where.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def _dump_dom(file, profile, *, width):
    browser = find_browser()
    assert browser is not None, "these tests need an installed Chromium, Chrome or Edge (leave them out with -m 'not browser')"
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--allow-file-access-from-files", *as_root]
    flags += [f"--user-data-dir={profile}", f"--window-size={width},900", "--virtual-time-budget=15000", "--dump-dom"]
    done = subprocess.run([str(browser), *flags, file.as_uri()], capture_output=True, timeout=90, check=True)
    return done.stdout.decode("utf-8")


# --- the PDF ------------------------------------------------------------------------------------------------------


def pdf_faults(path):
    """Faults of a PDF's structure: tags, language, title, bookmarks, alt texts, header cells, page size."""
    reader = PdfReader(path)
    root = reader.trailer["/Root"]
    faults = [] if root.get("/MarkInfo", {}).get("/Marked") else ["not marked as tagged"]
    faults += [] if "/StructTreeRoot" in root else ["no structure tree"]
    faults += [] if str(root.get("/Lang", "")) == "en-GB" else [f"language is {root.get('/Lang')}"]
    faults += [] if (reader.metadata or {}).get("/Title") else ["no title"]
    faults += [] if reader.outline else ["no bookmarks"]
    faults += _size_faults(reader)
    elements = list(_elements(root["/StructTreeRoot"])) if "/StructTreeRoot" in root else []
    kinds = [kind for kind, _ in elements]
    faults += ["a figure without alt text" for kind, e in elements if kind == "/Figure" and not str(e.get("/Alt", "")).strip()]
    faults += ["a table without header cells"] if "/Table" in kinds and "/TH" not in kinds else []
    return faults + ([] if kinds.count("/H1") == 1 else [f"{kinds.count('/H1')} headings of level 1"])


def _size_faults(reader):
    sizes = {(round(float(p.mediabox.width)), round(float(p.mediabox.height))) for p in reader.pages}
    return [] if all(abs(w - 595) <= 1 and abs(h - 842) <= 1 for w, h in sizes) else [f"pages are {sorted(sizes)}, not A4"]


def structure_counts(path):
    """How often each kind of structure element stands in a PDF."""
    kinds = [kind for kind, _ in _elements(PdfReader(path).trailer["/Root"]["/StructTreeRoot"])]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _elements(node):
    """Every structure element below ``node`` with its kind."""
    todo = [node]
    while todo:
        here = todo.pop()
        here = here.get_object() if isinstance(here, IndirectObject) else here
        if isinstance(here, ArrayObject):
            todo += list(here)
        elif isinstance(here, DictionaryObject):
            if "/S" in here:
                yield str(here["/S"]), here
            if "/K" in here:
                todo.append(here["/K"])
