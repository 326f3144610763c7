"""The cell styles of a workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format

_TIME_FORMAT: Final = 'yyyy-mm-dd hh:mm:ss"Z"'
_INSTANT_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"
_DATE_FORMAT: Final = "yyyy-mm-dd"


class Styles:
    """The cell styles of a workbook, made when the workbook is opened."""

    def __init__(self, workbook: Workbook) -> None:
        top = {"valign": "top"}
        add: Callable[[dict[str, Any]], Format] = workbook.add_format
        self.title = add({"bold": True, "font_size": 16})
        self.lead = add({"bold": True, "font_size": 12, "text_wrap": True, **top})
        self.empty = add({"num_format": "@"})
        self.section = add({"bold": True, "font_size": 12, "top": 1, "top_color": "#7F7F7F"})
        header = {"bold": True, "bg_color": "#E7E6E6", "bottom": 1, **top}
        self.header = add(header)
        # The indent separates a number from a text in the next column.
        self.number_header = add({**header, "align": "right", "indent": 1})
        self.wrapped_number_header = add({**header, "align": "right", "indent": 1, "text_wrap": True})
        self.text = add({"num_format": "@", **top})
        self.indented = add({"num_format": "@", "indent": 1, **top})
        self.guarded = add({"num_format": "@", "quote_prefix": True, **top})
        self.wrapped = add({"num_format": "@", "text_wrap": True, **top})
        self.wrapped_guarded = add({"num_format": "@", "text_wrap": True, "quote_prefix": True, **top})
        number = {"align": "right", "indent": 1, **top}
        self.number = add({"num_format": "#,##0", **number})
        self.plain_number = add({"num_format": "0", **number})
        self.upright = add({**header, "rotation": 90, "valign": "bottom"})
        self.time = add({"num_format": _TIME_FORMAT, "align": "left", **top})
        small = {"font_size": 9}
        self.small = add({**small, "num_format": "@", "text_wrap": True, **top})
        self.small_guarded = add({**small, "num_format": "@", "text_wrap": True, "quote_prefix": True, **top})
        # Input cells are not locked and have a border.
        frame = {"locked": False, "border": 1, "border_color": "#8EA9DB", **top}
        self.indented_header = add({**header, "indent": 1})
        self.small_header = add({**header, **small, "text_wrap": True})
        self.input = add({**frame, "num_format": "@", "text_wrap": True})
        self.input_guarded = add({**frame, "num_format": "@", "text_wrap": True, "quote_prefix": True})
        self.input_date = add({**frame, "num_format": _DATE_FORMAT, "align": "left"})
        self.input_instant = add({**frame, "num_format": _INSTANT_FORMAT, "align": "left"})
        self.input_number = add({**frame, "num_format": "#,##0", "align": "right", "indent": 1})
        self.small_input = add({**small, **frame, "num_format": "@", "text_wrap": True})
        self.small_input_guarded = add({**small, **frame, "num_format": "@", "text_wrap": True, "quote_prefix": True})
        self.small_input_date = add({**small, **frame, "num_format": _DATE_FORMAT, "align": "left"})
        self.instant = add({"num_format": _INSTANT_FORMAT, "align": "left", **top})
        self.link = add({"font_color": "#0563C1", "underline": 1, **top})
        self.differs = add({"bold": True, "font_color": "#9C0006"})
        self.date = add({"num_format": _DATE_FORMAT, "align": "left", **top})
        self.manual_fill = add({"bg_color": "#E3E3E3"})
        self.fills = {
            "fail": add({"bg_color": "#F8D7C4"}),
            "not_checked": add({"bg_color": "#FFF2CC"}),
            "pass": add({"bg_color": "#DCE9F5"}),
        }

    def of_cells(self, *, small: bool = False) -> list[Format]:
        """Return the styles for cells of a table, in the order of `cells.StyleNumbers`; `small` ones are for print."""
        if small:
            texts = [self.small, self.small_guarded, self.small, self.small_guarded]
            by_hand = [self.small_input, self.small_input_guarded, self.small_input_date]
        else:
            texts = [self.text, self.guarded, self.wrapped, self.wrapped_guarded]
            by_hand = [self.input, self.input_guarded, self.input_date]
        return [*texts, self.plain_number, self.time, self.date, *by_hand]
