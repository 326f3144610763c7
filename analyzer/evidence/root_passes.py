"""Passes of `root-mfa` that do not mean that root has MFA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.controls.vocabulary import Reason, Status

if TYPE_CHECKING:
    from analyzer.evidence.summary import Summary

ROOT_MFA: Final = "root-mfa"


def passes_without_mfa(summary: Summary) -> str:
    """Return how many root users pass `root-mfa` without an MFA device, as they have no password; empty if none do."""
    findings, checks = summary.findings_counted, summary.checklist.checks
    without = findings.sums(findings.check, len(checks), findings.because(Reason.NO_PASSWORD))[Status.PASS]
    for position, count in enumerate(without.tolist()):
        if checks[position].control.id == ROOT_MFA and count:
            passes = summary.by_control[position][Status.PASS]
            which = f"{count:,} of the {passes:,} that pass" if count < passes else f"all {passes:,} that pass"
            if passes == 1:
                which = "the only one that passes"
            return f"{ROOT_MFA}: {which} {'has' if count == 1 else 'have'} no MFA device, but no password either."
    return ""
