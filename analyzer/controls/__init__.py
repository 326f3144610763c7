"""What can be decided from a credential report: the controls, the benchmarks that ask for them, and their rules."""
