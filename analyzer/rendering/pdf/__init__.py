"""`summary.pdf`: one to three pages of A4 that say the answer, how complete it is, and what it rests on.

Typst sets the pages: it makes tagged PDFs that screen readers can read, and one wheel is all that it needs. fpdf2 and
reportlab write PDFs without tags, and fpdf2 with a date that nobody gave.
"""
