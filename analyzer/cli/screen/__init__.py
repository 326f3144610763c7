"""The answers of the commands on standard output: a module for each family of commands."""
