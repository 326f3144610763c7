"""Runs that are stopped at every step, that find no room, or that meet others."""
