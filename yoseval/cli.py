"""The command line: verbs, messages and exit codes; no statistics."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from yoseval.errors import EnvironmentFault, NotEvaluableError, ReportError, UsageError, YosevalError

app = typer.Typer(
    name="yoseval",
    help="Tells a youth offending service, honestly, whether each of its programmes reduces reoffending.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder with study.toml and its data.")]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Run folder; reports/<name of the study folder> by default.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the study.")]
OnInvalid = Annotated[str, typer.Option("--on-invalid", help="raise, or drop: set faulty rows of records aside.")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Programmes worked on at once; as in study.toml by default.")]


def main() -> None:
    """Run the command line: no traceback reaches a user."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console that lacks a sign shows a question mark instead of failing.
            stream.reconfigure(errors="replace")
    sys.exit(_run(lambda: app(standalone_mode=False)))


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")]) -> None:
    """Write a commented study folder with simulated children, ready to run and to be replaced by your own."""
    from yoseval.cohort.starter import write_starter  # noqa: PLC0415 - each command loads only what it needs

    for file in write_starter(folder):
        typer.echo(f"wrote {file}")
    typer.echo(f"Next: yoseval evaluate {folder}")


@app.command()
def check(
    study: StudyFolder,
    out: OutFolder = None,
    on_invalid: OnInvalid = "raise",
) -> None:
    """Validate a study and its data, and say what can be evaluated. No design is built, no effect estimated.

    Of a study of records it also writes quality and delivery tables and a report on them, to
    reports/<name of the study folder>_check.
    """
    from yoseval.cohort.protocol import read_study  # noqa: PLC0415
    from yoseval.evaluation.readiness import readiness_lines  # noqa: PLC0415

    opened = read_study(study)
    if opened.is_of_records:
        _check_records(opened, out or Path("reports") / f"{opened.folder.resolve().name}_check", on_invalid)
        return
    for line in readiness_lines(opened):
        typer.echo(line)


@app.command()
def design(
    study: StudyFolder, out: OutFolder = None, seed: Seed = 0, jobs: Jobs = None, on_invalid: OnInvalid = "raise"
) -> None:
    """Build and lock the comparison for every programme, blind to outcomes: cohorts, designs, balance."""
    from yoseval.cohort.protocol import read_study  # noqa: PLC0415
    from yoseval.evaluation.portfolio import design_portfolio  # noqa: PLC0415
    from yoseval.reporting.console import design_lines  # noqa: PLC0415
    from yoseval.reporting.run_folder import PRIVATE, fill_run, lock_history, open_run, staged  # noqa: PLC0415

    opened = read_study(study)
    folder = _run_folder(opened.folder, out)
    how = _on_invalid(on_invalid)
    with _progress(opened.file.study.title) as tick, staged(folder) as stage:
        portfolio = design_portfolio(opened, seed=seed, jobs=jobs, on_progress=tick, on_invalid=how, private=stage / PRIVATE)
        fill_run(portfolio, stage, earlier=lock_history(folder))
    for line in design_lines(open_run(folder)):
        typer.echo(line)
    if all(t.design is None for t in portfolio.trials):
        raise NotEvaluableError("No programme could be given a comparison.", f"The reasons are in {folder / 'manifest.json'}.")


