"""The Python API runs what the commands run: the same parameters, the same bytes, the same errors."""

from __future__ import annotations

import doctest
import gc
import inspect
import json
import pydoc
import re
import shutil
import subprocess
import sys
import traceback
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pytest
from typer.main import get_command

import analyzer
from analyzer import pipeline
from analyzer.cli.main import app
from analyzer.errors import AnalyzerError, InputError, OutputError, PolicyError, UsageError
from analyzer.pipeline import api, opened
from tests.cli.running import run
from tests.test_numbers_agree import all_passing, fleet, monthly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from analyzer import AuditEvidence, ComparisonEvidence, HistoryEvidence
    from analyzer import Evidence as AnyEvidence

    Evidence = AuditEvidence | ComparisonEvidence | HistoryEvidence

ROOT: Final = Path(__file__).resolve().parent.parent
SAMPLES: Final = ROOT / "sample_reports"


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, in which the sample reports are, and temporary folders below `tmp`."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLES, tmp_path / "sample_reports")
    return tmp_path


# --- what importing does ----------------------------------------------------------------------------------------------


def output_of_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def test_importing_loads_nothing_heavy() -> None:
    names = set(output_of_process("import sys, analyzer\nprint(*sys.modules)").split())
    heavy = {"pandas", "numpy", "pyarrow", "matplotlib", "xlsxwriter", "jinja2", "yaml", "typer", "rich", "icalendar"}
    assert "analyzer.pipeline.api" in names
    assert not names & heavy


@pytest.mark.parametrize(
    "code",
    [
        "import analyzer.history.follow, analyzer",
        "from analyzer.history.store import reading\nimport analyzer",
        "import analyzer\nanalyzer.audit('sample_reports', no_policy=True)",
    ],
)
def test_history_stays_the_function_whatever_is_loaded(code: str) -> None:
    assert output_of_process(f"{code}\nprint(analyzer.history.__module__)") == "analyzer.pipeline.api\n"


def test_every_public_name_exists_and_is_described() -> None:
    assert analyzer.__all__ == sorted(analyzer.__all__, key=lambda name: (name.islower(), name))
    assert all(inspect.getdoc(getattr(analyzer, name)) for name in analyzer.__all__)
    for module in (analyzer, pipeline):
        assert set(module.__all__) <= set(dir(module))


def test_the_first_screen_of_help_names_each_function_and_has_an_example() -> None:
    lines = pydoc.plain(pydoc.render_doc(analyzer)).splitlines()[:24]
    assert all(len(line) <= 80 for line in lines)
    functions = [name for name in analyzer.__all__ if inspect.isfunction(getattr(analyzer, name))]
    listed = [line.strip().partition("(")[0] for line in lines if re.match(r" +\w+\(\w+(, \w+)*\) {2,}\w", line)]
    assert sorted(listed) == functions
    assert any(">>> evidence = analyzer.audit(" in line for line in lines)


@pytest.mark.parametrize("module", [analyzer, api, opened], ids=lambda value: str(value.__name__))
@pytest.mark.usefixtures("working_folder")
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried > 2
    assert not failed


# --- parameters are options -------------------------------------------------------------------------------------------

WRITE_OPTIONS: Final = {
    "output",
    "format",
    "tables",
    "workbook_rows",
    "carry_over",
    "by",
    "due_within",
    "sign",
    "record_run",
}
"""Options that say what is written: `write` has them, but for --tables."""
PRINT_OPTIONS: Final = {"fail_on", "strict", "exit_zero", "quiet", "json", "json_all", "verbose", "help"}
"""Options of what is printed, and of the exit code."""
CLUSTER_OPTIONS: Final = {"engine", "scheduler"}
RENAMED: Final = {"from": "from_"}
"""`from` is a word of Python's own."""


def options_of(command: str) -> dict[str, Any]:
    """Return the defaults of a command's options, by their names."""
    parameters = get_command(app).commands[command].params  # type: ignore[attr-defined]
    options = [parameter for parameter in parameters if parameter.opts[0].startswith("-")]
    names = {max(option.opts, key=len).lstrip("-").replace("-", "_"): option for option in options}
    return {RENAMED.get(name, name): option.default for name, option in names.items()}


