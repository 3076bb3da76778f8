"""What the command line prints of a run: a table of findings and the paths of what was written."""

import pandas as pd

from yoseval.reporting.amounts import is_per_100
from yoseval.reporting.run_folder import Run
from yoseval.reporting.wording import verdict_title
from yoseval.reporting.words import Words

_HIDDEN = "[c]"


def finding_lines(run: Run) -> list[str]:
    r"""Return the findings as a table of text, and the paths of the reports.

    Examples
    --------
    >>> print("\\n".join(finding_lines(open_run("reports/recid"))))  # doctest: +SKIP
    """
    findings = run.frame("findings")
    words = Words.from_manifest(run.manifest)
    header = ("Programme", "Finding", "Difference (95 % interval)", "Naive", "Could have seen", "Treated")
    rows: list[tuple[str, ...]] = [header]
    rows += [_row(row, words) for row in findings.to_dict("records")]
    tests = findings["tests_made"].max() if len(findings) else 0
    notes = [
        f"Tests made: {tests}. Differences in outcomes are per 100 {words.people}; negative = fewer. {_HIDDEN} = confidential.",
        *(f"{name}: {text}" for name, text in zip(findings["name"], findings["sentence"], strict=True)),
    ]
    return ["", *_aligned(rows), "", *notes, "", "Written:", *path_lines(run)]


def design_lines(run: Run) -> list[str]:
    """Return what the blind half of a run has to say: sizes, balance and locks."""
    balance = run.frame("balance")
    sizes = run.frame("sizes")
    rows: list[tuple[str, ...]] = [("Programme", "Treated", "Comparison", "Effective", "Largest SMD", "Lock")]
    for programme in run.programmes:
        after = sizes[(sizes["programme"] == programme.id) & (sizes["sample"] == "after")].set_index("arm")
        own = balance[(balance["programme"] == programme.id) & (balance["sample"] == "after") & (balance["kind"] != "score")]
        n = [_count(after["n"].get(arm)) if len(after) else "none" for arm in ("treated", "comparison")]
        effective = _count(after["effective_n"].get("comparison")) if len(after) else "none"
        smd = f"{own['std_mean_diff'].abs().max():.3f}" if len(own) else "none"
        rows.append((programme.name, *n, effective, smd, run.manifest["lock"]["digests"][programme.id][:16]))
    return ["", *_aligned(rows), "", "Designs are locked. No outcome was opened.", "", "Written:", *path_lines(run)]


def _row(row: dict[str, object], words: Words) -> tuple[str, ...]:
    silent = row["verdict"] in ("not_evaluable", "not_comparable")
    mde = "" if silent else _amount(row["mde"], str(row["measure"]), signed=False)
    return (
        str(row["name"]),
        verdict_title(row, words),
        "no figure" if silent else _interval(row, ""),
        "no figure" if silent else _amount(row["naive_estimate"], str(row["measure"])),
        mde or "no figure",
        _count(row["n_treated"]),
    )


def _interval(row: dict[str, object], prefix: str) -> str:
    measure = str(row["measure"])
    low, high = (_amount(row[f"{prefix}conf_{end}"], measure) for end in ("low", "high"))
    return f"{_amount(row[f'{prefix}estimate'], measure)} ({low} to {high})"


def _amount(value: object, measure: str, *, signed: bool = True) -> str:
    if pd.isna(value):
        return _HIDDEN
    number = float(str(value))
    if is_per_100(measure):
        return f"{100 * number:+.1f}" if signed else f"{100 * number:.1f}"
    return f"{number:.2f}"


def _count(value: object) -> str:
    return _HIDDEN if value is None or pd.isna(value) else f"{float(str(value)):,.0f}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]


def path_lines(run: Run) -> list[str]:
    """Return the paths of what a run wrote."""
    files = sorted(f for f in run.folder.iterdir() if f.suffix in (".html", ".pdf"))
    return [*(f"  {f}" for f in files), f"  {run.folder}/*.csv, manifest.json"]
