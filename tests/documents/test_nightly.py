"""The script of the manual for every night does what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pages import ROOT, examples

SAMPLES = ROOT / "sample_reports"
ACCOUNTS = "account\n111122223333\n123456789012\n444455556666\n"
POLICY = """[waivers.root-key]
control = "no-root-access-key"
account = "123456789012"
reason = "Break-glass key, replaced in October"
owner = "platform team"
expires = 2026-10-15
"""


def night(folder: Path, reports: Path, *programs: Path) -> tuple[int, str]:
    """Run the script of the manual on the reports of a night; return its exit code and what it prints.

    The shell looks for programs in the folders `programs` first.
    """
    (script,) = (block for block in examples("sh", "nightly") if block.startswith("#!"))
    (folder / "nightly.sh").write_text(script, encoding="utf-8")
    path = os.pathsep.join([*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "nightly.sh", str(reports)],
        cwd=folder,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "PATH": path, "COLUMNS": "200"},
    )
    return done.returncode, done.stdout + done.stderr


def new_failures(output: str) -> list[str]:
    """Return account and control of each line at the end."""
    lines = output.partition("New critical and high failures: ")[2].splitlines()[1:]
    return [f"{words[0]} {words[2]}" for words in map(str.split, lines)]


pytestmark = pytest.mark.skipif(os.name == "nt", reason="cron and sh")


def test_only_failures_new_since_last_night_are_printed(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    code, output = night(tmp_path, SAMPLES / "2026-09-30")
    assert (code, new_failures(output)) == (1, ["123456789012 no-root-access-key"])
    code, output = night(tmp_path, SAMPLES / "2026-10-31")
    assert (code, new_failures(output)) == (0, [])
    assert "New critical and high failures: 0" in output
    # An account that is only in this night's reports; two of the three expected accounts sent none.
    late = tmp_path / "late" / "2026-10-31"
    shutil.copytree(SAMPLES / "cli", late)
    shutil.copy(SAMPLES / "2026-10-31" / "credentialReport_111122223333.csv", late)
    code, output = night(tmp_path, late)
    controls = ("root-mfa", "root-hardware-mfa", "root-not-in-daily-use")
    assert (code, sorted(new_failures(output))) == (3, sorted(f"777788889999 {control}" for control in controls))
    assert "123456789012" in output


def test_a_failure_is_new_when_its_waiver_has_expired(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    (tmp_path / "credreport.toml").write_text(POLICY)
    code, output = night(tmp_path, SAMPLES / "2026-09-30")
    assert (code, new_failures(output)) == (0, [])
    code, output = night(tmp_path, SAMPLES / "2026-10-31")
    assert (code, new_failures(output)) == (1, ["123456789012 no-root-access-key"])
    assert "Waivers to review" in output


def test_a_failed_run_exits_2_and_keeps_the_set_of_the_night_before(tmp_path: Path) -> None:
    assert night(tmp_path, tmp_path / "no-such-folder")[0] == 2
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    night(tmp_path, SAMPLES / "2026-09-30")
    before = (tmp_path / "tonight" / "manifest.json").read_bytes()
    (tmp_path / "empty").mkdir()
    assert night(tmp_path, tmp_path / "empty")[0] == 2
    assert (tmp_path / "tonight" / "manifest.json").read_bytes() == before
    (tmp_path / "tonight" / "lifetimes.parquet").write_bytes(b"damaged")
    assert night(tmp_path, SAMPLES / "2026-10-31")[0] == 2


def test_what_a_failed_night_did_not_print_is_printed_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    assert night(tmp_path, SAMPLES / "2026-09-30")[0] == 1
    reports = tmp_path / "late" / "2026-10-31"
    shutil.copytree(SAMPLES / "cli", reports)
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "python").write_text("#!/bin/sh\nexit 1\n")
    (broken / "python").chmod(0o755)
    assert night(tmp_path, reports, broken)[0] == 2
    controls = ("root-mfa", "root-hardware-mfa", "root-not-in-daily-use")
    code, output = night(tmp_path, reports)
    assert (code, sorted(new_failures(output))) == (3, sorted(f"777788889999 {control}" for control in controls))
    assert night(tmp_path, reports)[1].count("New critical and high failures: 0") == 1


def test_the_cron_line_escapes_percent_signs() -> None:
    (line,) = examples("crontab", "nightly")
    assert line.count("%") == line.count("\\%") == 1
