"""Parsing the values of options: dates, accounts, names, and the policy. Each error names its option."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analyzer.errors import UsageError, checked_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from os import PathLike

    from analyzer.controls.control import Severity
    from analyzer.controls.policy import Policy
    from analyzer.pipeline.leaving import Proof
    from analyzer.reading.limits import Limits
    from analyzer.rendering.marks import Marks
    from analyzer.survey.names import CaptureTime


MOST_DAYS: Final = 36_500
"""Maximum of options in days: a hundred years."""
MOST_ROWS: Final = 1_048_575
"""Maximum number of rows below the header of an Excel sheet."""
ROWS_OF_A_SHEET: Final = 100_000
"""Default maximum number of rows on a sheet of the workbook."""


def whole_number(option: str, number: int | None, least: int, most: int | None = None) -> int | None:
    """Return the number of an option, or None if it is not given. Raises UsageError if it is out of range."""
    if number is None or (type(number) is int and least <= number and (most is None or number <= most)):
        return number
    span = f"of {least} or more" if most is None else f"from {least} to {most}"
    raise UsageError(f"{option}: not a whole number {span}: {number!r}", "give a number in this range, or leave it out")


def instant(text: str | None, option: str = "--as-of") -> datetime | None:
    """Return the time of a date, a date-time or the word now. None if the option is not given."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from analyzer.reading.times import parse_reference  # noqa: PLC0415

    if text is None:
        return None
    if text.strip().lower() == "now":
        return datetime.now(UTC)
    parsed = parse_reference(text.strip())
    if parsed is None:
        raise UsageError(
            f"{option}: not a date or date-time: {text!r}",
            "write 2026-10-31 (the end of that day, UTC), 2026-10-31T08:00:00Z, or now",
        )
    return parsed


def captured_at(values: Iterable[str]) -> tuple[CaptureTime, ...]:
    """Return the times of --captured-at in their order. A pattern may contain =, a time never does."""
    from analyzer.survey.names import CaptureTime  # noqa: PLC0415

    times = []
    for text in values:
        pattern, _, when = text.rpartition("=")
        at = instant(when, "--captured-at")
        if at is not None:
            times.append(CaptureTime(pattern or "*", at))
    return tuple(times)


def marks(workbooks: Sequence[Path], formats: Iterable[str]) -> Marks | None:
    """Return the marks of reviewers in earlier workbooks, or None if --carry-over is not given."""
    if not workbooks:
        return None
    if "excel" not in formats:
        raise UsageError("--carry-over needs the format excel", "add excel to --format")
    from analyzer.evidence.folder import tidy  # noqa: PLC0415
    from analyzer.rendering.marks import read_marks  # noqa: PLC0415

    for workbook in workbooks:
        if not workbook.exists():  # a run that was killed may have left the set under another name
            for folder in list(workbook.resolve().parents)[:2]:
                tidy(folder)
    return read_marks(workbooks)


def by(name: str | None, formats: Iterable[str]) -> str | None:
    """Return the value of --by, or None if it is not given."""
    if name is None:
        return None
    if "excel" not in formats:
        raise UsageError("--by needs the format excel", "add excel to --format")
    return checked_choice("--by", name, ("owner",))


_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SIZE: Final = re.compile(r"(\d{1,15})\s*([kmg]b)?", re.ASCII)


def proof(key: str | PathLike[str] | None, recorded_by: str | None) -> Proof:
    """Return how evidence is signed and recorded. Raises UsageError for an empty name."""
    if recorded_by is not None and not recorded_by.strip():
        raise UsageError("--record-run: an empty name", "give the name of the person who makes this evidence")
    from analyzer.pipeline.leaving import Proof  # noqa: PLC0415 - loads pandas

    return Proof(None if key is None else Path(key), recorded_by)


def limits(text: str | None) -> Limits:
    """Return the limits for the value of --max-file-size."""
    from analyzer.reading.limits import DEFAULT, OPTION, Limits  # noqa: PLC0415

    if text is None:
        return DEFAULT
    size = _SIZE.fullmatch(text.strip().lower())
    if size is None or not int(size[1]):
        raise UsageError(f"{OPTION}: not a size: {text!r}", "write bytes, or a number with a unit such as 500MB or 2GB")
    return Limits(int(size[1]) * _UNITS[size[2] or ""])


