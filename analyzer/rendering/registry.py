"""The output formats: their names, the modules that render them, and the tables that they need."""

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
"""The default number of days for checks that will fail soon."""
TABLES: Final = ("findings", "credentials", "users", "issues")
"""The tables of an audit that a user can choose."""


@dataclass(frozen=True)
class Format:
    """An output format.

    `module` names the module with the function of `render.Renderer`; None: there is nothing to render. `needs` has the
    tables that the format reads, for each kind of evidence for which it exists. `doing` is its text in the progress
    display. `is_made_beside` is true if a helper process is worthwhile (see `beside`). `needs_names` is true if the
    format cannot be used with pseudonyms.
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
        doing="drawing the charts",
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
        doing="writing the remediation files",
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
    """Return the names of the formats that exist for a kind of evidence."""
    return tuple(format_.name for format_ in FORMATS if kind in format_.needs)


def default_formats(kind: str) -> tuple[str, ...]:
    """Return the names of the formats that are rendered by default."""
    return tuple(format_.name for format_ in FORMATS if kind in format_.needs and format_.is_default)


def chosen(kind: str, names: Sequence[str]) -> list[Format]:
    """Return the formats of these names that exist for a kind of evidence, in the order of `FORMATS`."""
    return [format_ for format_ in FORMATS if format_.name in names and kind in format_.needs]


def tables_needed(kind: str, names: Sequence[str]) -> set[str]:
    """Return the tables that the formats of these names read."""
    return {table for format_ in chosen(kind, names) for table in format_.needs[kind]}


def require_no_names(names: Sequence[str], *, carries_over: bool = False) -> None:
    """Raise UsageError if one of the formats cannot be used with pseudonyms.

    `carries_over` is true if reviewers' marks are to be carried over: they may contain names.
    """
    if carries_over:
        raise UsageError(
            "--carry-over cannot be used with pseudonyms, because reviewers' marks may contain names",
            "leave --carry-over out, or run audit without --pseudonyms for those who may see names",
        )
    for format_ in FORMATS:
        if format_.name in names and format_.needs_names:
            raise UsageError(
                f"--format {format_.name} cannot be used with pseudonyms, because its commands need real user names",
                f"leave {format_.name} out, or run audit without --pseudonyms for the people who run the commands",
            )
