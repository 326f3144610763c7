"""The role of a report in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from analyzer.evidence.inputs import role_in_words

NOW, LATER = datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
MONTH = "month 2026-09 in a name"


@pytest.mark.parametrize(
    ("roles", "more", "words"),
    [
        (["judged"], {}, "judged"),
        (["judged", "trend", "not_judged"], {}, "judged: 1 of 3 accounts"),
        (["trend", "not_judged"], {}, "older: read for the trend"),
        ([], {}, "not judged: no readable row"),
        (["not_judged"], {}, "not judged: older snapshot"),
        (
            ["not_judged"],
            {"captured_at": LATER},
            "not judged: newer than the reference date",
        ),
        (["not_judged"], {"captured_at": None, "captured_from": "unknown"}, "not judged: no capture time"),
        (
            ["not_judged"],
            {"captured_at": None, "captured_from": MONTH},
            "not judged: other snapshot",
        ),
    ],
)
def test_the_role_names_why_a_report_was_not_judged(roles: list[str], more: dict[str, Any], words: str) -> None:
    accounts = [{"account_id": "111122223333", "rows": 1, "role": role} for role in roles]
    report = {"captured_at": datetime(2026, 9, 30, tzinfo=UTC), "captured_from": "folder name", "accounts": accounts}
    assert role_in_words(report | more, NOW) == words
