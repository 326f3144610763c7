"""Every audit goes one road: any batch size, engine, order, and corrections, give the same content."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import read_policy
from analyzer.errors import InputError
from analyzer.evidence.schema import TABLES, to_arrow
from analyzer.survey import report_finder
from tests.reports import csv_of, key, root, user, write
from tests.running import JUDGE, Audit, Settings, audit, audit_in_batches, audit_on_engine, without_digest
from tests.strategies import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

Result = TypeVar("Result")
CREDREPORT = Path(sys.executable).with_name("credreport")
AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
ACCOUNTS = ["111122223333", "444455556666", "123456789012", "777788889999"]
POLICY = """
[waivers.one]
account = "111122223333"
reason = "r"
owner = "o"
expires = 2026-11-20

[waivers.two]
user = "*a*"
reason = "r"
owner = "o"
expires = 2026-10-30

[waivers.three]
user = "nobody-of-this-name"
reason = "r"
owner = "o"
expires = 2027-10-30
"""


def by_itself(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """Do what an engine does, and let task, items and results pass as between processes; the last item first."""
    task = pickle.loads(pickle.dumps(task))  # noqa: S301 - made here
    results = [pickle.dumps(task(pickle.loads(pickle.dumps(item)))) for item in list(items)[::-1]]  # noqa: S301
    return iter([pickle.loads(result) for result in results[::-1]])  # noqa: S301


def assert_the_same(result: Audit, tables: dict[str, pa.Table], whole: Audit) -> None:
    assert result.facts == whole.facts
    assert result.exit_code == whole.exit_code
    assert result.tallies.equals(whole.tallies)
    assert (None if result.trend is None else result.trend.to_pylist()) == (
        None if whole.trend is None else whole.trend.to_pylist()
    )
    assert result.inputs.astype("object").to_dict("list") == whole.inputs.astype("object").to_dict("list")
    assert result.waivers.to_dict("list") == whole.waivers.to_dict("list")
    for name in ("idle", "keys") if "credentials" in tables else ("idle",):
        assert getattr(result, name).to_dict("list") == getattr(whole, name).to_dict("list")
    assert result.made_later == whole.made_later
    for name in TABLES.keys() & tables.keys():
        expected = to_arrow(getattr(whole, name), TABLES[name])
        assert tables[name].schema == expected.schema
        assert tables[name].to_pylist() == expected.to_pylist()
    if "findings" in tables:
        for group, (rows, count) in whole.notable.items():
            assert result.notable[group][1] == count
            assert result.notable[group][0].to_pylist() == rows.to_pylist()


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, str]:
    """Draw files of a few accounts, some of them damaged, repeated, of two days, of two accounts or of none."""
    files: dict[str, str] = {}
    for number in range(draw(st.integers(1, 4))):
        account = ACCOUNTS[number] if draw(st.integers(0, 5)) else draw(st.sampled_from(ACCOUNTS))
        text = draw(reports(account=account, drop_column=True, max_users=4)).to_csv()
        day = draw(st.sampled_from(["2026-10-31", "2026-10-31", "2026-10-30"]))
        hint = draw(st.sampled_from([account, account, "report"]))
        if not draw(st.integers(0, 5)):  # two accounts in one file, the second one's header inside it or fused
            second_report = draw(reports(account=draw(st.sampled_from(ACCOUNTS)), max_users=2)).to_csv()
            text += draw(st.sampled_from(["", "\n"])) + second_report
        files[f"{day}/{number}-{hint}.csv"] = text
        if not draw(st.integers(0, 7)):
            files[f"2026-10-31/{number}-copy.csv"] = text
        if not draw(st.integers(0, 7)):
            files[f"{day}/{number}.txt"] = draw(st.sampled_from(["", "a,b\n", "no report\n", text[: len(text) // 2]]))
    return files


def result_or_error(run: Callable[[], Result]) -> Result | InputError:
    """Return what a run gives, or its error."""
    try:
        return run()
    except InputError as error:
        return error


@given(
    fleets(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 1, 600, 10_000]),
    st.sampled_from([tuple(TABLES), ("findings",), ("findings", "issues")]),
    st.sampled_from([200, report_finder.HEAD]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_any_batches_give_the_same_as_a_single_batch(
    files: dict[str, str],
    every: bool,
    own_capture: bool,
    batch: int,
    table_names: tuple[str, ...],
    head: int,
    cluster: bool,
    shuffled: random.Random,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            write(Path(folder) / "in" / name, text)
        policy = Path(folder) / "policy.toml"
        policy.write_text(POLICY)
        settings = Settings(
            make_checklist(policy=read_policy(policy)), None if own_capture else AS_OF, every_snapshot=every
        )
        days = sorted(str(path) for path in (Path(folder) / "in").iterdir())
        whole = result_or_error(lambda: audit(days, settings))
        paths = shuffled.sample(days, len(days))
        out = Path(folder) / "out"
        with mock.patch.object(report_finder, "HEAD", head):  # a short look leaves more to be corrected
            if cluster:
                in_batches = result_or_error(
                    lambda: audit_on_engine(paths, settings, out, by_itself, batch=batch, table_names=table_names)
                )
            else:
                in_batches = result_or_error(
                    lambda: audit_in_batches(paths, settings, out, batch=batch, table_names=table_names)
                )
        if isinstance(whole, InputError) or isinstance(in_batches, InputError):
            assert str(in_batches) == str(whole)
        else:
            assert_the_same(*in_batches, whole)
            names = {path.name for path in out.iterdir()}
            counts = ("tallies",) if whole.trend is None else ("tallies", "trend")
            assert names == {*(f"{name}.parquet" for name in (*table_names, *counts)), "manifest.json"}


def fleet(folder: Path, accounts: Sequence[str], day: str = "2026-10-31") -> list[str]:
    """Write a report of each account: one user with a key that was never used."""
    for account in accounts:
        rows = root(account), user("ci-deploy", account=account, **key(rotated="2026-01-01T00:00:00+00:00"))
        write(folder / day / f"{account}.csv", csv_of(*rows))
    return [str(folder)]


def test_each_batch_is_a_row_group(tmp_path: Path) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    result, tables = audit_in_batches(paths, settings, tmp_path / "out")
    assert parquet.ParquetFile(tmp_path / "out/findings.parquet").num_row_groups == len(ACCOUNTS)
    assert_the_same(result, tables, audit(paths, settings))


@pytest.mark.parametrize("case", ["two days", "copy", "undated copy", "names out of order", "parts far apart"])
def test_results_that_depend_on_several_files_are_the_same_in_batches(tmp_path: Path, case: str) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    text = (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").read_text()
    if case == "two days":
        fleet(tmp_path / "in", ACCOUNTS[:1], "2026-10-01")
    elif case == "names out of order":  # the names of members come after that of the file beside the archive
        with zipfile.ZipFile(tmp_path / "in/a.zip", "w") as archive:
            archive.writestr("2026-10-31.csv", text)
        write(tmp_path / "in/a.zip.csv", csv_of(user("auditor", account="210987654321")))
        (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").unlink()
    elif case == "parts far apart":  # two parts of one snapshot, with others between: one has root, one user is in both
        for file, names in (("00", ["analyst", "backup"]), ("zz", ["auditor"])):
            rows = [user(name, account=ACCOUNTS[0]) for name in ("relay", *names)]
            write(tmp_path / f"in/2026-10-31/{file}.csv", csv_of(*rows))
    else:
        write(tmp_path / ("in/2026-10-31/zz.csv" if case == "copy" else "in/aa.csv"), text)
    result, tables = audit_in_batches(paths, settings, tmp_path / "out")
    assert_the_same(result, tables, audit(paths, settings))
    if case == "parts far apart":
        assert result.issue_counts == {"duplicate_user": 2}


def test_every_snapshot_of_an_account_may_be_in_a_batch_of_its_own(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)
    for day in ("2026-10-01", "2026-10-02"):
        fleet(tmp_path / "in", ACCOUNTS[:2], day)
    settings = Settings(every_snapshot=True)
    result, tables = audit_in_batches(paths, settings, tmp_path / "out")
    # The same bytes on several days are several snapshots: they are told apart by their days.
    assert parquet.ParquetFile(tmp_path / "out/findings.parquet").num_row_groups == len(ACCOUNTS) + 4
    assert_the_same(result, tables, audit(paths, settings))
    write(tmp_path / "in/undated.csv", (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").read_text())
    settings = Settings(as_of=AS_OF, every_snapshot=True)
    result, tables = audit_in_batches(paths, settings, tmp_path / "again")
    assert result.issue_counts["duplicate_input"] == 1
    assert_the_same(result, tables, audit(paths, settings))


def test_rows_are_by_account_whatever_the_names_of_files(tmp_path: Path) -> None:
    for name, account in zip("dcba", sorted(ACCOUNTS), strict=True):
        write(tmp_path / f"in/{name}.csv", csv_of(user("ci-deploy", account=account)))
    write(tmp_path / "in/0.csv", csv_of({**user("nobody"), "arn": ""}))
    result, _ = audit_in_batches([str(tmp_path / "in")], Settings(as_of=AS_OF), tmp_path / "out")
    assert result.users["account_id"].astype("object").where(result.users["account_id"].notna(), None).tolist() == [
        *sorted(ACCOUNTS),
        None,
    ]


# --- corrections ------------------------------------------------------------------------------------------------------


def padded(account: str, *others: str) -> str:
    """Return a report larger than a look takes, whose last rows are of other accounts."""
    rows = [user(f"job-{number:04}", account=account, **key(rotated="2026-01-01T00:00:00Z")) for number in range(400)]
    return csv_of(root(account), *rows, *(user("ci-deploy", account=other_account) for other_account in others))


def test_rows_of_a_second_account_far_down_are_found(tmp_path: Path) -> None:
    first, second = ACCOUNTS[:2]
    text = padded(first, second)
    assert text.index(second) > report_finder.HEAD
    write(tmp_path / f"in/2026-10-31/{first}.csv", text)
    fleet(tmp_path / "in", [second], "2026-10-30")
    paths, settings = [str(tmp_path / "in")], Settings(as_of=AS_OF)
    result, tables = audit_in_batches(paths, settings, tmp_path / "out")
    assert_the_same(result, tables, audit(paths, settings))
    # The newest snapshot of the second account is the one far down; its older file is the one before.
    assert result.users["account_id"].value_counts().to_dict() == {first: 401, second: 1}
    roles = {
        (row["name"].rpartition("/")[2], part["account_id"]): (part["role"], part["rows"])
        for row in result.inputs.to_dict("records")
        for part in row["accounts"]
    }
    assert roles == {
        (f"{first}.csv", first): ("judged", 401),
        (f"{first}.csv", second): ("judged", 1),
        (f"{second}.csv", second): ("trend", 2),
    }


def test_a_merged_file_is_judged_for_the_accounts_whose_newest_it_is(tmp_path: Path) -> None:
    first, second = ACCOUNTS[:2]
    write(tmp_path / "in/2026-10-30.csv", padded(first, second))
    fleet(tmp_path / "in", [first], "2026-10-31")
    paths, settings = [str(tmp_path / "in")], Settings(as_of=AS_OF)
    result, tables = audit_on_engine(paths, settings, tmp_path / "out", by_itself, batch=1)
    assert_the_same(result, tables, audit(paths, settings))
    merged = next(row for row in result.inputs.to_dict("records") if row["name"].endswith("2026-10-30.csv"))
    assert merged["rows"] == 402 == merged["rejected"] + sum(part["rows"] for part in merged["accounts"])
    assert [(part["account_id"], part["role"]) for part in merged["accounts"]] == [
        (first, "trend"),
        (second, "judged"),
    ]
    assert len(result.users) == 3


def changing(path: Path, texts: list[str]) -> Callable[..., Iterator[Any]]:
    """Return an engine that rewrites a file before each round of tasks, and runs the tasks in order."""

    def run(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        if getattr(task.func, "__name__", "") == "_judge_and_write" and texts:  # type: ignore[attr-defined]
            path.write_text(texts.pop(0), encoding="utf-8")
        for item in items:
            yield task(item)

    return run


@pytest.mark.parametrize("change", ["rows", "account", "no report"])
def test_a_file_that_changes_between_look_and_read_is_looked_at_again(tmp_path: Path, change: str) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    path = tmp_path / f"in/2026-10-31/{ACCOUNTS[0]}.csv"
    text = {
        "rows": csv_of(root(ACCOUNTS[0]), user("auditor", account=ACCOUNTS[0])),
        "account": csv_of(root("210987654321"), user("ci-deploy", account="210987654321")),
        "no report": "nothing",
    }[change]
    result, tables = audit_on_engine(paths, settings, tmp_path / "out", changing(path, [text]), batch=1)
    assert path.read_text() == text
    assert_the_same(result, tables, audit(paths, settings))


def test_a_file_that_goes_on_changing_is_an_error_that_names_it(tmp_path: Path) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    path = tmp_path / f"in/2026-10-31/{ACCOUNTS[0]}.csv"
    texts = [csv_of(root(ACCOUNTS[0]), user(name, account=ACCOUNTS[0])) for name in ("auditor", "analyst")]
    with pytest.raises(InputError, match=f"reports changed while they were read: .*{ACCOUNTS[0]}") as error:
        audit_on_engine(paths, settings, tmp_path / "out", changing(path, texts), batch=1)
    assert "run again" in error.value.hint
    assert not (tmp_path / "out").exists()


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_is_the_same_and_names_all_reports(tmp_path: Path) -> None:
    for account in ACCOUNTS:
        write(tmp_path / f"in/{account}.csv", csv_of(user("auditor", account=account)))
    with pytest.raises(InputError) as whole:
        audit([str(tmp_path / "in")], Settings())
    with pytest.raises(InputError) as in_batches:
        audit_in_batches([str(tmp_path / "in")], Settings(), tmp_path / "out")
    assert str(in_batches.value) == str(whole.value)
    assert all(account in str(in_batches.value) for account in ACCOUNTS)


def test_no_report_at_all_is_the_same_error(tmp_path: Path) -> None:
    write(tmp_path / "in/notes.txt", "nothing")
    with pytest.raises(InputError, match="no credential report could be read"):
        audit_in_batches([str(tmp_path / "in")], Settings(), tmp_path / "out")


def test_pictures_and_workbooks_of_batches_are_the_same(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)
    settings, formats = Settings(as_of=AS_OF), ["excel", "charts", "remediation"]
    audit_in_batches(paths, settings, tmp_path / "whole", batch=1 << 40, formats=formats)
    audit_in_batches(paths, settings, tmp_path / "batches", batch=1, formats=formats)
    audit_on_engine(paths, settings, tmp_path / "parts", by_itself, batch=1, formats=formats)
    names = [output["name"] for output in json.loads((tmp_path / "whole/rendered.json").read_text())["outputs"]]
    assert len(names) == 1 + 5 + 2
    for name in names:
        for folder in ("batches", "parts"):
            assert without_digest(tmp_path / folder, name) == without_digest(tmp_path / "whole", name)


def test_a_table_that_only_a_format_needs_is_not_left(tmp_path: Path) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    for run, name in ((audit_in_batches, "batches"), (audit_on_engine, "parts")):
        options: dict[str, Any] = {"run": by_itself} if name == "parts" else {}
        out = tmp_path / name
        run(paths, settings, out, table_names=["issues"], formats=["excel"], **options)
        assert {path.name for path in out.iterdir()} == {
            *("issues.parquet", "tallies.parquet", "manifest.json", "rendered.json", "workbook.xlsx")
        }


def test_a_fault_of_the_program_is_not_hidden(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)
    with mock.patch(JUDGE, side_effect=MemoryError), pytest.raises(MemoryError):
        audit_in_batches(paths, Settings(as_of=AS_OF), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_with_nothing_but_a_copy_is_not_empty(tmp_path: Path) -> None:
    fleet(tmp_path / "a", ACCOUNTS[:1])
    fleet(tmp_path / "b", ACCOUNTS[:1])
    paths, settings = [str(tmp_path / "a"), str(tmp_path / "b")], Settings(as_of=AS_OF)
    result, tables = audit_in_batches(paths, settings, tmp_path / "out", batch=10_000)
    assert result.exit_code == 1
    assert_the_same(result, tables, audit(paths, settings))


def test_the_output_may_be_among_the_reports(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    leftover = tmp_path / "in/.out.0123456789abcdef"  # of a run that was killed
    leftover.mkdir()
    manifests = []
    for _ in range(2):
        command = [str(CREDREPORT), "audit", "in", "--as-of", "2026-10-31", "--format", "parquet", "-q", "-o", "in/out"]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1
        manifests.append((tmp_path / "in/out/manifest.json").read_bytes())
    assert manifests[0] == manifests[1]
    assert json.loads(manifests[0])["not_read"] == []


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("it has no such pipes")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"cat > {pipe}"], stdin=subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(csv_of(user("auditor")).encode())
    writer.stdin.close()
    with pytest.raises(InputError, match="the capture time of this report is not known"):
        audit_in_batches([str(pipe)], Settings(), tmp_path / "out")
    assert writer.wait(10) == 0


def test_a_full_disk_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    command = f"ulimit -f 2; {CREDREPORT} audit in --as-of 2026-10-31 --format parquet -o out"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: cannot write out: ")
    assert len(done.stderr.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_run_on_this_machine_needs_no_extra(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    code = (
        "import sys\nfor name in ('fsspec', 'distributed', 'dask'):\n    sys.modules[name] = None\n"
        "from analyzer.cli.main import run\n"
        "sys.exit(run(['audit', 'in', '--as-of', '2026-10-31', '--format', 'parquet,excel,charts,remediation', '-q']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
