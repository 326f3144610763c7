"""The forms in which credential reports are stored, recognised by their content: one module per family of forms.

`content` defines what opening a form returns, `headers` finds the header of a CSV, `catalog` lists the forms by name,
and `programs` describes the tables of other programs. `values` opens a Content value; `documents` opens JSON, YAML and
XML, and `walking` finds envelopes and rows in them; `grids` turns rows into a CSV; `texts`, `tables`, `bent` and
`dumps` read texts that people and programs print; `books` reads spreadsheets and Parquet. `answers` and `marks`
recognise files without a report.
"""
