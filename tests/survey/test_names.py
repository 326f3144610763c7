"""The capture time and the account of a report, as its path has them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.survey.names import CaptureTime, account_hint, captured, named_account

FIRST_OF_NOVEMBER = datetime(2026, 11, 1, 23, 59, 59, 999999, UTC)
LAST_OF_OCTOBER = datetime(2026, 10, 31, 23, 59, 59, 999999, UTC)


@pytest.mark.parametrize(
    "name",
    [
        "t/2026/11/01/111122223333.csv",
        "t/2026/11/1/111122223333.csv",
        "year=2026/month=11/day=01/111122223333.csv",
        "t/year=2026/month=11/day=1/credential_report.csv",
        "y=2026/m=11/d=01/x.csv",
        "t/2026/11/01.csv",
        "2026/11/1.csv.gz",
        "year=2026/month=11/day=01.json",
        "2026-11/01/x.csv",
        "202611/01/x.csv",
        "2026/11-01/x.csv",
        "month=2026-11/day=01/x.csv",
        "dt=2026-11-01/x.csv",
        "2026/Nov/01/x.csv",
        "2026/november/1/x.csv",
        "2026/11/01/111122223333/credential_report.csv",
        "2026/11/01.zip/2026/11/01/x.csv",
        "2026%2F11%2F01%2Fx.csv",
        "in/Nov 1 2026/x.csv",
        "report November 1st, 2026.csv",
        "1-Nov-2026.csv",
        "report_01-NOV-2026_111122223333.csv",
        "01Nov2026.csv",
        "2026-Nov-01.csv",
        "11-11-2026/2026-11-01.csv",
        "2026-09-30/2026/11/01/x.csv",
        "2026-11-01/2026-11/x.csv",
        "counter-01-02-2026-11-01.csv",
    ],
)
def test_dates_in_parts_and_in_words_are_read(name: str) -> None:
    assert captured(name, None).at == FIRST_OF_NOVEMBER


@pytest.mark.parametrize(
    "name", ["31-10-2026.csv", "10-31-2026.csv", "31.10.2026/x.csv", "31/10/2026/x.csv", "10_31_2026-111122223333.csv"]
)
def test_a_day_that_can_be_no_month_is_not_ambiguous(name: str) -> None:
    assert captured(name, None).at == LAST_OF_OCTOBER


@pytest.mark.parametrize(
    "name",
    [
        "01-11-2026.csv",
        "01/11/2026/x.csv",
        "2026/111/x.csv",
        "2026/13/01/x.csv",
        "2026-02-30.csv",
        "2026/x/11/01/y.csv",
        "2026-10-01_2026-10-31.csv",
        "2026-10-31 Nov 1 2026.csv",
        "1793404800.csv",
        "report_1793404800.csv",
        "version-1793404800/x.csv",
        "credentialReport_202610311122.csv",
        "maybe 12026.csv",
        "december-3-report.csv",
    ],
)
def test_uncertain_dates_are_no_date(name: str) -> None:
    assert captured(name, None) == (None, "unknown", None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("status_reports_2026-11-01T03%3A01%3A45%2B00%3A00.csv", (3, 1, 45)),
        ("status_reports_2026-11-01T03%3A01%3A45Z.csv", (3, 1, 45)),
        ("report_2026-11-01_UTC0158.csv", (1, 58)),
        ("report-2026-11-01-UTC01-58-03.csv", (1, 58, 3)),
        ("2026-11-01T03:01:45.123456+02:00.csv", (1, 1, 45, 123456)),
        ("2026-11-01T03-01-45 UTC.csv", (3, 1, 45)),
        ("1-Nov-2026T0301Z.csv", (3, 1)),
        ("epoch_1793502105.csv", (3, 1, 45)),
        ("generated=1793502105/x.csv", (3, 1, 45)),
        ("report-timestamp-1793502105123.csv", (3, 1, 45, 123000)),
        ("reportGeneratedAt1793502105_111122223333.csv", (3, 1, 45)),
    ],
)
def test_times_beside_a_date_are_read(name: str, expected: tuple[int, ...]) -> None:
    assert captured(name, None).at == datetime(2026, 11, 1, *expected, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("2026-09/x.csv", 9),
        ("2026/09/x.csv", 9),
        ("year=2026/month=9/111122223333.csv", 9),
        ("202609/x.csv", 9),
        ("month=202609/x.csv", 9),
        ("Sep-2026/x.csv", 9),
        ("2026/September/x.csv", 9),
        ("report_2026-09_111122223333.csv", 9),
        ("09-2026.csv", 9),
        # The date of an export does not show when that month's report was captured.
        ("2026-10-31/2026-09/x.csv", 9),
    ],
)
def test_a_month_alone_is_no_instant(name: str, month: int) -> None:
    captured_from_name = captured(name, None)
    assert (captured_from_name.at, captured_from_name.month) == (None, datetime(2026, month, 1, tzinfo=UTC))


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.data())
def test_any_day_is_read_in_any_unambiguous_form(day: date, data: st.DataObject) -> None:
    form = data.draw(
        st.sampled_from(
            [
                *("%Y-%m-%d.csv", "%Y%m%d.csv", "a/%Y/%m/%d/x.csv", "year=%Y/month=%m/day=%d/x.csv", "%Y-%m/%d/x.csv"),
                *("%Y/%m-%d/x.csv", "%b %d %Y.csv", "%d-%b-%Y.csv", "%d %B %Y/x.csv", "%Y/%b/%d/x.csv"),
            ]
        )
    )
    instant = captured(day.strftime(form), None).at
    assert instant is not None
    assert instant.date() == day


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.booleans())
def test_day_and_month_in_either_order_are_read_where_only_one_order_is_possible(day: date, day_first: bool) -> None:
    instant = captured(day.strftime("%d-%m-%Y.csv" if day_first else "%m-%d-%Y.csv"), None).at
    certain = day.day > 12 or day.day == day.month
    assert (instant and instant.date()) == (day if certain else None)


def test_a_time_of_an_option_is_for_reports_without_a_time() -> None:
    at = LAST_OF_OCTOBER + timedelta(hours=1)
    capture_times = [CaptureTime("a*/x.csv", at), CaptureTime("*", LAST_OF_OCTOBER)]
    assert captured("in/a1/x.csv", None, capture_times) == (at, "option --captured-at", None)
    assert captured("in/b/x.csv", None, capture_times).at == LAST_OF_OCTOBER
    assert captured("in/2026-09/x.csv", None, capture_times).at == LAST_OF_OCTOBER
    assert captured("in/2026-11-01/x.csv", None, capture_times).at == FIRST_OF_NOVEMBER
    assert captured("x.csv", FIRST_OF_NOVEMBER, capture_times).known_from == "envelope"


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("2026-11-01/credentialReport_444455556666.csv", ("444455556666", None)),
        ("in/444455556666/credential_report.csv", ("444455556666", "in/444455556666")),
        ("444455556666/x.csv", ("444455556666", "444455556666")),
        ("123456789012/1111-444455556666.csv", ("444455556666", None)),
        ("123456789012/444455556666_111122223333.csv", ("123456789012", "123456789012")),
        ("acct444455556666.csv", None),
        ("4444555566667.csv", None),
        ("12345678-1234-1234-1234-123456789012.csv", None),
        ("a/12345678-1234-1234-1234-123456789012_444455556666.csv", ("444455556666", None)),
        ("report_202610310712.csv", None),
        ("report_310720261230.csv", None),
        ("report_071231102026.csv", None),
        ("report_261031071245.csv", None),
    ],
)
def test_a_report_is_named_after_an_account(name: str, account: tuple[str, str | None] | None) -> None:
    assert named_account(name) == account


def test_a_hint_is_no_time_and_no_part_of_an_identifier() -> None:
    assert account_hint("444455556666/202610310712.csv") == "444455556666"
    assert account_hint("444455556666/12345678-1234-1234-1234-123456789012.csv") == "444455556666"
