"""The rows of findings and users on a page, and the links between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.control import Severity
from analyzer.controls.vocabulary import Reason
from analyzer.evidence.checks import is_open
from analyzer.evidence.schema import TEXT
from analyzer.evidence.worst import Rank, first_rows
from analyzer.reading.columns import TIME, codes_and_texts, has_text
from analyzer.reading.layout import COLUMNS, TIMESTAMP_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from analyzer.evidence.opened import EvidenceSet

    Whole = npt.NDArray[np.int64]

LABELS: Final[Mapping[str, str]] = {
    "account_id": "account",
    "account_name": "name",
    "account_owner": "owner",
    "message": "why",
    "open_controls": "open controls",
    "last_activity": "last activity",
    "is_root": "root",
    "sha256": "SHA-256",
    "captured_at": "captured",
    "captured_from": "known from",
    "not_checked": "not checked",
    "manual": "manual check",
}
_SHOWN_COLUMNS: Final = [name for name in COLUMNS if name not in {"user", "arn"}]
CELLS: Final[Mapping[str, str]] = {f"cell:{name}": name for name in _SHOWN_COLUMNS}
"""The names of the AWS columns by their names in the data of the page."""
_USED: Final = ("password_last_used", "access_key_1_last_used_date", "access_key_2_last_used_date")
_STATES: Final[Mapping[str, str]] = {
    "not_applicable": "N/A",
    "no_information": "no_information",
    "not_supported": "not_supported",
    "missing": "(blank, or the column is missing)",
    "invalid": "(unreadable)",
}


def users_for_page(evidence: EvidenceSet, findings: pa.Table, row_limit: int) -> tuple[pa.Table, Whole]:
    """Return up to `row_limit` users, those with open checks first, and the row of each finding among them.

    Each user has the number of its open checks among `findings`, their controls (in the order of the checklist) and
    the highest severity. The row of a finding is -1 if it is about a whole account, or if its user is left out.
    """
    summary = evidence.summary
    sources = pa.array(summary.inputs["name"], TEXT)
    open_ones = is_open(findings)
    finding_keys = _keys(findings, sources)
    has_open = np.unique(finding_keys[open_ones])

    def rank(batch: pa.Table) -> Whole:
        return (~np.isin(_keys(batch, sources), has_open)).astype(np.int64)

    users = first_rows(evidence, "users", row_limit, Rank(("source", "line"), rank))
    keys = _keys(users, sources)
    order = np.argsort(keys, kind="stable")
    position = np.searchsorted(keys[order], finding_keys)
    position = np.minimum(position, max(len(keys) - 1, 0))
    is_found = (keys[order][position] == finding_keys) if len(keys) else np.zeros(len(finding_keys), bool)
    row_of = np.where(is_found & (finding_keys >= 0), order[position] if len(keys) else -1, -1)
    return _with_open(users, findings, summary.checklist.controls, row_of, open_ones), row_of


def _keys(rows: pa.Table, sources: pa.Array) -> Whole:
    """Return a number for the source and line of each row; -1 for a row without a line."""
    codes, texts = codes_and_texts(rows["source"])
    index = pc.fill_null(pc.index_in(pa.array(texts, TEXT), sources), -1).to_numpy(zero_copy_only=False)
    source = np.append(index, -1)[codes].astype(np.int64)
    line = pc.fill_null(rows["line"].cast(pa.int64()), -1).to_numpy()
    return np.where((source >= 0) & (line >= 0), source * (1 << 33) + line, -1)


def _with_open(
    users: pa.Table, findings: pa.Table, controls: Sequence[str], row_of: Whole, open_ones: npt.NDArray[np.bool_]
) -> pa.Table:
    """Return the users with their open checks, their last activity and the cells of their rows as texts."""
    open_findings = np.flatnonzero(open_ones & (row_of >= 0))
    rows = row_of[open_findings]
    codes, texts = codes_and_texts(findings["control"])
    control = np.array([controls.index(text) for text in texts] or [0], np.int64)[codes] if len(codes) else codes
    severity, severities = codes_and_texts(findings["severity"])
    bits = np.zeros(len(users), np.int64)
    np.bitwise_or.at(bits, rows, np.int64(1) << control[open_findings])
    masks, mask_of_user = np.unique(bits, return_inverse=True)
    names = [", ".join(name for bit, name in enumerate(controls) if mask >> bit & 1) or None for mask in masks.tolist()]
    ranks = [value.value for value in Severity]
    rank = np.array([ranks.index(text) for text in severities] or [0], np.int64)
    worst = np.full(len(users), len(ranks))
    np.minimum.at(worst, rows, rank[severity[open_findings]] if len(severities) else np.zeros(0, np.int64))
    columns: dict[str, Any] = {
        **{name: users[name] for name in ("account_id", "user", "arn", "is_root", "source", "line")},
        "open": pa.array(np.bincount(rows, minlength=len(users)).astype(np.int64)),
        "open_controls": pa.array(names, TEXT).take(pa.array(mask_of_user)),
        "severity": pa.array([*ranks, None], TEXT).take(pa.array(worst)),
        "last_activity": pc.max_element_wise(*(users[name].cast(pa.int64()) for name in _USED)).cast(TIME),
        **{f"cell:{name}": _cell(users, name) for name in _SHOWN_COLUMNS},
    }
    return pa.table(columns)


def _cell(users: pa.Table, name: str) -> pa.ChunkedArray:
    """Return the cells of a column as texts; instead of a missing time, the reason why it is missing."""
    column = users[name]
    if name not in TIMESTAMP_COLUMNS:
        return pc.if_else(column, "true", "false") if pa.types.is_boolean(column.type) else column.cast(TEXT)
    states, texts = codes_and_texts(users[f"{name}_state"])
    words = pa.array([*(_STATES.get(text) for text in texts), None], TEXT).take(pa.array(states % (len(texts) + 1)))
    return pc.coalesce(pc.strftime(column.cast(pa.timestamp("s", "UTC"), safe=False), "%Y-%m-%dT%H:%M:%SZ"), words)


def findings_with_rows(findings: pa.Table, row_of: Whole) -> pa.Table:
    """Return findings with two more columns, `by_hand` and `row`.

    `by_hand` is yes for a manual check that is not waived. `row` is the row among the users of the page, or null.
    """
    by_hand = has_text(findings["reason"], (Reason.MANUAL,)) & findings["waiver"].is_null().to_numpy()
    findings = findings.append_column("by_hand", pc.if_else(pa.array(by_hand), "yes", "no"))
    return findings.append_column("row", pa.array(row_of, mask=row_of < 0))
