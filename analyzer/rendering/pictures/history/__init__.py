"""Pictures of a history: one file a picture, each with its finding as the title.

Days are whole days in UTC, counted from 1970.
"""
