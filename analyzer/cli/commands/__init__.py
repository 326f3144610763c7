"""The commands, by family: options -> run -> screen. Each returns its exit code."""
