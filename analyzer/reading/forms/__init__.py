"""The forms in which a credential report is kept, recognised by content: a module for each family.

`content` says what a form gives, `headers` finds the header of a CSV, `catalog` lists the forms by name, and `programs`
what other programs make of the columns. `values` opens a Content value; `documents` JSON, YAML and XML; `walking` finds
envelopes and rows in them; `grids` makes a CSV of rows; `texts`, `tables`, `bent` and `dumps` read what people and
programs print; `books` reads spreadsheets and Parquet; `answers` and `marks` tell what holds no report from the rest.
"""
