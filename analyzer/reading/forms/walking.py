"""Find envelopes and rows of reports in JSON and YAML values, at any depth."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from analyzer.reading.forms import answers
from analyzer.reading.forms.content import Content, DamagedError, NotAReportError, OnlyMarksError, Opened
from analyzer.reading.forms.headers import is_header, known_columns, parse_header, squeezed
from analyzer.reading.forms.programs import ACCOUNT, ACCOUNT_NAMES, PROGRAMS, program_of
from analyzer.reading.forms.values import BEGINNING, bears_report, dated, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analyzer.reading.forms.programs import Program

_DEEPEST: Final = 12
"""The deepest nesting that is searched."""
_AWS_KEYS: Final = frozenset({"Content", "GeneratedTime", "ReportFormat"})
_SQUEEZED: Final = frozenset(squeezed(key) for key in _AWS_KEYS)
ENOUGH: Final = 5
"""A mapping with this many AWS column names is a row; a list with this many is the header of a table."""
_CUSTODIAN: Final = "c7n:credential-report"
_SLOTS: Final = {
    "access_keys": (
        "access_key",
        ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service"),
    ),
    "certs": ("cert", ("active", "last_rotated")),
}
"""The lists in which Cloud Custodian stores slots: the column prefix and the parts of each entry."""
_KEYS: Final = frozenset(key for program in PROGRAMS for key in program.keys)


@dataclass(frozen=True)
class _Path:
    """The path to a value: `account` is the nearest account above it, and `keys` are keys that identify programs."""

    form: str
    account: str | None = None
    keys: tuple[str, ...] = ()
    depth: int = 0

    def to(self, key: object, inside: object) -> _Path:
        """Return the path to the value `inside`, which is stored under `key`."""
        name = str(key)
        return replace(
            self,
            account=_account_in(inside) or (name if ACCOUNT.fullmatch(name) else self.account),
            keys=(*self.keys, name) if name in _KEYS else self.keys,
            depth=self.depth + 1,
        )


def reports_in_values(values: Iterable[object], form: str) -> Opened:
    """Return the reports in the values of a text of this form (`json` or `yaml`).

    If there is a report, every other value that is not a report is damage. Raises NotAReportError if there is no
    report, and DamagedError if the only report cannot be opened.
    """
    _refuse_names(list(values))
    opened: Opened = []
    no_reports: list[NotAReportError] = []
    for unit in _units(list(values)):
        try:
            if isinstance(unit, DamagedError):
                raise unit
            opened += _open(unit, _Path(form, _account_in(unit)))
        except DamagedError as error:
            opened.append(error)
        except NotAReportError as error:
            no_reports.append(error)
            opened.append(DamagedError(str(error)))
    if len(opened) == len(no_reports):
        raise (
            no_reports[0]
            if no_reports
            else NotAReportError("neither a credential report nor an AWS answer that contains one")
        )
    if len(opened) == 1 and isinstance(opened[0], DamagedError):
        raise opened[0]
    return opened


def _units(values: Sequence[object]) -> Iterator[object]:
    """Yield the units that are opened separately: each envelope, and consecutive rows as one list."""
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if _is_list_of_texts(values) or _is_table(values):
        yield values
        return
    rows: list[object] = []
    for value in values:
        if _is_row(value):
            rows.append(value)
            continue
        if rows:
            yield rows
            rows = []
        yield value
    if rows:
        yield rows


def _open(value: object, path: _Path) -> Opened:
    """Return the reports in a value."""
    if isinstance(value, str):
        form = "quoted text" if path.form != "json" or "\n" in value else "quoted base64"
        return [_with_account(decoded(value, form), path)]
    parts = list(_reports_in(value, path))
    if parts:
        return [content for part in parts for content in part]
    answers.refuse_value(value)
    if isinstance(value, dict) and known_columns(map(str, value)) and _is_columnar(value):
        raise DamagedError("a report stored by columns; save it as a list of rows, or as CSV")
    raise NotAReportError(f"{path.form.upper()} without the keys of get-credential-report")


def _reports_in(value: object, path: _Path) -> Iterator[Opened]:
    """Yield the reports in a value and in the values below it."""
    if path.depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield from _in_mapping(value, path)
    elif isinstance(value, list) and value:
        if _is_row(value[0]) or (path.keys and all(isinstance(item, dict) for item in value)):
            yield _rows([item for item in value if isinstance(item, dict)], path, len(value))
        elif _is_table(value):
            yield _table(value, path)
        elif _is_list_of_texts(value):
            yield [_with_account(decoded(value, "list of lines"), path)]
        else:
            for item in value:
                yield from _reports_in(item, path.to("", item))


def _in_mapping(value: Mapping[Any, Any], path: _Path) -> Iterator[Opened]:
    if _is_envelope(value, path.depth):
        yield [_from_envelope(value, path)]
    elif _is_row(value):
        yield _rows([value], path, 1)
    elif _is_table([value.get("columns")]) and isinstance(value.get("data"), list):
        yield _table([value["columns"], *value["data"]], path)
    elif value.get("rows") == [] and _names_columns(value.get("columns")):
        raise DamagedError(
            "a table without rows, which does not show that the account has no users; find out why it is empty, and "
            "download the report again"
        )
    elif (
        value
        and any(_is_row(item) for item in value.values())
        and all(isinstance(item, dict) for item in value.values())
    ):
        yield _rows(list(value.values()), path, len(value))
    else:
        _refuse_nested(value)
        for key, item in value.items():
            yield from _under(item, path, path.to(key, item))


def _under(value: object, path: _Path, below: _Path) -> Iterator[Opened]:
    """Yield the reports in a value of a mapping that is not itself a report."""
    if below.keys != path.keys:
        _refuse_empty(value, below)
    if isinstance(value, str) and bears_report(value):
        yield [_with_account(decoded(value, f"{path.form} envelope"), below)]
    elif isinstance(value, str):
        value = _json_in(value)
    if isinstance(value, (dict, list)):
        yield from _reports_in(value, below)


def _json_in(text: str) -> object:
    """Return the value of JSON stored as a text in JSON, as Lambda functions return it; None for other texts."""
    if not text.lstrip().startswith(("{", "[")) or not (BEGINNING in text or "user_creation_time" in text):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# --- envelopes --------------------------------------------------------------------------------------------------------


def _is_envelope(value: Mapping[Any, Any], depth: int) -> bool:
    """Return whether a mapping is an answer of get-credential-report. Nested mappings must be certain to be one."""
    if depth <= 1 and _AWS_KEYS & value.keys():
        return True
    by_name = {squeezed(str(key)): item for key, item in value.items()}
    envelope_keys = _SQUEEZED & by_name.keys()
    return len(envelope_keys) > 1 or ("content" in envelope_keys and bears_report(by_name["content"]))


def _from_envelope(value: Mapping[Any, Any], path: _Path) -> Content | DamagedError:
    by_name = {squeezed(str(key)): item for key, item in value.items()}
    content = by_name.get("content")
    if content is None or content == "":
        return DamagedError(f"the {path.form.upper()} envelope has no Content; download the report again")
    try:
        opened = decoded(content, f"{path.form} envelope")
    except NotAReportError:
        return DamagedError(f"the {path.form.upper()} envelope has no Content; download the report again")
    except DamagedError as error:
        return error
    return _with_account(dated(opened, by_name.get("generatedtime")), path)


def _with_account(content: Content, path: _Path) -> Content:
    return replace(content, account=path.account) if path.account else content


def _account_in(value: object) -> str | None:
    """Return the account number in a mapping; None if it has none or several."""
    if not isinstance(value, dict):
        return None
    candidates = {
        str(item) for key, item in value.items() if squeezed(str(key)) in ACCOUNT_NAMES and not isinstance(item, bool)
    }
    numbers = [item for item in candidates if ACCOUNT.fullmatch(item)]
    return numbers[0] if len(numbers) == 1 else None


# --- rows -------------------------------------------------------------------------------------------------------------


def _is_row(value: object) -> bool:
    """Return whether a value is a mapping that is a row of a report."""
    if not isinstance(value, dict):
        return False
    if _CUSTODIAN in value:
        return True
    if any(isinstance(item, (dict, list)) for item in value.values()):
        return False
    program = program_of(map(str, value))
    names = program.names if program else {}
    columns = [names.get(str(key).lower(), str(key)) for key in value]
    if program and program.refused:
        return any(column.lower().startswith(("user", "arn", "name")) for column in columns)
    return is_header(columns) and len(known_columns(columns)) >= (3 if program else ENOUGH)


def _rows(rows: Sequence[Mapping[Any, Any]], path: _Path, count: int) -> Opened:
    from analyzer.reading.forms import grids  # noqa: PLC0415 - few forms need Arrow

    keys = path.keys
    if any(_CUSTODIAN in row for row in rows):
        keys = (*keys, _CUSTODIAN)
        unknown = count - sum(isinstance(row.get(_CUSTODIAN), dict) for row in rows)
        rows = [_from_custodian(row[_CUSTODIAN]) for row in rows if isinstance(row.get(_CUSTODIAN), dict)]
    else:
        unknown = count - len(rows)
    opened = grids.from_mappings(
        [{str(key): cell for key, cell in row.items()} for row in rows], f"{path.form} rows", keys
    )
    opened = [_with_account(content, path) if isinstance(content, Content) else content for content in opened]
    if unknown:
        opened.append(
            DamagedError(f"entries without the columns of a credential report: {unknown:,}; download the report again")
        )
    return opened


def cut_row(rows: object) -> list[DamagedError]:
    """Return an error if the last of some rows (mappings) has fewer columns than the others; else an empty list.

    Only for forms that can be read up to the point where they are cut.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(rows) < 2:
        return []
    if len(rows[-1]) < min(len(row) for row in rows[:-1]):
        return [DamagedError("the last row is cut: the rows after it are missing; download the report again")]
    return []


