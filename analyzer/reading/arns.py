"""Parse ARNs and find the account of each row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reading.columns import NULL_TEXT, few_texts_of, true_where
from analyzer.reading.layout import ACCOUNT, ACCOUNT_ID, ARN, PARTITION, ROOT_USER, SENTINELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from analyzer.reading.origins import RowOrigins
    from analyzer.reading.parsing import RawTable
    from analyzer.reading.source import Source

_ROOT_BY_ITS_LETTERS: Final = ("root", "rootaccount", "ltrootaccountgt")
"""The letters of root's name, in lower case, without other characters; the last one is from HTML (`&lt;`, `&gt;`)."""
_PATTERN: Final = f"^{ARN}$"
_ODD: Final = rf"^arn:(?P<partition>{PARTITION}):[^:]*:[^:]*:(?P<account>{ACCOUNT_ID})(?:[:/]|$)"
"""An ARN of another kind, from which only the partition and the account are used."""

_WHOLE: Final = re.compile(r"""[='" ]*(\d{4})-?(\d{4})-?(\d{4})(?:\.0)?[" ]*""", re.ASCII)
"""Twelve digits: plain, grouped as in the console, or as spreadsheets and data frames write texts and numbers."""
_SHORT: Final = re.compile(r"""[='" ]*(\d{1,11})(?:\.0)?[" ]*""", re.ASCII)
"""Fewer than twelve digits: leading zeros may have been cut."""
_ANY_NUMBER: Final = re.compile(r"[\d.,]+(?:[eE][+]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class FewTexts:
    """A column of texts with few distinct values.

    The text of row `i` is `values[of_row[i]]`. `values` may contain the same text more than once.
    """

    values: pa.StringArray
    of_row: npt.NDArray[np.int64]

    def is_null(self) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows without a text."""
        return np.asarray(self.values.is_null())[self.of_row]

    def replaced(self, rows: npt.NDArray[np.int64], texts: pa.StringArray) -> FewTexts:
        """Return a copy in which `rows` have `texts`."""
        of_row = self.of_row.copy()
        of_row[rows] = len(self.values) + np.arange(len(rows))
        return FewTexts(pa.concat_arrays([self.values, texts]), of_row)

    def texts(self) -> pa.StringArray:
        """Return the text of each row."""
        return self.values.take(pa.array(self.of_row))


@dataclass(frozen=True)
class ArnParts:
    """Users, partitions, accounts and paths of all rows, with null where the ARN does not contain the part.

    `user` is the name in the report. Names that another program changed are repaired; a blank name is replaced by the
    name in the ARN.
    """

    user: pa.ChunkedArray | pa.StringArray
    partition: FewTexts
    account: FewTexts
    path: FewTexts
    is_root: npt.NDArray[np.bool_]


def read_arns(arn: pa.ChunkedArray, user: pa.ChunkedArray, raw: RawTable, origins: RowOrigins) -> ArnParts:
    """Return the parts of the ARNs: `arn:PARTITION:iam::ACCOUNT:user/PATH/NAME`, or `...:root`.

    For speed, only unusual ARNs are matched with the pattern. A report covers one account and most users have the path
    `/`, so nearly every ARN equals the start of the last ARN in its report plus the user's name.
    """
    last = np.maximum(np.searchsorted(raw.report, np.arange(len(raw.reports)), side="right") - 1, 0)
    arn, user = arn.combine_chunks(), user.combine_chunks()
    samples = match_arns(
        *(texts.take(pa.array(last)) if len(arn) else pa.nulls(len(last), pa.string()) for texts in (arn, user))
    )
    expected = pc.binary_join_element_wise(_beginning(samples).take(pa.array(raw.report)), user, "")
    odd_rows = np.flatnonzero(~true_where(pc.equal(arn, expected)))
    odd_arns, odd_users = arn.take(pa.array(odd_rows)), user.take(pa.array(odd_rows))
    parts = match_arns(odd_arns, odd_users)
    odd_names = _repaired_names(odd_users, parts, odd_rows, origins)
    is_odd = np.zeros(len(arn), bool)
    is_odd[odd_rows] = True
    is_root = np.zeros(len(arn), bool)
    is_root[odd_rows] = np.asarray(_is_root(parts))
    of_row = raw.report.astype(np.int64)
    names = ArnParts(
        pc.replace_with_mask(user, pa.array(is_odd), pc.coalesce(odd_names, parts["name"])),
        FewTexts(samples["partition"], of_row).replaced(odd_rows, parts["partition"]),
        FewTexts(samples["account"], of_row).replaced(odd_rows, parts["account"]),
        FewTexts(pa.array(["/"]), np.zeros_like(of_row)).replaced(odd_rows, parts["path"]),
        is_root,
    )
    _note_arns(odd_arns, odd_names, parts, odd_rows, origins)
    origins.note(
        "missing_user",
        "the user name is blank: the name in the ARN is used, where there is one; use the original report from AWS",
        np.flatnonzero(np.asarray(user.is_null())),
        "user",
    )
    return names


def match_arns(arn: pa.StringArray, user: pa.StringArray) -> dict[str, pa.Array]:
    """Return `partition`, `account`, `path`, `name` and `whole` for each ARN.

    `whole` is true where the ARN belongs to an IAM user or to root. Path and name are null for root. An ARN of another
    kind has only partition and account; a text that is not an ARN has only nulls. Where the text after `user/` equals
    the user in the same row, that text is the name, even if it contains a slash.
    """
    match, odd = pc.extract_regex(arn, _PATTERN), pc.extract_regex(arn, _ODD)
    parts = {
        name: pc.if_else(pc.and_(match.is_valid(), pc.not_equal(match.field(name), "")), match.field(name), NULL_TEXT)
        for name in ("partition", "account", "path", "name")
    }
    for name in ("partition", "account"):
        parts[name] = pc.coalesce(parts[name], pc.if_else(odd.is_valid(), odd.field(name), NULL_TEXT))
    expected = pc.binary_join_element_wise(_beginning(parts), user, "")
    own = pc.fill_null(pc.equal(arn, expected), fill_value=False)
    return parts | {
        "path": pc.if_else(own, "/", parts["path"]),
        "name": pc.if_else(own, user, parts["name"]),
        "whole": pc.or_(own, match.is_valid()),
    }


def _repaired_names(
    user: pa.StringArray, parts: dict[str, pa.Array], rows: npt.NDArray[np.int64], origins: RowOrigins
) -> pa.StringArray:
    """Return user names as AWS writes them, and note each name that another program changed.

    `rows` are the positions of these names in the table. IAM names never begin with an apostrophe and never contain
    angle brackets. Other spellings of root's name are accepted only where the ARN is that of root.
    """
    bare = pc.if_else(pc.match_substring_regex(user, "^'."), pc.utf8_slice_codeunits(user, 1), user)
    agrees = pc.fill_null(pc.equal(bare, parts["name"]), fill_value=True)
    without = pc.and_(pc.not_equal(bare, user), agrees)
    origins.note(
        "mended_name",
        "the name begins with an apostrophe, as spreadsheets add it: the apostrophe was removed; use the original "
        "report from AWS",
        rows[true_where(without)],
        "user",
    )
    names = pc.if_else(pc.fill_null(without, fill_value=False), bare, user)
    letters = pc.replace_substring_regex(pc.ascii_lower(names), "[^a-z]+", "")
    like_root = pc.and_(pc.is_in(letters, pa.array(_ROOT_BY_ITS_LETTERS)), pc.not_equal(names, ROOT_USER))
    sure = pc.or_(_is_root(parts), pc.and_(parts["name"].is_null(), pc.match_substring_regex(names, "[<>&]")))
    renamed = pc.fill_null(pc.and_(like_root, sure), fill_value=False)
    origins.note(
        "mended_name",
        f"the name of root was changed (AWS writes {ROOT_USER}): the row was read as the row of root; use the original "
        "report from AWS",
        rows[true_where(renamed)],
        "user",
    )
    return pc.if_else(renamed, ROOT_USER, names)


def _is_root(parts: dict[str, pa.Array]) -> pa.BooleanArray:
    """Return a mask of the ARNs that belong to root."""
    return pc.and_(parts["whole"], parts["name"].is_null())


def _beginning(parts: dict[str, pa.Array]) -> pa.StringArray:
    """Return the start of a user's ARN, up to the name, for users with the path `/`."""
    return pc.binary_join_element_wise("arn:", parts["partition"], ":iam::", parts["account"], ":user/", "")


def _note_arns(
    arn: pa.StringArray,
    user: pa.StringArray,
    parts: dict[str, pa.Array],
    rows: npt.NDArray[np.int64],
    origins: RowOrigins,
) -> None:
    """Note the ARNs in `rows` that cannot be read or that belong to another user; `parts` has their parts."""
    odd = pc.and_(arn.is_valid(), pc.invert(parts["whole"]))
    for effect, mask in (
        ("", parts["account"].is_null()),
        (": only the account number in it was used", parts["account"].is_valid()),
    ):
        origins.note(
            "bad_arn",
            f"not the ARN of an IAM user or of root{effect}; use the original report from AWS",
            rows[true_where(pc.and_(odd, mask))],
            "arn",
        )
    is_root = _is_root(parts)
    origins.note(
        "arn_mismatch",
        "the ARN belongs to another user than the one in this row: cells may have moved; use the original report from "
        "AWS",
        rows[true_where(pc.not_equal(pc.if_else(is_root, ROOT_USER, parts["name"]), user))],
        "arn",
    )


def read_accounts(
    names: ArnParts, raw: RawTable, sources: Sequence[Source], account_id: str | None, origins: RowOrigins
) -> dict[str, pa.DictionaryArray]:
    """Return the columns `account_id`, `partition` and `path`.

    The account comes from the first of these that has one: the ARN of the row, the account column of the report, the
    other ARNs of the report (if they all agree), the file name, and `account_id`.
    """
    account, partition = names.account, names.partition
    cells = _read_account_cells(raw, account, origins) if ACCOUNT in raw.cells.column_names else None
    missing = np.flatnonzero(account.is_null())
    if len(missing):
        of_report, by_report = raw.report[missing], _ReportAccounts(names, raw)
        hints = pa.array([sources[report.source].account_hint or account_id for report in raw.reports], pa.string())
        accounts = pc.coalesce(by_report.only_account(), hints).take(pa.array(of_report))
        is_noted = np.zeros(len(missing), bool)
        if cells is not None:
            accounts = cells.instead_of(accounts, missing, origins)
            is_noted = cells.is_doubtful[missing]
        account = account.replaced(missing, accounts)
        partition = partition.replaced(missing, by_report.partitions(of_report, accounts))
        unknown = missing[np.asarray(accounts.is_null()) & ~is_noted]
        # One issue per report is enough: its rows have the same cause and the same remedy.
        _, first = np.unique(raw.report[unknown], return_index=True)
        origins.note(
            "account_unknown",
            "neither the ARNs nor the file name show the account of this row and of similar rows in the report; give "
            "the account with --account-id",
            unknown[first],
            "arn",
        )
    return {
        column: few_texts_of(few.values, few.of_row)
        for column, few in (("account_id", account), ("partition", partition), ("path", names.path))
    }


class _ReportAccounts:
    """The accounts and partitions in the ARNs of each report."""

    def __init__(self, names: ArnParts, raw: RawTable) -> None:
        account, partition = names.account.texts(), names.partition.texts()
        accounts = pa.table({"report": raw.report, "account": account, "partition": partition})
        distinct = accounts.filter(account.is_valid()).group_by(["report", "account", "partition"]).aggregate([])
        self._pairs: list[set[tuple[str, str]]] = [set() for _ in raw.reports]
        for report, number, name in zip(*distinct.to_pydict().values(), strict=True):
            self._pairs[report].add((number, name))

    def only_account(self) -> pa.StringArray:
        """Return for each report its account if all ARNs have the same account and partition; else null."""
        only = [next(iter(pairs))[0] if len(pairs) == 1 else None for pairs in self._pairs]
        return pa.array(only, pa.string())

    def partitions(self, report: npt.NDArray[np.int32], accounts: pa.StringArray) -> pa.StringArray:
        """Return the partition of each row: that of its account in the report, else the only one in the report."""
        encoded = accounts.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        codes = pc.fill_null(encoded.indices, len(texts)).to_numpy()
        key, key_of_row = np.unique(report.astype(np.int64) * (len(texts) + 1) + codes, return_inverse=True)
        numbers_and_codes = (divmod(number, len(texts) + 1) for number in key.tolist())
        partitions = [self._partition(number, [*texts, None][code]) for number, code in numbers_and_codes]
        return pa.array(partitions, pa.string()).take(pa.array(key_of_row))

    def _partition(self, report: int, account: str | None) -> str | None:
        pairs = self._pairs[report]
        names = {name for number, name in pairs if number == account} or {name for _, name in pairs}
        return names.pop() if len(names) == 1 else None


# --- a column for the account ----------------------------------------------------------------------------------------


class _Cell(NamedTuple):
    """The content of a cell in the account column.

    `padded` is the account that the cell would be with the leading zeros that may have been cut. `is_number` is true
    for any number, also one that cannot be an account.
    """

    account: str | None
    padded: str | None
    is_number: bool


@dataclass(frozen=True)
class _AccountCells:
    """The cells of the account column, one per row; `account` is null where the cell is not an account.

    `is_doubtful` marks cells that are not accounts in a report whose other cells are. For them, `padded` has the
    account with the leading zeros that may have been cut.
    """

    account: pa.StringArray
    padded: pa.StringArray
    is_doubtful: npt.NDArray[np.bool_]
    raw: RawTable

    def instead_of(self, accounts: pa.StringArray, rows: npt.NDArray[np.int64], origins: RowOrigins) -> pa.StringArray:
        """Return the accounts of `rows`, which have no account in an ARN: from the column, else from `accounts`.

        A doubtful cell is null, unless its digits with leading zeros equal the account in `accounts`.
        """
        where = pa.array(rows)
        doubtful = self.is_doubtful[rows]
        fits = true_where(pc.equal(self.padded.take(where), accounts))
        lost = rows[doubtful & ~fits]
        # One issue per report and text is enough: the rows have the same cause and the same remedy.
        texts = self.raw.cells[ACCOUNT].take(pa.array(lost)).combine_chunks().dictionary_encode()
        key = self.raw.report[lost].astype(np.int64) * (len(texts.dictionary) + 1) + texts.indices.to_numpy()
        origins.note(
            "bad_account",
            "not an account number of 12 digits (a spreadsheet may have cut leading zeros or rounded the number): the "
            "account of this row and of similar rows is not known; correct the number, or use the original report from "
            "AWS",
            lost[np.sort(np.unique(key, return_index=True)[1])],
            ACCOUNT,
        )
        fallbacks = pc.if_else(pa.array(doubtful & ~fits), NULL_TEXT, accounts)
        return pc.coalesce(self.account.take(where), fallbacks)


def _read_account_cells(raw: RawTable, of_arn: FewTexts, origins: RowOrigins) -> _AccountCells:
    """Return the cells of the account column, and note each row whose cell differs from its ARN (`of_arn`).

    If the column of a report contains no numbers (but names, for example), it is ignored and noted.
    """
    encoded = raw.cells[ACCOUNT].combine_chunks().dictionary_encode()
    read = [*(_read_number(text) for text in encoded.dictionary.to_pylist()), _Cell(None, None, is_number=False)]
    code = pc.fill_null(encoded.indices, len(read) - 1).to_numpy()
    blank = np.array([text.strip().lower() in SENTINELS for text in encoded.dictionary.to_pylist()] + [True])[code]
    account, padded = (
        pa.array([getattr(cell, part) for cell in read], pa.string()).take(pa.array(code))
        for part in ("account", "padded")
    )
    has_numbers = np.zeros(len(raw.reports), bool)
    has_numbers[raw.report[np.array([cell.is_number for cell in read])[code]]] = True
    unused = np.flatnonzero(~blank & ~has_numbers[raw.report])
    origins.note(
        "unknown_column",
        "not a column of the credential report, and it contains no account numbers: the column was left out",
        unused[np.unique(raw.report[unused], return_index=True)[1]],
        ACCOUNT,
    )
    origins.note(
        "account_mismatch",
        "differs from the account in the ARN of this row: the ARN was used, but cells may have moved; use the original "
        "report from AWS",
        np.flatnonzero(true_where(pc.not_equal(of_arn.texts(), pc.coalesce(account, padded)))),
        ACCOUNT,
    )
    doubtful = ~blank & has_numbers[raw.report] & np.asarray(account.is_null())
    return _AccountCells(account, padded, doubtful, raw)


def _read_number(text: str) -> _Cell:
    if whole := _WHOLE.fullmatch(text):
        account = "".join(whole.groups())
        return _Cell(account, account, is_number=True)
    short = _SHORT.fullmatch(text)
    return _Cell(None, short[1].zfill(12) if short else None, is_number=bool(short or _ANY_NUMBER.fullmatch(text)))
