"""The evidence: one module a format. They read an `Audit` and do not know each other."""
