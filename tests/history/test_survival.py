from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence.survival import Bounds, Curve, kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

OBSERVED = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60)
# Weeks of remission under 6-MP: Freireich et al., Blood 21 (1963), 699-716; "+" is censored. The shares are those of
# Kleinbaum and Klein, "Survival Analysis", 3rd edition (2012), chapter 2.
REMISSION = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
SHARES = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
# The same of placebo, where nothing is censored.
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def curve_of(observed: Sequence[tuple[int, bool]]) -> Curve:
    days, closed = [day for day, _ in observed], [event for _, event in observed]
    return kaplan_meier(np.array(days, dtype=np.int64), np.array(closed, dtype=np.bool_))


def textbook_curve(text: str) -> Curve:
    return curve_of([(int(word.rstrip("+")), not word.endswith("+")) for word in text.split()])


def test_the_textbook_example() -> None:
    curve = textbook_curve(REMISSION)
    for day, share in SHARES.items():
        assert curve.share_at(day) == pytest.approx(share, abs=5e-5)
    falls = curve.days[np.flatnonzero(np.diff(curve.open_share, prepend=1.0))]
    assert falls.tolist() == list(SHARES)
    assert curve.quantile(0.5) == 23
    assert curve.quantile(0.25) == 13
    assert curve.quantile(0.9) is None
    assert [curve.share_at(day) for day in (5, 9, 35)] == [1, curve.share_at(7), curve.share_at(23)]
    assert curve.days[-1] == 35


def test_the_textbook_example_without_censoring() -> None:
    curve = textbook_curve(PLACEBO)
    assert curve.quantile(0.5) == 8
    assert curve.share_at(8) == pytest.approx(8 / 21)
    assert curve.share_at(23) == 0


def test_a_curve_of_no_failures_stays_at_one() -> None:
    curve = curve_of([])
    assert (curve.days.tolist(), curve.open_share.tolist()) == ([0], [1])
    assert (curve.share_at(-1), curve.share_at(0), curve.share_at(100), curve.quantile(0.5)) == (1, 1, 1, None)


@pytest.mark.parametrize("count", range(1, 60))
def test_rounding_delays_no_quantile(count: int) -> None:
    curve = curve_of([(day, True) for day in range(1, 10 * count + 1)])
    assert [curve.quantile(tenths / 10) for tenths in range(1, 11)] == [count * tenths for tenths in range(1, 11)]


def test_failures_closed_on_the_first_day_count() -> None:
    curve = curve_of([(0, True), (0, False), (4, True)])
    assert [curve.share_at(day) for day in (-1, 0, 4)] == pytest.approx([1, 2 / 3, 0])


@given(OBSERVED)
def test_without_censoring_the_curve_is_the_empirical_share(observed: list[tuple[int, bool]]) -> None:
    days = [day for day, _ in observed]
    curve = curve_of([(day, True) for day in days])
    for day in range(-1, 43):
        share = sum(day_closed > day for day_closed in days) / len(days) if days else 1.0
        assert curve.share_at(day) == pytest.approx(share, abs=1e-12)


@given(OBSERVED)
def test_the_curve_is_the_product_of_the_shares_that_outlast_each_day(observed: list[tuple[int, bool]]) -> None:
    curve, share = curve_of(observed), Fraction(1)
    for day in range(43):
        at_risk = sum(last_day >= day for last_day, _ in observed)
        events = sum(last_day == day and event for last_day, event in observed)
        share *= 1 - Fraction(events, max(at_risk, 1))
        assert curve.share_at(day) == pytest.approx(float(share), abs=1e-12)


@given(OBSERVED, st.floats(0.01, 1))
def test_the_curve_never_rises_and_crosses_its_quantiles(observed: list[tuple[int, bool]], p: float) -> None:
    curve = curve_of(observed)
    assert (np.diff(curve.open_share) <= 0).all()
    assert (np.diff(curve.days) > 0).all()
    assert ((curve.open_share >= 0) & (curve.open_share <= 1)).all()
    assert (curve.days[0], curve.days[-1]) == (0, max((day for day, _ in observed), default=0))
    day = curve.quantile(p)
    if day is None:
        assert curve.open_share[-1] > 1 - p
    else:
        assert curve.share_at(day) <= 1 - p + 1e-9
        assert curve.share_at(day - 1) > 1 - p or day == 0


