"""What became of the findings: by control, or by kind of credential where `unused-credentials` is the only control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.rendering.pictures.audit import status_by_control, status_by_kind
from analyzer.rendering.pictures.words import is_unused_only

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analyzer.evidence.summary import Summary


def draw(audit: Summary) -> Figure:
    """Draw what became of the findings of each control; of `unused-credentials` alone, of each kind of credential."""
    if is_unused_only(audit.checklist):
        return status_by_kind.draw(audit)
    return status_by_control.draw(audit)
