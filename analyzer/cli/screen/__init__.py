"""What the commands print on standard output: a module for each group of commands."""