@app.command()
def evaluate(
    study: StudyFolder,
    out: OutFolder = None,
    seed: Seed = 0,
    jobs: Jobs = None,
    reports: Annotated[bool, typer.Option("--reports/--no-reports", help="Render the reports, or only the tables.")] = True,
    on_invalid: OnInvalid = "raise",
) -> None:
    """Evaluate every programme of a study and write the reports: the main job."""
    from yoseval.cohort.protocol import read_study  # noqa: PLC0415
    from yoseval.evaluation.portfolio import evaluate_portfolio  # noqa: PLC0415
    from yoseval.reporting.console import finding_lines  # noqa: PLC0415
    from yoseval.reporting.run_folder import PRIVATE, fill_run, lock_history, open_run, seal_run, staged  # noqa: PLC0415

    how = _on_invalid(on_invalid)
    started = time.perf_counter()
    opened = read_study(study)
    folder = _run_folder(opened.folder, out)
    faults: list[str] = []
    with _progress(opened.file.study.title) as tick, staged(folder) as stage:
        portfolio = evaluate_portfolio(opened, seed=seed, jobs=jobs, on_progress=tick, on_invalid=how, private=stage / PRIVATE)
        analysed = time.perf_counter()
        fill_run(portfolio, stage, earlier=lock_history(folder))
        if reports:
            faults = _render(stage, tick)
        timings = {"analysis": round(analysed - started, 2), "reports": round(time.perf_counter() - analysed, 2)}
        seal_run({**open_run(stage).manifest, "timings_seconds": timings}, stage)
    run = open_run(folder)
    for line in finding_lines(run):
        typer.echo(line)
    _finish(run, faults)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="board_briefing, technical or portfolio.")],
    format: Annotated[str, typer.Option("--format", help="html or pdf.")] = "html",
    programme: Annotated[str | None, typer.Option("--programme", help="Id of one programme (technical).")] = None,
) -> None:
    """Render one report of a run again, from its run folder alone."""
    from yoseval.reporting.render import render_report  # noqa: PLC0415
    from yoseval.reporting.run_folder import open_run, seal_run  # noqa: PLC0415

    opened = open_run(run)
    wanted = [p.id for p in opened.programmes] if name.startswith("technical") and programme is None else [programme]
    for id in wanted:
        typer.echo(str(render_report(run, name, programme=id, format=format)))
    seal_run(opened.manifest, opened.folder)


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    study: Annotated[
        Path | None, typer.Option("--study", help="Study folder, to compare inputs and build the lock again.")
    ] = None,
) -> None:
    """Check a run: digests of its files, versions of the libraries and, with --study, inputs and lock."""
    from yoseval.evaluation.verification import verify_study, verify_versions  # noqa: PLC0415
    from yoseval.reporting.run_folder import open_run, verify_outputs  # noqa: PLC0415

    opened = open_run(run)
    faults = verify_outputs(opened)
    notes = verify_versions(opened.manifest)
    if study is not None:
        faults += verify_study(study, opened.manifest)
    for line in [*notes, *faults]:
        typer.echo(line)
    if faults:
        raise ReportError(f"The run does not verify: {len(faults)} fault(s).", "Run 'yoseval evaluate' again.")
    typer.echo(
        f"{len(opened.manifest.get('outputs', {}))} files are as they were written."
        + (" Inputs and lock agree." if study else "")
    )


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    people: Annotated[int, typer.Option("--people", min=1, help="Children.")] = 2000,
    programmes: Annotated[int, typer.Option("--programmes", min=1, max=40, help="Programmes on the menu.")] = 8,
    seed: Seed = 0,
    fault: Annotated[list[str] | None, typer.Option("--fault", help="A fault of recording to put in; may be repeated.")] = None,
) -> None:
    """Write the records of a simulated service with known effects, in the records standard, and a study of them."""
    from yoseval.records.simulation.simulate import simulate_records, write_simulation  # noqa: PLC0415

    simulation = simulate_records(people, programmes=programmes, seed=seed, faults=tuple(fault or ()))
    for file in write_simulation(simulation, folder):
        typer.echo(f"wrote {file}")
    typer.echo(f"Every record is simulated; the true effects are in truth.csv. Next: yoseval check {folder}")


@app.command()
def pseudonymise(
    extract: Annotated[Path, typer.Argument(metavar="IN", help="Folder with the tables as they came.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make, with pseudonyms instead of ids.")],
    key: Annotated[
        str, typer.Option("--key", help="File of the study's key, outside the study and any git tree, or keyring:NAME.")
    ],
    make_key: Annotated[bool, typer.Option("--make-key", help="Make the key first. Once a study, and keep it.")] = False,
    leave_out: Annotated[list[str] | None, typer.Option("--leave-out", help="A column not to write; may be repeated.")] = None,
    upper: Annotated[bool, typer.Option("--upper", help="Take ids that differ in case only as the same.")] = False,
    encoding: Annotated[str, typer.Option("--encoding", help="Of the CSV files.")] = "utf-8",
) -> None:
    """Replace ids by keyed pseudonyms (HMAC-SHA256), before anything else. The mapping is never written."""
    from yoseval.records.pseudonyms.key import make_key as new_key  # noqa: PLC0415
    from yoseval.records.pseudonyms.pseudonymise import pseudonymise as replace_ids  # noqa: PLC0415

    if make_key:
        typer.echo(f"made a key with the fingerprint {new_key(key)}")
    rules = ("strip", "upper") if upper else ("strip",)
    typer.echo(str(replace_ids(extract, out, key=key, leave_out=tuple(leave_out or ()), normalise=rules, encoding=encoding)))


