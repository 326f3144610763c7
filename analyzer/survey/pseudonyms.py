"""Pseudonyms: what stands for users, ARNs, accounts and other names in evidence that is shared.

All are made with one secret key by HMAC-SHA256 (RFC 2104), each kind of name apart from the others. The same key gives
the same pseudonyms in every run; without it, nobody can tell which name a pseudonym stands for, or try names out.
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
"""Hexadecimal digits of a pseudonym: among a million names, two share one with a chance of 1 in 37 million."""
_ROUNDS: Final = 10
_HALF: Final = 10**6
"""An account's number is two halves of six digits."""
_FILE: Final = re.compile(
    r"(?P<rest>.*?)(?P<suffix>(?:\.(?:csv|tsv|txt|json|jsonl|ndjson|xlsx|xlsm|xls|ods|parquet|feather|arrow|yaml|yml|xml|"
    r"html|md|sql|toml|zip|tar|tgz|gz|bz2|xz|zst|7z))*)(?P<part>(?:#\d{1,4})?)",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
"""The name of a file, its suffixes as far as they are those of known forms, and its number among several in one."""
_STANDARD_INPUT: Final = "-"
_PARTITIONS: Final = frozenset(
    {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}
)
_KNOWN_COLUMNS: Final = frozenset({*COLUMNS, "GeneratedTime"})


@dataclass(frozen=True)
class Pseudonyms:
    """The pseudonyms that one key gives.

    `patterns` are what a policy's waivers have in place of user names with wildcards, each with the regular expression
    of the names in lower case that it stands for: which users match is looked up where their names are still known.
    `with_people` says that users are compared with lists of people: rows get for that what is in `NAMES_COMPARED`.
    """

    key: bytes = field(repr=False)
    patterns: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    with_people: bool = False

    @property
    def fingerprint(self) -> str:
        """What says that two evidence sets were made with the same key, and does not tell the key."""
        return self._digits("fingerprint", "")

    def _digits(self, kind: str, text: str) -> str:
        data = kind.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, data, "sha256").hex()[:DIGITS]

    def of(self, kind: str, text: str) -> str:
        """Return the pseudonym of a text, such as `owner-1f0c2d3e4a5b6978`; texts of different kinds share none."""
        return f"{kind}-{self._digits(kind, text)}"

    def user(self, lower_case: str) -> str:
        """Return the pseudonym of a user by its name in lower case, since names differ by more than case; root's stays.

        A pseudonym is in lower case as well, and has no wildcard.
        """
        return lower_case if lower_case == ROOT_USER else self.of("user", lower_case)

    def account(self, number: str) -> str:
        """Return twelve digits for an account: two accounts never share them, however many there are."""
        if re.fullmatch(ACCOUNT_ID, number) is None:
            return self.of("account", number)
        return _permuted(self.key, number)

    def account_of(self, account: Account) -> Account:
        """Return the same of an account with its partition, which stays."""
        return account if account == UNKNOWN else (self.partition(account[0]), self.account(account[1]))

    def partition(self, name: str) -> str:
        """Return a partition of AWS as it is; what is not known as one has a pseudonym."""
        return name if name in _PARTITIONS else self.of("partition", name)

    def path(self, path: str) -> str:
        """Return an IAM path such as `/team/` in which each part has a pseudonym; `/` stays."""
        return "/".join(self.of("path", part) if part else "" for part in path.split("/"))

    def source(self, name: str) -> str:
        """Return the pseudonym of a file by its name as it was given; suffix, and number in its file, stay.

        Where an account is named in place of a file, it is the account's.
        """
        if name == _STANDARD_INPUT:
            return name
        if re.fullmatch(ACCOUNT_ID, name):
            return self.account(name)
        return self.file("report", name)

    def file(self, kind: str, name: str) -> str:
        """Return the pseudonym of a file of some kind, with its suffix."""
        match = _FILE.fullmatch(name)
        if match is None:
            return self.of(kind, name)
        whole = name.removesuffix(match["part"]) if match["part"] else name
        return f"{self.of(kind, whole)}{match['suffix'].lower()}{match['part']}"

    def cell_issue(self, row: Row) -> Row:
        """Return an issue about a report that has its pseudonym already, without what the report holds.

        What was written about it may quote anything: in its place stands what is written about all issues of its kind.
        """
        source, line, column, value, code, _ = row
        if column is not None and column not in _KNOWN_COLUMNS and account_column([column]) is None:
            column = self.of("column", column)
        return source, line, column, None if value is None else self.of("value", value), code, CODES[code].title

    def issue(self, row: Row) -> Row:
        """Return an issue that has the name of its report still, without that as well."""
        return self.cell_issue((self.source(row[0]), *row[1:]))

    def issues(self, rows: Iterable[Row]) -> list[Row]:
        """Return such issues."""
        return [self.issue(row) for row in rows]


@lru_cache(maxsize=1 << 16)
def _permuted(key: bytes, number: str) -> str:
    """Return the number that a keyed permutation of all numbers of twelve digits has for this one.

    A Feistel network on two halves, as in NIST SP 800-38G (FF1), with HMAC-SHA256 in place of AES: each round can be
    undone, so no two numbers have the same.
    """
    left, right = int(number[:6]), int(number[6:])
    for step in range(_ROUNDS):
        digest = hmac.digest(key, b"number of account\0%d\0%06d" % (step, right), "sha256")
        left, right = right, (left + int.from_bytes(digest[:16])) % _HALF
    return f"{left:06d}{right:06d}"
