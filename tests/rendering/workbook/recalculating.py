"""A workbook as LibreOffice recalculates it, from its formulas alone."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpyxl.workbook import Workbook

NEEDS_LIBREOFFICE = pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")


def recalculated(path: Path, folder: Path, changes: Mapping[str, Any] | None = None) -> Workbook:
    """Return a workbook after LibreOffice has calculated it, with other values in some cells of its Summary.

    A cell is named by its address or by the name that the workbook has for it.
    """
    book = load_workbook(path)
    for name, value in (changes or {}).items():
        address = name
        if name in book.defined_names:
            address = book.defined_names[name].attr_text.rpartition("!")[2].replace("$", "")
        book["Summary"][address] = value
    folder.mkdir()
    # openpyxl keeps formulas and drops their values: all values that are read below are new.
    book.save(folder / "changed.xlsx")
    subprocess.run(
        [
            *("soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to"),
            *("xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"), str(folder / "changed.xlsx")),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return load_workbook(folder / "out" / "changed.xlsx", data_only=True)