@pytest.mark.parametrize(
    "function", [analyzer.audit, analyzer.compare, analyzer.history], ids=lambda function: function.__name__
)
def test_parameters_are_the_options_of_the_command(function: Callable[..., Evidence]) -> None:
    options = options_of(function.__name__)
    parameters = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert parameters.keys() == options.keys() - WRITE_OPTIONS - PRINT_OPTIONS - CLUSTER_OPTIONS
    assert {name: default or None for name, default in parameters.items()} == {
        name: options[name] or None for name in parameters
    }


def test_every_parameter_is_described() -> None:
    functions = (analyzer.audit, analyzer.compare, analyzer.history)
    names = {
        name
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    listed = re.findall(r"(?m)^    ((?:\w+, )*\w+)  +\S", inspect.getdoc(analyzer) or "")
    assert sorted(names) == sorted(name for line in listed for name in line.split(", "))


@pytest.mark.parametrize("kind", [analyzer.AuditEvidence, analyzer.ComparisonEvidence, analyzer.HistoryEvidence])
def test_parameters_of_write_are_the_options_of_the_command(kind: type[AnyEvidence]) -> None:
    command = {"comparison": "compare"}.get(kind.kind, kind.kind)
    options = options_of(command)
    parameters = dict(inspect.signature(kind.write).parameters)
    assert {"formats" if name == "format" else name for name in options.keys() & WRITE_OPTIONS} - {
        "output",
        "tables",
    } == (parameters.keys() - {"self", "folder"})
    assert parameters["workbook_rows"].default == options["workbook_rows"]


# --- the same bytes ---------------------------------------------------------------------------------------------------

POLICY: Final = """
[controls.access-key-rotation]
max_age_days = 180
[waivers.break-glass]
user = "break-glass*"
reason = "sealed"
owner = "security@example.com"
expires = 2027-01-31
"""
LEAVERS: Final = "user,last_day\nci-deployer,2026-09-30\nnobody,2026-01-31\nuser-1,2026-10-01\n"


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def require_same(
    evidence: Evidence,
    arguments: list[str],
    formats: str | None,
    **write_options: Any,  # noqa: ANN401 - what `write` takes
) -> None:
    """Compare the written files with those of the command, and the counts with those that it prints."""
    chosen = [] if formats is None else ["--format", formats]
    done = run(*arguments, *chosen, "-o", "by_command", "--json")
    assert done.returncode in {0, 1, 3}, done.stderr
    written = evidence.write("by_api", formats=formats and formats.split(","), **write_options)
    by_command = files_in(Path("by_command"))
    assert by_command.keys() == set(written.files)
    assert files_in(Path("by_api")) == by_command
    printed = json.loads(done.stdout)
    assert printed["files"] == written.files
    facts = evidence.summary.facts
    assert {name: printed[name] for name in facts} == facts
    assert evidence.summary.exit_code == printed["exit_code"]


@pytest.mark.usefixtures("working_folder")
def test_an_audit_in_the_default_formats_equals_that_of_the_command() -> None:
    with analyzer.audit("sample_reports") as evidence:
        require_same(evidence, ["audit", "sample_reports"], None)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"as_of": "2026-10-31", "policy": "policy.toml"}, ["--as-of", "2026-10-31", "--policy", "policy.toml"]),
        ({"benchmark": ["cis-7.0", "soc2"]}, ["--benchmark", "cis-7.0,soc2"]),
        ({"benchmark": "security-hub", "every_snapshot": True}, ["--benchmark", "security-hub", "--every-snapshot"]),
        ({"control": ["console-mfa", "2.11"], "no_trend": True}, ["--control", "console-mfa,2.11", "--no-trend"]),
        (
            {"leavers": "leavers.csv", "people": Path("leavers.csv")},
            ["--leavers", "leavers.csv", "--people", "leavers.csv"],
        ),
        ({"pseudonyms": "key"}, ["--pseudonyms", "key"]),
        (
            {"all_controls": True, "max_idle_days": 90, "account_id": "444455556666", "captured_at": "2026-10-31"},
            ["--all-controls", "--max-idle-days", "90", "--account-id", "444455556666", "--captured-at", "2026-10-31"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_an_audit_equals_that_of_the_command(
    working_folder: Path, options: dict[str, Any], arguments: list[str]
) -> None:
    (working_folder / "policy.toml").write_text(POLICY)
    (working_folder / "leavers.csv").write_text(LEAVERS)
    evidence = analyzer.audit(["sample_reports"], **options)
    formats = "parquet,html,excel" + ("" if "every_snapshot" in options else ",ics")
    require_same(evidence, ["audit", "sample_reports", *arguments], formats)


@pytest.mark.parametrize("make", [all_passing, fleet, monthly], ids=lambda value: str(value.__name__))
def test_an_audit_with_accounts_and_owners_equals_that_of_the_command(
    working_folder: Path, make: Callable[[Path], None]
) -> None:
    make(working_folder / "made")
    paths = [str(path) for path in sorted(Path("made").iterdir()) if path.is_dir()]
    evidence = analyzer.audit(paths, accounts="made/accounts.csv", max_report_age=20)
    options = ["--accounts", "made/accounts.csv", "--max-report-age", "20", "--by", "owner", "--workbook-rows", "50"]
    require_same(evidence, ["audit", *paths, *options], "parquet,excel,remediation", by="owner", workbook_rows=50)


def test_a_comparison_equals_that_of_the_command(working_folder: Path) -> None:
    old, new = "sample_reports/2026-09-30", working_folder / "sample_reports/2026-10-31"
    evidence = analyzer.compare(old, "sample_reports/2026-10-31")
    require_same(evidence, ["compare", old, "sample_reports/2026-10-31"], None)
    for name, reports in (("old", old), ("new", new)):
        analyzer.audit(reports).write(name, formats="parquet")
    shutil.rmtree("by_command")
    require_same(analyzer.compare("old", "new"), ["compare", "old", "new"], "parquet,excel")


@pytest.mark.usefixtures("working_folder")
def test_a_history_equals_that_of_the_command() -> None:
    evidence = analyzer.history("sample_reports", sla_days=30, benchmark="cis-5.0")
    require_same(evidence, ["history", "sample_reports", "--sla-days", "30", "--benchmark", "cis-5.0"], None)


@pytest.mark.parametrize("run_of", [analyzer.audit, analyzer.history], ids=["audit", "history"])
@pytest.mark.usefixtures("working_folder")
def test_the_least_severity_of_an_exit_code_may_be_a_text(
    run_of: Callable[..., analyzer.AuditEvidence | analyzer.HistoryEvidence],
) -> None:
    summary = run_of("sample_reports", control="unused-credentials").summary
    assert {least: summary.exit_code_of(fail_on=least, strict=False) for least in ("medium", "critical")} == {
        "medium": 1,
        "critical": 0,
    }
    with pytest.raises(ValueError, match="grave"):
        summary.exit_code_of(fail_on="grave")


@pytest.mark.usefixtures("working_folder")
def test_results_are_shown_in_a_line() -> None:
    """A notebook printed all tables of a summary: 29,000 characters."""
    results = (
        (analyzer.audit("sample_reports"), "<Summary of an audit, ", "6 accounts; checks: "),
        (
            analyzer.compare("sample_reports/2026-09-30", "sample_reports/2026-10-31"),
            "<Comparison of 3 accounts",
            " new",
        ),
        (analyzer.history("sample_reports"), "<History of 2015-03-01 to 2026-10-31: ", "failures open"),
    )
    for evidence, start, counts in results:
        shown = repr(evidence.summary)
        assert shown.startswith(start)
        assert counts in shown
        assert len(shown) < 250


@pytest.mark.usefixtures("working_folder")
def test_evidence_from_a_store_equals_that_of_the_command() -> None:
    run("ingest", "sample_reports", "--store", "kept")
    dates: list[date | str] = [date(2026, 9, 30), "2026-10-31"]
    evidence = analyzer.history(store="kept", as_of_series=dates)
    require_same(evidence, ["history", "--store", "kept", "--as-of-series", "2026-09-30,2026-10-31"], "parquet,html")
    shutil.rmtree("by_command")
    compared = analyzer.compare(store=Path("kept"), from_=date(2026, 9, 30), to="2026-10-31")
    arguments = ["--store", "kept", "--from", "2026-09-30", "--to", "2026-10-31"]
    require_same(compared, ["compare", *arguments], "parquet,html")


@pytest.mark.usefixtures("working_folder")
def test_marks_of_reviewers_are_carried_over() -> None:
    with analyzer.audit("sample_reports") as evidence:
        evidence.write("first", formats="excel")
        second = evidence.write("second", formats="excel", carry_over=["first/workbook.xlsx"])
        again = evidence.write("second", formats="excel", carry_over=["second/workbook.xlsx"])
    assert second.carried is not None
    assert again.files == second.files


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("working_folder")
def test_tables_are_those_that_are_written() -> None:
    evidence = analyzer.audit("sample_reports", benchmark="cis-7.0")
    evidence.write("out", formats="parquet")
    properties = ("findings", "credentials", "users", "issues", "requirements")
    assert set(properties) <= set(evidence.tables)
    for name in evidence.tables:
        frame = evidence.table(name)
        stored = pd.read_parquet(f"out/{name}.parquet", dtype_backend="pyarrow")
        pd.testing.assert_frame_equal(frame.astype(stored.dtypes), stored)
        if name in properties:
            pd.testing.assert_frame_equal(getattr(evidence, name), frame)
    opened_again = analyzer.open_evidence(Path("out"))
    assert isinstance(opened_again, analyzer.AuditEvidence)
    pd.testing.assert_frame_equal(opened_again.findings, evidence.findings)
    assert opened_again.summary.facts == evidence.summary.facts


@pytest.mark.usefixtures("working_folder")
def test_comparisons_and_histories_have_their_tables() -> None:
    compared = analyzer.compare("sample_reports/2026-09-30", "sample_reports/2026-10-31")
    followed = analyzer.history("sample_reports")
    frames = [compared.events, compared.issues, followed.measures, followed.lifetimes]
    frames += [followed.trend, followed.coverage]
    assert all(len(frame.columns) > 5 for frame in frames)
    assert set(compared.tables) == {"events", "issues"}
    assert set(followed.tables) == {"measures", "lifetimes", "trend", "coverage", "issues"}
    for evidence in (compared, followed):
        evidence.write("out", formats="parquet")
        assert type(analyzer.open_evidence("out")) is type(evidence)


@pytest.mark.usefixtures("working_folder")
def test_changes_to_a_frame_change_no_evidence() -> None:
    evidence = analyzer.audit("sample_reports")
    before, frame = evidence.findings, evidence.findings
    frame["status"] = "pass"
    pd.testing.assert_frame_equal(evidence.findings, before)
    assert set(evidence.findings["status"]) > {"pass"}


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-10-31T12:00:00Z",
        datetime(2026, 10, 31, 12, tzinfo=UTC),
        datetime(2026, 10, 31, 12),  # noqa: DTZ001 - what has no offset is UTC
        datetime(2026, 10, 31, 14, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2026-10-31T12:00:00Z"),
    ],
)
@pytest.mark.usefixtures("working_folder")
def test_instants_may_be_texts_or_datetimes(as_of: str | datetime) -> None:
    summary = analyzer.audit("sample_reports/2026-10-31", as_of=as_of).summary
    assert summary.settings.as_of == datetime(2026, 10, 31, 12, tzinfo=UTC)


@pytest.mark.usefixtures("working_folder")
def test_a_date_is_the_end_of_its_day() -> None:
    summary = analyzer.audit("sample_reports/2026-10-31", as_of=date(2026, 10, 31)).summary
    assert summary.settings.as_of == datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)


