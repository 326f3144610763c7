"""Tests of summary.pdf."""
