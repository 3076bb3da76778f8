"""Where the tables live: an embedded DuckDB, or a Spark session for the very same Ibis expressions.

Files are always read by DuckDB, which alone names the rows that do not fit; a Spark engine takes the texts over as
Parquet and does everything after that. Nothing here knows a rule of the standard.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import ibis
import pandas as pd

from yoseval.errors import EnvironmentFault, UsageError

BACKENDS = ("duckdb", "pyspark")


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """A place for tables and expressions on them; close it, or use it in a ``with`` statement.

    Parameters
    ----------
    backend : str
        ``duckdb`` or ``pyspark``.
    connection : ibis backend
        Where expressions run.
    loader : DuckDB connection
        Where files become texts; the connection's own DuckDB where that is the backend.
    folder : Path
        A private temporary folder, for what does not fit in memory and for the hand-over to Spark.
    """

    backend: str
    connection: Any
    loader: duckdb.DuckDBPyConnection
    folder: Path

    def publish(self, name: str) -> ibis.Table:
        """Return a table or view of the loader as a table of the backend."""
        with _quiet():
            if self.backend == "duckdb":
                return self.connection.table(name)
            file = self.folder / f"{name}.parquet"
            self.loader.execute(f'copy (select * from "{name}") to ? (format parquet)', [str(file)])  # noqa: S608 - own name
            return self.connection.read_parquet(str(file), table_name=self._view(name))

    def materialise(self, name: str, expression: ibis.Table) -> ibis.Table:
        """Compute an expression once and return it as the table ``name``."""
        with _quiet():
            if self.backend == "duckdb":
                # Ibis's own create_table fills a second table and renames it: three times the work for small ones.
                query = self.connection.compile(expression)
                self.loader.execute(f'create or replace table "{name}" as {query}')
                return self.connection.table(name)
            file = str(self.folder / f"{name}.computed")
            shutil.rmtree(file, ignore_errors=True)
            self.connection.to_parquet(expression, file)
            return self.connection.read_parquet(file, table_name=self._view(name))

    def upload(self, name: str, frame: pd.DataFrame) -> ibis.Table:
        """Return a frame of this process as the table ``name`` of the backend."""
        with _quiet():
            self.loader.register(f"_{name}", frame)
            self.loader.execute(f'create or replace table "{name}" as select * from "_{name}"')  # noqa: S608 - own name
            self.loader.unregister(f"_{name}")
        return self.publish(name)

    def frame(self, expression: ibis.Table) -> pd.DataFrame:
        """Bring the (small) result of an expression into memory."""
        with _quiet():
            return expression.to_pandas()

    def count(self, name: str) -> int:
        """Return the number of rows of a table that was published or materialised under ``name``."""
        if self.backend == "duckdb":
            return int(self.loader.execute(f'select count(*) from "{name}"').fetchall()[0][0])  # noqa: S608 - own name
        return int(self.frame(self.connection.table(self._view(name)).count().name("n").as_table())["n"][0])

    def drop(self, name: str) -> None:
        """Forget a table of the loader and free its memory."""
        self.loader.execute(f'drop table if exists "{name}"')

    def close(self) -> None:
        """Give memory and disk back. The Spark session stays, for the next engine."""
        self.loader.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _view(self, name: str) -> str:
        # Engines of one Spark session share its names; each keeps its own apart.
        return f"{name}_{self.folder.name.rpartition('-')[2]}"

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_engine(
    backend: str = "duckdb",
    *,
    memory_limit: str | None = None,
    folder: Path | None = None,
    jobs: int | None = None,
) -> Engine:
    """Open an engine.

    Parameters
    ----------
    backend : str
        ``duckdb`` (in this process), or ``pyspark`` (the session that is active, else a local one; needs the extra
        ``spark`` and Java 17).
    memory_limit : str, optional
        Most memory of DuckDB, for example ``"4GB"``; the rest goes to disk. By default DuckDB's own limit.
    folder : Path, optional
        Where the temporary folder is made. A Spark cluster needs one that all its workers can reach.
    jobs : int, optional
        Threads; by default all.

    Raises
    ------
    UsageError
        If there is no such backend, or a setting is none of DuckDB's.
    EnvironmentFault
        If Spark or Java is not installed, or the folder cannot be written.

    Examples
    --------
    >>> with open_engine(memory_limit="1GB") as engine:
    ...     engine.backend
    'duckdb'
    """
    if backend not in BACKENDS:
        raise UsageError(f"There is no backend {backend!r}.", f"Use one of: {', '.join(BACKENDS)}.")
    try:
        place = Path(tempfile.mkdtemp(prefix="yoseval-records-", dir=folder))
    except OSError as problem:
        raise EnvironmentFault(
            f"No temporary folder can be made: {problem.strerror}.", "Give a folder that is there."
        ) from None
    try:
        return _opened(backend, place, memory_limit, jobs)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _opened(backend: str, place: Path, memory_limit: str | None, jobs: int | None) -> Engine:
    settings: dict[str, Any] = {"temp_directory": str(place / "spill")}
    settings |= {"memory_limit": memory_limit} if memory_limit else {}
    settings |= {"threads": jobs} if jobs else {}
    try:
        with _quiet():
            own = ibis.duckdb.connect(":memory:", **settings)
    except duckdb.Error as problem:
        raise UsageError(f"DuckDB refuses a setting: {str(problem).splitlines()[0]}", "Write memory_limit as '4GB'.") from None
    connection = own if backend == "duckdb" else _spark(jobs)
    return Engine(backend, connection, own.con, place)


def _spark(jobs: int | None) -> Any:
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra, imported when asked for
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        raise EnvironmentFault("Spark is not installed.", "Run: pip install 'yoseval[spark]'.") from None
    try:
        session = SparkSession.getActiveSession() or _local_session(SparkSession, jobs)
    except (PySparkException, RuntimeError, OSError) as problem:
        first = (str(problem).splitlines() or ["no reason given"])[0]
        raise EnvironmentFault(f"Spark does not start: {first}", "Install Java 17 and set JAVA_HOME.") from None
    with _quiet():
        return ibis.pyspark.connect(session)


def _local_session(session: Any, jobs: int | None) -> Any:
    cores = jobs or "*"
    settings = {
        "spark.master": f"local[{cores}]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # A local session has no use for an address that others can reach.
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str((jobs or 2) * 2),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    return session.builder.appName("yoseval").config(map=settings).getOrCreate()


@contextmanager
def _quiet() -> Iterator[None]:
    # Ibis calls names of DuckDB, pandas and Spark that are about to go; a user can do nothing about that.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield
