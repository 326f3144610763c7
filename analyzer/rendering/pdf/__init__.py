"""`summary.pdf`: one to three A4 pages with the answer, its completeness and its evidence.

Typst makes the PDF, because it writes tags for screen readers and needs only one wheel. fpdf2 and reportlab write PDFs
without tags, and fpdf2 adds the current date.
"""
