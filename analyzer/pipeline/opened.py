"""Evidence that is open to a Python program: its tables as pandas frames, its counts, and the formats made of it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from analyzer.errors import InputError, UsageError
from analyzer.pipeline import values
from analyzer.rendering.registry import DUE_WITHIN, default_formats, formats_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Self

    import pandas as pd

    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.summary import Summary
    from analyzer.pipeline.leaving import Left, Proof
    from analyzer.rendering.marks import Marks

NEEDED_FOR: Final[Mapping[str, str]] = {
    "requirements": "it is written only if a benchmark is chosen",
    "coverage": "it is written only with a list of accounts",
    "leavers": "it is written only with a list of leavers",
    "people": "it is written only with a list of people",
    "trend": "it is written only if an account has an earlier snapshot, and not with --no-trend or --every-snapshot",
}
"""When an audit has the tables that not every audit has."""


class Evidence:
    """An evidence set: tables in Parquet and the manifest that describes them, in the folder `folder`.

    Tables are read when they are asked for, and compared with their digests first. Each is a pandas frame as the README
    describes it ("What it writes"): texts are Arrow strings or categories, times are UTC with microseconds, days are
    whole numbers, and a missing value is NA. A frame stays in memory; tables too large for that can be read from
    `folder` in parts. Changes to a frame change neither the evidence nor what `write` writes.

    The evidence of a run stands in a temporary folder (below TMPDIR, readable by its owner alone), which is removed
    when the object is closed, when nothing refers to it any more, or when the program ends. In a `with` statement it is
    closed at the end of that. What was read before that remains usable. Evidence that was opened from a folder is
    never removed.
    """

    kind: ClassVar[str]
    """What it is the evidence of: audit, comparison or history."""

    def __init__(self, folder: str, *, temporary: str | None = None) -> None:
        """Open the evidence set in `folder`; `temporary` is the folder that goes with the object."""
        from analyzer.evidence.opened import EvidenceSet  # noqa: PLC0415 - loads pandas

        self._set = EvidenceSet.at(folder)
        self._frames: dict[str, pd.DataFrame] = {}
        self._removal = temporary and weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @classmethod
    def made_by(cls, run: Callable[[str], object]) -> Self:
        """Return the evidence that `run` leaves in the folder whose name it is given: a temporary one."""
        above = tempfile.mkdtemp(prefix="credreport-")
        try:
            run(f"{above}/evidence")
            return cls(f"{above}/evidence", temporary=above)
        except BaseException:
            shutil.rmtree(above, ignore_errors=True)
            raise

    @property
    def folder(self) -> str:
        """The folder of the files; of evidence that was not written, a temporary one."""
        return self._set.place

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that there are."""
        return tuple(self._set.files)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table by its name. Raises InputError where there is none, or where its file was changed."""
        if name not in self._frames:
            from analyzer.evidence.schema import to_pandas  # noqa: PLC0415 - loads pandas

            self._require(name)
            self._frames[name] = to_pandas(self._set.table(name))
        return self._frames[name].copy(deep=False)

    def _require(self, *names: str) -> None:
        """Raise UsageError after the end, and InputError unless tables are there, and as they were written."""
        self._require_open()
        for name in names:
            if name not in self._set.files:
                why = NEEDED_FOR.get(name, "it was left out (option --tables), or there is no table of this name")
                raise InputError(
                    f"the evidence of this {self.kind} has no table {name!r}: {why}",
                    f"choose from {', '.join(self.tables)}",
                )
        self._set.require_as_written(*names)

    def _require_open(self) -> None:
        if self._removal and not self._removal.alive:
            raise UsageError(
                "this evidence was closed, and its temporary folder was removed",
                "read its tables and write it before you close it, or open written evidence with open_evidence",
            )

    @property
    def issues(self) -> pd.DataFrame:
        """What was passed over, repaired, unreadable or rejected: a row per data issue."""
        return self.table("issues")

    def write(
        self,
        folder: str | PathLike[str],
        *,
        formats: str | Sequence[str] | None = None,
        workbook_rows: int = values.ROWS_OF_A_SHEET,
        sign: str | PathLike[str] | None = None,
        record_run: str | None = None,
    ) -> Left:
        """Write the evidence into `folder`, byte for byte as the command does; what an earlier run left is replaced.

        `formats` are those of the option --format (without: its default); the tables and the manifest are always
        written. `workbook_rows` are the most rows that a sheet of the workbook holds. `sign` is a key of OpenSSH that
        signs the evidence, and `record_run` the name of who made it, for run.json. Returns the folder and the names of
        its files. Raises UsageError for formats that there are not, or a key that cannot sign, and OutputError where
        the folder cannot be written, or holds what credreport did not write.
        """
        return self._write(folder, formats, workbook_rows, proof=values.proof(sign, record_run))

    def _write(  # noqa: PLR0913 - one parameter an option
        self,
        folder: str | PathLike[str],
        formats: str | Sequence[str] | None,
        workbook_rows: int,
        due_within: int = DUE_WITHIN,
        carry_over: Sequence[str | PathLike[str]] = (),
        by: str | None = None,
        *,
        proof: Proof,
    ) -> Left:
        from pathlib import Path  # noqa: PLC0415

        given = default_formats(self.kind) if formats is None else values.texts(formats)
        chosen = values.choices("--format", given, formats_of(self.kind))
        rows = values.whole_number("--workbook-rows", workbook_rows, 1, values.MOST_ROWS)
        days = values.whole_number("--due-within", due_within, 1, values.MOST_DAYS)
        marks: Marks | None = values.marks([Path(one) for one in values.texts(carry_over)], chosen)
        whose = values.by(by, chosen)
        (output,) = values.local(folder)
        self._require_open()
        from analyzer import pipeline  # noqa: PLC0415 - loads pandas

        options = pipeline.Options(rows or workbook_rows, None, days or due_within, marks, whose)
        left = pipeline.render(Path(self.folder), chosen, Path(output), options=options, proof=proof)
        tables = [str(one["name"]) for one in self._set.manifest["outputs"]]
        return replace(left, files=[*tables, "manifest.json", *left.files])

    def close(self) -> None:
        """Remove the temporary folder, where the evidence stands in one."""
        if self._removal:
            self._removal()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.folder!r}>"


class AuditEvidence(Evidence):
    """The evidence of an audit."""

    kind = "audit"

    @cached_property
    def summary(self) -> Summary:
        """The counts that every output shows: a dataclass.

        `facts` has all of them as plain data, as `credreport audit --json` prints them; `exit_code` is the command's,
        `exit_code_of(fail_on=..., strict=...)` the same with its options.
        """
        self._require("tallies", *(name for name in ("trend", "coverage", "leavers", "people") if name in self.tables))
        return self._set.summary

    @property
    def findings(self) -> pd.DataFrame:
        """A row per control and judged subject. `status` is pass, fail, not_checked or not_applicable."""
        return self.table("findings")

    @property
    def credentials(self) -> pd.DataFrame:
        """A row per password, access key and certificate that exists, also of root and inactive ones."""
        return self.table("credentials")

    @property
    def users(self) -> pd.DataFrame:
        """A row per row of a judged report, root included, by AWS's column names."""
        return self.table("users")

    @property
    def requirements(self) -> pd.DataFrame:
        """A row per requirement of the benchmark and account. Raises InputError where no benchmark was judged."""
        return self.table("requirements")

    def write(  # noqa: PLR0913 - one parameter an option
        self,
        folder: str | PathLike[str],
        *,
        formats: str | Sequence[str] | None = None,
        workbook_rows: int = values.ROWS_OF_A_SHEET,
        due_within: int = DUE_WITHIN,
        carry_over: Sequence[str | PathLike[str]] = (),
        by: str | None = None,
        sign: str | PathLike[str] | None = None,
        record_run: str | None = None,
    ) -> Left:
        """Write the evidence into `folder`, as `Evidence.write` does.

        `due_within` are the days ahead for what the workbook and due.ics say is due. `carry_over` are earlier workbooks
        with marks of reviewers: `carried` of what is returned says what became of these. `by` "owner" asks for a
        workbook of each owner's accounts as well.
        """
        proof = values.proof(sign, record_run)
        return self._write(folder, formats, workbook_rows, due_within, carry_over, by, proof=proof)


