from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from analyzer.outputs import charts
from analyzer.pipeline import audit
from analyzer.reading.layout import Kind
from analyzer.result import JUDGED_KINDS, Outcome, Settings
from analyzer.staleness import EXACT, Status
from tests.outputs.conftest import AS_OF, ODD
from tests.reports import COLUMNS_22, csv_of, key, password, user, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from analyzer.result import Audit

OLD_KEY = key(rotated="2026-01-01T00:00:00Z")
MANY = 20_000
_MADE: dict[int, Audit] = {}


@pytest.fixture
def sized(audit_of: Callable[..., Audit]) -> Callable[[int], Audit]:
    """Return a function that audits so many users, the odd ones first; each number is made once."""

    def make(users: int) -> Audit:
        if users not in _MADE:
            _MADE[users] = audit_of(ODD[:users], many=max(users - len(ODD), 0))
        return _MADE[users]

    return make


def drawn(audit: Audit, name: str) -> Figure:
    with charts.own_style():
        figure = charts.CHARTS[name](audit)
        figure.draw_without_rendering()
    return figure


def visible(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in visible(figure)]


def title(audit: Audit, name: str) -> str:
    return charts.CHARTS[name](audit).texts[0].get_text()


def bars(figure: Figure, panel: int) -> list[Rectangle]:
    """The bars of a panel: its rectangles without the area beyond the limit, which is as high as the panel."""
    return [bar for container in figure.axes[panel].containers for bar in container if isinstance(bar, Rectangle)]


def with_limit(audit: Audit, days: int) -> Audit:
    return replace(audit, settings=replace(audit.settings, max_idle_days=days))


