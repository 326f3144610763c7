"""What the gate leaves out, so that it takes minutes: cases of large families, and tests that take long.

`.ci/full` runs all of them (`-m slow`). The gate has every row of a rule's table; what is left out here repeats the
same statement on further inputs, or shows it once more from the outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EVERY: Final[Mapping[str, int]] = {
    "crashes/test_crashes.py::test_eight_runs_at_once_leave_whole_sets": 3,
    "evidence/test_system.py::test_a_run_killed_at_any_step_of_two_renames_is_completed_by_the_next": 2,
    "golden/test_golden.py::test_a_run_says_and_writes_what_it_did": 6,
    "history/test_ingest.py::test_any_batches_give_the_same_store": 3,
    "reading/test_endings.py::test_a_file_that_ends_in_the_middle_of_a_cell": 5,
    "reading/test_forms.py::test_in_a_folder_none_is_passed_over_and_inspect_says_its_form": 2,
    "reading/test_forms.py::test_what_bears_marks_and_holds_no_rows_counts_as_not_read": 5,
    "reading/test_limits.py::test_a_harmful_file_is_refused_with_little_time_and_memory": 2,
    "reading/test_limits.py::test_reports_beside_a_harmful_file_are_judged": 2,
    "reading/test_odd_files.py::test_a_half_written_file_is_never_taken_for_a_whole_one": 4,
    "reading/test_programs.py::test_what_a_program_dropped_changes_no_verdict_but_to_unknown": 3,
    "rendering/pictures/audit/test_every_picture.py::test_every_text_of_several_controls_is_readable": 4,
    "rendering/pictures/audit/test_every_picture.py::test_the_benchmark_is_named": 3,
    "rendering/test_registry.py::test_each_format_renders_each_kind_it_takes": 2,
    "rendering/test_registry.py::test_what_a_format_needs_is_exactly_enough": 2,
    "rendering/workbook/test_recalculated.py::test_every_cell_is_what_its_formula_gives": 2,
    "rendering/workbook/test_recalculated.py::test_statuses_follow_another_date_and_other_limits": 3,
    "rendering/workbook/test_workbook.py::test_the_sheets_hold_the_tables_cell_by_cell": 3,
    "rendering/workbook/test_workbook.py::test_the_summary_counts_accounts_by_requirement": 3,
    "test_api.py::test_an_audit_is_that_of_the_command": 3,
    "test_api.py::test_an_audit_with_accounts_and_owners_is_that_of_the_command": 3,
    "test_pseudonyms.py::test_every_fleet_is_judged_the_same": 10,
    "test_pseudonyms_leaks.py::test_nothing_of_an_audit_has_a_name": 3,
    "test_pseudonyms_leaks.py::test_nothing_of_any_fleet_has_a_name": 10,
    "test_rerun.py::test_an_audit_gives_the_same_bytes_again": 3,
    "test_schemas.py::test_a_key_that_is_not_there_is_refused": 3,
    "test_schemas.py::test_a_value_of_another_type_is_refused": 3,
    "test_schemas.py::test_audits_fit": 4,
    "test_schemas.py::test_audits_of_made_up_fleets_fit": 3,
}
"""Families of cases, of which the gate runs the first and each so-many-th after it."""
SLOW: Final = frozenset(
    {
        "evidence/test_folder.py::test_a_killed_run_leaves_the_old_set_or_the_new_one",
        "history/test_store.py::test_a_killed_ingest_leaves_the_old_state_or_the_new_one",
        "reading/test_forms.py::test_output_at_a_url_is_passed_over_in_one_line",
        "test_pseudonyms_leaks.py::test_a_cell_anywhere_may_hold_a_name",
        "test_road.py::test_a_run_on_this_machine_needs_no_extra",
        "test_road.py::test_pictures_and_workbooks_of_batches_are_the_same",
    }
)
"""Tests of which the gate runs none."""


def leave_out(items: Sequence[pytest.Item]) -> None:
    """Mark as slow what the gate leaves out."""
    numbers: dict[str, int] = {}
    for item in items:
        name = item.nodeid.removeprefix("tests/").partition("[")[0]
        number = numbers[name] = numbers.get(name, -1) + 1
        if name in SLOW or number % EVERY.get(name, 1):
            item.add_marker(pytest.mark.slow)


def sliced(cases: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """Return cases for `parametrize`, all marked as slow but each `every`-th, from the one at `first` on."""
    return [
        case if number % every == first else pytest.param(*_parts(case), marks=pytest.mark.slow)
        for number, case in enumerate(cases)
    ]


def _parts(case: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever a test takes
    return case if isinstance(case, tuple) else (case,)
