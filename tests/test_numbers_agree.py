"""The terminal, JSON, the page, the PDF, the workbook and the Parquet tables give the same numbers: each is read."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from pyarrow import parquet

from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.opening import TREND_COLUMNS
from analyzer.rendering.pictures import render
from analyzer.rendering.waivers import WAIVED
from analyzer.rendering.workbook.page import NOTHING
from tests.cli.running import run
from tests.rendering.pdf.reading import text_of
from tests.rendering.pictures.figures import figure_of, why_not
from tests.reports import csv_of, key, password, root, user, write

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

USER_CREATED = "2020-01-01T00:00:00Z"


def all_passing(folder: Path) -> None:
    """Write one account with three users, in which everything passes."""
    users = [
        user(
            "ci-deployer",
            user_creation_time=USER_CREATED,
            **key(rotated="2026-10-01T00:00:00Z", used="2026-10-30T00:00:00Z"),
        ),
        user("auditor", user_creation_time=USER_CREATED, mfa_active="true", **_password("2026-10-01", "2026-10-30")),
        user(
            "break-glass", user_creation_time=USER_CREATED, mfa_active="true", **_password("2026-10-02", "2026-10-29")
        ),
    ]
    owner = root(mfa_active="true", password_last_used="2020-01-01T00:00:00Z")
    write(folder / "2026-10-31/111122223333.csv", csv_of(owner, *users))
    write(folder / "accounts.csv", "account,name,owner\n111122223333,payments,team-a\n")


def _password(changed: str, used: str) -> dict[str, str]:
    return password(changed=f"{changed}T00:00:00Z", used=f"{used}T00:00:00Z")


def fleet(folder: Path, accounts: int = 60) -> None:
    """Write many accounts; of two that are expected, there is no report."""
    listed = ["account,name,owner"]
    for number in range(accounts + 2):
        account = f"{111122220000 + number}"
        listed.append(f"{account},workload-{number},team-{number % 3}")
        if number < accounts:
            write(folder / f"2026-10-31/{account}.csv", _report(account, number, 10))
    write(folder / "accounts.csv", "\n".join(listed) + "\n")


def _report(account: str, seed: int, month: int) -> str:
    rows = []
    for n in range(7):
        at = seed * 7 + n
        day = f"{at % 28 + 1:02}"
        used = f"2026-{max(month - at % 4, 1):02}-{day}T00:00:00Z" if at % 5 else "N/A"
        cells = key(rotated=f"20{24 + at % 3}-01-{day}T00:00:00Z", used=used, active="true" if at % 11 else "false")
        if at % 3 == 0:
            cells |= _password(f"2026-0{at % 6 + 1}-{day}", f"2026-{month:02}-{day}")
        rows.append(user(f"user-{n}", account=account, user_creation_time=USER_CREATED, **cells))
    return csv_of(root(account, mfa_active="true" if seed % 3 == 1 else "false"), *rows)


def with_waivers(folder: Path) -> None:
    """Write a fleet in which waivers cover some failures of an account, and all of a control of another one."""
    fleet(folder, 9)
    waiver = 'reason = "accepted"\nowner = "team-a"\nexpires = 2027-01-31\n'
    waiver_of_user = (
        f'[waivers.some]\naccount = "111122220001"\nuser = "user-3"\ncontrol = "unused-credentials"\n{waiver}'
    )
    waiver_of_control = f'[waivers.every]\naccount = "111122220002"\ncontrol = "access-key-rotation"\n{waiver}'
    write(folder / "credreport.toml", f"{waiver_of_user}{waiver_of_control}")


def monthly(folder: Path) -> None:
    """Write a year of monthly snapshots of two accounts."""
    for month in range(1, 13):
        for number, account in enumerate(("111122223333", "444455556666")):
            write(folder / f"2026-{month:02}-28/{account}.csv", _report(account, number, month))
    write(folder / "accounts.csv", "account,name,owner\n111122223333,a,team-a\n444455556666,b,team-b\n")


def summary_of(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of the workbook's Summary, as they are shown."""
    return list(openpyxl.load_workbook(path, data_only=True)["Summary"].iter_rows(values_only=True))


def below(rows: list[tuple[Any, ...]], title: str) -> dict[str, tuple[Any, ...]]:
    """Return the rows below a title, by their first cell, as far as the next empty one."""
    at = next(number for number, row in enumerate(rows) if str(row[0]).startswith(title))
    rows_below = {}
    for row in rows[at + 1 :]:
        if row[0] is None:
            break
        rows_below[str(row[0])] = row[1:]
    return rows_below


