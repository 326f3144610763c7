"""The tables that other programs make from reports, as data: how to recognise them, their names, and what they lose.

A null becomes a blank cell, which counts as unknown, unless a rule here defines its meaning. The rules come from
running the programs or reading their source: the AWS plugin of Steampipe, CloudQuery, Cloud Custodian 0.9.53,
ScoutSuite, CloudSploit, and the other programs below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from analyzer.reading.layout import COLUMNS, SLOTS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Null:
    """The meaning of a null in some AWS columns: `text`.

    With `where`, the rule applies only to rows in which the column `where` has one of the texts `among`.
    """

    columns: tuple[str, ...]
    text: str
    where: str | None = None
    among: tuple[str, ...] = ()
    of_root: bool = True
    """Whether the rule applies to the row of root, which can have `not_supported` where other rows have `N/A`."""


@dataclass(frozen=True)
class Program:
    """A program that stores the rows of reports in its own form.

    It is recognised by a column name in `marks`, or by one of `keys` among the keys that lead to its rows. `names` maps
    its column names to those of AWS where they differ. `lost` describes lost data. `generated` is the column with
    GeneratedTime. `filters` is true if the program may store only some of the users. `refused` explains why its rows
    are not reliable; they are then not read.
    """

    name: str
    marks: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    nulls: tuple[Null, ...] = ()
    lost: str = ""
    believes_root: bool = True
    """Whether `password_enabled` of root is the original value."""
    generated: str | None = None
    filters: bool = False
    refused: str = ""


_KEYS: Final = tuple(
    column
    for slot in SLOTS
    if slot.kind is not Kind.PASSWORD
    for column in (slot.last_changed, slot.last_used)
    if column
)
_PLACES: Final = tuple(column for slot in SLOTS for column in (slot.region, slot.service) if column)
_PASSWORD: Final = ("password_last_changed", "password_next_rotation")
_USED: Final = ("password_last_used",)
_RAW: Final = "download the report itself: aws iam get-credential-report > report.json"

PROGRAMS: Final = (
    Program(
        "Steampipe",
        marks=frozenset({"user_arn", "password_status", "_ctx", "sp_ctx", "sp_connection_name", "og_account_id"}),
        names={"user_name": "user", "user_arn": "arn"},
        nulls=(
            Null(_KEYS + _PLACES, "N/A"),
            Null(_PASSWORD, "N/A", of_root=False),
            Null(_USED, "no_information", "password_status", ("never_used",)),
            Null(_USED, "N/A", "password_status", ("not_set",)),
        ),
        lost="it stores N/A, no_information and not_supported as null, and root's password_enabled is always true",
        believes_root=False,
        generated="generated_time",
        filters=True,
    ),
    Program(
        "CloudQuery",
        marks=frozenset({"_cq_id", "_cq_sync_time", "_cq_source_name", "access_key1_active", "cert1_active"}),
        nulls=(
            Null(_KEYS, "N/A"),
            Null(_PASSWORD, "N/A", of_root=False),
            Null(_USED, "no_information", "password_enabled", ("true",)),
        ),
        lost="it stores N/A, no_information and not_supported as null in times, and not when the report was generated",
        filters=True,
    ),
    Program(
        "Cloud Custodian",
        marks=frozenset({"c7n:credential-report"}),
        keys=frozenset({"c7n:credential-report"}),
        nulls=(
            Null(_KEYS + _PLACES, "N/A"),
            Null(_PASSWORD, "N/A", of_root=False),
            Null(_USED, "no_information", "password_enabled", ("true",)),
            Null(_USED, "N/A", "password_enabled", ("false",)),
        ),
        lost="it stores N/A and no_information as null, and not when the report was generated; where a user has one "
        "access key or certificate, it does not store whether this is the first or the second (shown as the first)",
        filters=True,
    ),
    Program(
        "ScoutSuite",
        marks=frozenset({"mfa_active_hardware"}),
        keys=frozenset({"credential_reports"}),
        nulls=(
            Null(_KEYS, "N/A"),
            Null(_PASSWORD, "N/A", of_root=False),
            Null(_USED, "no_information", "password_enabled", ("true",)),
        ),
        lost="it stores N/A and no_information as null in times, and not when the report was generated",
    ),
    Program(
        "CloudSploit",
        keys=frozenset({"generateCredentialReport"}),
        nulls=(Null(COLUMNS[2:22], "N/A"),),
        lost="it does not store when the report was generated",
    ),
    Program(
        "Powerpipe",
        marks=frozenset({"key 1 last rotated", "password changed timestamp", "key 2 last rotated timestamp"}),
        refused=f"the table of the benchmark does not show when the report was generated; {_RAW}",
    ),
    Program(
        "Panther",
        keys=frozenset({"CredentialReport"}),
        refused=f"it turns N/A, no_information and not_supported into times in the year 1; {_RAW}",
    ),
    Program(
        "cnquery",
        marks=frozenset({"createdat"}),
        keys=frozenset({"aws.iam.credentialReport"}),
        refused=f"it turns not_supported into false and missing times into words; {_RAW}",
    ),
    Program(
        "Elastic cloudbeat",
        marks=frozenset({"has_used", "access_keys.has_used"}),
        refused=f"it turns not_supported into false and leaves out columns; {_RAW}",
    ),
    Program(
        "Shisho Cloud",
        marks=frozenset({"passwordlastusedat"}),
        refused=f"it stores every missing time as null, so that the reason is lost; {_RAW}",
    ),
    Program(
        "Resmo",
        marks=frozenset({"accesskey1lastusedin", "passwordlastusedin"}),
        refused=f"it stores durations instead of times; {_RAW}",
    ),
)


def program_of(names: Iterable[str], keys: Iterable[str] = ()) -> Program | None:
    """Return the program whose table has these column names or was found under these keys; None for a plain report."""
    lowered = {name.strip().lower() for name in names}
    known_keys = set(keys)
    return next((program for program in PROGRAMS if program.keys & known_keys or program.marks & lowered), None)


ACCOUNT_NAMES: Final = frozenset({"accountid", "account", "awsaccountid", "accountnumber", "awsaccount", "ownerid"})
"""Names (see `squeezed`) under which a container stores the account of a report."""
ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