def two_instants(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """Return the times of --from and --to. Raises UsageError unless both are given and --from is earlier."""
    if since is None or until is None:
        raise UsageError("--store needs --from and --to", "write for example --from 2026-09-30 --to 2026-10-31")
    first, last = instant(since, "--from"), instant(until, "--to")
    if first is None or last is None or first >= last:
        raise UsageError("--from must be earlier than --to", "write for example --from 2026-09-30 --to 2026-10-31")
    return first, last


def series(text: str | None) -> list[datetime] | str:
    """Return the dates of --as-of-series, oldest first, or the word `monthly`."""
    if text is None:
        return []
    if text.strip().lower() == "monthly":
        return "monthly"
    dates = [instant(part, "--as-of-series") for part in split([text])]
    if not dates:
        raise UsageError("--as-of-series: no date", "write 2026-01-31,2026-02-28 or monthly")
    return sorted({date for date in dates if date is not None})


def severity(text: str) -> Severity:
    """Return the severity of --fail-on."""
    from analyzer.controls.control import Severity  # noqa: PLC0415

    return Severity(checked_choice("--fail-on", text, list(Severity)))


def account(text: str | None) -> str | None:
    """Return the account of --account-id. Raises UsageError unless it is 12 digits."""
    if text is not None and not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise UsageError(f"--account-id: not an AWS account: {text!r}", "an account is 12 digits, such as 111122223333")
    return text


def policy(path: Path | None, *, unwanted: bool) -> Policy | None:
    """Return the given policy, else the one in the current folder, if any. None with --no-policy (`unwanted`)."""
    from analyzer.controls.policy import DEFAULT_NAME, read_policy  # noqa: PLC0415 - only judging needs it

    if path is not None and unwanted:
        raise UsageError("--policy and --no-policy cannot be used together", "leave out one of these options")
    # A file with this name is meant as the policy: if it cannot be read, it must not be ignored.
    if path is None and not unwanted and os.path.lexists(DEFAULT_NAME):
        path = Path(DEFAULT_NAME)
    return None if path is None else read_policy(path)


def controls(values: Sequence[str]) -> list[str]:
    """Return the controls of --control. An empty option is an error, because it does not mean all controls."""
    names = split(values)
    if values and not names:
        raise UsageError(
            "--control: nothing chosen", "name a control, or leave out the option to judge the default controls"
        )
    return names


def benchmarks(values: Iterable[str]) -> list[str]:
    """Return the values of --benchmark: ids, and files whose names may contain commas."""
    return [name for value in values for name in ([value] if _is_file(value) else some("--benchmark", [value]))]


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # a list of ids can be too long for a file name
        return False


def some(option: str, values: Sequence[str]) -> list[str]:
    """Return the values of an option that narrows. An empty option is an error, because it does not mean everything."""
    names = split(values)
    if values and not names:
        raise UsageError(f"{option}: nothing chosen", "give a value, or leave out the option")
    return names


def choices(option: str, values: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the given names in the order of `names`. Raises UsageError for unknown names, and if none is given."""
    chosen = {checked_choice(option, name, names) for name in split(values)}
    if not chosen:
        raise UsageError(f"{option}: nothing chosen", f"choose from {', '.join(names)}")
    return [name for name in names if name in chosen]


def texts(value: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[str]:
    """Return a text or path, or several of them, as a list of texts."""
    return [os.fspath(text) for text in ([value] if isinstance(value, str | os.PathLike) else value)]


def local(value: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[str]:
    """Return paths as texts. Raises UsageError for a URL, because only commands can use URLs."""
    paths = texts(value)
    for path in paths:
        if "://" in path:
            raise UsageError(
                f"not possible with a URL: {path}", "use the command for URLs: credreport audit --engine dask"
            )
    return paths


def split(values: Iterable[str]) -> list[str]:
    """Return the values of an option that can be repeated, and can have several values separated by commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
