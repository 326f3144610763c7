"""credreport: the offline analyzer of AWS IAM credential reports."""

__version__ = "0.1.0"
