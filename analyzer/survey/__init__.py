"""What the inputs are: files, the reports in them, which of them are judged."""
