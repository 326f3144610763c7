"""What a run leaves: tables, manifest, and all that is counted from them."""
