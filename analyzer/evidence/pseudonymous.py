"""Replaces the names in settings by pseudonyms, and every text that may contain a name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analyzer.controls.policy import policy_of
from analyzer.errors import InputError, UsageError, first_few
from analyzer.judging.waivers import name_pattern
from analyzer.survey.names import CaptureTime
from analyzer.survey.people import LEAVERS, PEOPLE

if TYPE_CHECKING:
    from analyzer.controls.policy import Policy, Waiver
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.settings import Settings
    from analyzer.survey.pseudonyms import Pseudonyms

_WILDCARDS: Final = frozenset("*?")


def settings_under(pseudonyms: Pseudonyms, settings: Settings) -> tuple[Settings, Pseudonyms]:
    """Return the settings with pseudonyms, and the pseudonyms with the name patterns that waivers need.

    Raises UsageError if the framework is the user's own file, because its text must stay unchanged.
    """
    checklist = settings.checklist
    frameworks = checklist.benchmark.each if checklist.benchmark else ()
    own = [framework.name for framework in frameworks if framework.name]
    if own:
        raise UsageError(
            f"--pseudonyms: cannot be used with a framework file of your own ({first_few(own)}), because the evidence "
            "set has its text unchanged, and the text may contain names",
            "choose a framework from `credreport controls --benchmarks`, or leave out one of the two options",
        )
    policy = checklist.policy
    shown = replace(
        settings,
        checklist=replace(checklist, policy=policy and _policy(pseudonyms, policy)),
        account_id=settings.account_id and pseudonyms.account(settings.account_id),
        captured_at=tuple(
            CaptureTime(
                "*" if capture_time.pattern == "*" else pseudonyms.of("pattern", capture_time.pattern), capture_time.at
            )
            for capture_time in settings.captured_at
        ),
        accounts=_listed(pseudonyms, "accounts", settings.accounts),
        leavers=_listed(pseudonyms, LEAVERS, settings.leavers),
        people=_listed(pseudonyms, PEOPLE, settings.people),
        pseudonyms=pseudonyms.fingerprint,
    )
    users = [waiver.user for waiver in checklist.waivers if waiver.user and _is_pattern(waiver.user)]
    patterns = {pseudonyms.of("pattern", user): name_pattern(user.lower()) for user in users}
    with_people = settings.leavers is not None or settings.people is not None
    return shown, replace(pseudonyms, patterns=tuple(patterns.items()), with_people=with_people)


def _listed(pseudonyms: Pseudonyms, kind: str, listed: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return the pseudonym of a list's file name, and the unchanged SHA-256 of the file."""
    return listed and (pseudonyms.file(kind, listed[0]), listed[1])


def one_key_of(old: EvidenceSet, new: EvidenceSet) -> str | None:
    """Return the fingerprint of the key of two sets' pseudonyms; None if both have names.

    Raises InputError if the sets have different keys, or if only one has pseudonyms.
    """
    if old.pseudonyms == new.pseudonyms:
        return old.pseudonyms
    keys = [
        f"{evidence.location} has {f'pseudonyms of key {evidence.pseudonyms}' if evidence.pseudonyms else 'names'}"
        for evidence in (old, new)
    ]
    raise InputError(
        f"the two evidence sets name the same users differently: {' and '.join(keys)}",
        "run both audits with the same --pseudonyms KEYFILE, or both without it",
    )


def without_names(settings: Settings, fingerprint: str) -> Settings:
    """Return settings for rows that already have pseudonyms. Raises UsageError if the settings may contain names."""
    options = {
        "--policy": settings.checklist.policy,
        "--benchmark FILE": any(framework.name for framework in settings.checklist.numbers_of.each),
        "--account-id": settings.account_id,
        "--captured-at": settings.captured_at,
    }
    if names := [option for option, value in options.items() if value]:
        raise UsageError(
            f"{', '.join(names)}: cannot be used with evidence sets that have pseudonyms, because names would appear "
            "next to the pseudonyms",
            "give the key of the pseudonyms (--pseudonyms KEYFILE), or leave these options out (--no-policy turns off "
            "credreport.toml)",
        )
    return replace(settings, pseudonyms=fingerprint)


def _policy(pseudonyms: Pseudonyms, policy: Policy) -> Policy:
    """Return a policy without names that covers the same failures; its text is written again."""
    waivers = [_waiver(pseudonyms, waiver) for waiver in policy.waivers]
    return policy_of(pseudonyms.file("policy", policy.name), policy.controls, waivers)


def _waiver(pseudonyms: Pseudonyms, waiver: Waiver) -> Waiver:
    """Return a waiver that covers the same failures: user, account and user pattern are replaced by pseudonyms."""
    user = waiver.user
    if user is not None:
        user = pseudonyms.of("pattern", user) if _is_pattern(user) else pseudonyms.user(user.lower())
    return replace(
        waiver,
        id=pseudonyms.of("waiver", waiver.id),
        reason=pseudonyms.of("reason", waiver.reason),
        owner=pseudonyms.of("owner", waiver.owner),
        ticket=waiver.ticket and pseudonyms.of("ticket", waiver.ticket),
        account=waiver.account and pseudonyms.account(waiver.account),
        user=user,
    )


def _is_pattern(user: str) -> bool:
    return not _WILDCARDS.isdisjoint(user)
