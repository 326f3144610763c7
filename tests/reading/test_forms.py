"""Reports in the forms in which they are kept: read, or named with the way out, and never passed over."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from analyzer.reading.containers import DamagedError, read_contents
from analyzer.reading.forms import catalog
from tests.cli.running import Ran, run
from tests.reading.forms import (
    BASE64,
    GENERATED,
    LINES,
    MARKED,
    NAMES,
    NO_REPORT,
    OTHER_ACCOUNT,
    PASSED_OVER,
    READ,
    REPORT,
    SECOND,
    SECOND_BASE64,
    envelope,
    workbook,
    zipped,
)
from tests.reports import ACCOUNT, codes, read, write

AS_OF = ("--as-of", "2026-10-31")


def inspected(path: Path) -> list[dict[str, object]]:
    done = run("inspect", path, "--json")
    return list(json.loads(done.stdout)["inputs"])


def audited(path: Path, out: Path) -> Ran:
    return run("audit", path, *AS_OF, "-o", out, "--format", "parquet")


@pytest.mark.parametrize("form", READ)
def test_the_rows_are_those_of_the_plain_report(tmp_path: Path, form: str) -> None:
    content = READ[form]
    plain, _ = read(write(tmp_path / "plain/2026-10-31.csv", REPORT))
    tables, log = read(write(tmp_path / "in/2026-10-31.dat", content))
    assert tables.users["user"].tolist() == NAMES
    assert set(tables.users["account_id"]) == {ACCOUNT}
    columns = [name for name in tables.users if name not in {"source", "line", "report", "captured_at"}]
    assert tables.users[columns].astype("object").to_dict("list") == plain.users[columns].astype("object").to_dict(
        "list"
    )
    assert set(codes(log)) <= {"line_left_out", "form_straightened", "not_a_report", "padding"}


@pytest.mark.parametrize("form", READ)
def test_no_form_in_a_folder_is_passed_over_and_inspect_names_the_form(tmp_path: Path, form: str) -> None:
    write(tmp_path / "in/2026-10-31/a.dat", READ[form])
    (file,) = inspected(tmp_path / "in")
    assert file["rows"] == 3
    assert set(str(file["container"]).split(", ")) <= set(catalog.READ)


@pytest.mark.parametrize("form", NO_REPORT | MARKED)
def test_a_file_that_looks_like_a_report_and_has_no_rows_counts_as_not_read(tmp_path: Path, form: str) -> None:
    content, way_out = (NO_REPORT | MARKED)[form]
    write(tmp_path / "in/good.csv", SECOND)
    write(tmp_path / "in/answer.dat", content)
    done = audited(tmp_path / "in", tmp_path / "out")
    assert done.returncode == 3
    _, log = read(tmp_path / "in")
    ((source, *_, code, message),) = log.rows
    assert source.endswith("answer.dat")
    assert code == "unreadable_file"
    assert way_out in message


@pytest.mark.parametrize("name", PASSED_OVER)
def test_files_that_are_no_report_are_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path / "good.csv", SECOND)
    write(tmp_path / name, PASSED_OVER[name])
    tables, log = read(tmp_path)
    assert len(tables.users) == 2
    assert codes(log) == ["not_a_report"]


@pytest.mark.parametrize("form", [form for form in READ if not form.startswith(("tar", "xlsx"))])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_file_that_is_cut_is_never_passed_over(form: str, part: float) -> None:
    whole = READ[form]
    data = whole if isinstance(whole, bytes) else whole.encode()
    with contextlib.suppress(DamagedError):
        assert read_contents(data[: int(len(data) * part)])


def test_the_manual_lists_the_forms_that_are_read_and_refused() -> None:
    text = (Path(catalog.__file__).parents[2] / "manual/reading.md").read_text(encoding="utf-8")
    read_too, _, refused = text.partition("## Forms that are not read")
    cell = r"(?:[^|\n\\]|\\.)+"
    row = rf"^\| `([^`]+)` \|{cell}\|(?=[^\n]*`){cell}\|$"
    rows = [re.findall(row, part, re.MULTILINE) for part in (read_too, refused)]
    assert rows == [list(catalog.READ), list(catalog.REFUSED)]


# --- several in one file ----------------------------------------------------------------------------------------------

TWO = [json.loads(envelope()), json.loads(envelope(SECOND_BASE64))]
SEVERAL = {
    "list": json.dumps(TWO),
    "JSON lines": "\n".join(map(json.dumps, TWO)),
    "in data": json.dumps({"reports": [{"response": envelope_facts} for envelope_facts in TWO]}),
    "YAML documents": f"Content: {BASE64}\n---\nContent: {SECOND_BASE64}\n",
    "lines of text": f"{BASE64}\t{GENERATED}\ttext/csv\n{SECOND_BASE64}\t{GENERATED}\ttext/csv\n",
}


@pytest.mark.parametrize("form", SEVERAL)
def test_each_envelope_is_a_source_of_its_own(tmp_path: Path, form: str) -> None:
    files = inspected(Path(write(tmp_path / "a.json", SEVERAL[form])))
    assert [str(file["name"]).rpartition("/")[2] for file in files] == ["a.json#1", "a.json#2"]
    assert [file["account_id"] for file in files] == [ACCOUNT, OTHER_ACCOUNT]


def test_an_error_line_between_two_documents_hides_neither(tmp_path: Path) -> None:
    error = "An error occurred (Throttling) when calling the GetCredentialReport operation: Rate exceeded"
    path = write(tmp_path / "a.json", f"{envelope()}\n{error}\n{envelope(SECOND_BASE64)}\n")
    tables, log = read(path)
    assert set(tables.users["account_id"]) == {ACCOUNT, OTHER_ACCOUNT}
    assert codes(log) == ["unreadable_file"]
    assert "Throttling" in log.rows[0][5]


def test_an_account_beside_the_envelope_is_that_of_rows_without_arns(tmp_path: Path) -> None:
    lines = [",".join(cell for n, cell in enumerate(line.split(",")) if n != 1) for line in LINES]
    text = json.dumps({"account_id": OTHER_ACCOUNT, "response": {"Content": "\n".join(lines)}})
    tables, _ = read(write(tmp_path / "111122223333.json", text))
    assert set(tables.users["account_id"]) == {OTHER_ACCOUNT}


# --- lines around a report --------------------------------------------------------------------------------------------


def test_lines_between_reports_are_left_out_by_line(tmp_path: Path) -> None:
    text = f"=== 111122223333 ===\n{REPORT}\n=== 444455556666 ===\n{SECOND}"
    write(tmp_path / "in/2026-10-31.csv", text)
    tables, log = read(tmp_path)
    assert tables.users["line"].tolist() == [3, 4, 5, 8, 9]
    assert [(row[1], row[4]) for row in log.rows] == [(1, "line_left_out"), (6, "line_left_out"), (7, "split_report")]
    assert audited(tmp_path / "in", tmp_path / "out").returncode == 1


def test_a_cut_row_before_a_further_header_is_no_title(tmp_path: Path) -> None:
    for cut in ("<root_account>", "zoe", "zoe,arn:aws:iam::111122223333:user/zoe"):
        _, log = read(write(tmp_path / "2026-10-31.csv", f"{REPORT}\n{cut}\n{SECOND}"))
        assert "rejected_row" in codes(log), cut


def test_lines_above_a_header_do_not_move_the_rows(tmp_path: Path) -> None:
    tables, log = read(write(tmp_path / "2026-10-31.csv", f"Title\nn\u00e4chster Titel\n{REPORT}"))
    assert tables.users["line"].tolist() == [4, 5, 6]
    assert [(row[1], row[3]) for row in log.rows] == [(1, "Title"), (2, "n\u00e4chster Titel")]


def test_where_no_header_is_found_the_first_line_is_quoted(tmp_path: Path) -> None:
    done = audited(Path(write(tmp_path / "a.csv", "Benutzer;Kennwort\nanna;ja\n")), tmp_path / "out")
    assert done.returncode == 2
    assert "Benutzer;Kennwort" in done.stderr


@pytest.mark.parametrize("renamed", ["", "last_used_key_1"])
def test_a_dropped_column_of_last_use_is_named(tmp_path: Path, renamed: str) -> None:
    position = LINES[0].split(",").index("access_key_1_last_used_date")
    rows = [line.split(",") for line in LINES]
    text = [
        ",".join(
            [
                *row[:position],
                *([renamed] if renamed and not n else [row[position]] if renamed else []),
                *row[position + 1 :],
            ]
        )
        for n, row in enumerate(rows)
    ]
    _, log = read(write(tmp_path / "2026-10-31.csv", "\n".join(text)))
    assert ("missing_column", "access_key_1_last_used_date") in [(row[4], row[2]) for row in log.rows]


# --- archives and spreadsheets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "start"), [("7z", b"7z\xbc\xaf\x27\x1c\0\x04"), ("rar", b"Rar!\x1a\x07\x01\0")])
def test_archives_that_cannot_be_read_count_beside_reports(tmp_path: Path, kind: str, start: bytes) -> None:
    write(tmp_path / "in/a/good.csv", REPORT)
    write(tmp_path / f"in/b/tools.{kind}", start)
    assert audited(tmp_path / "in", tmp_path / "out").returncode == 1
    done = run("audit", tmp_path / "in/a", tmp_path / f"in/b/tools.{kind}", *AS_OF, "-o", tmp_path / "out")
    assert done.returncode == 3
    write(tmp_path / f"in/a/reports.{kind}", start)
    assert audited(tmp_path / "in", tmp_path / "out").returncode == 3


def test_a_cell_that_a_spreadsheet_made_a_date_is_unreadable(tmp_path: Path) -> None:
    rows: list[list[object]] = [list(line.split(",")) for line in LINES]
    position = LINES[0].split(",").index("access_key_1_last_used_date")
    rows[2][position] = datetime(2026, 10, 30, 8, 0)  # noqa: DTZ001 - as a spreadsheet has it
    tables, log = read(write(tmp_path / "2026-10-31.xlsx", workbook(*rows)))
    assert tables.users["access_key_1_last_used_date_state"].tolist()[1] == "invalid"
    assert [(row[2], row[3], row[4]) for row in log.rows] == [
        ("access_key_1_last_used_date", "2026-10-30 08:00:00", "bad_timestamp")
    ]


def test_a_workbook_without_a_report_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", REPORT)
    write(tmp_path / "budget.xlsx", workbook(["month", "sum"], ["May", "12"]))
    assert codes(read(tmp_path)[1]) == ["not_a_report"]


def test_a_spreadsheet_in_a_zip_is_read(tmp_path: Path) -> None:
    inner = workbook(*(line.split(",") for line in LINES))
    (file,) = inspected(Path(write(tmp_path / "2026-10-31.zip", zipped(**{"a.xlsx": inner}))))
    assert file["container"] == "zip, spreadsheet"


def test_an_encrypted_zip_is_explained_in_words(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.csv": REPORT.encode()}))
    directory = data.find(b"PK\x01\x02")
    for position in (6, directory + 8):
        data[position] |= 1
    for outer in (bytes(data), zipped(**{"inner.zip": bytes(data)})):
        write(tmp_path / "in/good.csv", SECOND)
        write(tmp_path / "in/a.zip", outer)
        _, log = read(tmp_path / "in")
        assert "encrypted" in log.rows[0][5]
        assert "ZipInfo" not in log.rows[0][5]


def test_a_cut_tar_is_damaged(tmp_path: Path) -> None:
    whole = READ["tar"]
    assert isinstance(whole, bytes)
    write(tmp_path / "good.csv", SECOND)
    write(tmp_path / "a.tar", whole[:700])
    assert "unreadable_file" in codes(read(tmp_path)[1])


# --- what this program made -------------------------------------------------------------------------------------------


def test_output_of_this_program_is_passed_over_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    assert run("audit", tmp_path / "in", "-o", tmp_path / "in/older").returncode == 1
    assert run("ingest", tmp_path / "in/2026-10-31.csv", "--store", tmp_path / "in/store").returncode == 0
    tables, log = read(tmp_path / "in")
    assert len(tables.users) == 3
    assert [code for code in codes(log) if code != "not_followed"] == ["own_output"] * 2


def test_output_at_a_url_is_passed_over_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    assert run("audit", tmp_path / "in", "-o", tmp_path / "in/a/older").returncode == 1
    assert run("ingest", tmp_path / "in/2026-10-31.csv", "--store", tmp_path / "in/store").returncode == 0
    write(tmp_path / "in/a/manifest.json", json.dumps({"program": "another"}))
    url = f"file://{tmp_path}/in"
    tables, log = read(url)
    assert len(tables.users) == 3
    assert {row[0] for row in log.rows if row[4] == "own_output"} == {f"{url}/a/older", f"{url}/store"}
    other_sources = {row[0] for row in log.rows if row[4] not in {"own_output", "not_followed"}}
    assert other_sources == {f"{url}/a/manifest.json"}


def test_files_that_name_this_program_as_their_maker_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31.csv", REPORT)
    run("audit", tmp_path / "in", "-o", tmp_path / "older")
    for path in (tmp_path / "older").rglob("*"):
        if path.suffix in {".parquet", ".xlsx"}:
            write(tmp_path / "in" / path.name, path.read_bytes())
    tables, log = read(tmp_path / "in")
    assert len(tables.users) == 3
    assert set(codes(log)) <= {"own_output", "not_a_report"}


def test_a_large_file_with_a_title_is_looked_at_as_a_small_one(tmp_path: Path) -> None:
    many = "\n".join([LINES[0], *(LINES[2].replace("anna", f"anna{n}") for n in range(1000))])
    write(tmp_path / "2026-10-31/a.csv", f"Title\n{many}")
    tables, log = read(tmp_path)
    assert len(tables.users) == 1000
    assert codes(log) == ["line_left_out"]
    assert zipfile.is_zipfile(io.BytesIO(zipped()))
