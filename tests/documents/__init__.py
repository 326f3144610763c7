"""README and manual: what they show is what the program prints. `python -m tests.documents` writes it again."""
