from datetime import UTC, datetime

import pytest

from analyzer.reading.times import parse_instant, parse_reference
from analyzer.survey.names import account_in_name, instant_in_name

END = (23, 59, 59, 999999)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-31T08:00:00Z", utc(2026, 10, 31, 8)),
        ("2026-10-31T08:00:00+00:00", utc(2026, 10, 31, 8)),
        ("2026-10-31 08:00:00+05:30", utc(2026, 10, 31, 2, 30)),
        ("2026-10-31T08:00:00-0800", utc(2026, 10, 31, 16)),
        ("2026-10-31T08:00:00+02", utc(2026, 10, 31, 6)),
        ("2026-10-31T08:00z", utc(2026, 10, 31, 8)),
        ("2026-10-31T08:00:00.1239999Z", utc(2026, 10, 31, 8, 0, 0, 123999)),
        ("2026-10-20 07:15:31.000 UTC", utc(2026, 10, 20, 7, 15, 31)),
        ("2026-10-20 07:15:31 GMT", utc(2026, 10, 20, 7, 15, 31)),
        ("2026-10-20 07:15:31.000 +0000", utc(2026, 10, 20, 7, 15, 31)),
        ("2026-10-20 07:15:31 -08:00", utc(2026, 10, 20, 15, 15, 31)),
        ("2024-02-29T23:59:59Z", utc(2024, 2, 29, 23, 59, 59)),
    ],
)
def test_certain_instants_are_read(text: str, expected: datetime) -> None:
    assert expected == parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "N/A",
        "2026-10-31",
        "2026-10-31T08:00:00",
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-10-31T24:00:00Z",
        "2026-10-31T08:00:00+24:00",
        "2026-10-31T08:00:00  Z",
        "2026-10-31T08:00:00 CET",
        "2026-10-31T08:00:00 utc",
        "2026-10-31T08:00:00+02:60",
        "03/04/2026 10:00",
        "45961.5",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-10-31T08:00:00Z",
    ],
)
def test_uncertain_instants_are_not_read(text: str) -> None:
    assert parse_instant(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", utc(2026, 11, 24, *END)),
        ("2026-11-24T10:00:00", utc(2026, 11, 24, 10)),
        ("2026-11-24 10:00", utc(2026, 11, 24, 10)),
        ("2026-11-24T10:00:00+02:00", utc(2026, 11, 24, 8)),
        ("2026-11-31", None),
        ("24.11.2026", None),
        ("20261124", None),
        ("yesterday", None),
    ],
)
def test_reference_instants_are_read(text: str, expected: datetime | None) -> None:
    assert expected == parse_reference(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("status_reports_2018-03-27T03-01-45+00-00.csv", utc(2018, 3, 27, 3, 1, 45)),
        ("status_reports_2018-03-27T03-01-45+02-00.csv", utc(2018, 3, 27, 1, 1, 45)),
        ("2026-10-31", utc(2026, 10, 31, *END)),
        ("20261031", utc(2026, 10, 31, *END)),
        ("report_2026_10_31.csv", utc(2026, 10, 31, *END)),
        ("20261031T030145Z.csv", utc(2026, 10, 31, 3, 1, 45)),
        ("20261031030145.csv", utc(2026, 10, 31, 3, 1, 45)),
        ("2026-10-31_03-01-45.csv", utc(2026, 10, 31, 3, 1, 45)),
        ("2026-10-31 03:01:45.csv", utc(2026, 10, 31, 3, 1, 45)),
        ("2026-10-31_111122223333.csv", utc(2026, 10, 31, *END)),
        ("111122223333_2026-10-31.csv", utc(2026, 10, 31, *END)),
        ("2026-10-31-2.csv", utc(2026, 10, 31, *END)),
        ("2026-10-31-998877.csv", utc(2026, 10, 31, *END)),
        ("2026-10-31_2026-10-31.csv", utc(2026, 10, 31, *END)),
        # A number is not a date because eight of its digits could be one; two dates do not say which.
        ("credentialReport_202610311122.csv", None),
        ("2026-10-01_2026-10-31.csv", None),
        ("2026-13-01.csv", None),
        ("31-10-2026.csv", utc(2026, 10, 31, *END)),
        ("credential_report.csv", None),
    ],
)
def test_instants_in_names_are_read(name: str, expected: datetime | None) -> None:
    assert expected == instant_in_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("credentialReport_111122223333.csv", "111122223333"),
        ("111122223333", "111122223333"),
        ("111122223333-and-111122223333", "111122223333"),
        ("111122223333_123456789012.csv", None),
        ("20261031030145.csv", None),
        ("1111222233334.csv", None),
    ],
)
def test_accounts_in_names_are_read(name: str, expected: str | None) -> None:
    assert expected == account_in_name(name)
