"""Pictures: PNG for a report page, one file a picture, all on one canvas; `render` lists them.

No picture says by colour alone what it says, and equal inputs give equal bytes.
"""
