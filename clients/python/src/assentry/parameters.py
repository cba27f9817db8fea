"""A function's arguments as a payload, and an approved payload as arguments again."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from assentry.canonical import canonical
from assentry.errors import PayloadError

Bound = inspect.BoundArguments


class Unfit(Exception):
    """A payload does not fit the parameters."""


class Parameters:
    """The parameters of one function.

    Args:
        ignore: those that are no part of a payload; ``self`` and ``cls`` in the first place never are.
        without: one that callers do not give, whether or not there is one of this name.
    """

    def __init__(
        self, function: Callable[..., Any], ignore: Collection[str], without: str | None = None
    ) -> None:
        whole = inspect.signature(function)
        taken = [one for name, one in whole.parameters.items() if name != without]
        self._signature = whole.replace(parameters=taken)
        self._without = without
        known = self._signature.parameters
        unknown = set(ignore) - known.keys()
        if unknown:
            raise TypeError(f"{function.__qualname__}() has no parameter {sorted(unknown)}")
        self._ignored = {*ignore, *({next(iter(known), "")} & {"self", "cls"})}
        self._rest = next(
            (name for name, one in known.items() if one.kind is inspect.Parameter.VAR_KEYWORD), None
        )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Bound:
        """A call's arguments, with defaults; TypeError as the call would raise it."""
        if self._without in kwargs:  # it would end up in **kwargs
            raise TypeError(f"{self._without}= is not given by the caller")
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    def named(self, bound: Bound) -> dict[str, Any]:
        """The arguments by name; those of ``**kwargs`` stand beside the others."""
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if name in self._ignored:
                continue
            if name == self._rest:
                named |= value
            else:
                named[name] = value
        return named

    def payload(self, bound: Bound) -> dict[str, Any]:
        """The arguments as a payload.

        Raises:
            PayloadError: naming the one that is no JSON.
        """
        named = self.named(bound)
        for name, value in named.items():
            try:
                canonical(value)
            except PayloadError as error:
                raise PayloadError(
                    f"The argument {name!r} is no JSON: give payload=, or name it in ignore= if people "
                    f"need not see it. ({error})"
                ) from None
        return named

    def rebound(self, bound: Bound, approved: Mapping[str, Any], *, whole: bool) -> Bound:
        """The call with approved arguments; where one equals what was given, the given object.

        Args:
            whole: whether `approved` must name every parameter; else the others stay as given.

        Raises:
            Unfit: it names what the function does not take, or not what it needs.
        """
        given = self.named(bound)
        known = self._signature.parameters
        if whole and any(name in known and name not in approved for name in given):
            raise Unfit
        values = {} if whole else dict(given)
        values |= {
            name: given[name] if name in given and _same(given[name], value) else value
            for name, value in approved.items()
        }
        arguments: OrderedDict[str, Any] = OrderedDict()
        for name, parameter in known.items():
            if name in self._ignored:
                arguments[name] = bound.arguments[name]
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                arguments[name] = tuple(values.pop(name, ()))
            elif name != self._rest:
                arguments[name] = values.pop(name)
        if self._rest is not None:
            arguments[self._rest] = values
        elif values:
            raise Unfit
        return inspect.BoundArguments(self._signature, arguments)


def takes_by_keyword(function: Callable[..., Any], name: str) -> bool:
    """Whether it has a parameter of this name that can be given by keyword only."""
    found = inspect.signature(function).parameters.get(name)
    return found is not None and found.kind is inspect.Parameter.KEYWORD_ONLY


def _same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)
