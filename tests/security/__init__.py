"""What the program promises to those who do not trust its inputs: see the manual, `security`."""