def _run(command: Callable[[], Any]) -> int:
    """Run a command and turn its end into an exit code and a message."""
    try:
        code = command()
    except typer.Exit as ended:
        return int(ended.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("Interrupted. The last good run is whole; run the same command again.", 130)
    except Exception as problem:
        if os.environ.get("YOSEVAL_TRACEBACK"):
            raise
        return _say(*_message(problem))
    return code if isinstance(code, int) else 0


def _message(problem: Exception) -> tuple[str, int]:
    """Return what a user is told of an error, and the exit code."""
    if isinstance(problem, YosevalError):
        return str(problem), problem.exit_code
    if hasattr(problem, "format_message"):
        return str(problem.format_message()), UsageError.exit_code
    if isinstance(problem, OSError):
        return f"{problem.strerror or problem}: {problem.filename or ''}".rstrip(": "), EnvironmentFault.exit_code
    fault = f"yoseval met a fault of its own ({type(problem).__name__})."
    return f"{fault} Set YOSEVAL_TRACEBACK=1, run it again and report what it prints.", YosevalError.exit_code


def _say(message: str, code: int) -> int:
    typer.echo(f"yoseval: {message}", err=True)
    return code


def _run_folder(study: Path, out: Path | None) -> Path:
    return out if out is not None else Path("reports") / study.resolve().name


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str, str], None]]:
    """Show what is being worked on, and how long it has taken."""
    from tqdm.auto import tqdm  # noqa: PLC0415

    with tqdm(desc=title[:40], unit=" step", bar_format="{desc}: {n_fmt} steps, {elapsed}{postfix}") as bar:

        def tick(stage: str, name: str) -> None:
            bar.set_postfix_str(f"{stage.lower()}: {name}"[:60])
            bar.update()

        yield tick


def _render(stage: Path, tick: Callable[[str, str], None]) -> list[str]:
    """Render every report of a run; a report that fails does not stop the others."""
    from yoseval.reporting.render import render_all  # noqa: PLC0415

    try:
        rendered = render_all(stage, pdf=("board_briefing", "technical"), on_progress=lambda r: tick("Rendering", r.path.name))
    except ReportError as problem:
        return [str(problem)]
    for note in dict.fromkeys(r.note for r in rendered if r.note):
        typer.echo(note, err=True)
    return []


def _check_records(study: Any, folder: Path, on_invalid: str) -> None:
    from yoseval.evaluation.records_check import check_records  # noqa: PLC0415
    from yoseval.reporting.console import path_lines  # noqa: PLC0415
    from yoseval.reporting.run_folder import PRIVATE, fill_run, open_run, seal_run, staged  # noqa: PLC0415

    how = _on_invalid(on_invalid)
    with _progress(study.file.study.title) as tick, staged(folder) as stage:
        tick("Reading", "the records")
        checked = check_records(study, on_invalid=how, private=stage / PRIVATE)
        fill_run(checked, stage, earlier=[])
        faults = _render(stage, tick)
        seal_run(open_run(stage).manifest, stage)
    for line in [*checked.lines, "", "Written:", *path_lines(open_run(folder))]:
        typer.echo(line)
    if faults:
        raise ReportError("\n".join(faults), "The tables are written.")


def _on_invalid(given: str) -> Literal["raise", "drop"]:
    if given == "drop":
        return "drop"
    if given != "raise":
        raise UsageError(f"--on-invalid is '{given}'.", "Use raise or drop.")
    return "raise"


def _finish(run: Any, faults: list[str]) -> None:
    verdicts = set(run.frame("findings")["verdict"])
    if faults:
        raise ReportError("\n".join(faults), "The tables are written; run 'yoseval report' once it is mended.")
    if verdicts <= {"not_evaluable"}:
        raise NotEvaluableError(
            "No programme can be evaluated yet.", f"The reports in {run.folder} say why, and what is missing."
        )
