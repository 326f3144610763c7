"""What tests of pictures share: drawn figures, and the texts and bars in them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from analyzer.controls.checklist import Checklist
from analyzer.controls.policy import read_policy
from analyzer.evidence.schema import FEW
from analyzer.evidence.tally import joined
from analyzer.rendering.pictures import canvas, render
from analyzer.rendering.pictures.canvas import NothingToShowError
from analyzer.rendering.render import NotMade
from tests.reports import key, unused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from analyzer.controls.policy import Policy
    from analyzer.evidence.summary import Summary
    from tests.running import Audit


Subject = TypeVar("Subject")


DASH = "\N{EN DASH}"


OLD_KEY = key(rotated="2026-01-01T00:00:00Z")


MANY_USERS = 20_000


POLICY = """
[controls.single-active-access-key]
enabled = false
[waivers.device]
control = "root-hardware-mfa"
reason = "seen"
owner = "somebody"
expires = 2026-12-31
[waivers.robots]
account = "111122223333"
control = "mfa-every-user"
reason = "robots"
owner = "somebody"
expires = 2026-12-31
[waivers.some]
user = "*7*"
reason = "known"
owner = "somebody"
expires = 2026-12-31
"""


SOME_FRAMEWORKS = ("cis-1.2", "cis-7.0", "security-hub", "pci-dss-4.0.1", "nist-800-53r5", "gdpr")
"""The frameworks whose pictures differ from each other."""
PLANS = ("all", "policy", "lone", "root's", *SOME_FRAMEWORKS)


def policy_in(folder: Path) -> Policy:
    (folder / "policy.toml").write_text(POLICY)
    return read_policy(folder / "policy.toml")


def figure_of(audit: Summary, name: str) -> Figure:
    with canvas.own_style():
        figure = render.AUDIT[name](audit)
        figure.draw_without_rendering()
    return figure


def why_not(picture: Callable[[Subject], Figure], subject: Subject) -> str | None:
    """Why a picture of an audit or a history is not made; None where it is."""
    with canvas.own_style():
        try:
            picture(subject)
        except NothingToShowError as nothing:
            why = str(nothing)
            assert re.fullmatch(r"[A-Z].*\.", why), why
            return why
    return None


def files_or_reasons(files: Sequence[Path | NotMade]) -> dict[str, bytes | str]:
    """The bytes of each picture, or why it was not made, by its name."""
    return {
        file.path.stem if isinstance(file, NotMade) else file.stem: (
            file.why if isinstance(file, NotMade) else file.read_bytes()
        )
        for file in files
    }


def shown_pictures(audit: Summary) -> list[str]:
    """The names of the pictures of an audit that are made."""
    return [name for name, draw in render.AUDIT.items() if why_not(draw, audit) is None]


def visible(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in visible(figure)]


def title(audit: Audit, name: str) -> str:
    return render.AUDIT[name](audit).texts[0].get_text()


def bars(figure: Figure, panel: int) -> list[Rectangle]:
    """The bars of a panel: its rectangles without the area beyond the limit, which is as high as the panel."""
    return [bar for container in figure.axes[panel].containers for bar in container if isinstance(bar, Rectangle)]


def subtitle(audit: Audit, name: str) -> str:
    return render.AUDIT[name](audit).texts[1].get_text()


def numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def with_limit(audit: Audit, days: int) -> Audit:
    return replace(audit, settings=replace(audit.settings, checklist=unused(days)))


def with_long_names(audit: Audit, endings: Sequence[str]) -> Audit:
    """Return an audit with longer names: all controls and their findings once for each ending."""
    checks = [
        replace(check, control=replace(check.control, id=f"{check.control.id}-{ending}"))
        for ending in endings
        for check in audit.checklist.checks
    ]
    has_control = audit.tallies["control"].is_valid()
    control_tallies = audit.tallies.filter(has_control)
    tallies = [audit.tallies.filter(pc.invert(has_control))]
    for ending in endings:
        long_names = pc.binary_join_element_wise(control_tallies["control"].cast(pa.string()), ending, "-").cast(FEW)
        tallies.append(control_tallies.set_column(control_tallies.column_names.index("control"), "control", long_names))
    settings = replace(audit.settings, checklist=Checklist(tuple(checks)))
    return replace(audit, settings=settings, tallies=joined(tallies))


def cells_of(figure: Figure) -> dict[tuple[float, float], Text]:
    """The texts in the cells of a picture, by column and row; the column of all accounts is the only negative one."""
    return {text.get_position(): text for text in figure.axes[0].texts if text.get_horizontalalignment() == "center"}


def assert_readable(figure: Figure) -> None:
    """Require that the edge of the picture cuts nothing off, and that no text covers another."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible(figure)]
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, text
    for (text, box), (other_text, beside) in combinations(boxes, 2):
        apart = box.x1 <= beside.x0 or beside.x1 <= box.x0 or box.y1 <= beside.y0 or beside.y1 <= box.y0
        assert apart, (text, other_text)


def by_account_and_control(audit: Audit) -> dict[tuple[str, int], dict[str, int]]:
    """Count again, one finding at a time; `failing` and `undecided` are without what is waived."""
    counts: dict[tuple[str, int], dict[str, int]] = {}
    columns = ["account_id", "chosen", "status", "waiver"]
    for row in audit.findings[columns].astype(object).to_dict("records"):
        account = row["account_id"] if isinstance(row["account_id"], str) else "unknown"
        covered = isinstance(row["waiver"], str)
        name = {"fail": "failing", "not_checked": "undecided"}.get(row["status"], row["status"])
        cell = counts.setdefault((account, int(row["chosen"])), {})
        cell["waived" if covered else name] = cell.get("waived" if covered else name, 0) + 1
    return counts
