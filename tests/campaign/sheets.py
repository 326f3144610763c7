"""Real-looking reports as cells, drawn by plain seeded random: quicker by far than Hypothesis, and repeated by number.

Nothing here knows `analyzer`: columns and sentinels are those of `tests.strategies`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tests.strategies import COLUMNS_22, LAYOUTS, NASTY_NAMES, PATHS, ROOT

if TYPE_CHECKING:
    from random import Random

AS_OF: Final = datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
_NAMES: Final = ("ci-deployer", "backup-operator", "auditor", "billing-reader", "log-shipper", "night-shift")
_AGES: Final = (0, 1, 5, 20, 44, 45, 46, 60, 89, 90, 91, 200, 400, 2000)
"""Days before the reference instant: most of them about a limit."""


@dataclass
class Line:
    """A row: `raw`, where it is there, is written in the place of its cells.

    `origin` is its position in the untouched report, None for a row that was not in it. A row that is `touched` may
    have other verdicts than there.
    """

    cells: list[str]
    origin: int | None
    touched: bool = False
    raw: str | None = None


@dataclass
class Sheet:
    """A report as cells. `is_plain` says that its rows are cells alone, so that any container can hold them."""

    header: list[str]
    lines: list[Line]
    account: str
    loose: bool = False
    """Its rows cannot be told by the number written: some are cut or run together."""
    extra_headers: int = 0
    names: dict[str, str] = field(default_factory=dict)
    """What columns were called before, by their present names."""

    @property
    def is_plain(self) -> bool:
        return all(line.raw is None for line in self.lines) and len(set(self.header)) == len(self.header)

    def touch_all(self) -> None:
        for line in self.lines:
            line.touched = True

    def csv(self, delimiter: str = ",") -> str:
        """Return the report as text, with LF and without a last one, as AWS writes it."""
        return "\n".join(row if isinstance(row, str) else csv_row(row, delimiter) for row in self.texts())

    def texts(self) -> list[str | list[str]]:
        """Return header and rows: as cells, or as text where a row is no list of cells any more."""
        rows: list[str | list[str]] = [self.header] if self.header else []
        return rows + [line.cells if line.raw is None else line.raw for line in self.lines]


def csv_row(cells: list[str], delimiter: str = ",") -> str:
    """Return a row of CSV."""
    plain = delimiter.join(cells)
    if '"' not in plain and "\n" not in plain and "\r" not in plain and plain.count(delimiter) == len(cells) - 1:
        return plain
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator="").writerow(cells)
    return buffer.getvalue()


def stamp(rng: Random, oldest: int = 3000) -> str:
    """Return a time before the reference instant in one of AWS's two forms."""
    days = min(rng.choice(_AGES), oldest)
    moment = AS_OF.replace(microsecond=0) - timedelta(
        days=days, seconds=rng.choice((0, 1, 3600, rng.randrange(86_400)))
    )
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + rng.choice(("Z", "+00:00"))


def _key(rng: Random, slot: int) -> dict[str, str]:
    state = rng.random()
    if state < 0.4:
        created, used, active = "N/A", "N/A", "false"
    else:
        created, used = sorted((stamp(rng), stamp(rng)))  # no key is used before it is made
        active, used = "true" if state < 0.9 else "false", "N/A" if rng.random() < 0.3 else used
    prefix = f"access_key_{slot}"
    where = ("N/A", "N/A") if used == "N/A" else ("eu-west-1", rng.choice(("s3", "iam", "ec2")))
    return {
        f"{prefix}_active": active,
        f"{prefix}_last_rotated": created,
        f"{prefix}_last_used_date": used,
        f"{prefix}_last_used_region": where[0],
        f"{prefix}_last_used_service": where[1],
    }


def _row(rng: Random, name: str, account: str, partition: str) -> list[str]:
    """Return the 23 cells of a user, or of root."""
    arn = f"arn:{partition}:iam::{account}:"
    is_root = name == ROOT
    has_password = rng.random() < (0.7 if is_root else 0.5)
    changed, used = sorted((stamp(rng), stamp(rng))) if has_password else ("N/A", "N/A")
    used = "no_information" if has_password and rng.random() < 0.3 else used
    cells = {
        "user": name,
        "arn": arn + ("root" if is_root else f"user{rng.choice(PATHS[:5])}{name}"),
        "user_creation_time": f"20{rng.randrange(12, 20)}-05-01T09:00:00+00:00",
        "password_enabled": "true" if has_password else "false",
        "password_last_used": used,
        "password_last_changed": changed,
        "password_next_rotation": "not_supported" if is_root else rng.choice(("N/A", "2027-01-01T00:00:00Z")),
        "mfa_active": rng.choice(("true", "false")),
        **_key(rng, 1),
        **_key(rng, 2),
    }
    if is_root and rng.random() < 0.3:
        cells |= {"password_enabled": "not_supported", "password_last_changed": "not_supported"}
    for slot in (1, 2):
        has = rng.random() < 0.1
        cells |= {f"cert_{slot}_active": "true" if has else "false"}
        cells |= {f"cert_{slot}_last_rotated": stamp(rng) if has else "N/A"}
    return [*(cells[column] for column in COLUMNS_22), rng.choice(("", "", "N/A", "access_key_3_active: true"))]


def draw_sheet(rng: Random, account: str, most: int = 5) -> Sheet:
    """Draw an untouched report of an account."""
    partition = "aws-us-gov" if rng.random() < 0.1 else "aws"
    names = [rng.choice((*_NAMES, *NASTY_NAMES)) for _ in range(rng.randint(1, most))]
    names = list(dict.fromkeys(f"{name}{n}" if name in _NAMES else name for n, name in enumerate(names)))
    unlike = {name.lower(): name for name in names}
    columns = LAYOUTS[rng.choice((16, 22, 22, 23))]
    positions = [_POSITIONS[column] for column in columns]
    rows = [_row(rng, name, account, partition) for name in (ROOT, *unlike.values())]
    return Sheet(list(columns), [Line([row[at] for at in positions], n) for n, row in enumerate(rows)], account)


_POSITIONS: Final = {column: position for position, column in enumerate(LAYOUTS[23])}


@lru_cache(maxsize=1 << 12)
def account_of(seed: int, number: int) -> str:
    """Return the account of a case: numbers of cases that follow each other differ in many digits."""
    return f"{(number * 736_338_717_193 + seed * 7_919 + 111_122_223_333) % 10**12:012}"
