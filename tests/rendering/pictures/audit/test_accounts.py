"""The picture of the worst accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.controls.vocabulary import Status
from analyzer.evidence.opened import EvidenceSet
from analyzer.evidence.settings import Settings
from analyzer.rendering.pictures.audit import accounts
from tests.audits import AS_OF, ODD
from tests.cli.running import run
from tests.rendering.pictures.figures import (
    OLD_KEY,
    assert_readable,
    bars,
    figure_of,
    texts,
    title,
    visible,
)
from tests.reports import COLUMNS_22, csv_of, root, unused, user, write
from tests.running import Audit, audit

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_accounts_are_those_with_the_most_failures(audit_of: Callable[..., Audit]) -> None:
    result = audit_of(ODD, many=3000)
    figure = accounts.draw(result)
    failing = result.by_account["fail"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(failing.index[:15])
    assert [bar.get_width() for bar in bars(figure, 0)] == failing.head(15).tolist()
    further = failing.iloc[15:]
    assert title(result, "accounts").endswith(f"these 15 have {failing.head(15).sum():,} of {failing.sum():,}")
    left_out = f"Not shown: {(further > 0).sum()} further accounts with {further.sum():,} failing credentials."
    assert any(left_out in text for text in texts(figure))


def test_the_picture_says_that_an_account_is_unknown(tmp_path: Path) -> None:
    no_arn = tuple(column for column in COLUMNS_22 if column != "arn")
    write(tmp_path / "reports" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY), columns=no_arn))
    nowhere = audit([str(tmp_path / "reports")], Settings(unused(), as_of=AS_OF))
    assert "account unknown" in accounts.draw(nowhere).texts[1].get_text()
    assert title(nowhere, "accounts") == "1 of 1 account has a failing credential"
    write(tmp_path / "reports" / "more" / "2026-10-31.csv", csv_of(user("a", **OLD_KEY)))
    figure = accounts.draw(audit([str(tmp_path / "reports")], Settings(unused(), as_of=AS_OF)))
    assert "1 account and at least one unknown" in figure.texts[1].get_text()
    assert figure.texts[0].get_text() == "2 of 2 accounts have failing credentials"
    assert "unknown" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_accounts_are_ranked_by_all_findings_and_exceptions_are_hatched(audit_by_plan: Callable[..., Audit]) -> None:
    result = audit_by_plan("policy", ODD, 700)
    figure = figure_of(result, "accounts")
    failing = result.by_account["fail"].head(15)
    failures = result.findings[result.findings["status"] == "fail"]
    covered = failures[failures["waiver"].notna()]["account_id"].value_counts().to_dict()
    rows = {account: [0.0, 0.0] for account in failing.index}
    for bar in bars(figure, 0):
        rows[failing.index[round(bar.get_y() + bar.get_height() / 2)]][bar.get_hatch() is not None] = bar.get_width()
    assert rows == {account: [count - covered[account], covered[account]] for account, count in failing.items()}
    assert title(result, "accounts").endswith(
        f"failures; these 15 have {failing.sum():,} of {result.totals[Status.FAIL]:,}"
    )
    assert "number of failures; hatched: waived" in texts(figure)


def test_numbers_of_accounts_are_whole_and_names_are_in_one_line(tmp_path: Path) -> None:
    count = 9
    for number in range(count):
        account = f"{111122220000 + number}"
        rows = [user(f"u{n}", account=account, **OLD_KEY) for n in range(number + 1)]
        write(tmp_path / f"reports/2026-10-31/{account}.csv", csv_of(root(account), *rows))
    names = {f"{111122220000 + n}": f"payments-and-settlement-production-eu-central-1-{n}" for n in range(count)}
    write(tmp_path / "accounts.csv", "\n".join(["account,name", *(",".join(row) for row in names.items())]))
    for chosen in (count, 3):
        paths = [f"reports/2026-10-31/{account}.csv" for account in list(names)[:chosen]]
        options = ["--accounts", "accounts.csv", "--benchmark", "cis-7.0", "--format", "parquet", "-o", "out"]
        assert run("audit", *paths, *options, cwd=tmp_path).returncode in {1, 3}
        result = EvidenceSet.at(str(tmp_path / "out")).summary
        for name, between in (("accounts", "  "), ("matrix", "\n"), ("requirements", "\n")):
            figure = figure_of(result, name)
            assert_readable(figure)
            heads = [text for text in visible(figure) if text.get_text()[:12] in names]
            assert len(heads) == chosen
            for head in heads:
                account, shown = head.get_text().split(between)
                begin, end = shown.split("\N{HORIZONTAL ELLIPSIS}")
                assert names[account].startswith(begin)
                assert names[account].endswith(end)
                assert float(head.get_fontsize()) >= 6.5
            assert len({head.get_text().split(between)[1] for head in heads}) == chosen, "names are told apart"
