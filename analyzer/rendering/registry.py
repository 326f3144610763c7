"""The formats that an evidence set can be rendered in: one entry each. The command line reads this list as well."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS: Final = ("audit", "comparison", "history")
"""The kinds of evidence."""
ENGINES: Final = ("local", "dask")
DUE_WITHIN: Final = 14
"""The days ahead in which something comes due, where nothing else is asked for."""
TABLES: Final = ("findings", "credentials", "users", "issues")
"""The tables of an audit that one can choose from."""


@dataclass(frozen=True)
class Format:
    """A format: `module` has the function of `render.Renderer`; None: nothing is rendered.

    `needs` has for each kind of evidence that it takes the tables that it reads. `doing` is what the progress says.
    `is_made_beside` says that a process of its own is worth its while (see `beside`). `needs_names` says that it is of
    no use where users have pseudonyms.
    """

    name: str
    module: str | None
    needs: Mapping[str, Sequence[str]]
    is_default: bool
    doing: str = ""
    is_made_beside: bool = False
    needs_names: bool = False


FORMATS: Final = (
    Format(
        "parquet",
        None,
        MappingProxyType(dict.fromkeys(KINDS, ())),
        is_default=True,
    ),
    Format(
        "html",
        "analyzer.rendering.page.report",
        MappingProxyType(
            {
                "audit": ("findings", "users", "issues"),
                "comparison": ("events", "issues"),
                "history": ("measures", "lifetimes", "trend", "coverage", "issues"),
            }
        ),
        is_default=True,
        doing="writing the page",
    ),
    Format(
        "excel",
        "analyzer.rendering.workbook.book",
        MappingProxyType(
            {
                "audit": ("findings", "credentials", "users", "issues"),
                "comparison": ("events", "issues"),
                "history": ("measures", "lifetimes", "trend", "coverage", "issues"),
            }
        ),
        is_default=True,
        doing="writing the workbook",
    ),
    Format(
        "charts",
        "analyzer.rendering.pictures.render",
        MappingProxyType({"audit": ("credentials",), "history": ("lifetimes", "trend", "coverage", "issues")}),
        is_default=True,
        doing="drawing",
        is_made_beside=True,
    ),
    Format(
        "pdf",
        "analyzer.rendering.pdf.report",
        MappingProxyType(
            {
                "audit": ("findings",),
                "comparison": ("events", "issues"),
                "history": ("lifetimes", "trend", "coverage", "issues"),
            }
        ),
        is_default=False,
        doing="writing the PDF",
    ),
    Format(
        "remediation",
        "analyzer.rendering.remediation",
        MappingProxyType({"audit": ("findings", "credentials", "users")}),
        is_default=False,
        doing="writing the remediation",
        needs_names=True,
    ),
    Format(
        "ics",
        "analyzer.rendering.calendar",
        MappingProxyType({"audit": ("findings",)}),
        is_default=False,
        doing="writing the calendar",
    ),
)


def formats_of(kind: str) -> tuple[str, ...]:
    """Return the names of the formats that a kind of evidence can be rendered in."""
    return tuple(one.name for one in FORMATS if kind in one.needs)


def default_formats(kind: str) -> tuple[str, ...]:
    """Return the names of the formats that are rendered unless others are chosen."""
    return tuple(one.name for one in FORMATS if kind in one.needs and one.is_default)


def chosen(kind: str, names: Sequence[str]) -> list[Format]:
    """Return the formats of these names that a kind of evidence can be rendered in, in the order of the list."""
    return [one for one in FORMATS if one.name in names and kind in one.needs]


def tables_needed(kind: str, names: Sequence[str]) -> set[str]:
    """Return the tables that the formats of these names read."""
    return {table for one in chosen(kind, names) for table in one.needs[kind]}


def require_no_names(names: Sequence[str], *, carries_over: bool = False) -> None:
    """Raise UsageError where one of the formats of these names is of no use with pseudonyms.

    `carries_over` says that what reviewers wrote into an earlier workbook is to be in the new one: it may hold names.
    """
    if carries_over:
        raise UsageError(
            "--carry-over with pseudonyms: what reviewers wrote in the earlier workbook may hold names",
            "leave --carry-over out, or run audit without --pseudonyms for those who may see names",
        )
    for one in FORMATS:
        if one.name in names and one.needs_names:
            raise UsageError(
                f"--format {one.name}: no commands can be given for users that have pseudonyms",
                f"leave {one.name} out, or run audit without --pseudonyms for those who carry it out",
            )
