"""All code that decides."""
