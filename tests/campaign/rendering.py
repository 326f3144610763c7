"""All that a run leaves of mutated reports: every format is made of them, and the evidence is verified."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer import pipeline
from analyzer.errors import InputError
from analyzer.rendering.registry import formats_of
from tests.campaign.checking import SETTINGS, Failure
from tests.campaign.limits import within_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.campaign.cases import Case


def check_rendered(cases: Sequence[Case]) -> list[Failure]:
    """Audit cases as the command does, with every format, and return what is wrong with that."""
    numbers = tuple(case.number for case in cases)
    with tempfile.TemporaryDirectory() as folder:
        reports, out = Path(folder) / "in", Path(folder) / "out"
        reports.mkdir()
        for case in cases:
            (reports / case.name).write_bytes(case.data)
        try:
            with within_limits():
                pipeline.audit([str(reports)], SETTINGS, str(out), formats=formats_of("audit"))
                verified = pipeline.verify(out, [str(reports)])
        except InputError:  # no report is left
            return []
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever ends a run is what is looked for
            where = traceback.extract_tb(error.__traceback__)
            own = [frame.filename for frame in where if "analyzer" in frame.filename] or [where[-1].filename]
            return [Failure(numbers, f"{type(error).__name__} below {Path(own[-1]).name}: {error}"[:300])]
    return [] if verified.holds else [Failure(numbers, f"evidence does not hold: {'; '.join(verified.lines)}"[:300])]
