"""How large a regular expression is, so that a linear engine stays fast on it.

RE2 is linear in the text, but with a factor: the states of the pattern, and `(.{200}.{200}){3}`
has a thousand. Measured: 32 µs for each byte of a hostile text with such a pattern.
"""

from __future__ import annotations

import re
from typing import Final

_REPEAT: Final = re.compile(r"\{([0-9]{1,6})(,([0-9]{0,6}))?\}")
_CLASS: Final = re.compile(r"\[\^?\]?(\\.|[^\]\\])*\]", re.DOTALL)


def states(pattern: str) -> int:
    """Return about how many states `pattern` has once its counted repetitions are unrolled."""
    sizes = [0]  # of the groups that are open, outermost first
    atom = 0  # the size of what a repetition would repeat
    at = 0
    while at < len(pattern):
        character = pattern[at]
        repeat = _REPEAT.match(pattern, at)
        charset = _CLASS.match(pattern, at)
        width = 1
        if repeat:
            times = int(repeat[3] or repeat[1])
            sizes[-1] += atom * max(0, times - 1)
            atom, width = atom * max(1, times), len(repeat[0])
        elif character == "(":
            sizes.append(0)
            atom = 0
        elif character == ")" and len(sizes) > 1:
            atom = sizes.pop() + 1
            sizes[-1] += atom
        elif character not in "*+?|":
            atom = 1
            sizes[-1] += 1
            width = len(charset[0]) if charset else 2 if character == "\\" else 1
        at += width
    return sum(sizes)


def weight(pattern: str) -> int:
    """Return the states that may be busy all along a long text.

    0 when the pattern starts at the beginning and has an end: then it is decided early.
    """
    depth, bounded = 0, pattern.startswith("^")
    at = 0
    while at < len(pattern) and bounded:
        charset = _CLASS.match(pattern, at)
        repeat = _REPEAT.match(pattern, at)
        character = pattern[at]
        open_ended = repeat is not None and repeat[2] == ","
        bounded = not (character in "*+" or open_ended or (character == "|" and depth == 0))
        depth += (character == "(") - (character == ")")
        at += len(charset[0]) if charset else 2 if character == "\\" else 1
    return 0 if bounded else states(pattern)