# --- the temporary folder ---------------------------------------------------------------------------------------------


def left_over(folder: Path) -> list[str]:
    return [path.name for path in (folder / "tmp").iterdir()]


def test_the_temporary_folder_goes_with_the_evidence(working_folder: Path) -> None:
    with analyzer.audit("sample_reports") as evidence:
        findings, summary = evidence.findings, evidence.summary
        assert Path(evidence.folder, "findings.parquet").is_file()
        assert len(left_over(working_folder)) == 1
    assert left_over(working_folder) == []
    for use in (partial(getattr, evidence, "users"), partial(evidence.write, "out")):
        with pytest.raises(UsageError, match="was closed"):
            use()
    assert not Path("out").exists()
    evidence.close()
    # What was read before is still there.
    pd.testing.assert_frame_equal(evidence.findings, findings)
    assert evidence.summary.facts == summary.facts


def test_the_temporary_folder_goes_when_nothing_refers_to_the_evidence(working_folder: Path) -> None:
    evidence = analyzer.audit("sample_reports")
    assert len(left_over(working_folder)) == 1
    del evidence
    gc.collect()
    assert left_over(working_folder) == []


def test_a_failed_run_leaves_no_folder(working_folder: Path) -> None:
    (working_folder / "empty").mkdir()
    with pytest.raises(InputError):
        analyzer.audit("empty")
    assert left_over(working_folder) == []


