"""The match of IAM users with lists of people: the tables of both lists, counts, data issues and sentences."""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.controls.vocabulary import Reason, Status, counted
from analyzer.evidence.schema import LEAVERS as LEAVERS_TABLE
from analyzer.evidence.schema import PEOPLE as PEOPLE_TABLE
from analyzer.evidence.schema import plain
from analyzer.evidence.tally import Tally, counts_of
from analyzer.evidence.worst import Rank, first_rows
from analyzer.judging.people import Match
from analyzer.reading.columns import codes_and_texts
from analyzer.reading.layout import ROOT_USER
from analyzer.survey.people import LEAVERS, PEOPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.summary import Summary
    from analyzer.evidence.tables import Tables
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
    outcomes = pa.concat_tables([without_user, *parts], promote_options="default")
    person = outcomes["person"]
    rows = {
        "line": pa.array([person.line for person in people], pa.int32()),
        "user": pa.array([person.user for person in people], pa.string()),
        "email": pa.array([person.email for person in people], pa.string()),
        "last_day": pa.array([person.last_day for person in people], pa.date32()),
    }
    columns = {column: values.take(person) for column, values in rows.items()}
    columns |= dict(zip(outcomes.column_names, outcomes.columns, strict=True))
    schema = LISTS[name]
    nothing = pa.nulls(outcomes.num_rows)
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


def first_people(tables: Tables, name: str, most: int) -> pa.Table:
    """Return the first `most` rows of the table of a list, those that need a look first."""
    return first_rows(tables, name, most, _needs_a_look_first())


def _needs_a_look_first() -> Rank:
    """Return the order of the rows of a list's table: unclear matches first, then rows without a match."""
    order = [match.value for match in Match]

    def of(batch: pa.Table) -> npt.NDArray[np.int64]:
        codes, texts = codes_and_texts(batch["status"])
        return np.array([*map(order.index, texts), len(order)], np.int64)[codes]

    return Rank(("status",), of)


class Counted(NamedTuple):
    """A part of a sentence with a number: the table that has the rows behind it, and their values by column."""

    text: str
    table: str = ""
    rows: Mapping[str, Sequence[str]] = MappingProxyType({})


def comparisons_in_words(summary: Summary) -> list[str]:
    """Return a sentence for each given list: the result of the match, and the names of its table and sheet."""
    return ["; ".join(parts) + names_of_table(name) for name, parts in comparisons(summary).items()]


def names_of_table(name: str) -> str:
    """Return the end of the sentence on a list: the names of its table and sheet."""
    return f" ({name}.parquet, sheet {name.capitalize()})."


def comparisons(summary: Summary) -> dict[str, list[str]]:
    """Return the result of the match in parts of a sentence, by the name of the list."""
    return {name: [part.text for part in parts] for name, parts in comparison_parts(summary).items()}


def comparison_parts(summary: Summary) -> dict[str, list[Counted]]:
    """Return the parts of `comparisons`, each with the rows behind its number."""
    words_of = {LEAVERS: _of_leavers, PEOPLE: _of_people}
    times = [Counted("counted once per snapshot")] if summary.settings.every_snapshot else []
    return {name: [*words_of[name](summary, counts), *times] for name, counts in summary.compared.items()}


def _of_leavers(summary: Summary, counts: Mapping[str, int]) -> list[Counted]:
    name = summary.settings.leavers[0] if summary.settings.leavers else ""
    parts = []
    for check, sums in zip(summary.checklist.checks, summary.by_control, strict=True):
        if check.control.needs == f"--{LEAVERS}":
            undecided, users = sums[Status.NOT_CHECKED], int(counts_of(summary.tallies, Tally.LEAVERS)["count"].sum())
            who = f"{counted(users, 'user')} who left" if users else "users who left"
            control = {"control": [check.control.id]}
            failures = control | {"status": [Status.FAIL.value]}
            parts.append(Counted(f"{counted(sums[Status.FAIL], 'active credential')} of {who}", "findings", failures))
            if sums[Status.FAIL]:
                findings = summary.findings_counted
                used, unknown = (
                    findings.number(findings.because(reason))
                    for reason in (Reason.LEFT_AND_USED, Reason.LEFT_USE_UNKNOWN)
                )
                more = f" ({unknown:,} not known)" if unknown else ""
                text = f"{used:,} {'was' if used == 1 else 'were'} used after the last day{more}"
                parts.append(Counted(text, "findings", failures | {"reason": [Reason.LEFT_AND_USED.value]}))
            if undecided:
                rows = control | {"status": [Status.NOT_CHECKED.value]}
                parts.append(Counted(f"{undecided:,} not checked", "findings", rows))
    matched, others = counts[Match.MATCHED], _unmatched(LEAVERS, counts)
    rows = {"status": [Match.MATCHED.value]}
    # The part of an owner has no rows for people without a user there, so it cannot show that all rows match.
    if matched and not others and summary.part is None:
        text = f"all rows of {name} match a user, {counted(matched, 'user')} in all"
        return [*parts, Counted(text, LEAVERS, rows)]
    text = f"{counted(matched, 'user')} {'matches' if matched == 1 else 'match'} a row of {name}"
    return [*parts, Counted(text, LEAVERS, rows), *others]


