"""Work on several snapshots: histories, comparisons, and the store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from analyzer.batch import Making
from analyzer.engine import SILENT
from analyzer.errors import UsageError
from analyzer.evidence import storage
from analyzer.evidence.manifest import manifest
from analyzer.evidence.pseudonymous import one_key_of, settings_under, without_names
from analyzer.evidence.schema import issues_table
from analyzer.evidence.writer import put_tables
from analyzer.history.audits import audits_at, compare_audits
from analyzer.history.compare import Comparer
from analyzer.history.follow import Following
from analyzer.history.ingesting import Ingesting
from analyzer.history.store.adding import Added, adding
from analyzer.history.store.contents import contents
from analyzer.history.store_results import Ingest, Stored
from analyzer.pipeline.leaving import (
    NO_PROOF,
    Proof,
    Run,
    evidence_location,
    finish,
    left_out,
    not_again,
    renderings_at,
    sealed,
)
from analyzer.pipeline.road import LOCAL, READ_BYTES, Engine
from analyzer.reading.issues import IssueLog
from analyzer.reading.limits import DEFAULT, Limits
from analyzer.rendering.registry import default_formats
from analyzer.rendering.render import Options
from analyzer.survey.spool import NAME as SPOOL
from analyzer.survey.survey import SurveyPair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.engine import Progress
    from analyzer.evidence.comparison import Comparison
    from analyzer.evidence.history import History
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.settings import Settings
    from analyzer.pipeline.road import Road
    from analyzer.survey.names import CaptureTime
    from analyzer.survey.pseudonyms import Pseudonyms


def history(  # noqa: PLR0913 - inputs, settings, and what is written
    paths: Sequence[str],
    settings: Settings,
    output: str,
    *,
    store: Path | None = None,
    series: Sequence[datetime] | str = (),
    sla_days: int | None = None,
    formats: Sequence[str] = default_formats("history"),
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    pseudonyms: Pseudonyms | None = None,
    proof: Proof = NO_PROOF,
    progress: Progress = SILENT,
) -> Run[History]:
    """Follow failures through the reports under `paths`, or through a store, and write the evidence to `output`.

    `series` has the reference dates, or is `monthly`; if it is empty, each snapshot is judged at its own capture time.
    `sla_days` is a deadline for fixes, in days. `pseudonyms` are as in `audit`, but are not possible with a store.
    `proof` decides whether the evidence is signed. Raises InputError if there is nothing to follow, and OutputError as
    `audit` does.
    """
    proof.require_possible(output)
    earlier = renderings_at(output)
    following = Following(_shown(settings, pseudonyms, store), series, sla_days)
    with (
        evidence_location(output) as location,
        where.road_for(location, settings, progress, pseudonyms=pseudonyms) as road,
    ):
        if store is not None:
            progress.stage("judging")
            evidence, manifested = _written("history", following.stored(store), location)
        else:
            evidence, manifested = _written("history", _followed(road, paths, left_out(output), following), location)
        files = finish(evidence, manifested, location, formats, options, progress, proof)
        summary = evidence.history
    return Run(output, files, summary, summary.issues, removed=not_again(earlier, files))


def _shown(
    settings: Settings,
    pseudonyms: Pseudonyms | None,
    store: Path | None = None,
    sets: tuple[EvidenceSet, EvidenceSet] | None = None,
) -> Settings:
    """Return the settings for output: under pseudonyms if these are given, or if both evidence sets have them.

    Raises UsageError if pseudonyms cannot be made, and InputError if the two sets were not made with the same key.
    """
    made_with = None if sets is None else one_key_of(*sets)
    if pseudonyms is None:
        return settings if made_with is None else without_names(settings, made_with)
    if store is not None or (sets is not None and made_with != pseudonyms.fingerprint):
        raise UsageError(
            "--pseudonyms works only when reports are read, not with a store or with evidence sets that have names",
            "give the reports themselves, or evidence sets that audit wrote with the same key",
        )
    shown, with_names = settings_under(pseudonyms, settings)
    if with_names.patterns:
        raise UsageError(
            "--pseudonyms does not work here with a waiver whose user names have * or ?: the users have pseudonyms",
            "write one waiver for each user, or give --no-policy",
        )
    return shown


def _followed(road: Road, paths: Sequence[str], leave_out: Path | None, following: Following) -> History:
    """Read reports batch by batch and follow their failures. The facts about each file are released afterwards."""
    task = Making(road.finder.account_id, following.of).of
    done = road.gather(road.survey(paths, leave_out), following.choose, task)
    return following.joined(done.values, done.take_inputs(), IssueLog(done.issues))


def compare(  # noqa: PLR0913 - inputs, settings, and what is written
    old: Sequence[str],
    new: Sequence[str],
    settings: Settings,
    output: str,
    *,
    store: Path | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    formats: Sequence[str] = default_formats("comparison"),
    options: Options = Options(),  # noqa: B008 - frozen
    where: Engine = LOCAL,
    pseudonyms: Pseudonyms | None = None,
    proof: Proof = NO_PROOF,
    progress: Progress = SILENT,
) -> Run[Comparison]:
    """Compare the newest snapshots of each account on two sides, and write the evidence to `output`.

    The two sides are reports under `old` and `new`, the evidence sets of two audits, or the snapshots of a store up to
    `since` and up to `until`. `pseudonyms` are as in `audit`, but are not possible with a store. `proof` is as in
    `history`. Raises InputError if there is nothing to compare, and OutputError as `audit` does.
    """
    proof.require_possible(output)
    earlier = renderings_at(output)
    sets = None if store is not None else audits_at(old, new)
    comparer = Comparer(_shown(settings, pseudonyms, store, sets))
    with (
        evidence_location(output) as location,
        where.road_for(location, settings, progress, pseudonyms=pseudonyms) as road,
    ):
        if store is not None and since is not None and until is not None:
            progress.stage("judging")
            evidence, manifested = _written("comparison", comparer.stored(store, since, until), location)
        elif sets is not None:
            progress.stage("judging")
            evidence, manifested = _written("comparison", compare_audits(comparer, sets, road.run), location)
        else:
            evidence, manifested = _written(
                "comparison", _compared(road, old, new, left_out(output), comparer), location
            )
        files = finish(evidence, manifested, location, formats, options, progress, proof)
        summary = evidence.comparison
    return Run(output, files, summary, summary.issues, removed=not_again(earlier, files))


def _compared(
    road: Road, old: Sequence[str], new: Sequence[str], leave_out: Path | None, comparer: Comparer
) -> Comparison:
    """Read the reports of both sides batch by batch and compare them."""
    task = Making(road.finder.account_id, comparer.of).of
    surveys = (road.survey(old, leave_out), road.survey(new, leave_out, side=1))
    done = road.gather(SurveyPair(surveys), comparer.choose, task)
    return comparer.joined(done.values, done.take_inputs(), IssueLog(done.issues))


def _written(kind: str, result: History | Comparison, location: str) -> tuple[EvidenceSet, bytes]:
    """Write the tables of a history or comparison. Return the evidence set, and its manifest as bytes.

    The caller takes the result from this set, so that it is the same as when the set is opened later.
    """
    storage.remove(location, SPOOL)
    return sealed(location, manifest(kind, result.facts, put_tables(location, result.tables)))


def ingest(  # noqa: PLR0913 - inputs and settings
    paths: Sequence[str],
    folder: Path,
    *,
    account_id: str | None = None,
    captured_at: tuple[CaptureTime, ...] = (),
    limits: Limits = DEFAULT,
    batch: int = READ_BYTES,
    progress: Progress = SILENT,
) -> Ingest:
    """Add the reports under `paths` to the store in `folder`, in batches of about `batch` bytes of CSV.

    Reports of unknown date or account are refused, and reports of a month that is damaged in the store. Raises
    InputError if there are no reports, and OutputError if `folder` cannot be written or contains other files.
    """
    ingesting = Ingesting(account_id)
    with (
        adding(folder) as new,
        LOCAL.road(
            str(new.staging),
            account_id,
            progress,
            captured_at=captured_at,
            limits=limits,
            size=batch,
            stage="reading",
        ) as road,
    ):
        gathered = road.gather(road.survey(paths, folder), ingesting.choose, ingesting.of, new, by_month=True)
        progress.stage("storing")
        shutil.rmtree(new.staging / SPOOL, ignore_errors=True)
        new.finish()
    counts = Added(new.added, new.known, gathered.reports - new.added - new.known, new.rows)
    return Ingest(counts, issues_table(IssueLog([*gathered.issues, *new.log.rows])))


def stored(folder: Path) -> Stored:
    """Return the contents of the store in `folder`. Raises InputError if it is not a store, or of a newer version."""
    return Stored.of(contents(folder))
