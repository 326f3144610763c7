"""Evidence for Python programs: its tables as pandas frames, its counts, and writing it in formats."""

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
    from analyzer.pipeline.leaving import Proof, WrittenFiles
    from analyzer.rendering.marks import Marks

NEEDED_FOR: Final[Mapping[str, str]] = {
    "requirements": "it is written only with a framework (benchmark)",
    "coverage": "it is written only with a list of accounts (accounts)",
    "leavers": "it is written only with a list of leavers (leavers)",
    "people": "it is written only with a list of people (people)",
    "trend": "it is written only if an account has an earlier snapshot, and not with no_trend or every_snapshot",
}
"""When an audit writes the tables that not every audit has, with the parameter that is needed."""


class Evidence:
    """An evidence set: Parquet tables and the manifest that describes them, in the folder `folder`.

    A table is read when it is first used, after its file is compared with its digest. Each table is a pandas frame with
    the columns that the README describes ("What it writes"): texts are Arrow strings or categories, times are UTC with
    microseconds, days are whole numbers, and missing values are NA. Frames stay in memory; read a table that is too
    large in parts from `folder`. Changes to a frame change neither the evidence nor what `write` writes.

    The evidence of a run is in a temporary folder (below TMPDIR, readable only by its owner). The folder is removed
    when the object is closed or no longer referenced, at the end of a `with` statement, or when the program ends.
    Tables that were read before remain usable. Evidence that was opened from a folder is never removed.
    """

    kind: ClassVar[str]
    """Kind of evidence: audit, comparison or history."""

    def __init__(self, folder: str, *, temporary: str | None = None) -> None:
        """Open the evidence set in `folder`. The folder `temporary` is removed together with the object."""
        from analyzer.evidence.opened import EvidenceSet  # noqa: PLC0415 - loads pandas

        self._set = EvidenceSet.at(folder)
        self._frames: dict[str, pd.DataFrame] = {}
        self._removal = temporary and weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @classmethod
    def made_by(cls, run: Callable[[str], object]) -> Self:
        """Return the evidence that `run` writes. `run` receives the path of a temporary folder for it."""
        above = tempfile.mkdtemp(prefix="credreport-")
        try:
            run(f"{above}/evidence")
            return cls(f"{above}/evidence", temporary=above)
        except BaseException:
            shutil.rmtree(above, ignore_errors=True)
            raise

    @property
    def folder(self) -> str:
        """The folder of the files. It is a temporary folder if the evidence comes from a run."""
        return self._set.location

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables of this evidence."""
        return tuple(self._set.files)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table by its name. Raises InputError if there is no such table, or if its file was changed."""
        if name not in self._frames:
            from analyzer.evidence.schema import to_pandas  # noqa: PLC0415 - loads pandas

            self._require(name)
            self._frames[name] = to_pandas(self._set.table(name))
        return self._frames[name].copy(deep=False)

    def _require(self, *names: str) -> None:
        """Raise UsageError if the evidence is closed, and InputError if a table is missing or was changed."""
        self._require_open()
        for name in names:
            if name not in self._set.files:
                why = NEEDED_FOR.get(
                    name, "it was left out when the evidence was written, or there is no table of this name"
                )
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
        """A row per data issue: input that was passed over, repaired, unreadable or rejected."""
        return self.table("issues")

    def write(
        self,
        folder: str | PathLike[str],
        *,
        formats: str | Sequence[str] | None = None,
        workbook_rows: int = values.ROWS_OF_A_SHEET,
        sign: str | PathLike[str] | None = None,
        record_run: str | None = None,
    ) -> WrittenFiles:
        """Write the evidence into `folder`, byte for byte as the command does. An earlier evidence set is replaced.

        `formats` are those of the option --format, with the same default; the tables and the manifest are always
        written. `workbook_rows` is the maximum number of rows on a sheet of the workbook. `sign` is an OpenSSH key that
        signs the evidence. `record_run` is the name of the person who makes it, for run.json. Returns the folder and
        the names of its files. Raises UsageError for unknown formats or a key that cannot sign, and OutputError if the
        folder cannot be written or contains files of others.
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
    ) -> WrittenFiles:
        from pathlib import Path  # noqa: PLC0415

        names = default_formats(self.kind) if formats is None else values.texts(formats)
        chosen = values.choices("--format", names, formats_of(self.kind))
        rows = values.whole_number("--workbook-rows", workbook_rows, 1, values.MOST_ROWS)
        days = values.whole_number("--due-within", due_within, 1, values.MOST_DAYS)
        marks: Marks | None = values.marks([Path(path) for path in values.texts(carry_over)], chosen)
        owners = values.by(by, chosen)
        (output,) = values.local(folder)
        self._require_open()
        from analyzer import pipeline  # noqa: PLC0415 - loads pandas

        options = pipeline.Options(rows or workbook_rows, None, days or due_within, marks, owners)
        written = pipeline.render(Path(self.folder), chosen, Path(output), options=options, proof=proof)
        tables = [str(output["name"]) for output in self._set.manifest["outputs"]]
        return replace(written, files=[*tables, "manifest.json", *written.files])

    def close(self) -> None:
        """Remove the temporary folder, if the evidence is in one."""
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

        `facts` has all counts as plain data, as `credreport audit --json` prints them. `exit_code` is the exit code of
        the command; `exit_code_of(fail_on=..., strict=...)` is the exit code with these options.
        """
        self._require("tallies", *(name for name in ("trend", "coverage", "leavers", "people") if name in self.tables))
        return self._set.summary

    @property
    def findings(self) -> pd.DataFrame:
        """A row per check: a control and a subject. `status` is pass, fail, not_checked or not_applicable."""
        return self.table("findings")

    @property
    def credentials(self) -> pd.DataFrame:
        """A row per password, access key and certificate that exists, including those of root and inactive ones."""
        return self.table("credentials")

    @property
    def users(self) -> pd.DataFrame:
        """A row per row of a judged report, including root, with the column names of AWS."""
        return self.table("users")

    @property
    def requirements(self) -> pd.DataFrame:
        """A row per requirement of the framework and account. Raises InputError if no framework was chosen."""
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
    ) -> WrittenFiles:
        """Write the evidence into `folder`, as `Evidence.write` does.

        The workbook and due.ics list the checks that will fail within `due_within` days. `carry_over` are earlier
        workbooks with marks of reviewers; `carried` of the result has the number of marks that were carried over. With
        `by` "owner", there is also a workbook for each owner of accounts.
        """
        proof = values.proof(sign, record_run)
        return self._write(folder, formats, workbook_rows, due_within, carry_over, by, proof=proof)


