"""Turns reports into rows of a store's tables. A report that cannot be stored is refused completely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.evidence.schema import issues_table, to_arrow
from analyzer.history.store.layout import REPORTS, SNAPSHOTS, STORED_ISSUES
from analyzer.reading.columns import TIME, category_of, column_of
from analyzer.reading.issues import IssueLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.issues import Row
    from analyzer.reading.normalizing import TypedTables
    from analyzer.reading.source import Source

_UNDATED: Final = "undated_snapshot"
_UNOWNED: Final = "unowned_snapshot"
_OF_ITS_COMPANY: Final = frozenset({"duplicate_input", "duplicate_user"})
"""Issues that depend on the other reports of the same run, not on the report itself."""


def rows_to_keep(
    sources: Sequence[Source], tables: TypedTables, log: IssueLog, noted: Sequence[Row] = ()
) -> dict[str, pa.Table]:
    """Return the rows of each table of a store for the reports in `tables`, which were read from `sources`.

    Reports of unknown date or account are refused with an issue in `log`, and so are reports without rows. `log` has
    the issues of reading them, `noted` has earlier issues.
    """
    refused = _refuse(sources, tables, log)
    of_source = pd.DataFrame(
        {
            "source": category_of(pa.array([source.name for source in sources], pa.string())),
            "report_sha256": category_of(pa.array([source.digest for source in sources], pa.string())),
            "captured_at": column_of(pa.array([source.captured_at for source in sources], TIME)),
        }
    )
    users = tables.users
    if refused.any():
        users = users[~refused[users["source"].cat.codes.to_numpy()]]
    owner = users["source"].cat.codes.to_numpy()
    users = users.assign(report_sha256=of_source["report_sha256"].array.take(owner))
    pairs = pd.DataFrame({"number": owner, "account_id": users["account_id"].array})
    pairs = pairs.groupby(["number", "account_id"], observed=True).size().rename("rows").reset_index()
    return {
        "snapshots": to_arrow(users, SNAPSHOTS),
        "reports": to_arrow(_report_rows(sources, tables, of_source, pairs), REPORTS),
        "issues": to_arrow(_issue_rows(sources, of_source, pairs, [*noted, *log.rows]), STORED_ISSUES),
    }


def _refuse(sources: Sequence[Source], tables: TypedTables, log: IssueLog) -> npt.NDArray[np.bool_]:
    """Return for each source whether it is refused: no capture time, a row without an account, or no rows."""
    owner = tables.users["source"].cat.codes.to_numpy()
    undated = np.array([source.captured_at is None for source in sources], bool)
    unowned = np.zeros(len(sources), bool)
    unowned[owner[tables.users["account_id"].isna().to_numpy()]] = True
    empty = np.ones(len(sources), bool)  # parsing has added an issue with the reason
    empty[owner] = False
    for number in np.flatnonzero(undated & ~empty).tolist():
        log.add(
            _UNDATED,
            "not stored: the capture time is not known; put the date of the download into the name of the file or its "
            "folder",
            source=sources[number].name,
        )
    for number in np.flatnonzero(unowned & ~undated).tolist():
        log.add(
            _UNOWNED,
            "not stored: the account of some of its rows is not known; give it with --account-id",
            source=sources[number].name,
        )
    return undated | unowned | empty


def _report_rows(
    sources: Sequence[Source], tables: TypedTables, of_source: pd.DataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of `reports`, one for each of `pairs` of source and account."""
    parsed = tables.reports.groupby("source")
    facts = of_source.assign(
        captured_from=[source.captured_from for source in sources],
        file_sha256=[source.sha256 for source in sources],
        bytes=[source.size for source in sources],
        container=[source.container for source in sources],
        layout=parsed["layout"].agg(lambda kinds: ", ".join(dict.fromkeys(kinds))).to_numpy(),
        rejected=parsed["rejected"].sum().to_numpy(),
    )
    facts = facts.iloc[pairs["number"]].reset_index(drop=True)
    return facts.assign(account_id=pairs["account_id"], rows=pairs["rows"])


def _issue_rows(
    sources: Sequence[Source], of_source: pd.DataFrame, pairs: pd.DataFrame, noted: Sequence[Row]
) -> pd.DataFrame:
    """Return the issues of the stored reports."""
    owners = pairs.groupby("number")["account_id"].agg(["first", "size"])
    only = owners["first"].where(owners["size"] == 1)
    number_of = {sources[number].name: number for number in only.index}
    rows = [row for row in noted if row[0] in number_of and row[4] not in _OF_ITS_COMPANY]
    issues = issues_table(IssueLog(rows))
    number = issues["source"].map(number_of).to_numpy(np.int64)
    facts = of_source[["report_sha256", "captured_at"]].iloc[number].reset_index(drop=True)
    return pd.concat([issues, facts], axis="columns").assign(account_id=only.reindex(number).array)
