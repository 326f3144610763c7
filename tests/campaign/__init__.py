"""A fuzz campaign: reports, and the files given beside them, mutated by the hundred thousand, judged and checked.

`python -m tests.campaign --minutes 15` runs it; every failure comes with the command that repeats it.
"""
