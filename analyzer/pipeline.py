"""The program's work as short lists of stages; no printing, no exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import InputError
from analyzer.judging import judge
from analyzer.reading.columns import NO_TIME, TIME, arrow_of, column_of, microseconds, records
from analyzer.reading.issues import IssueLog
from analyzer.reading.normalizing import Tables, normalize
from analyzer.reading.parsing import parse
from analyzer.reading.sources import Source, read_sources
from analyzer.result import Audit, Inspection, Settings
from analyzer.selection import select
from analyzer.tables import ISSUES, to_pandas

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Progress = Callable[[int, int], None]

_NAMED: int = 5
"""Issues that an error spells out when nothing could be read."""


def audit(
    paths: Sequence[str], settings: Settings, *, leave_out: Path | None = None, progress: Progress | None = None
) -> Audit:
    """Read the reports under `paths` and judge them.

    `leave_out` is a folder not to walk into (the output folder); `progress` is told files read and files found.
    Raises InputError where nothing is left to judge, or where a reference instant is missing.
    """
    log = IssueLog()
    sources, tables = _read(paths, log, settings.account_id, leave_out, progress)
    selection = select(tables, sources, log, as_of=settings.as_of, every_snapshot=settings.every_snapshot)
    findings, credentials = judge(tables.credentials, selection, settings.max_idle_days)
    _note_users_found_twice(tables.users[selection.judged], log, by_capture=settings.every_snapshot)
    return Audit(
        settings=settings,
        inputs=_inputs(sources, tables, selection.judged, selection.as_of),
        users=tables.users,
        credentials=credentials,
        findings=findings,
        issues=_issues(log),
    )


def inspect(paths: Sequence[str], *, account_id: str | None = None, progress: Progress | None = None) -> Inspection:
    """Return what is in the reports under `paths`, unjudged."""
    log = IssueLog()
    sources, tables = _read(paths, log, account_id, None, progress)
    _note_users_found_twice(tables.users, log, by_capture=True)
    count = len(tables.users)
    return Inspection(_inputs(sources, tables, np.zeros(count, bool), np.full(count, NO_TIME)), _issues(log))


def _read(
    paths: Sequence[str], log: IssueLog, account_id: str | None, leave_out: Path | None, progress: Progress | None
) -> tuple[list[Source], Tables]:
    sources = read_sources(paths, log, leave_out=leave_out, progress=progress)
    if not sources:
        seen = [f"\n  {source}: {message}" for source, *_, message in log.rows[:_NAMED]]
        more = f"\n  and {len(log.rows) - _NAMED} more" if len(log.rows) > _NAMED else ""
        raise InputError(
            "no credential report could be read" + "".join(seen) + more,
            "give CSV files from `aws iam get-credential-report` or the IAM console, or a folder or archive with them",
        )
    raw = parse(sources, log)
    return sources, normalize(raw, sources, log, account_id)


def _note_users_found_twice(users: pd.DataFrame, log: IssueLog, *, by_capture: bool) -> None:
    """Note users that stand twice in one snapshot: names are unique within an account, whatever their case.

    `by_capture`: the rows are of several snapshots, told apart by their capture times; else of one an account.
    """
    account = users["account_id"].cat.codes.to_numpy().astype(np.int64)
    source = users["source"].cat.codes.to_numpy().astype(np.int64)
    name = pc.utf8_lower(arrow_of(users["user"])).combine_chunks().dictionary_encode().indices
    keys = pd.DataFrame(
        {
            # Nothing tells whether two files of unknown accounts belong together.
            "account": np.where(account < 0, -2 - source, account),
            "name": pc.fill_null(name, -1).to_numpy(),
            "captured": microseconds(users["captured_at"]) if by_capture else 0,
        }
    )
    twice = np.flatnonzero(keys.duplicated(keep=False).to_numpy() & (keys["name"] >= 0).to_numpy())
    for row in records(users[["source", "line", "user"]].iloc[twice]):
        log.add(
            "duplicate_user",
            "the user stands more than once in this snapshot of the account, and each row counts; remove the copy",
            source=row["source"],
            line=row["line"],
            column="user",
            value=row["user"],
        )


def _inputs(
    sources: Sequence[Source], tables: Tables, judged: npt.NDArray[np.bool_], as_of: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Return a row per report file: what it is, what is in it, and whether it was judged."""
    users, reports = tables.users, tables.reports
    owner = reports["source"].to_numpy()[users["report"].to_numpy()].astype(np.int64)
    every = range(len(sources))
    code = users["account_id"].cat.codes.to_numpy()
    pairs = pd.DataFrame({"owner": owner, "code": code}).drop_duplicates()
    of_owner = pairs[pairs["code"] >= 0].groupby("owner")["code"].agg(["first", "nunique"]).reindex(every, fill_value=0)
    accounts = np.array([*users["account_id"].cat.categories, None], dtype=object)
    account = accounts[np.where(of_owner["nunique"] == 1, of_owner["first"], -1)]
    by_owner = pd.DataFrame({"judged": judged, "as_of": as_of}).groupby(owner)
    instants = by_owner["as_of"].max().reindex(every, fill_value=NO_TIME).to_numpy()
    was_judged = by_owner["judged"].any().reindex(every, fill_value=False).to_numpy()
    of_source = reports.groupby("source")
    return pd.DataFrame(
        {
            "name": pd.Series([source.name for source in sources], dtype="str"),
            "sha256": pd.Series([source.sha256 for source in sources], dtype="str"),
            "bytes": [source.size for source in sources],
            "container": pd.Series([source.container for source in sources], dtype="str"),
            "encoding": pd.Series([source.encoding for source in sources], dtype="str"),
            "layout": of_source["layout"].agg(lambda kinds: ", ".join(dict.fromkeys(kinds))).to_numpy(),
            "rows": of_source["rows"].sum().to_numpy(),
            "rejected": of_source["rejected"].sum().to_numpy(),
            "account_id": pd.Series(account, dtype="str"),
            "captured_at": column_of(pa.array([source.captured_at for source in sources], TIME)),
            "captured_from": pd.Series([source.captured_from for source in sources], dtype="str"),
            "newest_time": column_of(pa.array(of_source["newest_time"].max()).cast(TIME)),
            "judged": was_judged,
            "as_of": column_of(pa.array(instants, mask=(instants == NO_TIME) | ~was_judged).cast(TIME)),
        }
    )


def _issues(log: IssueLog) -> pd.DataFrame:
    """Return the `issues` table: by source and line, what concerns a whole file before its lines."""
    rows = sorted(log.rows, key=lambda row: (row[0], row[1] or 0, row[2] or "", row[4], row[5], row[3] or ""))
    columns = list(zip(*rows, strict=True)) or [()] * len(ISSUES)
    arrays = [
        pa.array(list(values), pa.string() if pa.types.is_dictionary(f.type) else f.type).cast(f.type)
        for values, f in zip(columns, ISSUES, strict=True)
    ]
    return to_pandas(pa.table(arrays, schema=ISSUES))
