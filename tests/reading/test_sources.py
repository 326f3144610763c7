import base64
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyzer.errors import InputError
from analyzer.reading.issues import IssueLog
from analyzer.reading.source import Source
from tests.reports import codes, csv_of, read_sources, user, write

REPORT = csv_of(user("billing-reader"), user("ci-deployer"))
GENERATED = "2026-10-31T08:00:00+00:00"


def sources(*paths: str | Path, leave_out: Path | None = None) -> tuple[list[Source], IssueLog]:
    log = IssueLog()
    return read_sources([str(path) for path in paths], log, leave_out=leave_out), log


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_folder_is_walked_and_other_files_are_passed_over_with_a_notice(tmp_path: Path) -> None:
    write(tmp_path / "in/2026-10-31/a.csv", REPORT)
    write(tmp_path / "in/README.md", "# Reports")
    write(tmp_path / "in/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    write(tmp_path / "in/settings.json", '{"Version": 1}')
    write(tmp_path / "in/_SUCCESS", "")
    reports, log = sources(tmp_path / "in")
    assert [source.name for source in reports] == [f"{tmp_path}/in/2026-10-31/a.csv"]
    assert codes(log) == ["not_a_report"] * 4


def test_a_named_file_that_is_no_report_is_rejected(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", REPORT)
    reports, log = sources(tmp_path / "a.csv", write(tmp_path / "README.md", "# Reports"))
    assert len(reports) == 1
    assert codes(log) == ["unreadable_file"]


def test_a_named_folder_without_reports_is_rejected(tmp_path: Path) -> None:
    write(tmp_path / "full/a.csv", REPORT)
    (tmp_path / "empty").mkdir()
    _, log = sources(tmp_path / "full", tmp_path / "empty")
    assert codes(log) == ["unreadable_file"]


def test_a_missing_path_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder: .*/typo"):
        sources(tmp_path / "typo")


DAMAGED = {
    "empty.csv": b"",
    "cut.csv.gz": gzip.compress(REPORT.encode())[:-20],
    "cut.zip": zipped(a=REPORT.encode())[:60],
    "cut.json": json.dumps({"Content": "dXNlcixhcm4=", "GeneratedTime": GENERATED})[:30].encode(),
    "bad-base64.json": b'{"Content": "dXNlcixh*", "GeneratedTime": "2026-10-31T08:00:00Z"}',
    "no-csv.json": json.dumps({"Content": base64.b64encode(b"hello").decode()}).encode(),
    "cut.b64": base64.b64encode(REPORT.encode())[:101],
    "cut-utf16.csv": b"\xff\xfe" + REPORT.encode("utf-16-le") + b"x",
    "cut.yaml": b"Content: 'dXNlcg==\nGeneratedTime: 2026",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_containers_are_rejected_even_in_a_folder(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, DAMAGED[name])
    write(tmp_path / "good.csv", REPORT)
    reports, log = sources(tmp_path)
    assert len(reports) == 1
    assert codes(log) == ["unreadable_file"]


def test_the_container_is_recognised_by_content_and_not_by_name(tmp_path: Path) -> None:
    write(tmp_path / "report.txt", gzip.compress(REPORT.encode()))
    write(tmp_path / "report.csv", zipped(inner=json.dumps({"Content": REPORT}).encode()))
    reports, log = sources(tmp_path / "report.txt", tmp_path / "report.csv")
    # The same CSV in both: one of them counts.
    assert [source.container for source in reports] == ["zip, json envelope"]
    assert codes(log) == ["duplicate_input"]


def test_several_reports_in_a_zip_are_named_like_files_in_a_folder(tmp_path: Path) -> None:
    archive = zipped(
        **{
            "2026-10-31/credentialReport_111122223333.csv": REPORT.encode(),
            "2026-10-30/credentialReport_111122223333.csv.gz": gzip.compress(REPORT.encode() + b"\n"),
            "README": b"hello",
        }
    )
    reports, log = sources(write(tmp_path / "fleet.zip", archive))
    prefix = f"{tmp_path}/fleet.zip/2026-10-3"
    assert [source.name.removeprefix(prefix)[0] for source in reports] == ["0", "1"]
    assert [source.captured_from for source in reports] == ["folder name"] * 2
    assert codes(log) == ["not_a_report"]


def test_one_bad_member_does_not_spoil_an_archive(tmp_path: Path) -> None:
    archive = bytearray(zipped(a=REPORT.encode(), b=REPORT.encode() + b"\n"))
    at = archive.find(REPORT.encode())
    archive[at] ^= 0xFF  # the checksum of the first member no longer fits
    reports, log = sources(write(tmp_path / "fleet.zip", bytes(archive)))
    assert [source.name[-2:] for source in reports] == ["/b"]
    assert codes(log) == ["unreadable_file"]


def test_a_spreadsheet_is_distinguished_from_an_archive(tmp_path: Path) -> None:
    _, log = sources(write(tmp_path / "a.xlsx", zipped(**{"[Content_Types].xml": b"<Types/>"})))
    assert "save the sheet as CSV" in log.rows[0][5]


@pytest.mark.parametrize(
    ("path", "content", "captured", "known_from"),
    [
        ("2026-10-30/a_2026-10-29T10-00-00+00-00.json", "envelope", datetime(2026, 10, 31, 8, tzinfo=UTC), "envelope"),
        ("2026-10-30/a_2026-10-29T10-00-00+00-00.csv", REPORT, datetime(2026, 10, 29, 10, tzinfo=UTC), "file name"),
        ("2026-10-29/2026-10-30/x/a.csv", REPORT, datetime(2026, 10, 30, 23, 59, 59, 999999, UTC), "folder name"),
        ("a.csv", REPORT, None, "unknown"),
    ],
)
def test_capture_time_comes_from_the_nearest_word(
    tmp_path: Path, path: str, content: str, captured: datetime | None, known_from: str
) -> None:
    if content == "envelope":
        content = json.dumps({"Content": base64.b64encode(REPORT.encode()).decode(), "GeneratedTime": GENERATED})
    (report,), _ = sources(write(tmp_path / path, content))
    assert (captured, known_from) == (report.captured_at, report.captured_from)


def test_an_unreadable_generated_time_is_an_issue_and_the_file_name_is_used(tmp_path: Path) -> None:
    envelope = json.dumps({"Content": REPORT, "GeneratedTime": "yesterday"})
    (report,), log = sources(write(tmp_path / "2026-10-31.json", envelope))
    assert report.captured_from == "file name"
    assert codes(log) == ["bad_timestamp"]


def test_the_same_report_counts_once_whatever_the_order(tmp_path: Path) -> None:
    names = [write(tmp_path / name, REPORT) for name in ("c.csv", "a.csv", "b.csv")]
    for order in (names, names[::-1], [*names, names[0], str(tmp_path)]):
        reports, log = sources(*order)
        assert [source.name for source in reports] == [f"{tmp_path}/a.csv"]
        assert set(codes(log)) == {"duplicate_input"}


def test_a_quiet_account_has_two_snapshots_of_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "2026-10-30.csv", REPORT)
    write(tmp_path / "2026-10-31.csv", REPORT)
    write(tmp_path / "undated.csv", REPORT)
    reports, log = sources(tmp_path)
    assert [source.name[-14:] for source in reports] == ["2026-10-30.csv", "2026-10-31.csv"]
    assert codes(log) == ["duplicate_input"]


def test_envelopes_one_after_the_other_are_numbered(tmp_path: Path) -> None:
    first, second = (json.dumps({"Content": csv_of(user(name))}, indent=4) for name in ("a", "b"))
    reports, _ = sources(write(tmp_path / "both.json", f"{first}\n{second}\n"))
    assert [source.name.rpartition("/")[2] for source in reports] == ["both.json#1", "both.json#2"]


def test_hidden_files_and_links_to_folders_are_noted(tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", REPORT)
    write(tmp_path / "in/.git/b.csv", REPORT)
    write(tmp_path / "elsewhere/c.csv", csv_of(user("c")))
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    reports, log = sources(tmp_path / "in")
    assert len(reports) == 1
    assert codes(log) == ["not_followed"] * 3


def test_the_output_folder_is_not_walked_into(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", REPORT)
    write(tmp_path / "out/b.csv", csv_of(user("b")))
    reports, log = sources(tmp_path, leave_out=tmp_path / "out")
    assert len(reports) == 1
    assert codes(log) == []


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    (report,), log = sources(write(tmp_path / "a.csv", REPORT.encode().replace(b"ci-deployer,", b"ci-d\xe9ployer,", 1)))
    assert "ci-d�ployer" in report.csv.decode()
    assert [(row[1], row[4]) for row in log.rows] == [(3, "bad_encoding")]