class ComparisonEvidence(Evidence):
    """The evidence of a comparison."""

    kind = "comparison"

    @cached_property
    def summary(self) -> Comparison:
        """The result that every output shows: a dataclass. `facts` has it as in `credreport compare --json`."""
        self._require(*self.tables)
        return self._set.comparison

    @property
    def events(self) -> pd.DataFrame:
        """A row per event between the two snapshots of an account. `event` names what happened."""
        return self.table("events")


class HistoryEvidence(Evidence):
    """The evidence of a history."""

    kind = "history"

    @cached_property
    def summary(self) -> History:
        """The result that every output shows: a dataclass. `facts` has it as in `credreport history --json`."""
        self._require(*self.tables)
        return self._set.history

    @property
    def measures(self) -> pd.DataFrame:
        """A row per control: failures open, closed and lost to follow-up, and bounds of the days to fix."""
        return self.table("measures")

    @property
    def lifetimes(self) -> pd.DataFrame:
        """A row per failure: first and last seen, state, how it was closed, and days open."""
        return self.table("lifetimes")

    @property
    def trend(self) -> pd.DataFrame:
        """A row per day (UTC) and control: failures open, opened, closed and lost to follow-up."""
        return self.table("trend")

    @property
    def coverage(self) -> pd.DataFrame:
        """A row per account and gap: the two snapshots between which others are missing."""
        return self.table("coverage")


def open_evidence(folder: str | PathLike[str]) -> AuditEvidence | ComparisonEvidence | HistoryEvidence:
    """Open the evidence set that a command or `write` wrote to `folder`.

    The class of the result depends on the kind of evidence. Raises InputError if the folder has no evidence set of this
    version, or if it has a sample.

    >>> import analyzer
    >>> with analyzer.audit("sample_reports", as_of="2026-10-31") as evidence:
    ...     files = evidence.write("evidence", formats="parquet").files
    >>> opened = analyzer.open_evidence("evidence")
    >>> len(opened.issues)
    3
    """
    from pathlib import Path  # noqa: PLC0415

    from analyzer.evidence.seal import read_manifest  # noqa: PLC0415 - not for `import analyzer`

    (path,) = values.local(folder)
    kind = read_manifest(Path(path))["kind"]
    for evidence_class in (AuditEvidence, ComparisonEvidence, HistoryEvidence):
        if evidence_class.kind == kind:
            return evidence_class(path)
    raise InputError(
        f"{folder} is the evidence of a {kind}, which has no tables",
        "give a folder that audit, compare or history wrote",
    )