def test_the_temporary_folder_goes_with_the_program(working_folder: Path) -> None:
    code = (
        f"import tempfile; tempfile.tempdir = {str(working_folder / 'tmp')!r}\n"
        "import analyzer, os; kept = analyzer.audit('sample_reports'); print(len(os.listdir(tempfile.tempdir)))"
    )
    assert output_of_process(code) == "1\n"
    assert left_over(working_folder) == []


@pytest.mark.usefixtures("working_folder")
def test_evidence_that_was_opened_stays() -> None:
    analyzer.audit("sample_reports").write("out", formats="parquet")
    before = files_in(Path("out"))
    with analyzer.open_evidence("out") as evidence:
        assert len(evidence.issues)
    assert files_in(Path("out")) == before
    assert len(evidence.issues)
    evidence.write("out", formats="html")
    assert set(files_in(Path("out"))) == {*before, "report.html", "rendered.json"}


# --- errors -----------------------------------------------------------------------------------------------------------


def refused() -> Iterator[tuple[str, Callable[[], object], type[AnalyzerError], str]]:
    audit, compare, history = analyzer.audit, analyzer.compare, analyzer.history
    yield "no report", lambda: audit([]), InputError, "no "
    yield "no file", lambda: audit("nowhere"), InputError, "no such file or folder: nowhere"
    yield "url", lambda: audit("s3://reports"), UsageError, "not possible with a URL: s3://reports"
    yield (
        "opened url",
        lambda: analyzer.open_evidence("s3://evidence"),
        UsageError,
        "not possible with a URL: s3://evidence",
    )
    yield "instant", lambda: audit("sample_reports", as_of="31/10/2026"), UsageError, "--as-of: not a date"
    yield "benchmark", lambda: audit("sample_reports", benchmark="cis-9"), UsageError, "cis-9"
    yield "no control", lambda: audit("sample_reports", control=[""]), UsageError, "--control: nothing chosen"
    yield "days", lambda: audit("sample_reports", max_idle_days=0), UsageError, "--max-idle-days: not a whole number"
    yield "text", lambda: audit("x", max_idle_days="9"), UsageError, "from 1 to 36500: '9'"  # type: ignore[arg-type]
    yield "age", lambda: audit("sample_reports", max_report_age=3), UsageError, "--max-report-age needs --accounts"
    yield "policy", lambda: audit("sample_reports", policy="nowhere"), PolicyError, "nowhere"
    yield "account", lambda: audit("sample_reports", account_id="1"), UsageError, "--account-id"
    yield "nothing", history, UsageError, "give either reports or --store"
    yield "both", lambda: history("sample_reports", store="kept"), UsageError, "give either reports or --store"
    yield "deadline", lambda: history("sample_reports", sla_days=-1), UsageError, "of 0 or more: -1"
    yield "one side", lambda: compare("sample_reports"), UsageError, "give either OLD and NEW"
    yield "no dates", lambda: compare(store="kept"), UsageError, "--store needs --from and --to"
    yield "no set", lambda: analyzer.open_evidence("sample_reports"), InputError, "no evidence set"


