"""Pictures: PNG files for a report, one for each picture, with a common style. `render` lists them.

No picture shows anything only by colour, and equal inputs give equal bytes.
"""
