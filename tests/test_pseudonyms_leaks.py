"""No name is left in what is shared: every byte of it is searched, unpacked and decoded.

All that may be a name has the same mark in these reports, or is one of a few accounts.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.reading.layout import COLUMNS
from tests.cli.running import run
from tests.golden.fleets import FLEETS, drawn
from tests.golden.fleets import NAMES as NAMES_OF_FLEETS
from tests.reports import COLUMNS_22, csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "Qz7x"
ACCOUNTS: Final = (
    "111122223333",
    "123456789012",
    "444455556666",
    "777788889999",
    "999988887777",
    "210987654321",
    "222233334444",
)
SECRETS: Final = (MARK, *ACCOUNTS)
_PNG: Final = b"\x89PNG\r\n\x1a\n"


# --- searching ------------------------------------------------------------------------------------------------------


def texts_in(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the pieces of a file, each with its location: its bytes, and those bytes unpacked and decoded."""
    yield name, data
    if zipfile.is_zipfile(io.BytesIO(data)):
        archive = zipfile.ZipFile(io.BytesIO(data))
        for member in archive.infolist():
            yield f"{name}: member", member.filename.encode() + member.comment + member.extra
            yield from texts_in(f"{name}/{member.filename}", archive.read(member))
    elif data[:2] == b"\x1f\x8b":
        yield from texts_in(f"{name} unpacked", gzip.decompress(data))
    elif data[:4] == b"PAR1":
        yield from _of_parquet(name, data)
    elif data.startswith(_PNG):
        yield from _of_picture(name, data)
    elif name.endswith(".json"):
        yield f"{name}, decoded", json.dumps(json.loads(data), ensure_ascii=False).encode()
    elif name.endswith(".ics"):
        yield f"{name}, unfolded", data.replace(b"\r\n ", b"")