class Page:
    """`report.html`: its texts, the numbers at its top, its grid of controls, and the data of its tables."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.text = html.unescape(re.sub(r"<[^>]+>", "", text.partition("<body>")[2].partition("<script")[0]))
        top = re.findall(r"<li[^>]*><a[^>]*><strong>([^<]+)</strong> ([^<]+)</a>", text)
        self.figures = {html.unescape(label): number(value) for value, label in top}
        data = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
        self.rows = {name: self._rows(table) for name, table in data["tables"].items()}
        grid = text.partition('<section id="grid"')[2].partition("</section>")[0]
        heads = re.findall(r"<th[^>]*>(.*?)</th>", grid.partition("</thead>")[0])
        self.accounts = [re.sub("<[^>]+>", "", head).split()[0] for head in heads if "upright" in head]
        self.grid = {}
        for row in re.findall(r"<tr>(.*?)</tr>", grid)[1:]:
            cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            self.grid[cells[1]] = cells[2:]

    @staticmethod
    def _rows(table: dict[str, Any]) -> dict[str, list[Any]]:
        columns = {}
        for column in table["columns"]:
            texts = [*column.get("texts", []), None]
            columns[column["name"]] = (
                [texts[code] for code in column["codes"]] if "codes" in column else column["values"]
            )
        return columns


def number(text: str) -> int:
    return int(text.replace(",", ""))


@dataclass(frozen=True)
class Outputs:
    """The outputs of one audit, each read back."""

    screen: str
    facts: dict[str, Any]
    findings: pd.DataFrame
    book: list[tuple[Any, ...]]
    page: Page
    pdf: str
    received: list[str]
    """The status of each listed account, such as `received`."""
    users: int
    sheet: dict[str, dict[tuple[str, str], Any]]
    """The sheet Accounts: by account, its cells by group and heading."""
    pictures: dict[str, dict[str, list[str]]]
    """The texts beside each row of a picture, by the name of the picture and the first text of the row."""
    matrix: dict[str, dict[str, str]]
    """The cells of the picture of controls by account: by control and account."""

    def sheet_cell(self, account: str, group: str, control: str) -> Any:  # noqa: ANN401 - a cell
        """Return the cell of an account and a control on the sheet Accounts."""
        cells = self.sheet[account].items()
        return next(value for (name, title), value in cells if (name, title.split(" ")[0]) == (group, control))


def sheet_of_accounts(path: Path) -> dict[str, dict[tuple[str, str], Any]]:
    """Return the cells of the sheet Accounts by account, and by group and heading."""
    _, _, _, groups, heads, *rows = openpyxl.load_workbook(path, data_only=True)["Accounts"].iter_rows(values_only=True)
    titles, group = [], ""
    for group_cell, head in zip(groups, heads, strict=True):
        group = str(group_cell or group)
        titles.append((group, str(head)))
    return {str(row[0]): dict(zip(titles, row, strict=True)) for row in rows}


def pictures_of(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return the texts beside the rows of the pictures of results and of accounts."""
    summary = EvidenceSet.at(str(folder)).summary
    picture_texts: dict[str, dict[str, list[str]]] = {"accounts": {}, "status": {}}
    if not (reason := why_not(render.AUDIT["accounts"], summary)):
        axes = figure_of(summary, "accounts").axes[0]
        labels = [label.get_text() for label in axes.get_yticklabels()]
        picture_texts["accounts"] = {
            label.split()[0]: [text.get_text()] for label, text in zip(labels, axes.texts, strict=True)
        }
    assert reason is None or "not checked" not in reason
    axes = figure_of(summary, "status").axes[0]
    for text in sorted(axes.texts, key=lambda artist: artist.get_window_extent().x0):
        picture_texts["status"].setdefault(str(text.get_position()[1]), []).append(text.get_text())
    return picture_texts


def matrix_of(folder: Path) -> dict[str, dict[str, str]]:
    """Return the cells of the picture of controls by account."""
    summary = EvidenceSet.at(str(folder)).summary
    texts = {text.get_position(): text.get_text() for text in figure_of(summary, "matrix").axes[0].texts}
    accounts = {x: text.split()[0] for (x, y), text in texts.items() if y == -0.65 and x >= 0}
    checks = summary.checklist
    return {
        checks.checks[position].control.id: {account: texts.get((x, row), "") for x, account in accounts.items()}
        for row, position in enumerate(checks.most_severe_first)
    }