class ComparisonEvidence(Evidence):
    """The evidence of a comparison."""

    kind = "comparison"

    @cached_property
    def summary(self) -> Comparison:
        """What every output shows: a dataclass; `facts` has it as plain data, as `credreport compare --json` does."""
        self._require(*self.tables)
        return self._set.comparison

    @property
    def events(self) -> pd.DataFrame:
        """A row per event between the two snapshots of an account; `event` says what happened."""
        return self.table("events")


class HistoryEvidence(Evidence):
    """The evidence of a history."""

    kind = "history"

    @cached_property
    def summary(self) -> History:
        """What every output shows: a dataclass; `facts` has it as plain data, as `credreport history --json` does."""
        self._require(*self.tables)
        return self._set.history

    @property
    def measures(self) -> pd.DataFrame:
        """A row per control: failures open, closed and lost sight of, and how many days a fix took, as bounds."""
        return self.table("measures")

    @property
    def lifetimes(self) -> pd.DataFrame:
        """A row per failure: first and last seen, state, how it was closed, and for how many days it was open."""
        return self.table("lifetimes")

    @property
    def trend(self) -> pd.DataFrame:
        """A row per day (UTC) and control: failures open, opened, closed and lost sight of."""
        return self.table("trend")

    @property
    def coverage(self) -> pd.DataFrame:
        """A row per account and gap: between which of its snapshots others are missing."""
        return self.table("coverage")


def open_evidence(folder: str | PathLike[str]) -> AuditEvidence | ComparisonEvidence | HistoryEvidence:
    """Open the evidence set that a command or `write` left in `folder`.

    The class of what is returned is that of its kind. Raises InputError where the folder holds no evidence set of this
    version, or that of a sample.

    >>> import analyzer
    >>> with analyzer.audit("sample_reports", as_of="2026-10-31") as evidence:
    ...     files = evidence.write("evidence", formats="parquet").files
    >>> opened = analyzer.open_evidence("evidence")
    >>> len(opened.issues)
    4
    """
    from pathlib import Path  # noqa: PLC0415

    from analyzer.evidence.seal import read_manifest  # noqa: PLC0415 - not for `import analyzer`

    (place,) = values.local(folder)
    kind = read_manifest(Path(place))["kind"]
    for one in (AuditEvidence, ComparisonEvidence, HistoryEvidence):
        if one.kind == kind:
            return one(place)
    raise InputError(
        f"{folder} is the evidence of a {kind}, which has no tables",
        "give a folder that audit, compare or history wrote",
    )