def _from_custodian(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that Cloud Custodian stores as lists of slots; a missing slot was empty."""
    row = {name: value for name, value in report.items() if name not in _SLOTS}
    for name, (slot, parts) in _SLOTS.items():
        entries = [entry for entry in report.get(name) or [] if isinstance(entry, dict)]
        for number in (1, 2):
            entry = entries[number - 1] if len(entries) >= number else {"active": False}
            row |= {f"{slot}_{number}_{part}": entry.get(part) for part in parts}
    return row


def _is_table(value: object) -> bool:
    """Return whether a value is a list of lists whose first list is a header."""
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return False
    first = value[0]
    return all(isinstance(name, str) for name in first) and is_header(first) and len(known_columns(first)) >= ENOUGH


def _table(value: Sequence[Any], path: _Path) -> Opened:
    names = value[0]
    odd = [row for row in value[1:] if not isinstance(row, list) or len(row) != len(names)]
    rows = [dict(zip(names, row, strict=True)) for row in value[1:] if isinstance(row, list) and len(row) == len(names)]
    return _rows(rows, path, len(rows) + len(odd))


def _is_list_of_texts(value: object) -> bool:
    """Return whether a value is a list of the lines of a report."""
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(line, str) for line in value):
        return False
    return any(parse_header(line.strip("\ufeff").encode(errors="replace")) is not None for line in value[:20])


def _names_columns(value: object) -> bool:
    """Return whether a value lists the columns of a report, as Steampipe does beside its rows."""
    names = [str(column.get("name")) for column in value if isinstance(column, dict)] if isinstance(value, list) else []
    return program_of(names) is not None or len(known_columns(names)) >= ENOUGH


def _is_columnar(value: Mapping[Any, Any]) -> bool:
    return len(known_columns(map(str, value))) >= ENOUGH and all(
        isinstance(item, (dict, list)) for item in value.values()
    )


def _refuse_names(values: Sequence[object]) -> None:
    """Raise OnlyMarksError if the only value is a list of the column names of a report."""
    names = values[0] if len(values) == 1 and isinstance(values[0], list) else []
    if names and all(isinstance(name, str) for name in names) and ENOUGH <= len(known_columns(names)) == len(names):
        raise OnlyMarksError("the column names of a report, and no rows; download the report again")


def _refuse_nested(value: Mapping[Any, Any]) -> None:
    """Raise DamagedError if a mapping is a row with nested values, which is a form that cannot be read."""
    names = [str(key) for key in value]
    keys = value.get("access_keys")
    if isinstance(keys, list) and keys and isinstance(keys[0], dict):
        names += [f"access_keys.{key}" for key in keys[0]]
    columns = known_columns(names)
    program = program_of(names)
    if program and program.refused and len(columns) > 2:
        raise DamagedError(f"rows from {program.name}: {program.refused}")
    if len(columns) >= ENOUGH and not _is_columnar(value):
        raise OnlyMarksError("rows of a report with lists or objects in their cells, which no known program writes")


def _refuse_empty(value: object, path: _Path) -> None:
    """Raise DamagedError if a program that is recognised by its keys stored no rows."""
    program: Program | None = program_of((), path.keys)
    if program is None:
        return
    if program.refused:
        raise DamagedError(f"rows from {program.name}: {program.refused}")
    regions = list(value.values()) if isinstance(value, dict) else [value]
    nothing = not any(regions) or all(isinstance(region, dict) and not region.get("data", region) for region in regions)
    failed = isinstance(value, dict) and all(isinstance(region, dict) and region.get("err") for region in regions)
    if nothing or failed:
        raise DamagedError(
            f"{program.name} stored no rows, which does not show that the account has no users; find out why, and "
            "download the report again"
        )
