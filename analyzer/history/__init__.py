"""The snapshot store, comparisons of two snapshots, and histories over many snapshots."""
