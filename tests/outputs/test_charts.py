from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.controls.frameworks import BENCHMARKS
from analyzer.controls.policy import read_policy
from analyzer.controls.vocabulary import Status
from analyzer.judging.staleness import EXACT
from analyzer.reading.layout import Kind
from analyzer.rendering.pictures import audit as charts
from analyzer.rendering.pictures import canvas as drawing
from tests.outputs.conftest import AS_OF, ODD
from tests.reports import ACCOUNT, COLUMNS_22, csv_of, key, password, root, unused, user, write
from tests.running import JUDGED_KINDS, Outcome, Settings, audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from analyzer.controls.policy import Policy
    from tests.running import Audit

DASH = "\N{EN DASH}"
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
    with drawing.own_style():
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


def subtitle(audit: Audit, name: str) -> str:
    return charts.CHARTS[name](audit).texts[1].get_text()


def numbers(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)]


def with_limit(audit: Audit, days: int) -> Audit:
    return replace(audit, settings=replace(audit.settings, checklist=unused(days)))


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
    result.__dict__["by_control"] = [
        {status: count * 12_345_678 for status, count in counts.items()} for counts in result.by_control
    ]
    for counts in ("unused", "totals"):
        result.__dict__.pop(counts, None)
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
    left_out = sum(numbers(figure.texts[2].get_text()))
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
    nowhere = audit([str(tmp_path / "reports")], Settings(unused(), as_of=AS_OF))
    assert "account unknown" in charts.accounts(nowhere).texts[1].get_text()
    assert title(nowhere, "accounts") == "1 of 1 account has a failing credential"
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY)))
    figure = charts.accounts(audit([str(tmp_path / "reports")], Settings(unused(), as_of=AS_OF)))
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


# --- several controls ------------------------------------------------------------------------------------------------

POLICY = """
[controls.single-active-access-key]
enabled = false
[waivers.device]
control = "root-hardware-mfa"
reason = "seen"
owner = "somebody"
expires = 2026-12-31
[waivers.robots]
account = "111122223333"
control = "mfa-every-user"
reason = "robots"
owner = "somebody"
expires = 2026-12-31
[waivers.some]
user = "*7*"
reason = "known"
owner = "somebody"
expires = 2026-12-31
"""
PLANS = ("all", "policy", "lone", "root's", *BENCHMARKS)


def policy_in(folder: Path) -> Policy:
    (folder / "policy.toml").write_text(POLICY)
    return read_policy(folder / "policy.toml")


