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
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if is_dataclass(parameter.annotation)
    }
    parameters = [
        option
        for parameter in signature.parameters.values()
        for option in (
            _options_of(blocks[parameter.name])
            if parameter.name in blocks
            else [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        )
    ]

    @functools.wraps(command)
    def run(**values: Any) -> int:  # noqa: ANN401 - options of any type
        for name, block in blocks.items():
            values[name] = block(**{option.name: values.pop(option.name) for option in fields(block)})
        return command(**values)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options_of(block: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield the fields of a block as parameters."""
    hints = get_type_hints(block, include_extras=True)
    for option in fields(block):
        yield inspect.Parameter(
            option.name, inspect.Parameter.KEYWORD_ONLY, default=_default(option), annotation=hints[option.name]
        )


def _default(option: "Field[Any]") -> Any:  # noqa: ANN401 - of any type
    if option.default_factory is not MISSING:
        return option.default_factory()
    return inspect.Parameter.empty if option.default is MISSING else option.default
