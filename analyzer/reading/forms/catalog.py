"""The names of all forms: those that can be read, and those that are refused, with the remedy.

`analyzer/manual/reading.md` lists the same names; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from analyzer.reading.forms.binaries import UNREAD
from analyzer.reading.forms.dumps import LOST
from analyzer.reading.forms.programs import PROGRAMS

READ: Final = (
    *("csv", "gzip", "zip", "tar"),
    *("json envelope", "yaml envelope", "text envelope", "table envelope", "xml envelope"),
    *("base64", "quoted base64", "pem armour", "bytes literal", "boto3 dump", "byte numbers", "ruby text"),
    *("quoted text", "list of lines", "json rows", "yaml rows", "lines of records"),
    *("drawn table", "html table", "spreadsheet", "parquet"),
    *(program.name for program in PROGRAMS if not program.refused),
)
"""The names that may appear in `container`."""

REFUSED: Final = {
    **{program.name: program.refused for program in PROGRAMS if program.refused},
    **{form.name: form.way_out for form in LOST},
    **UNREAD,
}
