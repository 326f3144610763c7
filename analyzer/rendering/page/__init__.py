"""`report.html`: one page that needs no other file and no network.

The page contains its tables as JSON. `page.js` sorts, filters and unfolds them. DataTables and itables are not used:
itables needs IPython, and DataTables writes style attributes, which the Content-Security-Policy of the page forbids.
"""
