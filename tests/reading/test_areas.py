"""Spreadsheets whose few bytes reach far: they are refused, and cost no other report and no memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.errors import InputError
from analyzer.reading.forms.areas import require_dense
from analyzer.reading.forms.content import DamagedError
from analyzer.rendering.marks import read_marks
from tests.campaign.sheets import Line, Sheet
from tests.campaign.wrapping import sheet_xml, spreadsheet
from tests.reading.forms import REPORT, zipped
from tests.reports import COLUMNS_22, csv_of, read, root, user, write

SHEET = "xl/worksheets/sheet1.xml"
ROW = list(user("ci-deployer").values())[:22]
WHOLE = sheet_xml(Sheet(list(COLUMNS_22), [Line(ROW, 0)], "111122223333"))
FAR_CELL = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
LAST_ROW = WHOLE.replace("<row>", '<row r="1048576">', 1)
TABLE = '<office:document-content xmlns:office="o" xmlns:table="t">{}</office:document-content>'
CELL = "<table:table-cell><text:p>x</text:p></table:table-cell>"
REPEATED = TABLE.format(
    '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384">'
    "<text:p>x</text:p></table:table-cell></table:table-row>"
)
GAP = TABLE.format(
    f'<table:table-row>{CELL * 22}</table:table-row><table:table-row table:number-rows-repeated="1000000">'
    f"<table:table-cell/></table:table-row><table:table-row>{CELL}</table:table-row>"
)


@pytest.mark.parametrize(
    "parts",
    [
        {SHEET: WHOLE.replace("</sheetData>", FAR_CELL)},
        {SHEET: WHOLE.replace("</sheetData>", FAR_CELL.replace('"', "'"))},
        {SHEET: LAST_ROW},
        {"xl/worksheets/other.xml": WHOLE.replace("</sheetData>", FAR_CELL).replace("<c ", "<x:c ")},
        {"content.xml": REPEATED},
        {"content.xml": GAP},
    ],
)
def test_a_sheet_that_reaches_far_past_what_is_in_it_is_refused(parts: dict[str, str]) -> None:
    with pytest.raises(DamagedError, match="nearly empty"):
        require_dense(spreadsheet(parts))


def test_a_sheet_that_reaches_too_far_costs_no_other_report(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", csv_of(root(), user("auditor")))
    write(tmp_path / "b.xlsx", spreadsheet({SHEET: WHOLE.replace("</sheetData>", FAR_CELL)}))
    tables, log = read(tmp_path)
    assert tables.users["user"].tolist() == ["<root_account>", "auditor"]
    ((source, _, _, _, code, message),) = log.rows
    assert (Path(source).name, code) == ("b.xlsx", "unreadable_file")
    assert message.startswith("the spreadsheet reaches to row 1,048,576 and column 16,384, but is nearly empty")


def test_cells_that_are_only_formatted_reach_nowhere(tmp_path: Path) -> None:
    formatted = '<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    write(tmp_path / "a.xlsx", spreadsheet({SHEET: WHOLE.replace("</sheetData>", formatted)}))
    tables, _ = read(tmp_path)
    assert tables.users["user"].tolist() == ["ci-deployer"]
    # As LibreOffice ends each of its sheets.
    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    empty_rows = f'<table:table-row table:number-rows-repeated="1048554">{empty}'
    require_dense(
        zipped(**{"content.xml": TABLE.format(f"<table:table-row>{CELL}{empty_rows}</table:table-row>").encode()})
    )


def test_a_large_report_is_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.reading.forms.areas._MOST", 22)
    row = '<row><c r="BA{0}"><v>1</v></c>' + "<c><v>1</v></c>" * 21 + "</row>"
    require_dense(spreadsheet({SHEET: f"<sheetData>{''.join(map(row.format, range(1, 500)))}</sheetData>"}))
    with pytest.raises(DamagedError):
        require_dense(
            spreadsheet({SHEET: f"<sheetData>{''.join(map(row.format, range(1, 500_000, 50_000)))}</sheetData>"})
        )


def test_a_workbook_to_carry_over_is_looked_at_as_well(tmp_path: Path) -> None:
    path = write(tmp_path / "w.xlsx", spreadsheet({SHEET: WHOLE.replace("</sheetData>", FAR_CELL)}))
    with pytest.raises(InputError, match="is not a workbook: the spreadsheet reaches"):
        read_marks([Path(path)])
    cut = write(tmp_path / "cut.xlsx", zipped(a=REPORT.encode())[:-9])
    with pytest.raises(InputError, match="is not a workbook"):
        read_marks([Path(cut)])
