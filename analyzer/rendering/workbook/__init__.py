"""The workbook: `book` says which sheets it has, `engine` is how sheets are made, and each other module is one or more.

`engine` lays a book out with XlsxWriter; `streaming` puts the rows of long tables into it, made by
`cells` and `rows` of Arrow columns; `measuring` reckons widths and heights. `prose` is the method in words, as data.
"""