@pytest.fixture(scope="module", params=[all_passing, fleet, monthly, with_waivers], ids=lambda make: make.__name__)
def outputs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    folder = tmp_path_factory.mktemp("agree")
    request.param(folder)
    options = ["--accounts", "accounts.csv", "-o", "out", "--format", "parquet,html,pdf,excel"]
    snapshots = sorted(path.name for path in folder.iterdir() if path.is_dir())
    screen = run("audit", *snapshots, *options, "--verbose", cwd=folder).stdout
    return Outputs(
        screen=screen,
        facts=json.loads(run("audit", *snapshots, *options, "--json", cwd=folder).stdout),
        findings=parquet.read_table(folder / "out/findings.parquet").to_pandas(),
        book=summary_of(folder / "out/workbook.xlsx"),
        page=Page(folder / "out/report.html"),
        pdf=text_of(folder / "out/summary.pdf"),
        received=parquet.read_table(folder / "out/coverage.parquet")["status"].to_pylist(),
        users=len(parquet.read_table(folder / "out/users.parquet")),
        sheet=sheet_of_accounts(folder / "out/workbook.xlsx"),
        pictures=pictures_of(folder / "out"),
        matrix=matrix_of(folder / "out"),
    )


def test_counts_of_the_answer_agree(outputs: Outputs) -> None:
    """Unused credentials."""
    statuses = Counter(outputs.findings["status"][outputs.findings["control"] == "unused-credentials"])
    judged = statuses["fail"] + statuses["pass"] + statuses["not_checked"]
    answer = re.search(
        r"([\d,]+) of ([\d,]+) active passwords? (?:and|or) access keys? of (?:an IAM user|IAM users) unused for .*; "
        r"([\d,]+) not checked; ([\d,]+) pass",
        outputs.screen,
    )
    assert answer is not None, outputs.screen
    assert [number(text_of_number) for text_of_number in answer.groups()] == [
        *(statuses["fail"], judged, statuses["not_checked"], statuses["pass"]),
    ]
    for text in (str(outputs.book[1][0]), outputs.page.text, outputs.pdf):
        assert answer[0] in text
    numbers = below(outputs.book, "unused-credentials, by kind")["all"][:4]
    assert numbers == (judged, statuses["fail"], statuses["not_checked"], statuses["pass"])


def test_counts_of_controls_agree(outputs: Outputs) -> None:
    shown = below(outputs.book, "By control")
    lines = re.findall(r"(?m)^  (\S+) +(?:[\d.]+|-) +([\d,]+) +([\d,]+) +([\d,]+) ", outputs.screen)
    controls = {name: tuple(map(number, counts)) for name, *counts in lines}
    assert controls
    for entry in outputs.facts["by_control"]:
        rows = outputs.findings[outputs.findings["control"] == entry["control"]]
        by_status = Counter(rows["status"])
        manual = int((rows["reason"] == "manual").sum())
        counts = (by_status["fail"], by_status["not_checked"] - manual, by_status["pass"])
        assert (entry["fail"], entry["not_checked"] - entry["manual"], entry["pass"]) == counts
        cells = shown[entry["control"]][5:8]
        assert cells == (
            counts if sum(by_status.values()) - by_status["not_applicable"] else (NOTHING, NOTHING, NOTHING)
        )
        assert controls.get(entry["control"], counts) == counts
        severity, *of_page = outputs.page.grid[entry["control"]][:5]
        is_judged = sum(by_status.values()) > by_status["not_applicable"]
        with_manual = [f"{count:,}" if is_judged else NOTHING for count in (counts[0], counts[1], manual, counts[2])]
        assert of_page == with_manual
        waived = [entry["waived"]] if outputs.findings["waiver"].notna().any() else []
        of_pdf = " ".join([*with_manual, *(f"{count:,}" if is_judged else NOTHING for count in waived)])
        names = f"{severity} {entry['control']} {re.escape(entry['requirement'] or '-')}"
        assert re.search(rf"{names} [^0-9]*(?:[0-9]+ days )?[^0-9]*{of_pdf} ", outputs.pdf), entry


def test_changes_are_on_the_page_too(outputs: Outputs) -> None:
    trend = outputs.page.rows.get("trend", {})
    shown = below(outputs.book, "Changes since the snapshots before") if trend else {}
    for at, control in enumerate(trend.get("control", [])):
        counts = [NOTHING if trend[name][at] is None else trend[name][at] for name in TREND_COLUMNS]
        assert list(shown[control][:5]) == counts
    assert bool(trend) == ("Changes since the snapshots before" in outputs.pdf)


