"""Small credential reports, written in the fewest words a test needs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.controls.checklist import Checklist, make_checklist
from analyzer.reading.issues import IssueLog
from analyzer.reading.layout import COLUMNS, LAST_USED_COLUMNS, ROOT_USER
from analyzer.reading.normalizing import TypedTables, normalize
from analyzer.reading.parsing import parse
from analyzer.survey.files import Reader, find_files, note_empty_folders
from analyzer.survey.report_finder import ReportFinder
from analyzer.survey.spool import Spool
from analyzer.survey.survey import without_copies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.reading.source import Source

ACCOUNT = "111122223333"
COLUMNS_22 = COLUMNS[:22]
COLUMNS_16 = tuple(column for column in COLUMNS_22 if column not in LAST_USED_COLUMNS)

EMPTY = {
    "user_creation_time": "2020-01-01T00:00:00Z",
    "password_enabled": "false",
    "password_last_used": "N/A",
    "password_last_changed": "N/A",
    "password_next_rotation": "N/A",
    "mfa_active": "false",
    **{f"access_key_{n}_active": "false" for n in (1, 2)},
    **{f"access_key_{n}_last_rotated": "N/A" for n in (1, 2)},
    **dict.fromkeys(LAST_USED_COLUMNS, "N/A"),
    **{f"cert_{n}_active": "false" for n in (1, 2)},
    **{f"cert_{n}_last_rotated": "N/A" for n in (1, 2)},
    "additional_credentials_info": "",
}


def unused(max_idle_days: int = 45) -> Checklist:
    """Return the checklist of a run that judges `unused-credentials` alone."""
    return make_checklist(controls=["unused-credentials"], max_idle_days=max_idle_days)


def user(name: str, *, path: str = "/", account: str = ACCOUNT, **cells: str) -> dict[str, str]:
    """Return the row of an IAM user without credentials, but for `cells`."""
    return {"user": name, "arn": f"arn:aws:iam::{account}:user{path}{name}", **EMPTY, **cells}


def key(slot: int = 1, *, active: str = "true", rotated: str = "N/A", used: str = "N/A") -> dict[str, str]:
    """Return the cells of an access key."""
    prefix = f"access_key_{slot}"
    return {f"{prefix}_active": active, f"{prefix}_last_rotated": rotated, f"{prefix}_last_used_date": used}


def password(*, enabled: str = "true", used: str = "no_information", changed: str = "N/A") -> dict[str, str]:
    """Return the cells of a password."""
    return {"password_enabled": enabled, "password_last_used": used, "password_last_changed": changed}


def root(account: str = ACCOUNT, **cells: str) -> dict[str, str]:
    """Return the row of a root account in the style since 2025, with a password that was never used."""
    row = {
        "user": ROOT_USER,
        "arn": f"arn:aws:iam::{account}:root",
        **EMPTY,
        **password(changed=EMPTY["user_creation_time"]),
    }
    return row | cells


def csv_of(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS_22, delimiter: str = ",") -> str:
    """Return a report as AWS writes it: LF between lines and none at the end; cells with delimiters are quoted."""

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if delimiter in text or '"' in text else text

    lines = [delimiter.join(columns), *(delimiter.join(cell(row.get(c, "")) for c in columns) for row in rows)]
    return "\n".join(lines)


def write(path: Path, content: str | bytes) -> str:
    """Write a file, with its folders, and return its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read_sources(paths: Sequence[str], log: IssueLog, leave_out: Path | None = None) -> list[Source]:
    """Return the reports under `paths` as the program reads them, by name, without copies."""
    with tempfile.TemporaryDirectory() as folder:
        looked = ReportFinder(Spool(f"{folder}/reports"), whole=True).at(find_files(paths, log, leave_out=leave_out))
        log.rows += looked.issues
        note_empty_folders(paths, [entry.name for entry in looked.entries], log)
        with Reader() as reader:
            return [entry.source(reader, log) for entry in without_copies(looked.entries, log)]


def read(*paths: str | Path, account_id: str | None = None) -> tuple[TypedTables, IssueLog]:
    """Read reports as the program does, up to the typed tables."""
    log = IssueLog()
    sources = read_sources([str(path) for path in paths], log)
    return normalize(parse(sources, log), sources, log, account_id), log


def codes(log: IssueLog) -> list[str]:
    """Return the codes of the issues in `log`, in their order."""
    return [row[4] for row in log.rows]
