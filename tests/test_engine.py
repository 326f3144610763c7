"""Audits on a cluster: the same content as on one machine, whatever happens to workers."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pyarrow import parquet

from analyzer import engine
from analyzer.errors import AnalyzerError, EngineError, InputError, OutputError
from analyzer.evidence.schema import TABLES, to_arrow
from tests.reports import csv_of, user, write
from tests.running import Audit, Settings, audit, audit_on_engine, opened
from tests.test_road import ACCOUNTS, AS_OF, by_itself, fleet, padded
from tests.test_road import assert_the_same as assert_same_content

CREDREPORT = Path(sys.executable).with_name("credreport")
TABLE_FILES = [*(f"{name}.parquet" for name in TABLES), "tallies.parquet"]


def assert_the_same(out: Path, whole: Audit) -> None:
    """Require that an evidence set has the content of an audit, and its folder no other file."""
    result = opened(out)
    assert_same_content(result, {name: to_arrow(getattr(result, name), TABLES[name]) for name in TABLES}, whole)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    outputs = json.loads((out / "manifest.json").read_bytes())["outputs"]
    assert files == {"manifest.json", *(output["name"] for output in outputs)}


def test_reports_and_evidence_may_be_at_urls(tmp_path: Path) -> None:
    import fsspec  # noqa: PLC0415

    fleet(tmp_path / "in", ACCOUNTS)
    settings = Settings(as_of=AS_OF)
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "in"), "/fleet", recursive=True)
    result, tables = audit_on_engine(
        ["memory://fleet"],
        settings,
        "memory://evidence",
        by_itself,
        batch=1,
        table_names=("findings",),
        formats=("parquet", "excel", "charts"),
    )
    files = memory.find("/evidence")
    assert len([file for file in files if "/findings.parquet/" in file]) == len(ACCOUNTS)
    assert {file.split("/")[2] for file in files} == {
        *("findings.parquet", "tallies.parquet", "manifest.json", "rendered.json", "workbook.xlsx", "charts")
    }
    whole = audit([str(tmp_path / "in")], settings)
    expected = to_arrow(whole.findings, TABLES["findings"])
    assert tables["findings"].drop_columns("source").to_pylist() == expected.drop_columns("source").to_pylist()
    assert sorted(result.inputs["name"]) == [f"memory://fleet/2026-10-31/{account}.csv" for account in sorted(ACCOUNTS)]
    memory.rm("/fleet", recursive=True)
    memory.rm("/evidence", recursive=True)


def test_parts_that_this_machine_does_not_see_are_an_error(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)

    def elsewhere(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        for item in items:
            yield task(item)
        for part in tmp_path.glob(".out.*/findings.parquet/part-00000*"):
            part.unlink()

    with pytest.raises(OutputError, match="1 of 5 parts that workers wrote are not visible"):
        audit_on_engine(paths, Settings(as_of=AS_OF), tmp_path / "out", elsewhere, batch=1, table_names=("findings",))


def test_a_task_that_is_done_again_late_adds_nothing(tmp_path: Path) -> None:
    first, second = ACCOUNTS[:2]
    # A second account far down: the first round of batches is corrected by a second one.
    write(tmp_path / f"in/2026-10-31/{first}.csv", padded(first, second))
    fleet(tmp_path / "in", [second], "2026-10-30")
    paths, settings = [str(tmp_path / "in")], Settings(as_of=AS_OF)
    rounds: list[tuple[Callable[[Any], Any], Sequence[Any]]] = []

    def late(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        results = [task(item) for item in items]
        if "_judge_and_write" in repr(task):
            rounds.append((task, items))
            if len(rounds) > 1:
                for item in rounds[0][1]:
                    rounds[0][0](item)
                (folder,) = tmp_path.glob(".out.*/users.parquet")
                (folder / ".part-00000.parquet.0123456789abcdef").write_text("of a worker that died")
        return iter(results)

    audit_on_engine(paths, settings, tmp_path / "out", late, batch=1)
    assert len(rounds) == 2
    assert_the_same(tmp_path / "out", audit(paths, settings))


def test_an_undated_copy_of_a_dated_report_is_not_judged(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    text = (tmp_path / f"in/2026-10-31/{ACCOUNTS[0]}.csv").read_text()
    write(tmp_path / "in/copy.csv", text)
    paths, settings, out = [str(tmp_path / "in")], Settings(), tmp_path / "out"
    audit_on_engine(paths, settings, out, by_itself, batch=1)
    assert_the_same(out, audit(paths, settings))


def test_files_passed_over_at_a_url_are_issues(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    write(tmp_path / "in/.hidden.csv", "x")
    write(tmp_path / "empty/notes.txt", "x")
    urls = [f"file://{tmp_path}/{name}" for name in ("in", "empty")]
    result, _ = audit_on_engine(urls, Settings(as_of=AS_OF), tmp_path / "out", by_itself, table_names=("issues",))
    assert result.exit_code == 3
    sources = dict(zip(result.issues["code"], result.issues["source"], strict=True))
    assert sources["not_followed"] == f"{urls[0]}/.hidden.csv"
    assert sources["unreadable_file"] == urls[1]


def test_a_url_keeps_nothing_of_a_run_that_failed(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    write(tmp_path / "in/undated.csv", csv_of(user("auditor", account="210987654321")))
    url = f"file://{tmp_path}/out"

    def run(settings: Settings, target: str) -> Audit:
        return audit_on_engine([str(tmp_path / "in")], settings, target, by_itself, batch=1).audit

    with pytest.raises(InputError, match=r"undated\.csv"):
        run(Settings(), url)
    assert run(Settings(as_of=AS_OF), url).exit_code == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*TABLE_FILES, "manifest.json"}
    with pytest.raises(OutputError, match="is not empty"):
        run(Settings(as_of=AS_OF), url)
    with pytest.raises(OutputError, match="cannot write file:///proc/nope/x"):
        run(Settings(as_of=AS_OF), "file:///proc/nope/x")


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Yield the address of a Dask scheduler and its workers: processes of their own, working in a new folder."""
    folder.mkdir()
    dask, address = Path(sys.executable).with_name("dask"), folder / "scheduler.json"
    common = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", ":0"]
    worker = ["worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    started = [subprocess.Popen([dask, *scheduler, "--scheduler-file", str(address)], **common)]  # type: ignore[call-overload]
    try:
        while not address.exists() or not address.read_text():
            assert started[0].poll() is None
            time.sleep(0.05)
        started += [subprocess.Popen([dask, *worker], **common) for _ in range(workers)]  # type: ignore[call-overload]
        yield json.loads(address.read_text())["address"], started[1:]
    finally:
        for process in started[::-1]:
            process.kill()
            process.wait()


def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    accounts = [f"{111122220000 + number}" for number in range(40)]
    paths, settings = fleet(tmp_path / "in", accounts), Settings(as_of=AS_OF)
    write(tmp_path / "in/2026-10-31/damaged.csv", "user,arn\nx")
    with cluster(tmp_path / "dask", workers=2) as (address, workers), engine.dask(address) as run:
        judged_counts: list[int] = []

        class Killing:
            """Kills a worker at the first result of judging."""

            def stage(self, name: str, total: int | None = None) -> None:
                stages.append((name, total))

            def advance(self, count: int = 1) -> None:
                if stages[-1][0] == "judging":
                    if not judged_counts:
                        workers[0].kill()
                        workers[0].wait()
                    judged_counts.append(count)

        stages: list[tuple[str, int | None]] = []
        audit_on_engine(paths, settings, tmp_path / "out", run, batch=1, progress=Killing())
        assert workers[0].poll() not in (None, 0)
        assert workers[1].poll() is None
        # Faults of the data give the same error as on one machine.
        write(tmp_path / "undated/a.csv", csv_of(user("auditor")))
        with pytest.raises(InputError, match="the capture time of this report is not known") as error:
            audit_on_engine([str(tmp_path / "undated")], Settings(), tmp_path / "other", run, table_names=("findings",))
        assert "--as-of" in error.value.hint
    assert stages[:2] == [("surveying", len(accounts) + 1), ("judging", len(accounts))]
    assert sum(judged_counts) == len(accounts)
    assert len(list((tmp_path / "out/findings.parquet").iterdir())) >= len(accounts)
    assert_the_same(tmp_path / "out", audit(paths, settings))


def test_a_cluster_of_this_machine_by_the_command_line(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    command = [str(CREDREPORT), "audit", "in", "--as-of", "2026-10-31", "--engine", "dask", "--format", "excel"]
    command.append("--verbose")
    for _ in range(2):  # the second run takes the place of the first
        done = subprocess.run([*command, "-o", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert done.stderr == ""
    assert "findings.parquet/ (1 file)" in done.stdout
    findings = parquet.read_table(tmp_path / "out/findings.parquet")
    whole = audit([str(tmp_path / "in")], Settings(as_of=AS_OF))
    assert findings.num_rows == len(whole.findings)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *TABLE_FILES,
        *("manifest.json", "rendered.json", "workbook.xlsx"),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "dusk"], "did you mean 'dask'?"),
        (["--engine", "local", "--scheduler", "tcp://127.0.0.1:1"], "--scheduler does not work with --engine local"),
        (["--format", "parquet", "-o", "s3://bucket/out"], "at a URL: s3://bucket/out"),
        (["--format", "parquet", "--engine", "dask", "-o", "nosuch://bucket/out"], "nosuch"),
        (["--format", "parquet", "--engine", "dask", "/dev/null"], "the engine dask cannot read a pipe (/dev/null)"),
        (["--format", "parquet", "--engine", "dask", "-"], "the engine dask cannot read standard input"),
    ],
)
def test_options_that_an_engine_cannot_follow_are_errors(tmp_path: Path, options: list[str], message: str) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    done = subprocess.run(
        [CREDREPORT, "audit", "in", "--as-of", "2026-10-31", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_no_scheduler_is_an_error() -> None:
    with (
        mock.patch.object(engine, "_PATIENCE", 1),
        pytest.raises(EngineError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1"),
        engine.dask("tcp://127.0.0.1:1"),
    ):
        pass


def test_no_worker_and_another_version_are_errors(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "a", workers=0) as (address, _),
        mock.patch.object(engine, "_PATIENCE", 1),
        pytest.raises(EngineError, match="no worker at tcp://"),
        engine.dask(address),
    ):
        pass
    with (
        cluster(tmp_path / "b", workers=1) as (address, _),
        mock.patch.object(engine, "__version__", "0.0.1"),
        pytest.raises(EngineError, match=r"but this machine has 0\.0\.1"),
        engine.dask(address),
    ):
        pass


def test_errors_pass_between_processes() -> None:
    error = pickle.loads(pickle.dumps(InputError("message", "hint")))  # noqa: S301 - made here
    assert isinstance(error, AnalyzerError)
    assert (str(error), error.hint) == ("message", "hint")
    settings = Settings(as_of=datetime(2026, 10, 31, tzinfo=UTC))
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301


def test_workers_elsewhere_find_reports_of_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    (tmp_path / "elsewhere").mkdir()

    def elsewhere(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        monkeypatch.chdir(tmp_path / "elsewhere")
        results = [task(item) for item in items]
        monkeypatch.chdir(tmp_path)
        return iter(results)

    monkeypatch.chdir(tmp_path)
    result, _ = audit_on_engine(["in"], Settings(as_of=AS_OF), "out", elsewhere, batch=1)
    assert result.inputs["name"].tolist() == [f"in/2026-10-31/{account}.csv" for account in sorted(ACCOUNTS)]


def test_a_url_keeps_nothing_of_a_run_whose_rendering_failed(tmp_path: Path) -> None:
    paths, url = fleet(tmp_path / "in", ACCOUNTS), f"file://{tmp_path}/out"
    with (
        mock.patch("analyzer.rendering.workbook.book.render", side_effect=OSError("no space")),
        pytest.raises(OutputError, match="cannot write file://"),
    ):
        audit_on_engine(paths, Settings(as_of=AS_OF), url, by_itself, formats=["excel"])
    assert list((tmp_path / "out").iterdir()) == []