def test_the_figures_at_the_top_and_the_rows_that_they_lead_to(outputs: Outputs) -> None:
    findings, page = outputs.findings, outputs.page
    is_open = findings["waiver"].isna() & findings["control"].isin(
        [entry["control"] for entry in outputs.facts["by_control"] if entry["summed"]]
    )
    fails, unsure = findings["status"] == "fail", findings["status"] == "not_checked"
    unused = fails & (findings["control"] == "unused-credentials")
    waived = int((unused & findings["waiver"].notna()).sum())
    expected = {
        f"unused credentials ({waived:,} waived)" if waived else "unused credentials": int(unused.sum()),
        "IAM users with open checks": outputs.facts["open_subjects"]["users"],
        "critical failures": int((is_open & fails & (findings["severity"] == "critical")).sum()),
        "not checked, all controls": int((is_open & unsure & (findings["reason"] != "manual")).sum()),
    }
    for label, count in expected.items():
        assert page.figures[label] == count
        assert f"{count:,} {label}" in outputs.pdf
    for name in ("status", "control", "account_id", "severity"):
        assert Counter(page.rows["findings"][name]) == Counter(findings[name])
    with_something_open = [
        is_root
        for is_root, count in zip(page.rows["users"]["is_root"], page.rows["users"]["open"], strict=True)
        if count
    ]
    assert with_something_open.count("false") == expected["IAM users with open checks"]
    assert with_something_open.count("true") == outputs.facts["open_subjects"]["roots"]


def test_counts_of_accounts_agree(outputs: Outputs) -> None:
    by_account = below(outputs.book, "By account")
    heads = by_account.pop("account_id")
    summed = [entry["control"] for entry in outputs.facts["by_control"] if entry["summed"]]
    of_page = dict(zip(outputs.page.rows["accounts"]["account_id"], outputs.page.rows["accounts"]["fail"], strict=True))
    for account, cells in by_account.items():
        findings = outputs.findings[outputs.findings["account_id"] == account]
        fails = (findings["control"].isin(summed) & (findings["status"] == "fail")).sum()
        assert cells[heads.index("fail")] == outputs.facts["by_account"][account]["fail"] == of_page[account] == fails
        if len(by_account) > 1:
            assert re.search(
                rf"{account} [^.]*? {fails:,} ", outputs.pdf.partition("Accounts with the most failures")[2]
            )


def test_manual_checks_are_not_counted_as_not_checked_in_any_account(outputs: Outputs) -> None:
    findings, page = outputs.findings, outputs.page.rows["accounts"]
    summed = findings["control"].isin([entry["control"] for entry in outputs.facts["by_control"] if entry["summed"]])
    manual, unsure = findings["reason"] == "manual", findings["status"] == "not_checked"
    assert manual.any()
    by_account = below(outputs.book, "By account")
    heads = by_account.pop("account_id")
    table = outputs.pdf.partition("Accounts with the most failures")[2]
    for at, account in enumerate(page["account_id"]):
        if page["fail"][at] is None:
            continue  # missing
        here = summed & (findings["account_id"] == account)
        fails = int((here & (findings["status"] == "fail")).sum())
        counts = (int((here & unsure & ~manual).sum()), int((here & manual).sum()))
        assert (page["not_checked"][at], page["manual"][at]) == counts
        assert page["fail"][at] + page["not_checked"][at] - page["waived"][at] == page["open"][at]
        assert page["waived"][at] == (here & findings["waiver"].notna()).sum()
        cells = outputs.sheet[account]
        assert tuple(cells["all controls", name] for name in ("not checked", "manual")) == counts
        for group, count in zip(("not checked", "manual check"), counts, strict=True):
            every = [value for (title, _), value in cells.items() if title == group and value != "-"]
            assert sum(every) == count
        if account in by_account:
            assert tuple(by_account[account][heads.index(name)] for name in ("not checked", "manual")) == counts
            if len(by_account) > 1:
                assert re.search(rf"{account} [^.]*? {fails:,} {counts[0]:,} {counts[1]:,} ", table)
        for text in outputs.pictures["accounts"].get(account, []):
            in_picture = {words: number(count) for count, words in re.findall(r"([\d,]+) (not checked|manual)", text)}
            assert (in_picture.get("not checked", 0), in_picture.get("manual", 0)) == counts


