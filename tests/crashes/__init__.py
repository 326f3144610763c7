"""Runs that are stopped at every step, that find no room on the disk, or that run beside others."""
