"""Read credential reports: from bytes to typed tables."""
