"""Blocks of options that several commands share.

A block is a frozen dataclass whose annotated fields are Typer options. If a command has a parameter of this type and is
wrapped in `with_blocks`, it has all options of the block and receives them as one object.
"""

# Typer reads annotations when the program runs: no `from __future__ import annotations` here.

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints


def with_blocks(command: Callable[..., int]) -> Callable[..., int]:
    """Return the command in the form that Typer reads: each parameter that is a block is replaced by its options."""
    signature = inspect.signature(command, eval_str=True)
    blocks: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }
    parameters = [
        option
        for one in signature.parameters.values()
        for option in (
            _options_of(blocks[one.name]) if one.name in blocks else [one.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        )
    ]

    @functools.wraps(command)
    def run(**given: Any) -> int:  # noqa: ANN401 - options of any type
        for name, block in blocks.items():
            given[name] = block(**{one.name: given.pop(one.name) for one in fields(block)})
        return command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _options_of(block: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield the fields of a block as parameters."""
    hints = get_type_hints(block, include_extras=True)
    for one in fields(block):
        yield inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=_default(one), annotation=hints[one.name]
        )


def _default(one: "Field[Any]") -> Any:  # noqa: ANN401 - of any type
    if one.default_factory is not MISSING:
        return one.default_factory()
    return inspect.Parameter.empty if one.default is MISSING else one.default
