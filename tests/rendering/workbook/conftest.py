"""The audits that other formats are tested with."""

from tests.outputs.conftest import any_audit, audit_of

__all__ = ["any_audit", "audit_of"]
