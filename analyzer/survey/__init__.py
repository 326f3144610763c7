"""Survey the inputs: find the files, find the reports in them, and choose the reports to judge."""
