"""Settings under pseudonyms: the same, with a pseudonym for every name and every text that may hold one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analyzer.controls.policy import policy_of
from analyzer.errors import InputError, UsageError, first_few
from analyzer.judging.waivers import name_pattern
from analyzer.survey.names import GivenTime
from analyzer.survey.people import LEAVERS, PEOPLE

if TYPE_CHECKING:
    from analyzer.controls.policy import Policy, Waiver
    from analyzer.evidence.opened import EvidenceSet
    from analyzer.evidence.settings import Settings
    from analyzer.survey.pseudonyms import Pseudonyms

_WILDCARDS: Final = frozenset("*?")


def settings_under(pseudonyms: Pseudonyms, settings: Settings) -> tuple[Settings, Pseudonyms]:
    """Return settings under pseudonyms, and the pseudonyms with what of names is needed to judge by them.

    Raises UsageError where the benchmark is a file of the user's own: its text is needed as it is.
    """
    checklist = settings.checklist
    own = [one.name for one in (checklist.benchmark.each if checklist.benchmark else ()) if one.name]
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
            GivenTime("*" if one.pattern == "*" else pseudonyms.of("pattern", one.pattern), one.at)
            for one in settings.captured_at
        ),
        accounts=_listed(pseudonyms, "accounts", settings.accounts),
        leavers=_listed(pseudonyms, LEAVERS, settings.leavers),
        people=_listed(pseudonyms, PEOPLE, settings.people),
        pseudonyms=pseudonyms.fingerprint,
    )
    users = [one.user for one in checklist.waivers if one.user and _is_pattern(one.user)]
    patterns = {pseudonyms.of("pattern", user): name_pattern(user.lower()) for user in users}
    with_people = settings.leavers is not None or settings.people is not None
    return shown, replace(pseudonyms, patterns=tuple(patterns.items()), with_people=with_people)


def _listed(pseudonyms: Pseudonyms, kind: str, listed: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return the file of a list, and its SHA-256, which stays."""
    return listed and (pseudonyms.file(kind, listed[0]), listed[1])


def one_key_of(old: EvidenceSet, new: EvidenceSet) -> str | None:
    """Return the fingerprint of the key of two sets' pseudonyms; None where both have names.

    Raises InputError where the same user would not be called the same in both.
    """
    if old.pseudonyms == new.pseudonyms:
        return old.pseudonyms
    keys = [
        f"{one.place} has {f'pseudonyms of key {one.pseudonyms}' if one.pseudonyms else 'names'}" for one in (old, new)
    ]
    raise InputError(
        f"the two evidence sets name the same users differently: {' and '.join(keys)}",
        "run both audits with the same --pseudonyms KEYFILE, or both without it",
    )


def without_names(settings: Settings, fingerprint: str) -> Settings:
    """Return settings for rows that have pseudonyms already. Raises UsageError where the settings may hold names."""
    given = {
        "--policy": settings.checklist.policy,
        "--benchmark FILE": any(one.name for one in settings.checklist.numbers_of.each),
        "--account-id": settings.account_id,
        "--captured-at": settings.captured_at,
    }
    if names := [option for option, value in given.items() if value]:
        raise UsageError(
            f"{', '.join(names)}: cannot be used with evidence sets that have pseudonyms, because names would appear "
            "next to the pseudonyms",
            "give the key of the pseudonyms (--pseudonyms KEYFILE), or leave these options out (--no-policy turns off "
            "credreport.toml)",
        )
    return replace(settings, pseudonyms=fingerprint)


def _policy(pseudonyms: Pseudonyms, policy: Policy) -> Policy:
    """Return a policy that covers the same, in whose file there is no name: it is written anew."""
    waivers = [_waiver(pseudonyms, one) for one in policy.waivers]
    return policy_of(pseudonyms.file("policy", policy.name), policy.controls, waivers)


def _waiver(pseudonyms: Pseudonyms, waiver: Waiver) -> Waiver:
    """Return a waiver that covers the same: a user and an account by their pseudonyms, a pattern by what it matches."""
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