def test_cells_of_accounts_count_failures_that_are_not_waived(outputs: Outputs) -> None:
    findings = outputs.findings
    by_cell = dict(iter(findings.groupby(["control", "account_id"])))
    for control, cells in outputs.page.grid.items():
        in_picture = outputs.matrix[control]
        for account, cell in zip(outputs.page.accounts, cells[-len(outputs.page.accounts) :], strict=True):
            rows = by_cell.get((control, account), findings.head(0))
            is_open = rows["waiver"].isna()
            fails = int((is_open & (rows["status"] == "fail")).sum())
            unsure = (is_open & (rows["status"] == "not_checked") & (rows["reason"] != "manual")).any()
            assert in_picture[account] == cell
            if fails:
                assert cell == f"{fails:,}{'?' if unsure else ''}"
            elif unsure:
                assert cell == "?"
            elif not is_open.all():
                assert cell in {f"({(~is_open).sum()})", "m"}
            assert outputs.sheet_cell(account, "fails", control) in ({fails} if fails else {0, "-"})
    if findings["waiver"].notna().any():
        assert "The cells of accounts do not count waived checks" in outputs.page.text
        assert WAIVED in outputs.page.text
        assert WAIVED in outputs.pdf


def test_sums_of_the_sheet_accounts_are_those_of_its_columns_and_the_waived_ones(outputs: Outputs) -> None:
    for cells in outputs.sheet.values():
        by_group = {
            group: sum(int(value) for (name, _), value in cells.items() if name == group and value != "-")
            for group in ("fails", "not checked")
        }
        sums = {title: value for (name, title), value in cells.items() if name == "all controls"}
        assert sums["fail"] + sums["not checked"] == sum(by_group.values()) + sums.get(WAIVED, 0)


def test_manual_checks_are_apart_in_the_picture_of_results_and_in_the_grid(outputs: Outputs) -> None:
    rows = {row[1]: row[2:] for row in outputs.pictures["status"].values() if len(row) > 2}
    for entry in outputs.facts["by_control"]:
        if entry["judged"]:
            not_checked = entry["not_checked"] - entry["manual"]
            counts = [entry["fail"], not_checked, entry["manual"], entry["pass"], entry["judged"]]
            *shown, waived = [*rows[entry["control"]], *([] if outputs.findings["waiver"].notna().any() else [""])]
            assert shown == [f"{count:,}" for count in counts]
            assert waived == (f"({entry['waived']:,})" if entry["waived"] else "")
    cells = outputs.page.grid["root-hardware-mfa"][-len(outputs.page.accounts) :]
    assert "m" in cells or len(outputs.received) > len(cells)  # the grid has the accounts with the most failures
    assert "?" not in cells
    assert "m: a manual check" in outputs.page.text


def test_a_history_counts_manual_checks_apart(tmp_path: Path) -> None:
    monthly(tmp_path)
    snapshots = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    done = run("history", *snapshots, "-o", "out", "--format", "parquet,html,pdf", cwd=tmp_path)
    heads = re.split(r" {2,}", next(line for line in done.stdout.splitlines() if " manual " in line).strip())
    line = next(line for line in done.stdout.splitlines() if "root-hardware-mfa" in line)
    assert re.split(r" {2,}", line.strip())[1 + heads.index("manual")] == "1"
    assert "not checked" not in heads
    assert "In the newest snapshots: 1 manual check." in done.stdout
    pdf = text_of(tmp_path / "out/summary.pdf")
    assert "0 not checked" in pdf
    assert "1 manual checks" in pdf


def test_counts_of_completeness_agree(outputs: Outputs) -> None:
    complete = below(outputs.book, "Completeness")
    for status, count in Counter(outputs.received).items():
        assert complete[f"Accounts: {status}"][0] == count == outputs.facts["coverage"][status]
    missing = outputs.received.count("missing")
    for text in (outputs.screen, str(outputs.book[1][0]), outputs.page.text, outputs.pdf):
        assert ("INCOMPLETE" in text) == bool(missing)
    every = len(outputs.received)
    for text in (outputs.page.text, outputs.pdf):
        assert f"{every - missing:,} of {every:,} account{'' if every == 1 else 's'} received" in text
    for label, cells in complete.items():
        assert f"{label} {cells[0]:,}" in outputs.pdf
    assert complete["Rows of IAM users"][0] + complete["Rows of root"][0] == outputs.users


def test_where_everything_passes_every_output_says_so(tmp_path: Path) -> None:
    all_passing(tmp_path)
    done = run("audit", "2026-10-31", "--accounts", "accounts.csv", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert (
        "0 of 3 active passwords and access keys of IAM users unused for 45 days or more; 0 not checked; 3 pass."
        in done.stdout
    )
    book = openpyxl.load_workbook(tmp_path / "out/workbook.xlsx")
    assert book["Exceptions noted"]["A5"].value == "No exceptions noted."
    assert [row[0].value for row in book["Issues"].iter_rows()][-1] == "none"
    titles = {str(row[0].value) for row in book["Summary"].iter_rows()}
    assert not any("What to do first" in title for title in titles)
