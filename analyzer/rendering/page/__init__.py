"""`report.html`: one page that needs no other file and no network.

The tables that it shows are data in the page; a script of our own sorts, filters and unfolds them. DataTables, by way
of itables, would do that too. But itables needs IPython, and DataTables writes style attributes, which the
Content-Security-Policy of the page forbids.
"""
