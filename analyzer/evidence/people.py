"""The match of IAM users with lists of people: the tables of both lists, counts, data issues and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from analyzer.controls.vocabulary import Status, counted
from analyzer.evidence.schema import LEAVERS as LEAVERS_TABLE
from analyzer.evidence.schema import PEOPLE as PEOPLE_TABLE
from analyzer.evidence.schema import plain
from analyzer.evidence.worst import Rank
from analyzer.judging.people import Match
from analyzer.reading.columns import codes_and_texts
from analyzer.survey.people import LEAVERS, PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from analyzer.evidence.summary import Summary
    from analyzer.reading.issues import IssueLog
    from analyzer.survey.people import PeopleList

LISTS: Final[Mapping[str, pa.Schema]] = {LEAVERS: LEAVERS_TABLE, PEOPLE: PEOPLE_TABLE}
"""The schemas of the tables of the lists."""
UNCLEAR: Final = (Match.SEVERAL_PEOPLE, Match.SEVERAL_USERS)
_ORDER: Final = ("line", "account_id", "iam_user", "captured_at", "source", "source_line")


def people_table(name: str, listed: PeopleList, parts: Sequence[pa.Table]) -> pa.Table:
    """Return the table of a list (columns: `LISTS`), sorted by line, account and user; null values come last.

    `parts` are the `outcomes` of all batches (see `analyzer.judging.people`).
    """
    people = listed.people
    persons = [part["person"].drop_null().to_numpy() for part in parts]
    alone = np.setdiff1d(np.arange(len(people)), np.concatenate([np.zeros(0, np.int64), *persons]))
    without_user = pa.table({"person": alone, "status": pa.array([Match.NO_USER.value] * len(alone), pa.string())})
    found = pa.concat_tables([without_user, *parts], promote_options="default")
    person = found["person"]
    rows = {
        "line": pa.array([person.line for person in people], pa.int32()),
        "user": pa.array([person.user for person in people], pa.string()),
        "email": pa.array([person.email for person in people], pa.string()),
        "last_day": pa.array([person.last_day for person in people], pa.date32()),
    }
    columns = {column: values.take(person) for column, values in rows.items()}
    columns |= dict(zip(found.column_names, found.columns, strict=True))
    schema = LISTS[name]
    nothing = pa.nulls(found.num_rows)
    table = pa.table({column: columns.get(column, nothing) for column in schema.names}).cast(plain(schema))
    return table.sort_by([(column, "ascending") for column in _ORDER]).cast(schema)


def counts_by_match(batches: Iterable[pa.Table]) -> dict[str, int]:
    """Return the number of rows with each status (`Match`) in the table of a list; `batches` have its `status`."""
    counts = {match.value: 0 for match in Match}
    for batch in batches:
        codes, texts = codes_and_texts(batch["status"])
        for text, count in zip(texts, np.bincount(codes, minlength=len(texts)).tolist(), strict=True):
            counts[text] += count
    return counts


def note_people(name: str, listed: PeopleList, table: pa.Table, log: IssueLog) -> None:
    """Add a data issue for each kind of mismatch in the table of a list."""
    counts = counts_by_match([table])
    unclear, alone, others = sum(counts[match] for match in UNCLEAR), counts[Match.NO_USER], counts[Match.NOT_IN_LIST]
    words = {
        f"{name}_unclear": (
            unclear,
            f"{counted(unclear, 'unclear pair')} of row and user: a row matches several users, or a user several rows",
        ),
        f"{name}_without_user": (alone, f"{alone:,} of {counted(len(listed.people), 'row')} without a matching user"),
        f"users_not_in_{name}": (others, f"{counted(others, 'user')} without a matching row"),
    }
    for code, (count, text) in words.items():
        if count:
            log.add(code, f"{text} ({name}.parquet lists them)", source=listed.name)


def needs_a_look_first() -> Rank:
    """Return the order of the rows of a list's table: unclear matches first, then rows without a match."""
    order = [match.value for match in Match]

    def of(batch: pa.Table) -> npt.NDArray[np.int64]:
        codes, texts = codes_and_texts(batch["status"])
        return np.array([*map(order.index, texts), len(order)], np.int64)[codes]

    return Rank(("status",), of)


def comparisons_in_words(summary: Summary) -> list[str]:
    """Return a sentence for each given list: the result of the match, and the names of its table and sheet."""
    return [
        f"{'; '.join(parts)} ({name}.parquet, sheet {name.capitalize()})."
        for name, parts in comparisons(summary).items()
    ]


def comparisons(summary: Summary) -> dict[str, list[str]]:
    """Return the result of the match in parts of a sentence, by the name of the list."""
    words_of = {LEAVERS: _of_leavers, PEOPLE: _of_people}
    times = ["counted once per snapshot"] if summary.settings.every_snapshot else []
    return {name: [*words_of[name](summary, counts), *times] for name, counts in summary.compared.items()}


def _of_leavers(summary: Summary, counts: Mapping[str, int]) -> list[str]:
    name = summary.settings.leavers[0] if summary.settings.leavers else ""
    parts = []
    for check, sums in zip(summary.checklist.checks, summary.by_control, strict=True):
        if check.control.needs == f"--{LEAVERS}":
            undecided = sums[Status.NOT_CHECKED]
            more = f", {undecided:,} not checked" if undecided else ""
            parts.append(f"{counted(sums[Status.FAIL], 'active credential')} of users who left{more}")
    return [*parts, f"{counted(counts[Match.MATCHED], 'user')} found in {name}", *_unmatched(counts)]


def _of_people(summary: Summary, counts: Mapping[str, int]) -> list[str]:
    name = summary.settings.people[0] if summary.settings.people else ""
    users = counts[Match.NOT_IN_LIST]
    first = f"{counted(users, 'user')} {'is' if users == 1 else 'are'} not in {name}"
    return [first, *_unmatched(counts), f"{counts[Match.MATCHED]:,} matched"]


def _unmatched(counts: Mapping[str, int]) -> list[str]:
    """Return the parts on unclear matches and on rows without a user; without those that are 0."""
    unclear, alone = sum(counts[match] for match in UNCLEAR), counts[Match.NO_USER]
    words = {
        f"{counted(unclear, 'unclear pair')} of row and user": unclear,
        f"{counted(alone, 'row')} without a user": alone,
    }
    return [text for text, count in words.items() if count]
