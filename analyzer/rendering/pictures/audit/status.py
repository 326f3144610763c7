"""The picture of the results: by control, or by kind of credential if `unused-credentials` is the only control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.rendering.pictures.audit import status_by_control, status_by_kind
from analyzer.rendering.pictures.words import is_unused_only

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary


def draw(audit: Summary) -> Figure:
    """Draw the results by control, or by kind of credential if `unused-credentials` is the only control."""
    if is_unused_only(audit.checklist):
        return status_by_kind.draw(audit)
    return status_by_control.draw(audit)
