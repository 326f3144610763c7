"""Rows that are put into a sheet as a whole equal the rows that XlsxWriter writes cell by cell."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name

from analyzer.rendering.workbook.rows import Cells, letters, rows_xml
from analyzer.rendering.workbook.streaming import SheetRows, fill, mark, part_of
from analyzer.rendering.workbook.texts import SharedTexts

TEXTS = st.one_of(
    st.text(max_size=8),
    st.text("<>&\"' \t\r\n_x0DAFE\x00\x1f\ufffe\uffff=é😀", max_size=12),
    st.sampled_from(["_x000D_", "<r><t>a</t></r>", "", " a", "a ", "a\nb", "\ufeffa", "\x7f", "&amp;"]),
)
ROWS = st.lists(st.tuples(st.none() | TEXTS, st.none() | st.integers(-(2**53), 2**53)), min_size=1, max_size=6)


def read(path: Path) -> list[list[tuple[Any, str, bool]]]:
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    return [[(cell.value, cell.data_type, cell.font.b) for cell in row] for row in sheet.iter_rows()]


def book(path: Path | IO[bytes]) -> Workbook:
    return Workbook(path, {"constant_memory": True, "strings_to_numbers": False})


@given(ROWS, st.booleans(), st.booleans())
@example(rows=[("_x000D_", 1), ("<r>&</r>", None)], in_dictionary=True, are_shared=True)
def test_rows_are_as_xlsxwriter_writes_them(
    rows: list[tuple[str | None, int | None]], in_dictionary: bool, are_shared: bool
) -> None:
    texts, numbers = (pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), KINDS, strict=True))
    in_bold = np.arange(len(rows)) % 2 == 0

    def own_rows(styles: Sequence[int], shared: SharedTexts) -> list[memoryview]:
        plain, bold = styles
        columns = [
            Cells(
                texts.dictionary_encode() if in_dictionary else texts,
                plain,
                in_second_style=in_bold,
                second_style=bold,
                shared=shared if are_shared else None,
            ),
            Cells(numbers.cast(pa.string()), plain, is_number=True),
        ]
        return [rows_xml(1, columns)]

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("own.xlsx", "theirs.xlsx")]
        unfilled = BytesIO()
        with book(unfilled) as own:
            sheet, plain, bold = (
                own.add_worksheet(),
                own.add_format({"num_format": "@"}),
                own.add_format({"bold": True}),
            )
            sheet.write_string(0, 0, "head", bold)
            mark(sheet, 1, [plain, bold])
            sheet.write_string(len(rows) + 1, 0, "foot", bold)
        shared_texts = sorted({*texts.drop_null().to_pylist()})
        fill(unfilled, paths[0], {part_of(1): SheetRows(1, len(rows), 2, own_rows, shared_texts)})
        with book(paths[1]) as theirs:
            sheet, plain, bold = (
                theirs.add_worksheet(),
                theirs.add_format({"num_format": "@"}),
                theirs.add_format({"bold": True}),
            )
            sheet.write_string(0, 0, "head", bold)
            for at, (text, number) in enumerate(rows, start=1):
                if text is not None and text.startswith("<r>") and text.endswith("</r>"):
                    sheet.write_rich_string(at, 0, text[0], text[1], text[2:], bold if at % 2 else plain)
                elif text == "":
                    sheet.write_string(at, 0, "", bold if at % 2 else plain)
                elif text is not None:
                    sheet.write_string(at, 0, text, bold if at % 2 else plain)
                if number is not None:
                    sheet.write_number(at, 1, number, plain)
            sheet.write_string(len(rows) + 1, 0, "foot", bold)
        assert values(read(paths[0])) == values(read(paths[1]))


KINDS = (pa.string(), pa.int64())


def values(rows: list[list[tuple[Any, str, bool]]]) -> list[list[tuple[Any, bool]]]:
    """Return the values as a reader sees them: an empty text is an empty cell.

    openpyxl leaves the escape `x005F_` in texts of cells and removes it from shared texts.
    """

    def as_read(value: Any) -> Any:  # noqa: ANN401 - of a cell
        return (value.replace("x005F_", "") or None) if isinstance(value, str) else value

    return [[(as_read(value), bold) for value, _, bold in row] for row in rows]


def test_heights_other_cells_and_order(tmp_path: Path) -> None:
    def rows(styles: Sequence[int], _: SharedTexts) -> list[memoryview]:
        (plain,) = styles
        late = Cells(pa.array([None, "1899-01-01"]), plain)
        times = Cells(pa.array(["61.5", None]), plain, is_number=True, instead=late)
        nothing = rows_xml(2, [Cells(pa.array([], pa.string()), plain)])
        return [rows_xml(0, [times], heights=np.array([0, 45])), nothing]

    unfilled = BytesIO()
    with book(unfilled) as workbook:
        mark(workbook.add_worksheet(), 0, [workbook.add_format({"num_format": "@"})])
    sheet_rows = SheetRows(0, 1, 1, rows, [])
    fill(unfilled, tmp_path / "a.xlsx", {part_of(1): sheet_rows})
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet["A"]] == [61.5, "1899-01-01"]
    assert [sheet.row_dimensions[row].height for row in (1, 2)] == [None, 45]
    assert sheet.calculate_dimension() == "A1:A2"
    # Rows go where they were announced, or nowhere.
    with pytest.raises(ValueError, match="no marker row 2 in the sheet"):
        fill(unfilled, tmp_path / "b.xlsx", {part_of(1): replace(sheet_rows, first=1)})


def test_a_sheet_that_a_zip_cannot_hold_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.rendering.workbook.streaming._MOST_BYTES", 5_000_000)
    unfilled = BytesIO()
    with book(unfilled) as workbook:
        mark(workbook.add_worksheet(), 0, [workbook.add_format({"num_format": "@"})])
    sheet_rows = SheetRows(0, 1, 1, lambda *_: [b"x" * 3_000_000] * 2, [])
    with pytest.raises(OSError, match="--workbook-rows"):
        fill(unfilled, tmp_path / "a.xlsx", {part_of(1): sheet_rows})


def test_letters_of_columns() -> None:
    assert [letters(n) for n in range(16_384)] == [xl_col_to_name(n) for n in range(16_384)]


@given(st.lists(TEXTS, min_size=1, unique=True))
def test_shared_texts_are_written_as_texts_of_cells_are(texts: list[str]) -> None:
    """The escape that openpyxl hides is right: the part of shared texts has what a cell with its own text has."""
    shared = SharedTexts()
    shared.add(texts)
    part = b"".join(shared.pieces()).decode()
    cells = bytes(rows_xml(0, [Cells(pa.array(texts), 1)])).decode()
    assert re.findall(r"<si>(.*?)</si>", part, re.DOTALL) == re.findall(r"<is>(.*?)</is>", cells, re.DOTALL)
    assert shared.numbers(pa.array([*texts, None])).to_pylist() == [*map(str, range(len(texts))), None]