@given(OBSERVED.flatmap(lambda observed: st.tuples(st.just(observed), st.permutations(observed))))
def test_order_does_not_matter(orders: tuple[list[tuple[int, bool]], list[tuple[int, bool]]]) -> None:
    first, second = (curve_of(observed) for observed in orders)
    assert np.array_equal(first.days, second.days)
    assert np.array_equal(first.open_share, second.open_share)


@given(OBSERVED, st.integers(0, 40))
def test_failures_lost_before_anything_closes_change_nothing(observed: list[tuple[int, bool]], day: int) -> None:
    later = [(first_day + 41, event) for first_day, event in observed]
    shares = [curve_of(failures).share_at(at) for failures in (later, [*later, (day, False)]) for at in range(90)]
    assert shares[:90] == pytest.approx(shares[90:], abs=1e-12)


# Bounds: of each failure it is only known how many days it was open at least and at most.

FAILURE = st.tuples(st.integers(0, 12), st.integers(0, 8), st.booleans())
"""The days that are certain, how many more there may have been, and whether it was closed."""


def bounds_of(failures: Sequence[tuple[int, int, bool]]) -> Bounds:
    return Bounds(
        np.array([least for least, _, _ in failures], np.float64),
        np.array([least + more for least, more, _ in failures], np.float64),
        np.array([closed for _, _, closed in failures], np.bool_),
    )


@given(st.lists(FAILURE, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_every_choice_of_days_lies_within_the_bounds(failures: list[tuple[int, int, bool]], random: Random) -> None:
    bounds = bounds_of(failures)
    assert (np.diff(bounds.least.open_share) <= 1e-12).all()
    assert (np.diff(bounds.most.open_share) <= 1e-12).all()
    for _ in range(20):
        observed = [(random.randint(least, least + more), closed) for least, more, closed in failures]
        curve = curve_of(observed)
        for day in range(int(curve.days[-1]) + 1):
            share = curve.share_at(day)
            assert bounds.least.share_at(day) - 1e-9 <= share <= bounds.most_at(day) + 1e-9
            assert bounds.most_at(day) <= bounds.most.share_at(day) + 1e-9
            within = bounds.closed_within(day)
            assert within is not None
            assert within[0] - 1e-9 <= 1 - share <= within[1] + 1e-9
        for p in (0.3, 0.5, 0.9):
            least, most = bounds.quantile(p)
            reached = curve.quantile(p)
            if reached is not None:
                assert least is not None
                assert least <= reached
                assert most is None or reached <= most
            elif most is not None:  # nothing was observed for so long
                assert most > curve.days[-1]


@given(st.lists(FAILURE, min_size=1, max_size=6), st.integers(0, 20))
def test_some_choice_of_days_reaches_the_greatest_share(failures: list[tuple[int, int, bool]], day: int) -> None:
    chosen = [(least if closed and least + more <= day else least + more, closed) for least, more, closed in failures]
    assert bounds_of(failures).most_at(day) == pytest.approx(curve_of(chosen).share_at(day))


@given(st.lists(FAILURE, min_size=1, max_size=6), st.integers(0, 20))
def test_some_choice_of_days_reaches_the_least_share(failures: list[tuple[int, int, bool]], day: int) -> None:
    # What may be closed by that day is closed just before the next one, when the others have been lost to follow-up.
    chosen = [
        (2 * (min(least + more, day) if least <= day else least + more) + (least <= day < least + more), closed)
        if closed
        else (2 * least, closed)
        for least, more, closed in failures
    ]
    shares = curve_of(chosen)
    assert bounds_of(failures).least.share_at(day) == pytest.approx(shares.share_at(2 * day + 1))


def test_without_doubt_both_bounds_are_the_textbook_curve() -> None:
    observed = [(int(word.rstrip("+")), 0, not word.endswith("+")) for word in REMISSION.split()]
    bounds = bounds_of(observed)
    for day, share in SHARES.items():
        assert bounds.most_at(day) == pytest.approx(share, abs=5e-5)
        assert bounds.least.share_at(day) == pytest.approx(share, abs=5e-5)
    assert bounds.quantile(0.5) == (23, 23)
    assert bounds.quantile(0.9) == (None, None)
