"""Judging: applies the controls to the normalized reports."""
