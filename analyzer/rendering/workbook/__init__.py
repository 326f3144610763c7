"""The workbook: `book` lists its sheets, and most other modules make one or more of them.

`engine` writes a workbook with XlsxWriter. `streaming` then inserts the rows of long tables, which `cells` and `rows`
make from Arrow columns. `measuring` computes widths and heights.
"""
