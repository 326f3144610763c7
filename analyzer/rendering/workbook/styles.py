"""How cells look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format

_TIME_FORMAT: Final = 'yyyy-mm-dd hh:mm:ss"Z"'


class Styles:
    """The styles of a workbook."""

    def __init__(self, workbook: Workbook) -> None:
        top = {"valign": "top"}
        add: Callable[[dict[str, Any]], Format] = workbook.add_format
        self.title = add({"bold": True, "font_size": 16})
        self.lead = add({"bold": True, "font_size": 12, "text_wrap": True, **top})
        self.section = add({"bold": True, "font_size": 12, "top": 1, "top_color": "#7F7F7F"})
        header = {"bold": True, "bg_color": "#E7E6E6", "bottom": 1, **top}
        self.header = add(header)
        # The indent keeps a number apart from a text that begins in the next column.
        self.number_header = add({**header, "align": "right", "indent": 1})
        self.wrapped_number_header = add({**header, "align": "right", "indent": 1, "text_wrap": True})
        self.text = add({"num_format": "@", **top})
        self.guarded = add({"num_format": "@", "quote_prefix": True, **top})
        self.wrapped = add({"num_format": "@", "text_wrap": True, **top})
        self.wrapped_guarded = add({"num_format": "@", "text_wrap": True, "quote_prefix": True, **top})
        number = {"align": "right", "indent": 1, **top}
        self.number = add({"num_format": "#,##0", **number})
        self.plain_number = add({"num_format": "0", **number})
        self.upright = add({**header, "rotation": 90, "valign": "bottom"})
        self.time = add({"num_format": _TIME_FORMAT, "align": "left", **top})
        self.fills = {
            "fail": add({"bg_color": "#F8D7C4"}),
            "not_checked": add({"bg_color": "#FFF2CC"}),
            "pass": add({"bg_color": "#DCE9F5"}),
        }

    @property
    def of_cells(self) -> list[Format]:
        """The styles of a table's cells, in the order of `cells.StyleNumbers`."""
        return [self.text, self.guarded, self.wrapped, self.wrapped_guarded, self.plain_number, self.time]
