from pathlib import Path

import pytest

from analyzer.reading.issues import IssueLog
from tests.reports import COLUMNS_16, COLUMNS_22, codes, csv_of, key, password, read, root, user, write

A = csv_of(root(), user("a"), user("b"))


def rows(path: Path, content: str | bytes) -> tuple[list[tuple[str, int]], IssueLog]:
    """Return (user, line) of every row that is read."""
    tables, log = read(write(path / "2026-10-31.csv", content))
    return list(zip(tables.users["user"], tables.users["line"], strict=True)), log


def test_lines_are_physical_lines(tmp_path: Path) -> None:
    users, log = rows(tmp_path, "\n" + A.replace("\na,", "\n\n\na,") + "\n\n")
    assert users == [("<root_account>", 3), ("a", 6), ("b", 7)]
    assert codes(log) == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_lines_may_end_in_any_way(tmp_path: Path, newline: str, end: str) -> None:
    users, log = rows(tmp_path, (A + end).replace("\n", newline))
    assert users == [("<root_account>", 2), ("a", 3), ("b", 4)]
    assert codes(log) == []


@pytest.mark.parametrize(
    "name", ["NA", "null", "None", "nan", "true", "007", "1e5", "a,b", "=1+1", "-rf", "+x", "@x", "user", "arn", "N/A_"]
)
def test_user_names_are_text_and_nothing_else(tmp_path: Path, name: str) -> None:
    users, log = rows(tmp_path, csv_of(user(name), user("z")))
    assert users == [(name, 2), ("z", 3)]
    assert codes(log) == []


def test_columns_are_read_by_name(tmp_path: Path) -> None:
    shuffled = csv_of(user("a", **password(used="2026-01-01T00:00:00Z")), columns=COLUMNS_22[::-1])
    tables, _ = read(write(tmp_path / "2026-10-31.csv", shuffled))
    assert tables.users["password_last_used"].astype("str").tolist() == ["2026-01-01 00:00:00+00:00"]
    assert tables.reports["layout"].tolist() == ["22 columns"]


def test_unknown_and_repeated_columns_are_left_out_with_a_notice(tmp_path: Path) -> None:
    text = csv_of({**user("a"), "note": "x"}, columns=(*COLUMNS_22, "note", "", "user"))
    users, log = rows(tmp_path, text)
    assert users == [("a", 2)]
    assert [(row[2], row[4]) for row in log.rows] == [("note", "unknown_column"), ("user", "duplicate_column")]


def test_each_report_of_one_header_has_its_own_remarks_in_the_order_of_the_columns(tmp_path: Path) -> None:
    columns = (*(column for column in COLUMNS_22 if column not in {"arn", "mfa_active"}), "note", "user", "note")
    for name in ("a", "b"):
        write(tmp_path / f"2026-10-31-{name}.csv", csv_of({**user(name), "note": "x"}, columns=columns))
    write(tmp_path / "2026-10-31-c.csv", csv_of(user("c")))
    _, log = read(tmp_path, account_id="111122223333")
    expected = [
        *(("note", "unknown_column"), ("user", "duplicate_column"), ("note", "unknown_column")),
        *(("arn", "missing_column"), ("mfa_active", "missing_column")),
    ]
    remarks = [(Path(row[0]).stem[-1], row[2], row[4]) for row in log.rows]
    assert remarks == [(name, *remark) for name in ("a", "b") for remark in expected]


def test_a_deleted_column_is_an_issue_and_known_layouts_are_not(tmp_path: Path) -> None:
    without_mfa = tuple(column for column in COLUMNS_22 if column != "mfa_active")
    _, log = rows(tmp_path, csv_of(user("a"), columns=without_mfa))
    assert [(row[2], row[4]) for row in log.rows] == [("mfa_active", "missing_column")]
    _, log = rows(tmp_path, csv_of(user("a"), columns=COLUMNS_16))
    assert codes(log) == []


def unquoted(name: str, path: str = "/") -> str:
    return csv_of(user(name, path=path)).splitlines()[1].replace('"', "")


@pytest.mark.parametrize(
    ("name", "path"),
    [("ops,night", "/"), ("a,b,c", "/"), (",a", "/"), ("a", "/x,y/"), ("a,b", "/x,y,z/"), ("a,", "/,/")],
)
def test_an_unquoted_comma_is_repaired_through_the_arn(tmp_path: Path, name: str, path: str) -> None:
    users, log = rows(tmp_path, A + "\n" + unquoted(name, path))
    assert users[-1] == (name, 5)
    assert codes(log) == ["repaired_row"]


def test_a_row_with_two_possible_repairs_is_rejected(tmp_path: Path) -> None:
    # The user could be `a` or `a,/a`: both end an ARN that its cells can be joined to.
    line = unquoted("a").replace("a,arn:aws:iam::111122223333:user/a,", "a,arn:aws:iam::111122223333:user/x,/a,a,", 1)
    users, log = rows(tmp_path, A + "\n" + line)
    assert len(users) == 3
    assert codes(log) == ["rejected_row"]


