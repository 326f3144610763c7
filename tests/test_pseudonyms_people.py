"""Lists of people under pseudonyms: users fit the same people, and are joined by the same pseudonyms."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.controls.checklist import make_checklist
from analyzer.errors import UsageError
from analyzer.evidence.settings import Settings
from analyzer.rendering.marks import MarkedWorkbook, Marks
from analyzer.rendering.render import Options
from analyzer.survey.people import PeopleLists, parse_people
from tests.cli.running import run
from tests.reports import csv_of, key, root, user, write
from tests.test_leavers import DAYS, ROWS, USERS, leaver_list_of, reports_of
from tests.test_pseudonyms import PSEUDONYMS, rows, table, translated

if TYPE_CHECKING:
    from collections.abc import Callable

PSEUDONYM_OF_COLUMN: dict[str, Callable[[str], str]] = {
    "account_id": PSEUDONYMS.account,
    "user": lambda name: PSEUDONYMS.user(name.lower()),
    "iam_user": lambda name: PSEUDONYMS.user(name.lower()),
    "email": lambda text: PSEUDONYMS.of("email", text.casefold()),
    "source": PSEUDONYMS.source,
}


def people_translated(frame: pd.DataFrame) -> list[str]:
    """Return the rows of the table of a list as they are expected under pseudonyms, in no order."""
    for column, pseudonym_of in PSEUDONYM_OF_COLUMN.items():
        frame = frame.assign(**{column: frame[column].map(pseudonym_of, na_action="ignore")})
    return rows(frame.assign(arn=None))


def settings_with(lists: PeopleLists) -> Settings:
    leavers, people = (
        None if people_list is None else (people_list.name, people_list.sha256)
        for people_list in (lists.leavers, lists.people)
    )
    return Settings(make_checklist(with_leavers=leavers is not None), leavers=leavers, people=people)


def audited(folder: Path, name: str, lists: PeopleLists, **options: Any) -> Path:  # noqa: ANN401
    settings = settings_with(lists)
    options |= {"formats": ["parquet"], "lists": lists}
    pipeline.audit([str(folder / "in")], settings, str(folder / name), **options)
    return folder / name


def lists_of(data: bytes) -> PeopleLists:
    return PeopleLists(
        parse_people("leavers.csv", data, with_last_day=True), parse_people("people.csv", data, with_last_day=False)
    )


def assert_the_same(folder: Path, lists: PeopleLists) -> Path:
    """Audit reports in a folder with names and with pseudonyms; return the evidence with pseudonyms."""
    plain, hidden = audited(folder, "plain", lists), audited(folder, "hidden", lists, pseudonyms=PSEUDONYMS)
    assert rows(table(hidden, "findings")) == translated(table(plain, "findings"))
    for name in ("leavers", "people"):
        assert rows(table(hidden, name).assign(arn=None)) == people_translated(table(plain, name))
    issues = [table(folder_of_run, "issues") for folder_of_run in (plain, hidden)]
    assert sorted(issues[0]["code"]) == sorted(issues[1]["code"])
    return hidden


@given(USERS, ROWS)
@example({"111122223333": {"ann@other.example": ("true", "N/A", False)}}, [("Ann@corp.example", "", DAYS[0])])
def test_users_fit_the_same_people(
    users: dict[str, dict[str, tuple[str, str, bool]]], listed: list[tuple[str, str, date]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for account, report in reports_of(users)[0].items():
            write(Path(folder) / f"in/2026-10-31_{account}.csv", report)
        assert_the_same(Path(folder), lists_of(leaver_list_of(listed)[0]))


ODD = ["Stra\u00dfe", "STRASSE", "strasse@corp.example", "\u03a3\u0391\u03a3", "\u0130b", "ib", "\u01c5"]


@given(
    st.lists(st.sampled_from(ODD), min_size=1, unique=True),
    st.lists(st.sampled_from([*ODD, "\u03c3\u03b1\u03c2", "i\u0307b", "\u01c6"]), min_size=1),
)
@example(["Stra\u00dfe"], ["STRASSE"])
def test_names_that_iam_does_not_allow_fit_the_same_people(names: list[str], listed: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        users = [user(name, **key(rotated="2026-01-01T00:00:00Z")) for name in names]
        write(Path(folder) / "in/2026-10-31_111122223333.csv", csv_of(root(), *users))
        data = "user,last_day\n" + "".join(f"{name},{DAYS[0]}\n" for name in listed)
        lists = lists_of(data.encode())
        plain = audited(Path(folder), "plain", lists)
        hidden = audited(Path(folder), "hidden", lists, pseudonyms=PSEUDONYMS)
        for name, columns in (
            ("leavers", ["line", "status"]),
            ("people", ["line", "status"]),
            ("findings", ["status"]),
        ):
            plain_counts, hidden_counts = (
                table(evidence, name)[columns].value_counts(dropna=False).to_dict() for evidence in (plain, hidden)
            )
            assert sorted(map(str, plain_counts.items())) == sorted(map(str, hidden_counts.items()))


LEAVERS = """\
user,email,last_day
Backup-Operator,,2026-09-30
,Reader@corp.example,2026-09-30
nobody,nobody@corp.example,2026-09-30
"""
PEOPLE = "user;email\nbackup-operator;Reader@corp.example\nci-deployer;\n"


@pytest.fixture
def working_folder(tmp_path: Path) -> Path:
    users = [user(name, **key(rotated="2026-01-01T00:00:00Z")) for name in ("backup-operator", "reader", "ci-deployer")]
    for day in ("2026-09-30", "2026-10-31"):
        write(tmp_path / f"in/{day}_111122223333.csv", csv_of(root(), *users))
    write(tmp_path / "leavers.csv", LEAVERS)
    write(tmp_path / "people.csv", PEOPLE)
    return tmp_path


def test_a_user_in_a_list_is_called_as_in_the_reports(working_folder: Path) -> None:
    lists = PeopleLists(
        parse_people("some/leavers.csv", LEAVERS.encode(), with_last_day=True),
        parse_people("some/people.csv", PEOPLE.encode(), with_last_day=False),
    )
    hidden = assert_the_same(working_folder, lists)
    leavers, people = table(hidden, "leavers"), table(hidden, "people")
    operator, mail = PSEUDONYMS.user("backup-operator"), PSEUDONYMS.of("email", "reader@corp.example")
    assert leavers.loc[leavers["line"] == 2, ["user", "iam_user"]].to_numpy().tolist() == [[operator, operator]]
    assert leavers.loc[leavers["line"] == 3, ["email", "iam_user"]].to_numpy().tolist() == [
        [mail, PSEUDONYMS.user("reader")]
    ]
    assert mail in set(people["email"])
    assert operator in set(table(hidden, "findings")["user"])
    assert leavers["last_day"].tolist() == [date(2026, 9, 30)] * 3
    issues = table(hidden, "issues")
    sources = set(issues.loc[issues["code"].str.startswith("leavers"), "source"])
    assert sources == {PSEUDONYMS.file("leavers", "some/leavers.csv")}


def test_any_batches_and_every_snapshot_give_the_same(working_folder: Path) -> None:
    lists = lists_of(LEAVERS.encode())
    settings = replace(settings_with(lists), every_snapshot=True)
    tables = []
    for name, engine in (("whole", pipeline.LOCAL), ("tasks", pipeline.Engine("dask", batch=1, run=map))):
        options: dict[str, Any] = {"formats": ["parquet"], "lists": lists, "pseudonyms": PSEUDONYMS, "where": engine}
        pipeline.audit([str(working_folder / "in")], settings, str(working_folder / name), **options)
        tables.append([table(working_folder / name, table_name) for table_name in ("findings", "leavers", "people")])
    for first, second in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(first, second)


def test_the_screen_and_the_workbook_have_the_counts_of_the_run_with_names(working_folder: Path) -> None:
    arguments = ("audit", "in", "--leavers", "leavers.csv", "--people", "people.csv", "--format", "excel")
    plain = run(*arguments, "-o", "plain", cwd=working_folder)
    hidden = run(*arguments, "-o", "hidden", "--pseudonyms", "the.key", cwd=working_folder)
    assert hidden.returncode == plain.returncode == 1
    sentence = next(line for line in plain.stdout.splitlines() if "users match a row of leavers.csv" in line)
    before, after = sentence.split("leavers.csv")
    shown = next(line for line in hidden.stdout.splitlines() if line.startswith(before))
    assert shown.endswith(after)
    assert "leavers.csv" not in hidden.stdout
    book = openpyxl.load_workbook(working_folder / "hidden/workbook.xlsx", read_only=True)
    line = next(line for line in hidden.stdout.splitlines() if "are pseudonyms" in line)
    for name in ("Summary", "Provenance"):
        assert line in [row[0] for row in book[name].iter_rows(values_only=True)]


# --- marks of reviewers -----------------------------------------------------------------------------------------------


def test_marks_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    """None of the files exists: the first one that were read would give another error."""
    options = ("none", "--accounts", "no.csv", "--leavers", "no.csv", "--policy", "no.toml", "--pseudonyms", "the.key")
    for more_options, message in (
        (("--carry-over", "no.xlsx"), "--carry-over cannot be used with pseudonyms"),
        (("--carry-over", "no.xlsx", "--format", "parquet"), "--carry-over cannot be used with pseudonyms"),
        (("--format", "remediation"), "--format remediation cannot be used with pseudonyms"),
    ):
        ran = run("audit", *options, *more_options, cwd=tmp_path)
        assert ran.returncode == 2
        assert message in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_set_with_pseudonyms_takes_no_marks(working_folder: Path) -> None:
    run("audit", "in", "-o", "names", "--format", "excel", cwd=working_folder)
    run("audit", "in", "-o", "hidden", "--format", "excel", "--pseudonyms", "the.key", cwd=working_folder)
    ran = run("render", "hidden", "--format", "excel", "--carry-over", "names/workbook.xlsx", cwd=working_folder)
    assert ran.returncode == 2
    assert "--carry-over cannot be used with pseudonyms" in ran.stderr
    options = Options(marks=Marks((MarkedWorkbook("workbook.xlsx", "0" * 64),), (), ()))
    with pytest.raises(UsageError, match="--carry-over cannot be used with pseudonyms"):
        pipeline.audit(
            ["sample_reports"],
            Settings(make_checklist()),
            str(working_folder / "out"),
            formats=["excel"],
            options=options,
            pseudonyms=PSEUDONYMS,
        )
    assert not (working_folder / "out").exists()
