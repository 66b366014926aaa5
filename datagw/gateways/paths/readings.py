"""Whether one name can be read in two ways: a regular expression with dates in it, as a machine of states.

Two runs of the machine over the same name are followed at once, one character after the other; if both come to the end,
and have read the date at different places, the name may mean two days. Look-arounds of more than one character, and
references to groups, are taken for whatever they may be, so that whoever asks has to look at the names that are found.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_parser: Any = getattr(re, "_parser")  # noqa: B009 - the standard library's own, the same in Python 3.11 to 3.13

END = ""
"""What stands before the first character, and after the last."""

type_of_chars = frozenset[str]
_Place = tuple[int, int, str, bool]  # of two runs: their states, the character before, whether they have parted
_CODES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Y": (("123456789", "0123456789", "0123456789", "0123456789"),),
    "y": (("0123456789", "0123456789"),),
    "m": (("0", "123456789"), ("1", "012")),
    "d": (("0", "123456789"), ("12", "0123456789"), ("3", "01")),
}
_PLAIN = frozenset(map(chr, range(32, 127))) | {"\n", "é", "\u0663"}
_MOST_COPIES = 100  # of what is repeated so and so often
_MOST_STATES = 2_000
_MOST_STEPS = 300_000
_VARIATIONS = 100


class Machine:
    """The states of a regular expression; `groups` says which of its groups are the codes of a date.

    Raises TimeoutError where there are too many to be followed.
    """

    def __init__(self, expression: str, groups: Mapping[int, str]) -> None:
        parsed = _parser.parse(expression)
        flags = int(parsed.state.flags)
        self._dotall, self._folding = bool(flags & re.DOTALL), bool(flags & re.IGNORECASE)
        self._many_lines = bool(flags & re.MULTILINE)
        self._groups = groups
        self._silent: list[list[tuple[int, type_of_chars | None, type_of_chars | None]]] = []
        self._moves: list[list[tuple[type_of_chars, str, int]]] = []
        self.looks_back = False
        self._alphabet = _PLAIN | frozenset(expression)
        self._end = self._all(parsed, self._new())
        self._representatives = self._classes()

    # ---- made of the parsed expression

    def _new(self) -> int:
        if len(self._moves) == _MOST_STATES:
            raise TimeoutError
        self._silent.append([])
        self._moves.append([])
        return len(self._moves) - 1

    def _link(self, at: int, to: int, before: type_of_chars | None = None, after: type_of_chars | None = None) -> int:
        """A step without a character, which may depend on the one before and the one after."""
        self.looks_back = self.looks_back or before is not None
        self._silent[at].append((to, before, after))
        return to

    def _step(self, at: int, chars: type_of_chars, label: str = "") -> int:
        to = self._new()
        self._moves[at].append((chars, label, to))
        return to

    def _all(self, items: Any, at: int) -> int:
        for operation, given in items:
            at = self._one(str(operation), given, at)
        return at

    def _one(self, operation: str, given: Any, at: int) -> int:
        if operation in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._step(at, self._chars(operation, given))
        if operation == "BRANCH":
            return self._either(at, given[1])
        if operation == "SUBPATTERN":
            group, flags, _, inner = given
            self._folding = self._folding or bool(int(flags) & re.IGNORECASE)
            return self._code(at, self._groups[group]) if group in self._groups else self._all(inner, at)
        if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return self._repeated(at, *given)
        if operation == "ATOMIC_GROUP":
            return self._all(given, at)
        if operation in ("ASSERT", "ASSERT_NOT"):
            return self._looked(at, operation == "ASSERT", *given)
        if operation == "AT":
            return self._anchored(at, str(given))
        if operation == "GROUPREF_EXISTS":
            return self._either(at, [given[1], given[2] or []])
        if operation == "GROUPREF":
            inside = self._link(at, self._new())
            self._moves[inside].append((self._alphabet, "", inside))
            return self._link(inside, self._new())
        return self._new()  # what can never match

    def _either(self, at: int, branches: Sequence[Any]) -> int:
        end = self._new()
        for branch in branches:
            self._link(self._all(branch, self._link(at, self._new())), end)
        return end

    def _code(self, at: int, code: str) -> int:
        end = self._new()
        for row in _CODES[code]:
            here = at
            for number, digits in enumerate(row):
                here = self._step(here, frozenset(digits), f"{code}{number}")
            self._link(here, end)
        return end

    def _repeated(self, at: int, least: int, most: Any, inner: Any) -> int:
        for _ in range(min(least, _MOST_COPIES)):
            at = self._all(inner, at)
        end = self._new()
        self._link(at, end)
        if int(most) - least > _MOST_COPIES:
            inside = self._link(at, self._new())
            self._link(self._all(inner, inside), inside)
            self._link(inside, end)
            return end
        for _ in range(least, int(most)):
            at = self._all(inner, at)
            self._link(at, end)
        return end

    def _looked(self, at: int, is_there: bool, direction: int, inner: Any) -> int:
        items = list(inner)
        if len(items) != 1 or str(items[0][0]) not in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return at
        chars = self._chars(str(items[0][0]), items[0][1])
        wanted = chars if is_there else (self._alphabet | {END}) - chars
        return self._link(at, self._new(), *((None, wanted) if direction > 0 else (wanted, None)))

    def _anchored(self, at: int, where: str) -> int:
        if self._many_lines and where in ("AT_BEGINNING", "AT_END"):
            return at
        if where in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return self._link(at, self._new(), frozenset([END]))
        if where in ("AT_END", "AT_END_STRING"):
            return self._link(at, self._new(), None, frozenset([END]))
        word = frozenset(char for char in self._alphabet if _is_word(char))
        rest = (self._alphabet | {END}) - word
        end = self._new()
        pairs = [(word, rest), (rest, word)] if where == "AT_BOUNDARY" else [(word, word), (rest, rest)]
        for before, after in pairs:
            self._link(at, end, before, after)
        return end

    def _chars(self, operation: str, given: Any) -> type_of_chars:
        if operation == "ANY":
            return self._alphabet if self._dotall else self._alphabet - {"\n"}
        items = given if operation == "IN" else [("LITERAL", given)]
        negated = operation == "NOT_LITERAL" or str(items[0][0]) == "NEGATE"
        found = frozenset(char for char in self._alphabet if any(self._is(item, char) for item in items))
        return self._alphabet - found if negated else found

    def _is(self, item: Any, char: str) -> bool:
        cases = {char, char.lower(), char.upper()} if self._folding else {char}
        kind, given = str(item[0]), item[1]
        if kind == "LITERAL":
            return chr(given) in cases
        if kind == "RANGE":
            return any(len(case) == 1 and given[0] <= ord(case) <= given[1] for case in cases)
        if kind == "CATEGORY":
            name = str(given)
            known = {"DIGIT": str.isdecimal, "SPACE": str.isspace, "WORD": _is_word}[name.rpartition("_")[2]]
            return known(char) != ("_NOT_" in name)
        return False

    def _classes(self) -> Mapping[str, str]:
        """For each character one that is treated alike everywhere, so that few have to be followed."""
        sets = [chars for moves in self._moves for chars, _, _ in moves]
        sets += [chars for links in self._silent for _, *pair in links for chars in pair if chars is not None]
        first: dict[tuple[bool, ...], str] = {}
        return {char: first.setdefault(tuple(char in one for one in sets), char) for char in sorted(self._alphabet)}

    # ---- followed

    def doubtful_names(self) -> Iterator[str]:
        """Names in which the date may stand at two places, the shortest of them in some variations.

        None come where there are none; raises TimeoutError where that took too long to find out.
        """
        start: _Place = (0, 0, END, False)
        before: dict[_Place, tuple[_Place, type_of_chars, type_of_chars] | None] = {start: None}
        queue: deque[_Place] = deque([start])
        last = set(self._representatives.values())
        steps = 0
        while queue:
            here = queue.popleft()
            one, two, previous, apart = here
            for left, after_left in self._reached(one, previous):
                for right, after_right in self._reached(two, previous):
                    allowed = after_left & after_right
                    if apart and left == right == self._end and END in allowed:
                        yield from _variations(self._path(before, here))
                        return
                    for chars, label, to in self._moves[left]:
                        for others, other, there in self._moves[right]:
                            common = chars & others & allowed
                            steps += 1 + len(common) // 10
                            if steps > _MOST_STEPS:
                                raise TimeoutError
                            for char in sorted(common & last):
                                after = (to, there, char if self.looks_back else END, apart or label != other)
                                if after not in before:
                                    before[after] = (here, self._alike(char), common)
                                    queue.append(after)

    def _alike(self, char: str) -> type_of_chars:
        return frozenset(other for other, first in self._representatives.items() if first == char)

    def _reached(self, state: int, previous: str) -> Iterator[tuple[int, type_of_chars]]:
        """The states that are reached without a character, and which characters may come next there."""
        every = self._alphabet | {END}
        seen: set[tuple[int, type_of_chars]] = set()
        stack = [(state, every)]
        while stack:
            at, allowed = stack.pop()
            if (at, allowed) in seen:
                continue
            seen.add((at, allowed))
            yield at, allowed
            for to, before, after in self._silent[at]:
                if before is None or previous in before:
                    stack.append((to, allowed if after is None else allowed & after))

    @staticmethod
    def _path(before: Mapping[Any, Any], end: Any) -> list[tuple[list[str], list[str]]]:
        found: list[tuple[list[str], list[str]]] = []
        step = before[end]
        while step is not None:
            found.append((sorted(step[1]), sorted(step[2])))
            step = before[step[0]]
        return found[::-1]


def _variations(path: Sequence[tuple[list[str], list[str]]]) -> Iterator[str]:
    """Names along one path: each character is one that was followed, or one of all that both runs could have taken.

    Always the same ones, so that a job file is right or wrong on every machine.
    """
    chance = random.Random(0)
    for number in range(_VARIATIONS):
        yield "".join(chance.choice(pair[chance.random() < number / _VARIATIONS]) for pair in path)


def reads_all(expression: str, groups: Mapping[int, str]) -> bool:
    """Whether each code is read exactly once, whatever the name."""
    return sorted(_once(_parser.parse(expression), groups)) == sorted(groups.values())


def _once(items: Any, groups: Mapping[int, str]) -> Iterator[str]:
    """The codes that are read exactly once, whichever way is taken."""
    for operation, given in items:
        name = str(operation)
        if name == "SUBPATTERN":
            if given[0] in groups:
                yield groups[given[0]]
            else:
                yield from _once(given[3], groups)
        elif name == "ATOMIC_GROUP":
            yield from _once(given, groups)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and int(given[0]) == int(given[1]) == 1:
            yield from _once(given[2], groups)


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