@pytest.mark.parametrize("line", ["x", "a,b", unquoted("c") + ",false", unquoted("c").replace("c", "d", 1) + ",x"])
def test_a_row_that_cannot_be_repaired_is_rejected_by_line(tmp_path: Path, line: str) -> None:
    users, log = rows(tmp_path, A.replace("\nb,", f"\n{line}\nb,"))
    assert [user_line for user_line in users if user_line[1] == 4] == []
    assert users[-1] == ("b", 5)
    assert [(row[1], row[3], row[4]) for row in log.rows] == [(4, line, "rejected_row")]


def test_empty_trailing_cells_of_a_spreadsheet_are_dropped(tmp_path: Path) -> None:
    text = A.replace("\n", ";;\n").replace(",", ";")
    assert rows(tmp_path, text)[0] == [("<root_account>", 2), ("a", 3), ("b", 4)]
    ragged = A.replace("\n", "\n", 1) + ",,"
    users, log = rows(tmp_path, ragged)
    assert users[-1] == ("b", 4)
    assert codes(log) == ["repaired_row"]


def test_blank_rows_of_a_spreadsheet_are_blank_lines(tmp_path: Path) -> None:
    blank = ";" * 21
    users, log = rows(tmp_path, A.replace(",", ";") + f"\n{blank}\n{blank}\n")
    assert users == [("<root_account>", 2), ("a", 3), ("b", 4)]
    assert codes(log) == []


@pytest.mark.parametrize("between", ["", "\n", "\ufeff", "\n\ufeff"])
@pytest.mark.parametrize("columns", [COLUMNS_22, COLUMNS_16])
def test_concatenated_reports_are_split_apart(tmp_path: Path, between: str, columns: tuple[str, ...]) -> None:
    second = csv_of(
        root("123456789012"), user("c", account="123456789012", **key(rotated="2026-01-01T00:00:00Z")), columns=columns
    )
    users, log = rows(tmp_path, A + between + second)
    shift = between.count("\n")
    assert users == [("<root_account>", 2), ("a", 3), ("b", 4), ("<root_account>", 5 + shift), ("c", 6 + shift)]
    assert [(row[1], row[4]) for row in log.rows] == [(4 + shift, "split_report")]


def test_three_concatenated_reports_with_a_bad_row_and_a_user_called_user(tmp_path: Path) -> None:
    text = A + csv_of(user("user")) + "\n" + csv_of(user("c")) + "\nbroken,row"
    users, log = rows(tmp_path, text)
    assert [name for name, _ in users] == ["<root_account>", "a", "b", "user", "c"]
    assert sorted(codes(log)) == ["rejected_row", "split_report", "split_report"]


def test_reports_of_several_headers_keep_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", csv_of(user("a"), columns=COLUMNS_16))
    write(tmp_path / "2.csv", csv_of(user("b")))
    write(tmp_path / "3.csv", csv_of(user("c"), columns=COLUMNS_16))
    write(tmp_path / "4.csv", csv_of(user("d"), delimiter=";"))
    tables, _ = read(tmp_path)
    assert tables.users["user"].tolist() == ["a", "b", "c", "d"]


def test_a_quote_inside_a_path_is_a_character(tmp_path: Path) -> None:
    line = unquoted("a", '/x"y/').replace("user/x", 'user/x"', 1)
    users, _ = rows(tmp_path, A + "\n" + line)
    assert users[-1] == ("a", 5)


def test_an_unclosed_quote_costs_no_other_row(tmp_path: Path) -> None:
    users, log = rows(tmp_path, A.replace("\na,", '\n"a,'))
    assert ("b", 4) in users
    assert len(users) + codes(log).count("rejected_row") == 3


def test_a_header_alone_is_a_report_without_rows(tmp_path: Path) -> None:
    for text in (csv_of(), csv_of() + "\n", csv_of() + "\n\n", csv_of() + "\n\n\n"):
        users, log = rows(tmp_path, text)
        assert users == []
        assert codes(log) == ["no_rows"]


@pytest.mark.parametrize("lost", [1, 2])
def test_commas_in_quotes_do_not_stand_for_cells_that_were_cut_off(tmp_path: Path, lost: int) -> None:
    # With quotes as text, each of these cells is two cells, so the row would have as many cells as the header.
    cells = unquoted("c").split(",")
    cells[2 : 2 + lost] = ['","'] * lost
    line = ",".join(cells[: len(cells) - lost])
    assert line.count(",") == unquoted("c").count(",")
    users, log = rows(tmp_path, A + "\n" + line)
    assert [name for name, _ in users] == ["<root_account>", "a", "b"]
    assert codes(log) == ["rejected_row"]
