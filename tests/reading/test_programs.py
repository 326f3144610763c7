"""Reports out of other programs: cells that they dropped are unknown and never decide anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from analyzer.controls.checklist import make_checklist
from tests.cli.running import run
from tests.reading.programs import FORMS, steampipe, with_columns
from tests.reports import ACCOUNT, codes, csv_of, key, password, read, root, user, write
from tests.running import Audit, Settings, audit

AS_OF = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)
OLD_ROOT = {"password_enabled": "not_supported", "password_last_changed": "not_supported"}
MOMENTS = ("2026-10-30T08:00:00Z", "2026-09-20T08:00:00Z", "2026-01-01T00:00:00Z")
KEEP_TIME = ("Steampipe",)


def rows_of(seed: int) -> list[dict[str, str]]:
    dice = Random(seed)  # noqa: S311 - made-up rows
    rows = [root(**(OLD_ROOT | {"password_next_rotation": "not_supported"} if seed % 2 else {}))]
    for number in range(12):
        row = user(f"user-{number}", mfa_active=dice.choice(("true", "false")))
        if dice.random() < 0.6:
            row |= password(used=dice.choice((*MOMENTS, "no_information")), changed=dice.choice(MOMENTS))
        for slot in (1, 2):
            if dice.random() < 0.6:
                used = dice.choice((*MOMENTS, "N/A"))
                row |= key(slot, active=dice.choice(("true", "false")), rotated=dice.choice(MOMENTS), used=used)
        rows.append(row)
    return rows


def written(folder: Path, form: str, rows: list[dict[str, str]]) -> str:
    turn, put = FORMS[form]
    return write(folder / f"2026-10-31/{ACCOUNT}.dat", put([turn(row) for row in rows]))


def judged(path: str) -> Audit:
    return audit([path], Settings(make_checklist(), as_of=AS_OF))


def verdicts(result: Audit) -> dict[tuple[str, str, str], str]:
    findings = result.findings
    key_columns = [findings[name].astype("str").tolist() for name in ("control", "user", "credential")]
    keys = zip(*key_columns, strict=True)
    return dict(zip(keys, findings["status"].astype("str"), strict=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_cells_that_a_program_dropped_change_no_verdict_but_to_not_checked(
    tmp_path: Path, form: str, seed: int
) -> None:
    rows = rows_of(seed)
    if form == "Cloud Custodian":  # it does not keep which of two slots a single key is in
        rows = [
            row
            | {name.replace("_2_", "_1_"): row[name] for name in row if name.startswith("access_key_2")}
            | {name: "false" if name.endswith("_active") else "N/A" for name in row if name.startswith("access_key_2")}
            for row in rows
        ]
    plain = verdicts(judged(write(tmp_path / "plain/2026-10-31.csv", csv_of(*rows))))
    result = judged(written(tmp_path, form, rows))
    lossy = verdicts(result)
    assert lossy.keys() == plain.keys()
    wrong = {
        subject: (plain[subject], lossy[subject])
        for subject in plain
        if lossy[subject] not in {plain[subject], "not_checked"}
    }
    assert wrong == {}
    of_users = [subject for subject in plain if subject[1] != "<root_account>"]
    assert {subject: lossy[subject] for subject in of_users} == {subject: plain[subject] for subject in of_users}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_and_its_losses_are_named(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, form, rows_of(1))
    program = next(
        name for name in ("Steampipe", "CloudQuery", "Cloud Custodian", "ScoutSuite", "CloudSploit") if name in form
    )
    (file,) = json.loads(run("inspect", path, "--json").stdout)["inputs"]
    assert program in file["container"]
    assert file["rows"] == 13
    assert (file["captured_from"] == "envelope") == (program in KEEP_TIME)
    _, log = read(path)
    assert "lossy_form" in codes(log)
    assert ("filtered_form" in codes(log)) == (program in {"Steampipe", "CloudQuery", "Cloud Custodian"})


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith("Steampipe")])
def test_the_flag_of_roots_password_is_not_believed(tmp_path: Path, form: str) -> None:
    tables, _ = read(written(tmp_path, form, rows_of(1)))
    assert tables.users["password_enabled"].isna().tolist() == [True] + [False] * 12


def test_steampipe_keeps_several_accounts_each_with_its_time(tmp_path: Path) -> None:
    rows = [steampipe(root()), {**steampipe(root("444455556666")), "generated_time": "2026-10-30T07:00:00Z"}]
    path = write(tmp_path / "all.json", with_columns(rows))
    files = json.loads(run("inspect", path, "--json").stdout)["inputs"]
    assert [(file["account_id"], file["captured_at"]) for file in files] == [
        ("444455556666", "2026-10-30T07:00:00Z"),
        (ACCOUNT, "2026-10-31T08:00:00Z"),
    ]


def test_columns_that_a_query_of_steampipe_left_out_are_unknown(tmp_path: Path) -> None:
    some = ("user_name", "user_arn", "password_enabled", "password_last_used", "mfa_active", "generated_time")
    rows = [{name: value for name, value in steampipe(row).items() if name in some} for row in rows_of(2)]
    result = judged(write(tmp_path / "a.json", json.dumps(rows)))
    assert "pass" not in {status for (control, *_), status in verdicts(result).items() if "key" in control}


def test_a_row_of_custodian_without_a_report_counts_as_not_read(tmp_path: Path) -> None:
    turn, _ = FORMS["Cloud Custodian"]
    rows = [*(turn(row) for row in rows_of(2)), {"UserName": "zoe", "Arn": "arn:aws:iam::111122223333:user/zoe"}]
    done = run("audit", write(tmp_path / "2026-10-31.json", json.dumps(rows)), "-o", tmp_path / "out")
    assert done.returncode == 3


@pytest.mark.parametrize("column", ["additional_credentials_info", "user_creation_time"])
def test_a_zero_time_is_nothing_in_columns_of_times_alone(tmp_path: Path, column: str) -> None:
    """In another column it is a text, which a control must not take for nothing (the fuzz campaign found this)."""
    rows = [root() | {column: "0001-01-01T00:00:00Z"}, user("auditor")]
    result = judged(write(tmp_path / f"2026-10-31/{ACCOUNT}.json", json.dumps(rows)))
    status = verdicts(result).get(("additional-credentials", "<root_account>", "user"))
    assert status == ("pass" if column == "user_creation_time" else "fail")