def _of_parquet(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    file = parquet.ParquetFile(pa.BufferReader(data))
    meta = file.metadata
    yield f"{name}: metadata", repr((meta.metadata, meta.created_by, file.schema_arrow.metadata)).encode()
    for group in range(meta.num_row_groups):
        for column in range(meta.num_columns):
            yield f"{name}: statistics", repr(meta.row_group(group).column(column).to_dict()).encode()
    rows = file.read()
    for column in rows.column_names:
        yield f"{name}: {column}", "\n".join(map(repr, rows[column].to_pylist())).encode()
        for chunk in rows[column].chunks:
            if pa.types.is_dictionary(chunk.type):  # also what no row has
                yield f"{name}: values of {column}", "\n".join(map(str, chunk.dictionary.to_pylist())).encode()


def _of_picture(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    at = len(_PNG)
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        chunk = data[at + 8 : at + 8 + length]
        if kind in {b"tEXt", b"iTXt"}:
            yield f"{name}: {kind!r}", chunk
        if kind == b"zTXt":
            yield f"{name}: {kind!r}", zlib.decompress(chunk.partition(b"\0")[2][1:])
        at += length + 12


def secrets_in(pieces: Iterator[tuple[str, bytes]], secrets: tuple[str, ...] = SECRETS) -> list[str]:
    """Return the locations of the secrets, in any case and as UTF-8 or UTF-16."""
    forms = [secret.lower().encode(code) for secret in secrets for code in ("utf-8", "utf-16-le")]
    return [
        f"{location}: {data[max(at - 30, 0) : at + 50]!r}"
        for location, data in pieces
        for form in forms
        if (at := data.lower().find(form)) >= 0
    ]


def pieces_in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        yield "name of a file", name.encode()
        if path.is_file():
            yield from texts_in(name, path.read_bytes())


def test_the_search_finds_names_that_are_there(tmp_path: Path) -> None:
    """Without pseudonyms, the same search finds names in every kind of output."""
    world(tmp_path)
    run("audit", *AUDITED, "-o", "out", "--format", "parquet,excel,charts,ics", cwd=tmp_path)
    matches = "\n".join(secrets_in(pieces_in_folder(tmp_path / "out")))
    for location in ("manifest.json", "findings.parquet: user", "issues.parquet: value", "issues.parquet: message"):
        assert location in matches
    for location in ("workbook.xlsx/xl", "due.ics", "coverage.parquet: owner", "users.parquet: statistics"):
        assert location in matches
    for column in ("user", "email", "iam_user"):
        assert f"leavers.parquet: {column}" in matches
        assert f"people.parquet: {column}" in matches


# --- reports with a name in every place that has room for one ---------------------------------------------------------

OLD = "2025-01-01T00:00:00Z"
POLICY: Final = f"""\
# {MARK} wrote this
[controls.unused-credentials]
max_idle_days = 60

[waivers."{MARK}-1"]
account = "111122223333"
user = "{MARK}-user-1"
control = "unused-credentials"
reason = "{MARK} asked for it"
owner = "{MARK}@example.com"
expires = 2026-11-20
ticket = "{MARK}-1"

[waivers."{MARK}-2"]
user = "{MARK.lower()}-user-*"
credential = "password"
reason = '{MARK} "again"'
owner = "{MARK}"
expires = 2027-01-31

[waivers."{MARK}-3"]
account = "210987654321"
reason = "{MARK}"
owner = "{MARK}"
expires = 2026-01-31
"""
LIST_OF_ACCOUNTS: Final = f"""\
account,name,email,owner,ou,environment,status
111122223333,{MARK} one,{MARK}@example.com,{MARK},/{MARK}/prod,{MARK}-prod,ACTIVE
210987654321,{MARK} missing,,{MARK},,,ACTIVE
123456789012,{MARK} two,,,,,SUSPENDED
777788889999,,,,,,{MARK} left
"""
LEAVERS: Final = f"""\
user,email,last_day,{MARK} note
{MARK}-user-1,{MARK}.one@example.com,2026-09-30,{MARK}
,{MARK}-User-2@example.com,2026-10-15,ask {MARK}
{MARK}-soon,,2026-12-31,
{MARK} nobody,{MARK}@example.com,2026-01-31,
{MARK}-USER-3,,2026-09-30,
{MARK}-user-3,{MARK}.again@example.com,2026-10-30,
"""
PEOPLE: Final = f"""\
name;user name;E-mail
{MARK} A;{MARK}-User-0;{MARK}.zero@example.com
{MARK} B;;{MARK}-elsewhere@example.com
{MARK} C;{MARK} unknown;
"""
AUDITED: Final = (
    *(f"in-{MARK}", f"{MARK}.zip", "--as-of", "2026-10-31", "--policy", f"{MARK}-policy.toml"),
    *("--accounts", f"{MARK}-accounts.csv", "--max-report-age", "3", "--account-id", "999988887777"),
    *("--captured-at", f"*{MARK}-undated*=2026-10-30"),
    *("--leavers", f"{MARK}-leavers.csv", "--people", f"{MARK}-people.csv"),
)


def people(account: str, count: int = 6) -> list[dict[str, str]]:
    """Return users whose credentials fail and pass, with paths, and free text in the last column."""
    users = []
    for number in range(count):
        cells = key(1 + number % 2, rotated=OLD, used=OLD) | (
            password(changed="2026-10-01T00:00:00Z") if number % 3 else {}
        )
        path = f"/{MARK}-team/sub-{MARK}/" if number % 2 else "/"
        cells["additional_credentials_info"] = f"{MARK} has 3 more keys"
        cells["access_key_1_last_used_region"] = f"{MARK}-region" if number == 1 else "us-east-1"
        cells["access_key_1_last_used_service"] = f"{MARK}svc" if number == 2 else "s3"
        users.append(user(f"{MARK}-User-{number}", account=account, path=path, **cells))
    return [*users, user(f"{MARK}-soon", account=account, **key(rotated=OLD, used="2026-09-05T00:00:00Z"))]


def odd_rows() -> str:
    """Return a report with broken rows, unreadable cells, odd ARNs, users found twice and columns of its own."""
    rows = people("444455556666")
    rows[0]["mfa_active"] = f"{MARK}-yes"
    rows[1]["user_creation_time"] = f"{MARK} day"
    rows[2]["arn"] = f"arn:aws:sts::444455556666:assumed-role/{MARK}/x"
    rows[3]["arn"] = f"{MARK} no arn"
    rows[4]["arn"] = f"arn:aws:iam::123456789012:user/{MARK}-other"
    rows[5]["user"] = ""
    odd = user(f"{MARK}-elsewhere", account="444455556666")
    odd["arn"] = odd["arn"].replace("arn:aws:", f"arn:aws-{MARK.lower()}:")
    twice = user(f"{MARK}-USER-1", account="444455556666", path=f"/{MARK}/")
    quoted = user(f"'{MARK}-quoted", account="444455556666")
    text = csv_of(root("444455556666"), *rows, odd, twice, twice, quoted, columns=COLUMNS)
    header, *lines = text.split("\n")
    lines = [f"{line},{MARK} note" for line in lines]
    lines[2:2] = [f"{MARK},broken,row", f"{MARK}-long" * 40, "", f'"{MARK} open quote']
    return "\n".join([f"{header},{MARK} column", *lines])


def world(folder: Path) -> None:
    """Write reports of many kinds, and what belongs to them."""
    reports_folder = folder / f"in-{MARK}"
    good = csv_of(root(), *people(ACCOUNTS[0]), columns=COLUMNS)
    before = csv_of(root(), *people(ACCOUNTS[0], 5), columns=COLUMNS)
    write(reports_folder / f"2026-10-30/{MARK}_111122223333.csv", good)
    write(reports_folder / f"2026-10-30/copy of {MARK}.csv", good)
    write(reports_folder / f"2026-09-30/{MARK}_111122223333.csv", before)
    write(reports_folder / f"2026-10-30/odd {MARK}.csv", odd_rows())
    for day, count in (("2026-09-30", 3), ("2026-10-30", 4)):
        write(
            reports_folder / f"{day}/222233334444 {MARK}.csv",
            csv_of(root("222233334444"), *people("222233334444", count)),
        )
    write(reports_folder / f"{MARK}-undated.csv", csv_of(root("777788889999"), *people("777788889999")))
    write(reports_folder / f"2026-10-30/999988887777 {MARK}.csv", csv_of(root("123456789012"), *people("123456789012")))
    write(reports_folder / f"2026-10-30/notes of {MARK}.txt", f"ask {MARK} about 111122223333\n")
    write(reports_folder / f"2026-10-30/{MARK} cut.csv", csv_of(*people("777788889999"))[:-40])
    write(reports_folder / f"2026-10-30/{MARK}.empty/{MARK}.csv", "")
    write(reports_folder / f"2026-10-30/.{MARK}-hidden.csv", good)
    write(reports_folder / f"2026-10-30/{MARK}.tar.zst", b"\x28\xb5\x2f\xfd" + MARK.encode())
    no_arn = tuple(name for name in COLUMNS_22 if name != "arn")
    write(reports_folder / f"2026-10-30/{MARK}-without-arn.csv", csv_of(*people("0" * 12), columns=no_arn))
    together = f"{csv_of(root('210987654321'), *people('210987654321', 3))}\n{before}"
    write(reports_folder / f"2026-10-30/run together {MARK}.csv", f"Report for {MARK}\n{together}")
    envelope = {"Content": base64.b64encode(good.encode()).decode(), "GeneratedTime": f"{MARK} o'clock"}
    write(reports_folder / f"2026-10-29/{MARK}.json", json.dumps(envelope | {"By": MARK}))
    write(reports_folder / f"2026-10-29/{MARK}.csv.gz", gzip.compress(good.replace("User-5", "User-9").encode()))
    write(reports_folder / f"2026-10-28/latin {MARK}.csv", good.replace("User-4", "J\u00e4-4").encode("latin-1"))
    write(folder / f"{MARK}-policy.toml", POLICY)
    write(folder / f"{MARK}-accounts.csv", LIST_OF_ACCOUNTS)
    write(folder / f"{MARK}-leavers.csv", LEAVERS)
    write(folder / f"{MARK}-people.csv", PEOPLE)
    with zipfile.ZipFile(folder / f"{MARK}.zip", "w") as archive:
        archive.writestr(f"2026-10-30/{MARK}/{MARK}_999988887777.csv", csv_of(*people("999988887777"), columns=COLUMNS))
        archive.writestr(f"2026-10-30/{MARK}/readme.txt", MARK)
        archive.writestr(f"2026-10-30/{MARK}/broken {MARK}.csv.gz", gzip.compress(good.encode())[:40])


@pytest.fixture
def working_folder(tmp_path: Path) -> Path:
    world(tmp_path)
    return tmp_path


# --- what is searched -------------------------------------------------------------------------------------------------

EVERY_FORMAT: Final = ("-o", "out", "--format", "parquet,excel,charts,ics", "--pseudonyms", "key")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--every-snapshot", "--verbose"),
        ("--all-controls", "--due-within", "100", "--json-all"),
        ("--benchmark", "cis-5.0", "--json", "--strict"),
    ],
    ids=" ".join,
)
def test_nothing_of_an_audit_has_a_name(working_folder: Path, options: tuple[str, ...]) -> None:
    formats = [word.removesuffix(",ics") for word in EVERY_FORMAT] if "--every-snapshot" in options else EVERY_FORMAT
    ran = run("audit", *AUDITED, *formats, *options, cwd=working_folder)
    assert ran.returncode == 3, ran.stderr
    assert len(ran.stdout) > 1_000
    assert secrets_in(iter([("screen", ran.stdout.encode())])) == []
    assert secrets_in(pieces_in_folder(working_folder / "out")) == []
    issues = parquet.read_table(working_folder / "out/issues.parquet").to_pylist()
    assert len({row["code"] for row in issues}) > 20


