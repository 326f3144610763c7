"""Many snapshots: kept, compared, followed."""
