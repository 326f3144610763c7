"""The audits that tables are tested with."""

from tests.audits import any_audit, audit_of

__all__ = ["any_audit", "audit_of"]
