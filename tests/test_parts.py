"""Audits in batches: the same answer as in one go, and no more in memory than a few batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.controls.checklist import make_checklist
from analyzer.controls.policy import read_policy
from analyzer.errors import InputError
from analyzer.evidence.schema import TABLES, to_arrow
from tests import running
from tests.reports import csv_of, key, root, user, write
from tests.running import JUDGE, Audit, Settings, Streamed, Summary, audit, audit_in_batches, write_in_batches
from tests.strategies import reports

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


def assert_the_same(told: Summary, tables: dict[str, pa.Table], whole: Audit) -> None:
    assert told.summary == whole.summary
    assert told.exit_code == whole.exit_code
    assert told.inputs.astype("object").to_dict("list") == whole.inputs.astype("object").to_dict("list")
    assert told.waivers.to_dict("list") == whole.waivers.to_dict("list")
    for name in ("idle", "keys"):
        assert getattr(told.charted, name).to_dict("list") == getattr(whole.charted, name).to_dict("list")
    assert told.charted.later == whole.charted.later
    for name, notable in whole.digest.notable.items():
        other = told.digest.notable[name]
        assert other.count == notable.count
        assert plain(other.findings) == plain(notable.findings)
    for name, table in tables.items():
        expected = to_arrow(getattr(whole, name), TABLES[name])
        assert table.schema == expected.schema
        assert table.to_pylist() == expected.to_pylist()


def plain(findings: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a frame
    return to_arrow(findings, TABLES["findings"]).to_pylist()  # type: ignore[no-any-return]


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, str]:
    """Draw files of a few accounts, some of them damaged, repeated, of two days or of no account."""
    files: dict[str, str] = {}
    for number in range(draw(st.integers(1, 4))):
        account = ACCOUNTS[number] if draw(st.integers(0, 5)) else draw(st.sampled_from(ACCOUNTS))
        text = draw(reports(account=account, drop_column=True, max_users=4)).to_csv()
        day = draw(st.sampled_from(["2026-10-31", "2026-10-31", "2026-10-30"]))
        hint = draw(st.sampled_from([account, account, "report"]))
        files[f"{day}/{number}-{hint}.csv"] = text
        if not draw(st.integers(0, 7)):
            files[f"2026-10-31/{number}-copy.csv"] = text
        if not draw(st.integers(0, 7)):
            files[f"{day}/{number}.txt"] = draw(st.sampled_from(["", "a,b\n", "no report\n", text[: len(text) // 2]]))
    return files


@given(
    fleets(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 1, 600, 10_000]),
    st.sampled_from([tuple(TABLES), ("findings",), ("findings", "issues")]),
)
def test_batches_give_what_one_go_gives(
    files: dict[str, str], every: bool, own_capture: bool, batch: int, wanted: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            write(Path(folder) / "in" / name, text)
        policy = Path(folder) / "policy.toml"
        policy.write_text(POLICY)
        settings = Settings(
            make_checklist(policy=read_policy(policy)), None if own_capture else AS_OF, every_snapshot=every
        )
        given_paths = [str(Path(folder) / "in")]
        told, tables = audit_in_batches(given_paths, settings, Path(folder) / "out", batch=batch, wanted=wanted)
        assert_the_same(told, tables, audit(given_paths, settings))


def fleet(folder: Path, accounts: list[str], day: str = "2026-10-31") -> list[str]:
    """Write a report of each account: one user with a key that was never used."""
    for account in accounts:
        rows = root(account), user("ci-deploy", account=account, **key(rotated="2026-01-01T00:00:00+00:00"))
        write(folder / day / f"{account}.csv", csv_of(*rows))
    return [str(folder)]


def test_each_batch_is_written_and_let_go(tmp_path: Path) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    told, tables = audit_in_batches(paths, settings, tmp_path / "out")
    assert isinstance(told, Streamed)
    assert parquet.ParquetFile(tmp_path / "out/findings.parquet").num_row_groups == len(ACCOUNTS)
    assert_the_same(told, tables, audit(paths, settings))


@pytest.mark.parametrize("case", ["two days", "copy", "undated copy", "names out of order"])
def test_batches_that_depend_on_each_other_are_judged_in_one(tmp_path: Path, case: str) -> None:
    paths, settings = fleet(tmp_path / "in", ACCOUNTS), Settings(as_of=AS_OF)
    text = (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").read_text()
    if case == "two days":
        fleet(tmp_path / "in", ACCOUNTS[:1], "2026-10-01")
    elif case == "names out of order":  # the names of members come after that of the file beside the archive
        with zipfile.ZipFile(tmp_path / "in/a.zip", "w") as archive:
            archive.writestr("2026-10-31.csv", text)
        write(tmp_path / "in/a.zip.csv", csv_of(user("auditor", account="210987654321")))
        (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").unlink()
    else:
        write(tmp_path / ("in/2026-10-31/zz.csv" if case == "copy" else "in/aa.csv"), text)
    told, tables = audit_in_batches(paths, settings, tmp_path / "out")
    assert isinstance(told, Audit)
    assert_the_same(told, tables, audit(paths, settings))


def test_every_snapshot_of_an_account_may_stand_in_a_batch_of_its_own(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)
    for day in ("2026-10-01", "2026-10-02"):
        fleet(tmp_path / "in", ACCOUNTS[:2], day)
    settings = Settings(every_snapshot=True)
    told, tables = audit_in_batches(paths, settings, tmp_path / "out")
    # The same bytes on several days are several snapshots: they are told apart by their days.
    assert isinstance(told, Streamed)
    assert_the_same(told, tables, audit(paths, settings))
    write(tmp_path / "in/undated.csv", (tmp_path / f"in/2026-10-31/{ACCOUNTS[-1]}.csv").read_text())
    told, tables = audit_in_batches(paths, settings, tmp_path / "again")
    assert isinstance(told, Audit)
    assert_the_same(told, tables, audit(paths, settings))


def test_an_error_is_the_same_and_names_all_reports(tmp_path: Path) -> None:
    for account in ACCOUNTS:
        write(tmp_path / f"in/{account}.csv", csv_of(user("auditor", account=account)))
    with pytest.raises(InputError) as whole:
        audit([str(tmp_path / "in")], Settings())
    with pytest.raises(InputError) as told:
        audit_in_batches([str(tmp_path / "in")], Settings(), tmp_path / "out")
    assert str(told.value) == str(whole.value)
    assert all(account in str(told.value) for account in ACCOUNTS)


def test_no_report_at_all_is_the_same_error(tmp_path: Path) -> None:
    write(tmp_path / "in/notes.txt", "nothing")
    with pytest.raises(InputError, match="no credential report could be read"):
        audit_in_batches([str(tmp_path / "in")], Settings(), tmp_path / "out")


def test_pictures_of_batches_are_the_same(tmp_path: Path) -> None:
    paths, whole, told = fleet(tmp_path / "in", ACCOUNTS), tmp_path / "whole", tmp_path / "told"
    settings = Settings(as_of=AS_OF)
    running.write(audit(paths, settings), whole, ["charts"], [])
    result, written = write_in_batches(paths, settings, told, ["charts"], list(TABLES))
    assert isinstance(result, Streamed)
    assert [name for name in written.files if not name.startswith("charts/")] == ["manifest.json"]
    for name in written.files:
        if name.startswith("charts/"):
            assert (told / name).read_bytes() == (whole / name).read_bytes()
    with pytest.raises(LookupError, match="nothing was counted for pictures"):
        write_in_batches(paths, settings, tmp_path / "not", ["charts"], [], drawn=False)
    assert not (tmp_path / "not").exists()


def test_a_fault_of_the_program_is_not_hidden(tmp_path: Path) -> None:
    paths = fleet(tmp_path / "in", ACCOUNTS)
    with mock.patch(JUDGE, side_effect=MemoryError), pytest.raises(MemoryError):
        audit_in_batches(paths, Settings(as_of=AS_OF), tmp_path / "out")


def test_a_folder_with_nothing_but_a_copy_is_not_empty(tmp_path: Path) -> None:
    fleet(tmp_path / "a", ACCOUNTS[:1])
    fleet(tmp_path / "b", ACCOUNTS[:1])
    paths, settings = [str(tmp_path / "a"), str(tmp_path / "b")], Settings(as_of=AS_OF)
    told, tables = audit_in_batches(paths, settings, tmp_path / "out", batch=10_000)
    assert isinstance(told, Streamed)
    assert told.exit_code == 1
    assert_the_same(told, tables, audit(paths, settings))


def test_the_output_may_stand_among_the_reports(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    left = tmp_path / "in/.out.0123456789abcdef"  # of a run that was killed
    left.mkdir()
    manifests = []
    for _ in range(2):
        command = [str(CREDREPORT), "audit", "in", "--as-of", "2026-10-31", "--format", "parquet", "-q", "-o", "in/out"]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1
        manifests.append((tmp_path / "in/out/manifest.json").read_bytes())
    assert manifests[0] == manifests[1]
    assert json.loads(manifests[0])["not_read"] == []


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"cat > {pipe}"], stdin=subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(csv_of(user("auditor")).encode())
    writer.stdin.close()
    with pytest.raises(InputError, match="not known when this report was captured"):
        audit_in_batches([str(pipe)], Settings(), tmp_path / "out")
    assert writer.wait(10) == 0


def test_a_full_disk_is_said_without_a_traceback(tmp_path: Path) -> None:
    fleet(tmp_path / "in", ACCOUNTS)
    command = f"ulimit -f 2; {CREDREPORT} audit in --as-of 2026-10-31 --format parquet -o out"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: cannot write out: ")
    assert len(done.stderr.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