def test_the_workbook_that_is_searched_has_all_its_sheets_and_columns(working_folder: Path) -> None:
    """The sheets and columns that could hold a name exist: without them the search would find nothing."""
    run("audit", *AUDITED, *EVERY_FORMAT, cwd=working_folder)
    book = openpyxl.load_workbook(working_folder / "out/workbook.xlsx", read_only=True)
    sheets = {"Exceptions noted", "Population judged", "Accounts", "Coverage", "Trend", "Leavers", "People", "Sign-off"}
    assert sheets <= set(book.sheetnames)
    cells = {name: [row for row in book[name].iter_rows(values_only=True) if any(row)] for name in book.sheetnames}
    shown = {name: "\n".join(str(cell) for row in rows for cell in row) for name, rows in cells.items()}
    kinds = {
        **dict.fromkeys(("Summary", "Accounts", "Exceptions noted", "Population judged", "Findings"), "name owner"),
        **dict.fromkeys(("Leavers", "People"), "user email name owner"),
    }
    for name, kinds_of_sheet in kinds.items():
        assert all(
            re.search(f"^{kind}-[0-9a-f]{{16}}$", shown[name], re.MULTILINE) for kind in kinds_of_sheet.split()
        ), name
    assert "are pseudonyms" in shown["Summary"]
    assert "are pseudonyms" in shown["Provenance"]