def assert_readable(figure: Figure) -> None:
    """Nothing is cut off by the edge of the picture, and no text lies on another."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible(figure)]
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, text
    for (one, box), (other, beside) in combinations(boxes, 2):
        apart = box.x1 <= beside.x0 or beside.x1 <= box.x0 or box.y1 <= beside.y0 or beside.y1 <= box.y0
        assert apart, (one, other)


# --- reading well ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", charts.CHARTS)
def test_every_text_is_readable(any_audit: Audit, name: str) -> None:
    assert_readable(drawn(any_audit, name))


@pytest.mark.parametrize("users", [8, 50, MANY])
@pytest.mark.parametrize("name", charts.CHARTS)
def test_every_text_is_readable_at_any_size(sized: Callable[[int], Audit], users: int, name: str) -> None:
    assert_readable(drawn(sized(users), name))


@pytest.mark.parametrize("limit", [1, 10, 1_461, 36_500])
@pytest.mark.parametrize("name", ["idle_days", "age_vs_idle"])
@pytest.mark.parametrize("users", [50, MANY])
def test_every_text_is_readable_at_any_limit(sized: Callable[[int], Audit], users: int, name: str, limit: int) -> None:
    assert_readable(drawn(with_limit(sized(users), limit), name))


@pytest.mark.parametrize("name", charts.CHARTS)
def test_a_line_that_would_not_fit_has_smaller_letters(audit_of: Callable[..., Audit], name: str) -> None:
    result = audit_of(ODD, many=800)
    result = replace(result, settings=replace(result.settings, as_of=None))
    result.__dict__["totals"] = {status: count * 12_345_678 for status, count in result.totals.items()}
    result.__dict__["by_account"] = result.by_account * 12_345_678
    assert_readable(drawn(result, name))


def test_dollar_signs_are_no_formulas(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **OLD_KEY)])
    result.__dict__["by_account"] = result.by_account.rename(index=lambda _: r"$\frac{1$")
    assert r"$\frac{1$" in texts(drawn(result, "accounts"))


# --- saying what is there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", charts.CHARTS)
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "There is no IAM user in these reports."),
        ([user("a")], "No IAM user in the judged reports has an active password or access key."),
    ],
)
def test_without_data_the_picture_says_why(
    audit_of: Callable[..., Audit], rows: list[dict[str, str]], why: str, name: str
) -> None:
    figure = charts.CHARTS[name](audit_of(rows))
    assert not figure.axes
    assert why in texts(figure)


def test_what_no_picture_can_show_is_said(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **key(rotated="2020-01-01T00:00:00Z", used=""))])
    assert texts(charts.idle_days(result))[-1] == "No active password or access key has a known idle time."
    assert "Not shown: 1 could not be decided." in texts(charts.idle_days(result))
    assert texts(charts.accounts(result))[-1] == "No credential fails in any account, 1 could not be decided."
    assert "Not shown: 1 key whose age or last use is not known." in texts(charts.age_vs_idle(result))


def test_the_bins_of_idle_time_hold_all_that_is_exact(sized: Callable[[int], Audit]) -> None:
    result = sized(MANY)
    figure = charts.idle_days(result)
    known = result.findings[result.findings["reason"].isin(list(EXACT))]
    days = known["idle_days"].to_numpy(dtype=np.int64)
    is_password = (known["credential"] == "password").to_numpy()
    assert title(result, "idle_days").startswith(f"{result.totals[Status.FAIL]:,} of {result.totals['judged']:,} ")
    for panel, chosen in enumerate((is_password, ~is_password)):
        heights = [bar.get_height() for bar in bars(figure, panel)]
        assert sum(heights) == chosen.sum()
        assert sum(heights[:5]) == (days[chosen] < 45).sum()
        assert heights[5] == ((days[chosen] >= 45) & (days[chosen] < 90)).sum()
        counts = [t.get_text() for t in figure.axes[panel].texts if re.fullmatch(r"[\d,]+", t.get_text())]
        assert counts == [f"{int(height):,}" for height in heights if height]
        assert figure.axes[panel].get_ylabel().startswith(f"{chosen.sum():,}\n")
    left_out = sum(int(count) for count in re.findall(r"\d+", figure.texts[2].get_text()))
    assert left_out == len(result.findings) - len(known)


@pytest.mark.parametrize("limit", [1, 10, 45, 400, 5_000])
def test_no_bin_lies_on_both_sides_of_the_limit(sized: Callable[[int], Audit], limit: int) -> None:
    result = sized(MANY)
    figure = charts.idle_days(with_limit(result, limit))
    exact = result.findings[result.findings["reason"].isin(list(EXACT))]
    late = [
        bar.get_height()
        for panel in range(2)
        for bar in bars(figure, panel)
        if mpl.colors.to_hex(bar.get_facecolor()) == "#d55e00"
    ]
    assert sum(late) == (exact["idle_days"] >= limit).sum()


def test_the_status_bars_are_the_counts(sized: Callable[[int], Audit]) -> None:
    result = sized(MANY)
    figure = charts.status(result)
    shown = [*Status, Outcome.INACTIVE]
    for panel, kind in enumerate(JUDGED_KINDS):
        counts = [result.count(kind, outcome) for outcome in shown]
        assert [bar.get_width() for bar in bars(figure, panel)] == counts
        assert [text.get_text().split()[0] for text in figure.axes[panel].texts] == [f"{count:,}" for count in counts]
        assert figure.axes[panel].get_title("left").startswith(f"{sum(counts):,} ")


def test_the_accounts_are_those_with_the_most_failures(audit_of: Callable[..., Audit]) -> None:
    result = audit_of(ODD, many=3000)
    figure = charts.accounts(result)
    failing = result.by_account["fail"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(failing.index[:15])
    assert [bar.get_width() for bar in bars(figure, 0)] == failing.head(15).tolist()
    rest = failing.iloc[15:]
    assert title(result, "accounts").endswith(f"these 15 hold {failing.head(15).sum():,} of {failing.sum():,}")
    left_out = f"Not shown: {(rest > 0).sum()} further accounts with {rest.sum():,} failing credentials."
    assert any(left_out in text for text in texts(figure))


def test_an_unknown_account_is_said(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / "reports" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY), columns=no_arn))
    nowhere = audit([str(tmp_path / "reports")], Settings(as_of=AS_OF))
    assert "account unknown" in charts.accounts(nowhere).texts[1].get_text()
    assert title(nowhere, "accounts") == "1 of 1 account has a failing credential"
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY)))
    figure = charts.accounts(audit([str(tmp_path / "reports")], Settings(as_of=AS_OF)))
    assert "1 account and at least one unknown" in figure.texts[1].get_text()
    assert figure.texts[0].get_text() == "2 of 2 accounts have failing credentials"
    assert "unknown" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


@pytest.mark.parametrize("users", [50, MANY])
def test_every_key_of_known_age_and_use_is_drawn(sized: Callable[[int], Audit], users: int) -> None:
    result = sized(users)
    figure = charts.age_vs_idle(result)
    judged = result.credentials[result.credentials["outcome"].isin([Outcome.PASS, Outcome.FAIL])]
    keys = judged[(judged["kind"] == Kind.ACCESS_KEY) & judged["idle_days"].notna() & judged["age_days"].notna()]
    points = [one for one in figure.axes[0].collections if isinstance(one, PathCollection)]
    cells = [one for one in figure.axes[0].collections if isinstance(one, QuadMesh)]
    assert bool(cells) == (users > 2_000)
    if not cells:
        assert sum(len(np.asarray(one.get_offsets())) for one in points) == len(keys)
    else:
        assert np.ma.asarray(cells[0].get_array()).sum() == len(keys)
    never = (keys["last_used_state"] != "value").sum()
    assert title(result, "age_vs_idle").startswith(f"{never:,} of ")
    told = [
        int(found.replace(",", ""))
        for found in re.findall(r"^([\d,]+) (?:never )?used", "\n".join(texts(figure)), re.MULTILINE)
    ]
    assert sum(told) == len(keys)


def test_one_is_singular_and_fails(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **OLD_KEY)])
    assert title(result, "idle_days") == "1 of 1 active credential idle for 45 days or more"
    assert title(result, "status") == "1 of 1 active credential fails"
    assert title(result, "accounts").endswith("has a failing credential")
    assert title(result, "age_vs_idle") == "1 of 1 active access key never used"
    assert "1 day idle" in " ".join(texts(charts.age_vs_idle(with_limit(result, 1))))
    assert {"1 access key", "0 passwords"} <= set(texts(charts.status(result)))


def test_none_of_one_fails(audit_of: Callable[..., Audit]) -> None:
    result = audit_of([user("a", **password(changed="2026-10-30T00:00:00Z", used="2026-10-31T00:00:00Z"))])
    assert title(result, "status") == "0 of 1 active credential fails"
    assert title(result, "accounts") == "0 of 1 account has failing credentials"
    assert texts(charts.age_vs_idle(result))[-1] == "No IAM user in the judged reports has an active access key."


def test_some_is_neither_none_nor_all(audit_of: Callable[..., Audit]) -> None:
    recent = password(changed=(AS_OF - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    many = [user(f"u{n}", **recent) for n in range(300)]
    shown = [text.strip() for text in texts(charts.status(audit_of([*many, user("a", **password())])))]
    assert {"300 (over 99%)", "1 (under 1%)", "0"} <= set(shown)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("users", [0, 1, 50, MANY])
def test_four_files(sized: Callable[[int], Audit], users: int, tmp_path: Path) -> None:
    made = charts.write(sized(users), tmp_path)
    assert made == [tmp_path / "charts" / f"{name}.png" for name in ("idle_days", "status", "accounts", "age_vs_idle")]
    for path in made:
        assert imread(path).shape[:2] == (896, 1600)
        assert b"Software" not in path.read_bytes()
    assert sorted(made) == sorted(tmp_path.rglob("*.png"))


def test_equal_bytes_whatever_the_readers_settings(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=40)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = [path.read_bytes() for path in charts.write(result, tmp_path / "a")]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30, "path.sketch": (1, 100, 2)}):
        before = dict(mpl.rcParams)
        second = [path.read_bytes() for path in charts.write(result, tmp_path / "b")]
        assert dict(mpl.rcParams) == before
    assert first == second


def test_equal_bytes_and_no_remarks_under_the_readers_matplotlibrc(
    audit_of: Callable[..., Audit], tmp_path: Path
) -> None:
    # A fresh process without a font cache, and with settings that matplotlib has something to say about.
    program = (
        "import sys; from datetime import datetime; from pathlib import Path; from analyzer.outputs import charts\n"
        "from analyzer.pipeline import audit; from analyzer.result import Settings\n"
        "result = audit([sys.argv[1]], Settings(as_of=datetime.fromisoformat(sys.argv[2])))\n"
        "charts.write(result, Path(sys.argv[3])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    result = audit_of(ODD, many=40)
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "matplotlibrc").write_text(
        "font.size: 31\nno.such.key: 1\naxes.grid: True\nsavefig.dpi: x\n"
    )
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / "in", AS_OF.isoformat(), tmp_path / "there"],
        env=os.environ | {"MPLCONFIGDIR": str(tmp_path / "settings"), "PYTHONHASHSEED": "7", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    here = charts.write(result, tmp_path / "here")
    assert all(path.read_bytes() == (tmp_path / "there" / "charts" / path.name).read_bytes() for path in here)


def test_the_log_is_as_loud_afterwards_as_before() -> None:
    log = logging.getLogger("matplotlib")
    level = log.level
    with charts.own_style():
        assert log.getEffectiveLevel() == logging.ERROR
    assert log.level == level
