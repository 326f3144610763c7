"""Benchmarks by version: which controls each asks for, their numbers, and limits where they differ.

Sources: CIS AWS Foundations Benchmark v1.2.0 to v7.0.0 (section Identity and Access Management); for Security Hub, PCI
DSS and NIST the "related requirements" of the AWS Security Hub user guide, "Security Hub controls for IAM". Only what a
credential report can decide is listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.controls.control import Value


@dataclass(frozen=True)
class Requirement:
    """One requirement of a benchmark: its number, the control that decides it, and parameters it sets."""

    number: str
    control: str
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Benchmark:
    """A benchmark in one version."""

    id: str
    title: str
    label: str
    """What stands over its numbers."""
    requirements: tuple[Requirement, ...]

    def number_of(self, control: str) -> str | None:
        """Return the number of the first requirement that `control` decides; None where there is none."""
        return next((one.number for one in self.requirements if one.control == control), None)


def _cis(version: str, numbers: Mapping[str, str], idle_days: int | None = None) -> Benchmark:
    limits = MappingProxyType({"max_idle_days": idle_days} if idle_days else {})
    none: Mapping[str, Value] = MappingProxyType({})
    return Benchmark(
        f"cis-{version}",
        f"CIS AWS Foundations Benchmark v{version}",
        f"CIS {version}",
        tuple(
            Requirement(number, control, limits if control == "unused-credentials" else none)
            for control, number in numbers.items()
        ),
    )


_CIS_1_3: Final = {
    "unused-credentials": "1.12",
    "access-key-rotation": "1.14",
    "single-active-access-key": "1.13",
    "no-initial-access-keys": "1.11",
    "console-mfa": "1.10",
    "no-root-access-key": "1.4",
    "root-mfa": "1.5",
    "root-hardware-mfa": "1.6",
    "root-not-in-daily-use": "1.7",
}
"""The numbers of v1.3.0, which stayed until v4.0.1; v5.0 and v6.0 shifted them."""
_CIS_5: Final = {
    "unused-credentials": "1.11",
    "access-key-rotation": "1.13",
    "single-active-access-key": "1.12",
    "no-initial-access-keys": "1.10",
    "console-mfa": "1.9",
    "no-root-access-key": "1.3",
    "root-mfa": "1.4",
    "root-hardware-mfa": "1.5",
    "root-not-in-daily-use": "1.6",
}
_90_DAYS: Final[Mapping[str, Value]] = MappingProxyType({"max_idle_days": 90})
_ANY_ROOT_KEY: Final[Mapping[str, Value]] = MappingProxyType({"inactive_keys_count": 1})

BENCHMARKS: Final[Mapping[str, Benchmark]] = MappingProxyType(
    {
        benchmark.id: benchmark
        for benchmark in (
            _cis(
                "1.2",
                {
                    "unused-credentials": "1.3",
                    "access-key-rotation": "1.4",
                    "no-initial-access-keys": "1.21",
                    "console-mfa": "1.2",
                    "no-root-access-key": "1.12",
                    "root-mfa": "1.13",
                    "root-hardware-mfa": "1.14",
                    "root-not-in-daily-use": "1.1",
                },
                idle_days=90,
            ),
            _cis("1.3", _CIS_1_3, idle_days=90),
            _cis("1.4", _CIS_1_3),
            _cis("1.5", _CIS_1_3),
            _cis("2.0", _CIS_1_3),
            _cis("3.0", _CIS_1_3),
            _cis("4.0", _CIS_1_3),
            _cis("4.0.1", _CIS_1_3),
            _cis("5.0", _CIS_5),
            _cis("6.0", {control: f"2.{number.removeprefix('1.')}" for control, number in _CIS_5.items()}),
            _cis(
                "7.0",
                {
                    "unused-credentials": "2.11",
                    "access-key-rotation": "2.12",
                    "console-mfa": "2.10",
                    "no-root-access-key": "2.4",
                    "root-mfa": "2.5",
                    "root-hardware-mfa": "2.6",
                    "root-not-in-daily-use": "2.7",
                },
            ),
            Benchmark(
                "security-hub",
                "AWS Security Hub controls for IAM",
                "Security Hub",
                (
                    Requirement("IAM.22", "unused-credentials"),
                    Requirement("IAM.8", "unused-credentials", _90_DAYS),
                    Requirement("IAM.3", "access-key-rotation"),
                    Requirement("IAM.5", "console-mfa"),
                    Requirement("IAM.19", "mfa-every-user"),
                    Requirement("IAM.4", "no-root-access-key", _ANY_ROOT_KEY),
                    Requirement("IAM.9", "root-mfa"),
                    Requirement("IAM.6", "root-hardware-mfa"),
                ),
            ),
            Benchmark(
                "pci-dss-4.0.1",
                "PCI DSS v4.0.1",
                "PCI DSS 4.0.1",
                (
                    Requirement("8.2.6", "unused-credentials", _90_DAYS),
                    Requirement("8.3.9, 8.6.3", "access-key-rotation"),
                    Requirement("8.3.9", "password-rotation"),
                    Requirement("8.4.2", "console-mfa"),
                    Requirement("8.4.2", "mfa-every-user"),
                    Requirement("8.4.2", "root-mfa"),
                    Requirement("8.4.2", "root-hardware-mfa"),
                ),
            ),
            Benchmark(
                "nist-800-53r5",
                "NIST SP 800-53 Revision 5",
                "NIST 800-53r5",
                (
                    Requirement("AC-2(1), AC-2(3)", "unused-credentials", _90_DAYS),
                    Requirement("AC-2(1), AC-2(3)", "access-key-rotation"),
                    Requirement("AC-2(1), IA-2(1), IA-2(2)", "console-mfa"),
                    Requirement("AC-2(1), IA-2(1), IA-2(2)", "mfa-every-user"),
                    Requirement("AC-2(1), AC-6(2), AC-6(10)", "no-root-access-key", _ANY_ROOT_KEY),
                    Requirement("AC-2(1), IA-2(1), IA-2(2)", "root-mfa"),
                    Requirement("AC-2(1), IA-2(1), IA-2(2)", "root-hardware-mfa"),
                ),
            ),
        )
    }
)
"""By id, CIS oldest first."""

NEWEST_CIS: Final = BENCHMARKS["cis-7.0"]
"""Whose numbers are shown where no benchmark is chosen."""
