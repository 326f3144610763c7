"""ARNs taken apart, and the account of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import NULL_TEXT, few_texts_of, true_where
from analyzer.reading.layout import ARN, ROOT_USER

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.parsing import RawTable
    from analyzer.reading.places import Places
    from analyzer.reading.source import Source

_PATTERN: Final = f"^{ARN}$"


@dataclass(frozen=True)
class FewTexts:
    """Texts of which few differ: the text of each row is at `of_row` in `values`, which may hold one more than once."""

    values: pa.StringArray
    of_row: npt.NDArray[np.int64]

    def is_null(self) -> npt.NDArray[np.bool_]:
        """Where there is no text."""
        return np.asarray(self.values.is_null())[self.of_row]

    def replaced(self, rows: npt.NDArray[np.int64], texts: pa.StringArray) -> FewTexts:
        """Return them with other texts in some rows."""
        of_row = self.of_row.copy()
        of_row[rows] = len(self.values) + np.arange(len(rows))
        return FewTexts(pa.concat_arrays([self.values, texts]), of_row)

    def texts(self) -> pa.StringArray:
        """Return a text for each row."""
        return self.values.take(pa.array(self.of_row))


@dataclass(frozen=True)
class Names:
    """What the ARNs tell, each as long as the table; null where they do not."""

    partition: FewTexts
    account: FewTexts
    path: FewTexts
    name: pa.StringArray
    is_root: npt.NDArray[np.bool_]


def read_arns(arn: pa.ChunkedArray, user: pa.ChunkedArray, raw: RawTable, place: Places) -> Names:
    """Take ARNs apart: `arn:PARTITION:iam::ACCOUNT:user/PATH/NAME`, or `…:root`.

    A report is of one account and most users have the path `/`: nearly every ARN is the beginning of its report's last
    one with the user's name behind it. That is compared; only the other ARNs are matched with the pattern.
    """
    last = np.maximum(np.searchsorted(raw.report, np.arange(len(raw.reports)), side="right") - 1, 0)
    arn, user = arn.combine_chunks(), user.combine_chunks()
    samples = _match_arns(
        *(texts.take(pa.array(last)) if len(arn) else pa.nulls(len(last), pa.string()) for texts in (arn, user))
    )
    expected = pc.binary_join_element_wise(_beginning(samples).take(pa.array(raw.report)), user, "")
    others = np.flatnonzero(~true_where(pc.equal(arn, expected)))
    arn_there, user_there = arn.take(pa.array(others)), user.take(pa.array(others))
    found = _match_arns(arn_there, user_there)
    rest = np.zeros(len(arn), bool)
    rest[others] = True
    is_root = np.zeros(len(arn), bool)
    is_root[others] = np.asarray(pc.and_(found["account"].is_valid(), found["name"].is_null()))
    of_row = raw.report.astype(np.int64)
    names = Names(
        FewTexts(samples["partition"], of_row).replaced(others, found["partition"]),
        FewTexts(samples["account"], of_row).replaced(others, found["account"]),
        FewTexts(pa.array(["/"]), np.zeros_like(of_row)).replaced(others, found["path"]),
        pc.replace_with_mask(user, pa.array(rest), found["name"]),
        is_root,
    )
    _note_arns(arn_there, user_there, found, others, place)
    place.note(
        "missing_user",
        "the user name is blank; it is taken from the ARN where there is one",
        np.flatnonzero(np.asarray(user.is_null())),
        "user",
    )
    return names


def _match_arns(arn: pa.StringArray, user: pa.StringArray) -> dict[str, pa.StringArray]:
    """Return `partition, account, path, name` of each ARN; null where it is none, path and name also for root's.

    Where all behind `user/` is the name of the user beside it, that is the name, also with a slash in it.
    """
    match = pc.extract_regex(arn, _PATTERN)
    found = {
        part: pc.if_else(pc.and_(match.is_valid(), pc.not_equal(match.field(part), "")), match.field(part), NULL_TEXT)
        for part in ("partition", "account", "path", "name")
    }
    expected = pc.binary_join_element_wise(_beginning(found), user, "")
    whole = pc.fill_null(pc.equal(arn, expected), fill_value=False)
    return found | {"path": pc.if_else(whole, "/", found["path"]), "name": pc.if_else(whole, user, found["name"])}


def _beginning(found: dict[str, pa.StringArray]) -> pa.StringArray:
    """Return the beginning of the ARNs of users whose path is `/`."""
    return pc.binary_join_element_wise("arn:", found["partition"], ":iam::", found["account"], ":user/", "")


def _note_arns(
    arn: pa.StringArray,
    user: pa.StringArray,
    found: dict[str, pa.StringArray],
    rows: npt.NDArray[np.int64],
    place: Places,
) -> None:
    """Note what is wrong with the ARNs in some rows, in which `found` is what they tell."""
    place.note(
        "bad_arn",
        "not the ARN of an IAM user or of root; use the report as AWS made it",
        rows[true_where(pc.and_(arn.is_valid(), found["account"].is_null()))],
        "arn",
    )
    is_root = pc.and_(found["account"].is_valid(), found["name"].is_null())
    place.note(
        "arn_mismatch",
        "the ARN is not that of the user named beside it: cells may have moved; use the report as AWS made it",
        rows[true_where(pc.not_equal(pc.if_else(is_root, ROOT_USER, found["name"]), user))],
        "arn",
    )


def read_accounts(
    names: Names, raw: RawTable, sources: Sequence[Source], account_id: str | None, place: Places
) -> dict[str, pa.DictionaryArray]:
    """Return `account_id, partition, path`.

    The account is the ARN's, else the one that all other ARNs of the report are of, else the one in the file's name,
    else `account_id`.
    """
    account, partition = names.account, names.partition
    missing = np.flatnonzero(account.is_null())
    if len(missing):
        of_report = _only_accounts(names, raw)
        hints = pa.array([sources[report.source].account_hint or account_id for report in raw.reports], pa.string())
        of_row = pa.array(raw.report[missing])
        accounts = pc.coalesce(of_report["account"], hints).take(of_row)
        account = account.replaced(missing, accounts)
        partition = partition.replaced(missing, of_report["partition"].take(of_row))
        unknown = missing[np.asarray(accounts.is_null())]
        # Once a report: its rows share the cause and the remedy.
        _, first = np.unique(raw.report[unknown], return_index=True)
        place.note(
            "account_unknown",
            "neither an ARN nor the file's name tells the account of this row and those like it; give it with "
            "--account-id",
            unknown[first],
            "arn",
        )
    return {
        column: few_texts_of(few.values, few.of_row)
        for column, few in (("account_id", account), ("partition", partition), ("path", names.path))
    }


def _only_accounts(names: Names, raw: RawTable) -> dict[str, pa.Array]:
    """Return for each report the account and partition that all its ARNs agree on; null where there is no such one."""
    account, partition = names.account.texts(), names.partition.texts()
    seen = pa.table({"report": raw.report, "account": account, "partition": partition})
    distinct = seen.filter(account.is_valid()).group_by(["report", "account", "partition"]).aggregate([])
    counts = np.bincount(distinct["report"].to_numpy(), minlength=len(raw.reports))
    alone = distinct.filter(pa.array(counts[distinct["report"].to_numpy()] == 1))
    place = np.full(len(raw.reports), -1)
    place[alone["report"].to_numpy()] = np.arange(alone.num_rows)
    rows = pa.array(place, mask=place < 0)
    return {part: alone[part].combine_chunks().take(rows) for part in ("account", "partition")}
