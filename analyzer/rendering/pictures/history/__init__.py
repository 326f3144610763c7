"""The pictures of a history, one module for each. The title of a picture is its result.

Days are whole days in UTC, counted from 1970.
"""