PASSES_OF_LEAVERS: Final = "A user who is not in the list, or has not left yet, passes"


def passes_of_leavers(summary: Summary) -> str:
    """Return what a pass of `leaver-credentials` means; an empty text if it has none."""
    pairs = zip(summary.checklist.checks, summary.by_control, strict=True)
    passing = [check.control.id for check, sums in pairs if check.control.needs == f"--{LEAVERS}" and sums[Status.PASS]]
    return f"{PASSES_OF_LEAVERS} {passing[0]}." if passing else ""


def _of_people(summary: Summary, counts: Mapping[str, int]) -> list[Counted]:
    name = summary.settings.people[0] if summary.settings.people else ""
    users = counts[Match.NOT_IN_LIST]
    text = f"{counted(users, 'user')} {'is' if users == 1 else 'are'} not in {name}"
    return [
        Counted(text, PEOPLE, {"status": [Match.NOT_IN_LIST.value]}),
        *_unmatched(PEOPLE, counts),
        Counted(f"{counts[Match.MATCHED]:,} matched", PEOPLE, {"status": [Match.MATCHED.value]}),
    ]


def leavers_without_user(evidence: EvidenceSet, most: int = 3) -> list[str]:
    """Return a line for each row of the list of leavers that matches no user, up to `most`, and one on the others.

    A user who matches no row is named if the names are nearly the same. Pseudonyms are not compared.
    """
    if LEAVERS not in evidence.files:
        return []
    table = evidence.table(LEAVERS)
    alone = table.filter(pc.equal(table["status"].cast(pa.string()), Match.NO_USER.value))
    if not alone.num_rows:
        return []
    listed = evidence.settings.leavers
    rows = alone.slice(0, most).select(["line", "user", "email"]).to_pylist()
    names = [row["user"] or row["email"] for row in rows]
    near = {} if evidence.pseudonyms else _near(evidence, names, set(pc.unique(table["iam_user"]).to_pylist()))
    lines = [
        f"{listed[0] if listed else LEAVERS}:{row['line']} {name}: no user has this name"
        + (f"; did you mean {near[name]!r}?" if name in near else "")
        for row, name in zip(rows, names, strict=True)
    ]
    more = alone.num_rows - len(rows)
    return [*lines, *([f"and {more:,} more: {LEAVERS}.parquet"] if more else [])]


_CLOSE: Final = 0.8
"""The least similarity of names that are nearly the same, as difflib measures it."""
_MOST_COMPARED: Final = 20_000
"""The number of user names with which a name is compared, at most."""


def _near(evidence: EvidenceSet, names: Sequence[str], matched: set[str | None]) -> dict[str, str]:
    """Return for each name the IAM user with nearly the same name, if there is one among those not in `matched`."""
    pools: dict[str, dict[str, str]] = {name: {} for name in names}
    for batch in evidence.batches("users" if "users" in evidence.files else "findings", ["user"]):
        users = pc.unique(batch["user"].cast(pa.string())).drop_null()
        folded, lengths = pc.utf8_lower(users), pc.utf8_length(users)
        for name, pool in pools.items():
            plain_name = _plain(name)
            low, high = int(len(plain_name) * _CLOSE / (2 - _CLOSE)), int(len(plain_name) * (2 - _CLOSE) / _CLOSE)
            is_like = pc.or_(pc.starts_with(folded, plain_name[:1]), pc.ends_with(folded, plain_name[-1:]))
            fits = pc.and_(is_like, pc.and_(pc.greater_equal(lengths, low), pc.less_equal(lengths, high)))
            for user in users.filter(fits).to_pylist()[: max(_MOST_COMPARED - len(pool), 0)]:
                if user not in matched and user != ROOT_USER:
                    pool.setdefault(_plain(user), user)
    close_names = {name: get_close_matches(_plain(name), pool, 1, _CLOSE) for name, pool in pools.items()}
    return {name: pools[name][close[0]] for name, close in close_names.items() if close}


def _plain(name: str) -> str:
    """Return the part of a name before `@`, in small letters."""
    return name.casefold().partition("@")[0] or name.casefold()


def _unmatched(name: str, counts: Mapping[str, int]) -> list[Counted]:
    """Return the parts on unclear matches and on rows without a user; without those that are 0."""
    unclear, alone = sum(counts[match] for match in UNCLEAR), counts[Match.NO_USER]
    parts = (
        (Counted(f"{counted(unclear, 'unclear pair')} of row and user", name, {"status": list(UNCLEAR)}), unclear),
        (Counted(f"{counted(alone, 'row')} without a user", name, {"status": [Match.NO_USER.value]}), alone),
    )
    return [part for part, count in parts if count]