@pytest.mark.parametrize(("call", "error", "message"), [pytest.param(*case, id=name) for name, *case in refused()])
def test_errors_are_those_of_the_program_and_leave_no_folder(
    working_folder: Path, call: Callable[[], object], error: type[AnalyzerError], message: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in caught.value.message
    assert caught.value.hint
    shown = "".join(traceback.format_exception(caught.value))
    assert f"{caught.value.message}\nhint: {caught.value.hint}" in shown
    assert left_over(working_folder) == []


@pytest.mark.usefixtures("working_folder")
def test_a_missing_table_is_an_error() -> None:
    evidence = analyzer.audit("sample_reports")
    with pytest.raises(InputError, match="no table 'requirements': it is written only with a framework"):
        _ = evidence.requirements
    run("audit", "sample_reports", "--tables", "issues", "--format", "parquet", "-o", "out")
    without_findings = analyzer.open_evidence("out")
    assert isinstance(without_findings, analyzer.AuditEvidence)
    with pytest.raises(
        InputError, match="no table 'findings': it was left out when the evidence was written"
    ) as caught:
        _ = without_findings.findings
    assert "choose from issues, tallies" in caught.value.hint
    for name in ("requirements", "coverage", "leavers", "people", "no such table"):
        with pytest.raises(InputError) as refused_table:
            without_findings.table(name)
        assert "--" not in refused_table.value.message  # a program in Python has parameters


@pytest.mark.usefixtures("working_folder")
def test_evidence_that_was_changed_is_refused() -> None:
    analyzer.audit("sample_reports").write("out", formats="parquet")
    for name in ("findings", "tallies"):
        with Path(f"out/{name}.parquet").open("ab") as file:
            file.write(b" ")
    evidence = analyzer.open_evidence("out")
    assert isinstance(evidence, analyzer.AuditEvidence)
    for use in (lambda: evidence.findings, lambda: evidence.summary, lambda: evidence.write("copy")):
        with pytest.raises(InputError, match="changed since it was written"):
            use()
    assert len(evidence.users)


@pytest.mark.usefixtures("working_folder")
def test_write_refuses_what_the_command_refuses() -> None:
    with analyzer.audit("sample_reports", pseudonyms="key") as hidden:
        for options, message in (
            ({"formats": "pdfs"}, "--format: no such choice"),
            ({"formats": []}, "--format: nothing chosen"),
            ({"formats": "remediation"}, "cannot be used with pseudonyms"),
            ({"workbook_rows": 0}, "--workbook-rows: not a whole number"),
            ({"due_within": 0}, "--due-within: not a whole number"),
            ({"by": "owner", "formats": "html"}, "--by needs the format excel"),
        ):
            with pytest.raises(UsageError, match=message):
                hidden.write("out", **options)
        with pytest.raises(UsageError, match="not possible with a URL: s3://evidence"):
            hidden.write("s3://evidence")
        with pytest.raises(OutputError, match="was not made by credreport"):
            hidden.write("sample_reports")
        assert not Path("out").exists()
        assert "billing-export" not in set(hidden.users["user"])


@pytest.mark.usefixtures("working_folder")
def test_a_sample_has_no_tables() -> None:
    analyzer.audit("sample_reports").write("out", formats="parquet")
    run("sample", "out", "-o", "drawn")
    with pytest.raises(InputError, match="is the evidence of a sample"):
        analyzer.open_evidence("drawn")
