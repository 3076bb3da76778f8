"""An engine opens, computes, gives its memory and disk back, and says in words what it cannot do."""

import sys

import ibis
import pytest

from yoseval.errors import EnvironmentFault, UsageError
from yoseval.records.engine import open_engine


def test_what_is_materialised_can_be_counted_and_brought_to_memory():
    with open_engine() as engine:
        engine.loader.execute("create table given as select range as x from range(5)").fetchall()

        table = engine.materialise("large", engine.publish("given").filter(ibis._.x > 2))

        assert engine.count("large") == 2
        assert sorted(engine.frame(table)["x"]) == [3, 4]


def test_limits_reach_duckdb(tmp_path):
    with open_engine(memory_limit="500MB", folder=tmp_path, jobs=1) as engine:
        found = engine.loader.execute("select current_setting('threads'), current_setting('temp_directory')").fetchall()

    assert found[0][0] == 1
    assert found[0][1].startswith(str(tmp_path))


def test_closing_removes_the_temporary_folder(tmp_path):
    open_engine(folder=tmp_path).close()

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_backend_names_those_known():
    with pytest.raises(UsageError, match="duckdb, pyspark"):
        open_engine("oracle")


def test_a_setting_that_duckdb_refuses_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="DuckDB refuses a setting"):
        open_engine(memory_limit="much", folder=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_fault_of_the_environment(tmp_path):
    with pytest.raises(EnvironmentFault, match="No temporary folder"):
        open_engine(folder=tmp_path / "nowhere")


def test_without_spark_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(EnvironmentFault, match=r"yoseval\[spark\]"):
        open_engine("pyspark")
