"""From bytes to typed tables."""