def test_nothing_made_of_a_set_with_pseudonyms_has_a_name(working_folder: Path) -> None:
    run("audit", *AUDITED, *EVERY_FORMAT, cwd=working_folder)
    printed = [
        run("show", "out", cwd=working_folder).stdout,
        run("show", "out", "--json", cwd=working_folder).stdout,
        run("render", "out", "--format", "excel,charts,ics", "-o", "again", cwd=working_folder).stdout,
        run("verify", "out", cwd=working_folder).stdout,
        run("sample", "out", "--size", "10", "--seed", "1", "-o", "sample", cwd=working_folder).stdout,
    ]
    assert all(printed)
    assert secrets_in(("screen", text.encode()) for text in printed) == []
    assert secrets_in(pieces_in_folder(working_folder / "again")) == []
    assert (working_folder / "sample").is_dir()
    assert secrets_in(pieces_in_folder(working_folder / "sample")) == []
    refused = run("render", "out", "--format", "remediation", cwd=working_folder)
    assert refused.returncode == 2
    assert "pseudonyms" in refused.stderr


def test_nothing_of_a_history_or_a_comparison_has_a_name(working_folder: Path) -> None:
    arguments = (f"in-{MARK}", "--no-policy", "--account-id", "999988887777", "--captured-at", f"*{MARK}*=2026-10-30")
    written = ("--format", "parquet,excel", "--pseudonyms", "key")
    for options in (("--verbose",), ("--json",), ("--as-of-series", "monthly")):
        ran = run("history", *arguments, "-o", "history", *written, *options, cwd=working_folder)
        assert ran.returncode in {1, 3}, ran.stderr
        assert secrets_in(iter([("screen", ran.stdout.encode())])) == []
        assert secrets_in(pieces_in_folder(working_folder / "history")) == []
    sides = (f"in-{MARK}/2026-09-30", f"{MARK}-now")
    write(
        working_folder / f"{MARK}-now/2026-10-31_{MARK}.csv", csv_of(root(), *people(ACCOUNTS[0])[2:], columns=COLUMNS)
    )
    write(working_folder / f"{MARK}-now/2026-10-31_{MARK}_odd.csv", odd_rows())
    for options in (("--verbose",), ("--json",)):
        ran = run("compare", *sides, *arguments[1:], "-o", "compare", *written, *options, cwd=working_folder)
        assert ran.returncode in {0, 1, 3}, ran.stderr
        assert secrets_in(iter([("screen", ran.stdout.encode())])) == []
        assert secrets_in(pieces_in_folder(working_folder / "compare")) == []


