"""Pseudonyms for users, ARNs, accounts and other names in evidence that is shared.

They are made with a secret key and HMAC-SHA256 (RFC 2104), separately for each kind of name. The same key gives the
same pseudonyms in every run. Without the key, nobody can find the name behind a pseudonym, not even by trying names.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.reading.issues import CODES
from analyzer.reading.layout import ACCOUNT_ID, COLUMNS, ROOT_USER, account_column
from analyzer.survey.accounts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.reading.issues import Row
    from analyzer.survey.accounts import Account

DIGITS: Final = 16
"""Hexadecimal digits of a pseudonym. Among a million names, the chance that two share one is 1 in 37 million."""
_ROUNDS: Final = 10
_HALF: Final = 10**6
"""The number of values of half an account number (six digits)."""
_FILE: Final = re.compile(
    r"(?P<rest>.*?)(?P<suffix>(?:\.(?:csv|tsv|txt|json|jsonl|ndjson|xlsx|xlsm|xls|ods|parquet|feather|arrow|yaml|yml|xml|"
    r"html|md|sql|toml|zip|tar|tgz|gz|bz2|xz|zst|7z))*)(?P<part>(?:#\d{1,4})?)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
"""A file name: the rest, the suffixes of known forms, and the number of a report in the file (`#2`)."""
_STANDARD_INPUT: Final = "-"
_PARTITIONS: Final = frozenset(
    {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}
)
_KNOWN_COLUMNS: Final = frozenset({*COLUMNS, "GeneratedTime"})


@dataclass(frozen=True)
class Pseudonyms:
    """The pseudonyms made with one key.

    `patterns` has a pair for each user name with wildcards in a waiver: its pseudonym, and a regular expression for
    the matching names in lower case. The matching users are found while their names are still known. With
    `with_people`, users are compared with lists of people, and rows get the columns in `NAMES_COMPARED`.
    """

    key: bytes = field(repr=False)
    patterns: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    with_people: bool = False

    @property
    def fingerprint(self) -> str:
        """A text that is equal for evidence sets made with the same key, and does not reveal the key."""
        return self._digits("fingerprint", "")

    def _digits(self, kind: str, text: str) -> str:
        data = kind.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, data, "sha256").hex()[:DIGITS]

    def of(self, kind: str, text: str) -> str:
        """Return the pseudonym of a text, such as `owner-1f0c2d3e4a5b6978`; every kind has its own pseudonyms."""
        return f"{kind}-{self._digits(kind, text)}"

    def user(self, lower_case: str) -> str:
        """Return the pseudonym of a user, given the name in lower case; the name of root stays.

        IAM names never differ by case alone. The pseudonym is in lower case as well and contains no wildcard.
        """
        return lower_case if lower_case == ROOT_USER else self.of("user", lower_case)

    def account(self, number: str) -> str:
        """Return twelve digits for an account; two accounts never have the same."""
        if re.fullmatch(ACCOUNT_ID, number) is None:
            return self.of("account", number)
        return _permuted(self.key, number)

    def account_of(self, account: Account) -> Account:
        """Return the pseudonym of an account; a known partition stays."""
        return account if account == UNKNOWN else (self.partition(account[0]), self.account(account[1]))

    def partition(self, name: str) -> str:
        """Return a known AWS partition unchanged, and a pseudonym for any other text."""
        return name if name in _PARTITIONS else self.of("partition", name)

    def path(self, path: str) -> str:
        """Return an IAM path such as `/team/` with a pseudonym for each part; `/` stays."""
        return "/".join(self.of("path", part) if part else "" for part in path.split("/"))

    def source(self, name: str) -> str:
        """Return the pseudonym of a source; suffixes of known forms and the number of a report in its file stay.

        If the name is an account number, this is the pseudonym of the account.
        """
        if name == _STANDARD_INPUT:
            return name
        if re.fullmatch(ACCOUNT_ID, name):
            return self.account(name)
        return self.file("report", name)

    def file(self, kind: str, name: str) -> str:
        """Return the pseudonym of a file of this kind, with its suffix."""
        match = _FILE.fullmatch(name)
        if match is None:
            return self.of(kind, name)
        whole = name.removesuffix(match["part"]) if match["part"] else name
        return f"{self.of(kind, whole)}{match['suffix'].lower()}{match['part']}"

    def cell_issue(self, row: Row) -> Row:
        """Return an issue without names, for a report that already has a pseudonym.

        The message may quote anything, so it is replaced by the title of the issue's code.
        """
        source, line, column, value, code, _ = row
        if column is not None and column not in _KNOWN_COLUMNS and account_column([column]) is None:
            column = self.of("column", column)
        return source, line, column, None if value is None else self.of("value", value), code, CODES[code].title

    def issue(self, row: Row) -> Row:
        """Return an issue without names, for a report that still has its original name."""
        return self.cell_issue((self.source(row[0]), *row[1:]))

    def issues(self, rows: Iterable[Row]) -> list[Row]:
        """Return issues without names, for reports that still have their original names."""
        return [self.issue(row) for row in rows]


@lru_cache(maxsize=1 << 16)
def _permuted(key: bytes, number: str) -> str:
    """Return the result of a keyed permutation of the numbers with twelve digits.

    It is a Feistel network on two halves, as in NIST SP 800-38G (FF1), with HMAC-SHA256 in place of AES. Each round is
    reversible, so two numbers never have the same result.
    """
    left, right = int(number[:6]), int(number[6:])
    for step in range(_ROUNDS):
        digest = hmac.digest(key, b"number of account\0%d\0%06d" % (step, right), "sha256")
        left, right = right, (left + int.from_bytes(digest[:16])) % _HALF
    return f"{left:06d}{right:06d}"
