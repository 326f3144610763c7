"""Many snapshots of the same accounts: kept, compared, and followed over time."""