@pytest.mark.parametrize("name", sorted(FLEETS))
def test_nothing_of_any_fleet_has_a_name(name: str, tmp_path: Path) -> None:
    fleet = drawn(name)
    for file, content in fleet.files.items():
        write(tmp_path / file, content)
    args = [arg.replace(",remediation", ",ics") for arg in fleet.args]
    ran = run("audit", *args, "-o", "out", "--pseudonyms", "the.key", cwd=tmp_path)
    if ran.returncode == 2:
        pytest.skip("nothing is written")
    names = tuple(
        name_of_user
        for name_of_user in NAMES_OF_FLEETS
        if len(name_of_user) > 4 and name_of_user not in {"auditor", "terraform"}
    )
    files = tuple(file for file in fleet.files if not file.endswith(".toml"))
    secrets = (*names, *files, "111122223333", "444455556666", "123456789012", "777788889999", "210987654321")
    assert secrets_in(pieces_in_folder(tmp_path / "out"), secrets) == []
    assert secrets_in(iter([("screen", ran.stdout.encode())]), secrets) == []


@given(st.data())
def test_a_cell_anywhere_may_hold_a_name(data: st.DataObject) -> None:
    """Names are put into any cells, and lines are cut or joined anywhere."""
    rows = people(ACCOUNTS[0], 4)
    for _ in range(data.draw(st.integers(1, 6))):
        row, column = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(COLUMNS))
        row[column] = data.draw(
            st.sampled_from([MARK, f"{MARK} 111122223333", f"arn:{MARK}", f"2026-10-{MARK}", "a,b"])
        )
    text = csv_of(root(), *rows, columns=COLUMNS)
    lines = text.split("\n")
    line_number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[line_number])))
    lines[line_number] = (
        lines[line_number][:at]
        + data.draw(st.sampled_from(["", ",", '"', "\n", f",{MARK},", "\0"]))
        + lines[line_number][at:]
    )
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / f"{MARK}_111122223333_2026-10-31.csv", "\n".join(lines))
        arguments = (f"{MARK}_111122223333_2026-10-31.csv", "-o", "out", "--format", "parquet", "--pseudonyms", "key")
        ran = run("audit", *arguments, cwd=Path(folder))
        if ran.returncode != 2:
            assert secrets_in(pieces_in_folder(Path(folder) / "out")) == []
            assert secrets_in(iter([("screen", ran.stdout.encode())])) == []
