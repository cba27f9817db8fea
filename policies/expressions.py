"""Conditions as people write them, turned into the CEL that is run.

The language is CEL (https://github.com/google/cel-spec), narrowed and with one number type. A
parser of our own stands before Google's, because text rewriting could not tell an index from a
list, and because its library neither lists the variables of an expression nor bounds its memory:

- Every number is a double: `50`, `50.0` and what `size()` returns mix in every operator. `*`, `/`
  and `%` go to functions that raise instead of answering with infinity or NaN, so that no
  comparison is ever made with either.
- `+` is for numbers and times: where neither side is known to be one, the left is multiplied by
  1.0, which only a number survives. Texts and lists cannot grow.
- `map`, `filter`, types, bytes and unsigned numbers are left out; patterns are literals.
- `agent.count(…)` and `agent.sum(…)` become variables (policies/counters.py).
- `run.saw(…)` and its like become variables, too, and may only stand where more reports of a run
  cannot make the condition false (policies/trends.py).
- The work that one evaluation may cost is known before it runs (`Work`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn, TypeAlias, cast

from core.canonical import MAX_INTEGER
from policies import counters, language, regexes, run_reads, trends
from policies.errors import nearest
from policies.language import Piece, Translation, Work
from policies.tokens import ConditionError, Token, split

#: Names the variable that stands for what is counted, or read of the run.
Naming: TypeAlias = Callable[[counters.Counter | run_reads.RunRead], str]


def translate(source: str, variable: Naming) -> Translation:
    """Return what CEL is to run for `source`; `variable` names the variables.

    ConditionError with the offset of the first fault.
    """
    if len(source) > language.MAX_LENGTH:
        raise ConditionError(
            0, f"A condition has at most {language.MAX_LENGTH} characters: split the rule."
        )
    parser = _Parser(split(source), variable)
    piece = parser.whole()
    starts, at = [], 0
    for text, _ in piece.parts:
        starts.append(at)
        at += len(text)
    return Translation(
        "".join(text for text, _ in piece.parts),
        tuple(parser.counters),
        tuple(parser.reads),
        min(parser.reads.values(), default=0),
        parser.work,
        starts,
        [origin for _, origin in piece.parts],
    )


class _Parser:
    def __init__(self, tokens: list[Token], variable: Naming) -> None:
        self.tokens = tokens
        self.at = 0
        self.variable = variable
        self.counters: list[counters.Counter] = []
        self.reads: dict[run_reads.RunRead, int] = {}
        self.bound: list[str] = []
        self.depth = 0
        self.work = Work()

    # Words

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def ahead(self, *signs: str) -> bool:
        token = self.here
        return token.kind == "sign" and token.written in signs

    def take(self) -> Token:
        token = self.here
        self.at += 1
        return token

    def expect(self, sign: str) -> Token:
        if not self.ahead(sign):
            found = f"“{self.here.written}”" if self.here.kind != "end" else "the end"
            raise ConditionError(self.here.offset, f"“{sign}” is missing before {found}.")
        return self.take()

    def name(self) -> Token:
        if self.here.kind != "name":
            raise ConditionError(self.here.offset, "A name is missing here.")
        return self.take()

    # Cost

    def cost(self, *, heavy: bool = False, states: int = 0) -> None:
        work = self.work
        if not self.bound:
            work.heavy_once += heavy
            work.states_once += states
            return
        work.light += 1
        work.heavy += heavy
        work.states += states

    # Operators, loosest first

    def whole(self) -> Piece:
        piece = self.expression()
        if self.here.kind != "end":
            raise ConditionError(self.here.offset, f"“{self.here.written}” is not expected here.")
        trends.rising(piece)
        return piece

    def expression(self) -> Piece:
        self.depth += 1
        if self.depth > 30:
            raise ConditionError(self.here.offset, "This is nested too deeply: split the rule.")
        piece = self.either()
        if self.ahead("?"):
            mark = self.take()
            trends.steady(piece, mark.offset)
            yes = self.expression()
            colon = self.expect(":")
            no = self.expression()
            kind = yes.kind if yes.kind == no.kind else "any"
            parts = [*piece.parts, (" ? ", mark.offset), *yes.parts]
            trend = trends.joined(mark.offset, yes.trend, no.trend)
            piece = Piece([*parts, (" : ", colon.offset), *no.parts], kind, trend=trend)
        self.depth -= 1
        return piece

    def either(self) -> Piece:
        return self.chain(("||",), self.both)

    def both(self) -> Piece:
        return self.chain(("&&",), self.relation)

    def chain(self, signs: tuple[str, ...], below: Callable[[], Piece]) -> Piece:
        piece = below()
        while self.ahead(*signs):
            sign = self.take()
            right = below()
            self.cost()
            middle = (f" {sign.written} ", sign.offset)
            trend = trends.joined(sign.offset, piece.trend, right.trend)
            piece = Piece([*piece.parts, middle, *right.parts], "bool", trend=trend)
        return piece

    def relation(self) -> Piece:
        left = self.sum()
        while self.ahead(*language.COMPARISONS) or (self.here.kind, self.here.written) == (
            "name",
            "in",
        ):
            sign = self.take()
            right = self.sum()
            if sign.written == "in":
                cheap = right.kind == "literals" and left.kind in ("any", *language.CHEAP)
            else:
                cheap = left.kind in language.CHEAP or right.kind in language.CHEAP
            self.cost(heavy=not cheap)
            trend = trends.compared(sign.written, left, right, sign.offset)
            parts = [*left.parts, (f" {sign.written} ", sign.offset), *right.parts]
            left = Piece(parts, "bool", trend=trend)
        return left

    def sum(self) -> Piece:
        left = self.product()
        while self.ahead("+", "-"):
            sign = self.take()
            right = self.product()
            self.cost()
            for side in (left, right):
                if side.kind not in ("number", "time", "any"):
                    detail = f"“{sign.written}” takes numbers and times; texts cannot be joined."
                    raise ConditionError(sign.offset, detail)
            known = left.kind != "any" or right.kind != "any"
            guard = [] if known or sign.written == "-" else [(" * 1.0", sign.offset)]
            kind = "time" if "time" in (left.kind, right.kind) else "number"
            middle = (f" {sign.written} ", sign.offset)
            other = run_reads.opposite(right.trend) if sign.written == "-" else right.trend
            trend = trends.joined(sign.offset, left.trend, other)
            left = Piece([*left.parts, *guard, middle, *right.parts], kind, trend=trend)
        return left

    def product(self) -> Piece:
        left = self.unary()
        while self.ahead("*", "/", "%"):
            sign = self.take()
            right = self.unary()
            self.cost()
            for side in (left, right):
                if side.kind not in ("number", "any"):
                    raise ConditionError(sign.offset, f"“{sign.written}” takes numbers.")
                trends.steady(side, sign.offset)
            opening = (f"{language.CALLS[sign.written]}(", sign.offset)
            between = (", ", sign.offset)
            parts = [opening, *left.parts, between, *right.parts, (")", sign.offset)]
            left = Piece(parts, "number")
        return left

    def unary(self) -> Piece:
        signs = []
        while self.ahead("!", "-"):
            signs.append(self.take())
        if not signs:
            return self.member()
        if len(signs) > 1:
            raise ConditionError(signs[1].offset, f"Write one “{signs[0].written}”, or none.")
        sign = signs[0]
        piece = self.member()
        self.cost()
        kind, takes = (
            ("bool", ("bool", "any")) if sign.written == "!" else ("number", ("number", "any"))
        )
        if piece.kind not in takes:
            what = "yes or no" if kind == "bool" else "a number"
            raise ConditionError(sign.offset, f"“{sign.written}” takes {what}.")
        turned = run_reads.opposite(piece.trend)
        return Piece([(sign.written, sign.offset), *piece.parts], kind, trend=turned)

    # Values

    def member(self) -> Piece:
        piece = self.primary()
        while self.ahead(".", "["):
            mark = self.take()
            trends.steady(piece, mark.offset)
            if mark.written == "[":
                piece = self.index(piece, mark)
                continue
            name = self.name()
            if self.ahead("("):
                piece = self.method(piece, name)
            else:
                self.fields(piece, mark.offset)
                self.cost()
                part = ("." + name.written, name.offset)
                piece = Piece([*piece.parts, part], "any", selects=True)
        return piece

    def index(self, piece: Piece, mark: Token) -> Piece:
        self.fields(piece, mark.offset)
        if self.here.kind == "number" and self.here.written.isdigit():
            number = self.take()  # a list that is written out takes no double as index
            inner = [(number.written, number.offset)]
        else:
            within = self.expression()
            trends.steady(within, mark.offset)
            inner = within.parts
        end = self.expect("]")
        self.cost()
        return Piece([*piece.parts, ("[", mark.offset), *inner, ("]", end.offset)], "any")

    @staticmethod
    def fields(piece: Piece, offset: int) -> None:
        if piece.kind not in ("any", "map", "list", "literals"):
            raise ConditionError(offset, "This value has no fields.")

    def primary(self) -> Piece:
        token = self.here
        if token.kind == "number":
            return Piece([(_double(self.take()), token.offset)], "number")
        if token.kind == "text":
            self.take()
            return Piece([(token.written, token.offset)], "literal")
        if token.kind == "name":
            return self.named(self.take())
        if self.ahead("("):
            opening = self.take()
            inner = self.expression()
            closing = self.expect(")")
            parts = [("(", opening.offset), *inner.parts, (")", closing.offset)]
            return Piece(parts, inner.kind, trend=inner.trend)
        if self.ahead("["):
            return self.listed()
        if self.ahead("{"):
            raise ConditionError(token.offset, "Maps cannot be written in a condition.")
        found = f"before “{token.written}”" if token.kind != "end" else "at the end"
        raise ConditionError(token.offset, f"A value is missing {found}.")

    def listed(self) -> Piece:
        opening = self.take()
        items = self.arguments("]")
        for item in items:
            trends.steady(item, opening.offset)
        parts = [("[", opening.offset)]
        for number, item in enumerate(items):
            parts += [(", ", opening.offset)] if number else []
            parts += item.parts
        self.work.items += len(items)
        cheap = all(item.kind in language.CHEAP for item in items)
        parts.append(("]", self.tokens[self.at - 1].offset))
        return Piece(parts, "literals" if cheap else "list")

    def arguments(self, end: str) -> list[Piece]:
        items: list[Piece] = []
        while not self.ahead(end):
            if items:
                self.expect(",")
            items.append(self.expression())
        self.expect(end)
        return items

    def named(self, token: Token) -> Piece:
        name = token.written
        if name in language.WORDS:
            return Piece([(name, token.offset)], language.WORDS[name])
        if self.ahead("("):
            return self.call(token)
        if name == "run":
            return self.read_of_run(token)
        if name in language.MEMBERS:
            return self.known_member(token)
        if name in self.bound or name == "payload":
            return Piece([(name, token.offset)], "any")
        if name == "action":
            return Piece([(name, token.offset)], "text")
        if name == "now":
            return Piece([(name, token.offset)], "time")
        hint = nearest(name, [*language.ROOTS, *self.bound])
        raise ConditionError(token.offset, f"“{name}” is not known in a condition.{hint}")

    def known_member(self, root: Token) -> Piece:
        self.expect(".")
        name = self.name()
        if root.written == "agent" and name.written in ("count", "sum") and self.ahead("("):
            return self.counter(root, name)
        if name.written not in language.MEMBERS[root.written]:
            counts = ("count", "sum") if root.written == "agent" else ()
            hint = nearest(name.written, [*language.MEMBERS[root.written], *counts])
            detail = f"{root.written} has no “{name.written}”.{hint}"
            raise ConditionError(name.offset, detail)
        return Piece([(f"{root.written}.{name.written}", root.offset)], "text", selects=True)

    # Calls

    def call(self, token: Token) -> Piece:
        name = token.written
        if name not in language.GLOBALS:
            self.unknown_call(token, language.GLOBALS)
        self.expect("(")
        items = self.arguments(")")
        if len(items) != (2 if name == "matches" else 1):
            raise ConditionError(token.offset, f"{name}(…) has another number of arguments.")
        if name == "has" and not items[0].selects:
            raise ConditionError(token.offset, "has(…) takes a field, such as has(payload.note).")
        return self.applied(token, items, [])

    def method(self, target: Piece, token: Token) -> Piece:
        name = token.written
        if name not in language.METHODS:
            self.unknown_call(token, language.METHODS)
        if name in language.LOOPS:
            return self.loop(target, token)
        self.expect("(")
        items = self.arguments(")")
        most = 0 if name == "size" else 1
        least = 0 if name in language.CLOCK else most
        if not least <= len(items) <= most:
            raise ConditionError(token.offset, f"{name}(…) has another number of arguments.")
        return self.applied(token, [target, *items], target.parts)

    def applied(self, token: Token, items: list[Piece], target: list[tuple[str, int]]) -> Piece:
        """`name(items)`, or `target.name(items without the first)`."""
        name, offset = token.written, token.offset
        for item in items:
            trends.steady(item, offset)
        heavy = name in ("size", "string", "startsWith", "endsWith", "contains")
        self.cost(heavy=heavy, states=self.pattern(token, items[-1]) if name == "matches" else 0)
        if name == "contains" and not _written_out(items[-1]):
            raise ConditionError(offset, "contains(…) takes a text that is written out.")
        written = {"double": "number", "int": "whole"}.get(name, name)
        parts = [*target, ("." if target else "", offset), (written + "(", offset)]
        for number, item in enumerate(items[1:] if target else items):
            parts += [(", ", offset)] if number else []
            parts += item.parts
        parts.append((")", offset))
        if name == "size" or name in language.CLOCK:
            parts = [("double(", offset), *parts, (")", offset)]
        if name in ("double", "int", "size") or name in language.CLOCK:
            return Piece(parts, "number")
        if name in ("timestamp", "duration"):
            return Piece(parts, "time")
        return Piece(parts, "text" if name == "string" else "bool")

    @staticmethod
    def pattern(token: Token, item: Piece) -> int:
        if not _written_out(item):
            raise ConditionError(token.offset, "matches(…) takes a pattern that is written out.")
        size = regexes.states(item.parts[0][0])
        if size > language.MAX_STATES:
            raise ConditionError(token.offset, "This pattern repeats too much: lower its counts.")
        return size

    def loop(self, target: Piece, token: Token) -> Piece:
        self.fields(target, token.offset)
        self.expect("(")
        name = self.name()
        if name.written in (*language.ROOTS, *self.bound, *language.WORDS):
            raise ConditionError(name.offset, f"“{name.written}” has a meaning already.")
        self.expect(",")
        self.bound.append(name.written)
        if len(self.bound) > language.MAX_LOOPS:
            raise ConditionError(
                token.offset, f"At most {language.MAX_LOOPS} loops in one another."
            )
        self.work.loops = max(self.work.loops, len(self.bound))
        body = self.expression()
        self.bound.pop()
        end = self.expect(")")
        self.cost()
        opening = (f".{token.written}({name.written}, ", token.offset)
        if token.written == "exists_one":
            trends.steady(body, token.offset)
        parts = [*target.parts, opening, *body.parts, (")", end.offset)]
        return Piece(parts, "bool", trend=body.trend)

    @staticmethod
    def unknown_call(token: Token, known: tuple[str, ...]) -> NoReturn:
        name = token.written
        if name in language.LEFT_OUT:
            raise ConditionError(
                token.offset, f"{name}(…) is left out: it {language.LEFT_OUT[name]}."
            )
        detail = f"{name}(…) is not known in a condition.{nearest(name, known)}"
        raise ConditionError(token.offset, detail)

    def counter(self, root: Token, kind: Token) -> Piece:
        self.expect("(")
        values: list[str] = []
        by: str | None = None
        while not self.ahead(")"):
            if values:
                self.expect(",")
            if (self.here.kind, self.here.written) == ("name", "by"):
                self.take()
                self.expect("=")
                by = self.literal()
                break
            values.append(self.literal())
        self.expect(")")
        try:
            counter = counters.read(kind.written, values, by)
        except counters.BadCounterError as error:
            raise ConditionError(root.offset, str(error)) from None
        if counter not in self.counters:
            self.counters.append(counter)
        if len(self.counters) > language.MAX_COUNTERS:
            raise ConditionError(
                root.offset, f"At most {language.MAX_COUNTERS} counters in one condition."
            )
        return Piece([(self.variable(counter), root.offset)], "number")

    def read_of_run(self, root: Token) -> Piece:
        self.expect(".")
        name = self.name()
        kind, value = name.written, ""
        if kind in run_reads.CALLS:
            example = f'run.{kind}("{run_reads.CALLS[kind]}")'
            self.expect("(")
            value = self.literal(f"Write one text, as in {example}.")
            self.expect(")")
            if not 0 < len(value) <= run_reads.MAX_NAME:
                detail = f"A name has 1 to {run_reads.MAX_NAME} characters."
                raise ConditionError(name.offset, detail)
        elif kind not in run_reads.VALUES:
            hint = nearest(kind, [*run_reads.CALLS, *run_reads.VALUES])
            raise ConditionError(name.offset, f"run has no “{kind}”.{hint}")
        read = run_reads.RunRead(cast("run_reads.Kind", kind), value)
        self.reads.setdefault(read, root.offset)
        variable = self.variable(read)
        if kind in ("saw", "did"):
            return Piece([(f"({variable} > 0.0)", root.offset)], "bool", trend=1)
        return Piece([(variable, root.offset)], "number", trend=1)

    def literal(
        self,
        hint: str = "A counter takes texts that are written out, as in "
        'agent.count("payments.refund", "1d").',
    ) -> str:
        token = self.here
        if token.kind != "text" or "\\" in token.written or token.written[0] in "rR":
            raise ConditionError(token.offset, hint)
        return self.take().written[1:-1]


def _written_out(piece: Piece) -> bool:
    return piece.kind == "literal" and len(piece.parts) == 1


def _double(token: Token) -> str:
    written = token.written
    hexadecimal = written[:2] in ("0x", "0X")
    if hexadecimal or written.isdigit():
        whole = int(written, 16 if hexadecimal else 10)
        number = math.inf if whole > MAX_INTEGER else float(whole)
    else:
        number = float(written)
    if number > language.MAX_NUMBER:
        raise ConditionError(token.offset, "This number is too large to be exact.")
    return repr(number)