@pytest.fixture
def planned(audit_of: Callable[..., Audit], tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits by a checklist of a name (see `PLANS`)."""

    def make(name: str, rows: list[dict[str, str]], many: int = 0) -> Audit:
        plans: dict[str, Callable[[], Checklist]] = {
            "all": make_checklist,
            "policy": lambda: make_checklist(policy=policy_in(tmp_path)),
            "lone": lambda: make_checklist(controls=["console-mfa"]),
            "root's": lambda: make_checklist(controls=["root-mfa", "no-root-access-key", "console-mfa"]),
        }
        checklist = plans[name]() if name in plans else make_checklist(benchmark=name)
        return audit_of(rows, many=many, checklist=checklist)

    return make


def by_account_and_control(audit: Audit) -> dict[tuple[str, int], dict[str, int]]:
    """Count again, one finding at a time; `failing` and `undecided` are without what is waived."""
    counts: dict[tuple[str, int], dict[str, int]] = {}
    columns = ["account_id", "chosen", "status", "waiver"]
    for row in audit.findings[columns].astype(object).to_dict("records"):
        account = row["account_id"] if isinstance(row["account_id"], str) else "unknown"
        covered = isinstance(row["waiver"], str)
        name = {"fail": "failing", "not_checked": "undecided"}.get(row["status"], row["status"])
        cell = counts.setdefault((account, int(row["chosen"])), {})
        cell["waived" if covered else name] = cell.get("waived" if covered else name, 0) + 1
    return counts


def in_a_cell(counts: dict[str, int]) -> str:
    if counts.get("failing"):
        return f"{counts['failing']:,}{'?' if counts.get('undecided') else ''}"
    if counts.get("undecided"):
        return "?"
    if counts.get("waived"):
        return f"({counts['waived']:,})"
    return "0" if counts.get("pass") else DASH


def beside(figure: Figure, row: int) -> list[str]:
    """The texts in a row of the picture of controls, from the left."""
    found = [text for text in figure.axes[0].texts if text.get_position()[1] == row]
    return [text.get_text() for text in sorted(found, key=lambda text: text.get_window_extent().x0)]


def cells_of(figure: Figure) -> dict[tuple[float, float], Text]:
    """The texts in the cells of a matrix, by column and row; the column of all accounts is the only negative one."""
    return {text.get_position(): text for text in figure.axes[0].texts if text.get_horizontalalignment() == "center"}


@pytest.mark.parametrize("checklist", PLANS)
@pytest.mark.parametrize(("rows", "many"), [([], 0), (ODD[:1], 0), (ODD, 0), (ODD, 700)])
def test_every_text_of_several_controls_is_readable(
    planned: Callable[..., Audit], checklist: str, rows: list[dict[str, str]], many: int
) -> None:
    result = planned(checklist, rows, many)
    for name in charts.wanted(result.checklist):
        assert_readable(drawn(result, name))


@pytest.mark.parametrize("name", ["status", "matrix", "accounts"])
def test_long_names_big_numbers_and_more_controls_are_readable(planned: Callable[..., Audit], name: str) -> None:
    result = planned("policy", ODD, 200)
    long = [
        replace(one, control=replace(one.control, id=f"{one.control.id}-{'x' * 40}")) for one in result.checklist.checks
    ]
    for checklist in (Checklist(tuple(long)), Checklist((*long, *long))):
        assert_readable(drawn(replace(result, settings=replace(result.settings, checklist=checklist)), name))
    big = replace(result)
    big.__dict__["by_control"] = [{n: c * 123_456 for n, c in counts.items()} for counts in big.by_control]
    big.__dict__["matrix"] = {status: counts * 123_456 for status, counts in big.matrix.items()}
    big.__dict__["by_account"] = big.by_account * 123_456
    assert_readable(drawn(big, name))


@pytest.mark.parametrize("checklist", ["all", "policy", "security-hub", "lone", "cis-1.2"])
def test_bars_and_numbers_by_control_are_the_counts(planned: Callable[..., Audit], checklist: str) -> None:
    result = planned(checklist, ODD, 700)
    figure = drawn(result, "status")
    found = by_account_and_control(result)
    waived = bool(result.totals["waived"])
    assert waived == (checklist == "policy")
    lengths: dict[tuple[str, int], float] = {}
    for container in figure.axes[0].containers:
        label = str(container.get_label())
        for bar in container:
            assert isinstance(bar, Rectangle)
            row = round(bar.get_y() + bar.get_height() / 2)
            lengths[label, row] = bar.get_width()
            assert (bar.get_hatch() is not None) == label.endswith("waived")
            # Each part begins where those before it end.
            before = sum(length for (_, at), length in lengths.items() if at == row) - bar.get_width()
            assert bar.get_x() == pytest.approx(before)
    for row, (one, counts) in enumerate(zip(result.checklist.checks, result.by_control, strict=True)):
        shown = beside(figure, row)
        assert shown[:2] == [one.requirement or DASH, shown[1]]
        assert shown[1].split(" ")[0] == one.control.id
        judged = counts["judged"]
        if not judged:
            assert shown[2:] == ["nothing to judge", *[DASH] * (5 if waived else 4)]
            assert not [length for (_, at), length in lengths.items() if at == row]
            continue
        wanted = [f"{counts[name]:,}" for name in ("fail", "not_checked", "pass", "judged")]
        assert [text for text in shown[2:] if text] == wanted + [f"({n:,})" for n in [counts["waived"]] if n]
        again = [cell for (_, control), cell in found.items() if control == row]
        for label, name in {"fail": "failing", "not checked": "undecided", "pass": "pass"}.items():
            share = sum(cell.get(name, 0) for cell in again) / judged
            assert lengths.get((label, row), 0) == pytest.approx(share)
        hatched = sum(lengths.get((f"{label}, waived", row), 0) for label in ("fail", "not checked"))
        assert hatched == pytest.approx(counts["waived"] / judged)
    assert len({row for _, row in lengths}) == sum(counts["judged"] > 0 for counts in result.by_control)


@pytest.mark.parametrize("checklist", PLANS)
def test_the_title_by_control_adds_up(planned: Callable[..., Audit], checklist: str) -> None:
    result = planned(checklist, ODD, 120)
    said = title(result, "status")
    fails, total, *_ = numbers(said)
    assert fails == sum(counts["fail"] > 0 for counts in result.by_control)
    assert total == len(result.checklist.checks)
    others = re.sub(r"\(.*?\)", "", said).partition(";")[2]
    assert fails + sum(numbers(others)) == total


def test_what_fails_only_where_excepted_is_said(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    checklist = make_checklist(
        policy=policy_in(tmp_path), controls=["mfa-every-user", "root-hardware-mfa", "console-mfa"]
    )
    result = audit_of([user("a")], checklist=checklist)
    assert title(result, "status") == "2 of 3 controls fail somewhere (2 only where waived); 1 has nothing to judge"
    assert title(result, "matrix") == f"No control fails in account {ACCOUNT}"
    assert "Not counted: 2 waived findings." in texts(charts.matrix(result))
    assert title(result, "accounts") == "1 of 1 account has failing findings"
    assert [(bar.get_width(), bar.get_hatch() is not None) for bar in bars(charts.accounts(result), 0)] == [
        (0, False),
        (2, True),
    ]


@pytest.mark.parametrize("checklist", ["all", "policy", "security-hub", "root's"])
@pytest.mark.parametrize("many", [0, 700])
def test_the_numbers_of_the_matrix_are_the_counts(planned: Callable[..., Audit], checklist: str, many: int) -> None:
    result = planned(checklist, ODD, many)
    figure = drawn(result, "matrix")
    found = by_account_and_control(result)
    sums = {account: [0, 0] for account, _ in found}
    for (account, _), counts in found.items():
        sums[account][0] -= counts.get("failing", 0)
        sums[account][1] -= counts.get("undecided", 0)
    order = sorted(sums, key=lambda account: (*sums[account], account))
    shown = order[:15]
    texts_at = cells_of(figure)
    heads = [texts_at.pop((place, -0.65)).get_text().replace("\n", "") for place in range(len(shown))]
    assert heads == shown
    for row in range(len(result.checklist.checks)):
        for place, account in enumerate(shown):
            assert texts_at.pop((place, row)).get_text() == in_a_cell(found.get((account, row), {}))
    if len(order) == 1:
        assert not texts_at
        return
    total = {at[1]: text.get_text() for at, text in texts_at.items()}
    assert {at[0] < -0.5 for at in texts_at} == {True}
    assert total.pop(-0.65) == f"all\n{len(order)}"
    for row in range(len(result.checklist.checks)):
        names = {name for cell in found.values() for name in cell}
        whole = {name: sum(c.get(name, 0) for (_, at), c in found.items() if at == row) for name in names}
        assert total.pop(row) == in_a_cell(whole)
    assert not total
    rest = -sum(sums[account][0] for account in order[15:])
    assert f"Not shown: {len(order) - 15} further accounts with {rest:,} failing findings." in " ".join(texts(figure))


def test_cells_are_told_apart_and_their_numbers_stand_out(planned: Callable[..., Audit]) -> None:
    fills: dict[str, set[str]] = {}
    for many in (0, 700):
        figure = drawn(planned("policy", ODD, many), "matrix")
        heat: dict[int, float] = {}
        patches = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
        filled = {(round(patch.get_x() + 0.47), round(patch.get_y() + 0.44)): patch for patch in patches}
        for (x, y), text in cells_of(figure).items():
            said = text.get_text()
            if y < 0 or x < 0:
                continue
            patch = filled.get((round(x), round(y)))
            assert (patch is None) == (said == DASH)
            if patch is None:
                continue
            fill = mpl.colors.to_hex(patch.get_facecolor())
            assert drawing.contrast(mpl.colors.to_hex(text.get_color()), fill) >= 4.5
            assert (patch.get_hatch() is not None) == said.startswith("(")
            if said in {"0", "?"} or said.startswith("("):
                fills.setdefault(said[0], set()).add(fill)
            else:
                heat[numbers(said)[0]] = drawing.contrast("white", fill)
                fills.setdefault("1", set()).add(fill)
        assert [heat[count] for count in sorted(heat)] == sorted(set(heat.values()))
        assert len(heat) >= 3
    assert {look: len(of) for look, of in fills.items() if look != "1"} == {"0": 1, "?": 1, "(": 1}
    assert len(set().union(*fills.values())) == sum(map(len, fills.values()))


def test_an_unknown_account_has_a_column(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / "reports" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY), columns=no_arn))
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(root(), user("a", **OLD_KEY)))
    result = audit([str(tmp_path / "reports")], Settings(as_of=AS_OF))
    figure = drawn(result, "matrix")
    assert_readable(figure)
    assert {"unknown", ACCOUNT, "Reports that tell no account are counted as one account."} <= set(texts(figure))


def test_a_control_that_stands_twice_shows_its_limit(planned: Callable[..., Audit]) -> None:
    result = planned("security-hub", ODD)
    for name in ("status", "matrix"):
        figure = drawn(result, name)
        assert beside(figure, 0)[:2] == ["IAM.22", "unused-credentials (45 days)"]
        assert beside(figure, 1)[:2] == ["IAM.8", "unused-credentials (90 days)"]
        assert "Security Hub" in texts(figure)


@pytest.mark.parametrize("name", ["idle_days", "age_vs_idle"])
def test_idle_time_is_that_of_unused_credentials_alone(
    planned: Callable[..., Audit], audit_of: Callable[..., Audit], name: str
) -> None:
    lone = audit_of(ODD, many=500)
    for checklist in ("all", "cis-7.0", "security-hub"):
        several = planned(checklist, ODD, 500)
        figure, wanted = drawn(several, name), drawn(lone, name)
        # All texts but the line that says what it is about.
        assert [t for t in texts(figure) if " · " not in t] == [t for t in texts(wanted) if " · " not in t]
        assert [bar.get_height() for axes in range(len(figure.axes)) for bar in bars(figure, axes)] == [
            bar.get_height() for axes in range(len(wanted.axes)) for bar in bars(wanted, axes)
        ]
        assert "unused-credentials (" in subtitle(several, name)
        assert "unused-credentials" not in subtitle(lone, name)


@pytest.mark.parametrize(
    ("controls", "excluded"),
    [
        (["unused-credentials"], True),
        (["unused-credentials", "console-mfa"], True),
        (["unused-credentials", "root-mfa"], False),
        (["unused-credentials", "active-certificates"], False),
    ],
)
def test_root_is_called_excluded_only_where_it_is(
    audit_of: Callable[..., Audit], controls: list[str], excluded: bool
) -> None:
    result = audit_of(ODD, checklist=make_checklist(controls=controls))
    for name in charts.wanted(result.checklist):
        # Of idle time, root has none that counts, whatever else is judged.
        told = excluded or name in {"idle_days", "age_vs_idle"}
        assert ("root excluded" in subtitle(result, name)) == told


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_benchmark_is_named(planned: Callable[..., Audit], benchmark: str) -> None:
    result = planned(benchmark, ODD)
    for name in charts.wanted(result.checklist):
        assert subtitle(result, name).startswith(f"{BENCHMARKS[benchmark].title} · ")
    assert BENCHMARKS[benchmark].label in " ".join(texts(charts.status(result)))
    assert "Benchmark" not in subtitle(planned("all", ODD), "status")


def test_accounts_are_ranked_by_all_findings_and_exceptions_are_hatched(planned: Callable[..., Audit]) -> None:
    result = planned("policy", ODD, 700)
    figure = drawn(result, "accounts")
    failing = result.by_account["fail"].head(15)
    found = result.findings[result.findings["status"] == "fail"]
    covered = found[found["waiver"].notna()]["account_id"].value_counts().to_dict()
    rows = {account: [0.0, 0.0] for account in failing.index}
    for bar in bars(figure, 0):
        rows[failing.index[round(bar.get_y() + bar.get_height() / 2)]][bar.get_hatch() is not None] = bar.get_width()
    assert rows == {account: [count - covered[account], covered[account]] for account, count in failing.items()}
    assert title(result, "accounts").endswith(
        f"failing findings; these 15 hold {failing.sum():,} of {result.totals[Status.FAIL]:,}"
    )
    assert "number of failing findings; hatched: waived" in texts(figure)


def test_exceptions_are_told_where_no_picture_tells_them_apart(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    checklist = make_checklist(controls=["unused-credentials"], policy=policy_in(tmp_path))
    result = audit_of([user("7", **OLD_KEY), user("a", **OLD_KEY)], checklist=checklist)
    for name in ("idle_days", "status"):
        note = "1 of those that fail or could not be decided is waived."
        assert note in " ".join(texts(charts.CHARTS[name](result)))
    assert title(result, "status") == "2 of 2 active credentials fail"
    assert "  2  (1 waived)" in texts(charts.accounts(result))


@pytest.mark.parametrize("name", charts.CHARTS)
def test_without_any_finding_the_picture_says_why(planned: Callable[..., Audit], name: str) -> None:
    result = planned("all", [])
    empty = {
        table: getattr(result, table).iloc[:0] for table in ("inputs", "users", "credentials", "findings", "issues")
    }
    figure = drawn(replace(result, **empty), name)
    assert not figure.axes
    assert "There is no IAM user in these reports." in texts(figure)
    if name in {"idle_days", "age_vs_idle"}:
        assert "There is no IAM user in these reports." in texts(drawn(result, name))


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("users", [0, 1, 50, MANY])
def test_the_files_of_one_control(sized: Callable[[int], Audit], users: int, tmp_path: Path) -> None:
    assert_written(sized(users), tmp_path, ["idle_days", "status", "accounts", "age_vs_idle"])


@pytest.mark.parametrize(
    ("controls", "names"),
    [
        ([], ["idle_days", "status", "matrix", "accounts", "age_vs_idle"]),
        (["unused-credentials"], ["idle_days", "status", "accounts", "age_vs_idle"]),
        (["root-mfa"], ["status", "accounts"]),
        (["root-mfa", "console-mfa"], ["status", "matrix", "accounts"]),
    ],
)
def test_there_is_a_picture_of_what_was_judged_only(
    audit_of: Callable[..., Audit], controls: list[str], names: list[str], tmp_path: Path
) -> None:
    assert_written(audit_of(ODD, checklist=make_checklist(controls=controls)), tmp_path / "out", names)


def assert_written(audit: Audit, folder: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    made = charts.write(audit, folder)
    assert made == [folder / "charts" / f"{name}.png" for name in names]
    for path in made:
        assert imread(path).shape[:2] == (896, 1600)
        assert b"Software" not in path.read_bytes()
    assert sorted(made) == sorted(folder.rglob("*.png"))


def test_equal_bytes_whatever_the_readers_settings(audit_of: Callable[..., Audit], tmp_path: Path) -> None:
    result = audit_of(ODD, many=40, checklist=make_checklist(policy=policy_in(tmp_path)))
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
        "from tests.running import Settings, audit\n"
        "result = audit([sys.argv[1]], Settings(as_of=datetime.fromisoformat(sys.argv[2])))\n"
        "charts.write(result, Path(sys.argv[3])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    result = audit_of(ODD, many=40, checklist=make_checklist())
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "matplotlibrc").write_text(
        "font.size: 31\nno.such.key: 1\naxes.grid: True\nsavefig.dpi: x\n"
    )
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / "in", AS_OF.isoformat(), tmp_path / "there"],
        cwd=Path(__file__).resolve().parents[2],
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
    with drawing.own_style():
        assert log.getEffectiveLevel() == logging.ERROR
    assert log.level == level
