r"""Dates in names by a regular expression: `^%Y%m%d-(\.txt|\.csv)$`, over what stands directly in one folder.

The codes are %Y (1000 to 9999), %y (by POSIX: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068), %m and %d, all
with leading zeros, once each and in any order; `%%` is a percent sign. The rest is a regular expression of Python's,
which the whole name has to match. What may mean two days is refused; a name whose digits are no date is not matched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

from datagw.gateways.paths.readings import Machine, reads_all

CODES = ("Y", "y", "m", "d")
_GROUP = {"Y": "[1-9][0-9]{3}", "y": "[0-9]{2}", "m": "0[1-9]|1[0-2]", "d": "0[1-9]|[12][0-9]|3[01]"}
_KNOWN = "%Y %y %m %d, and `%%` for a percent sign"
_PIVOT = 69
_LEADING, _TRAILING = re.compile(r"^(\^?)\(?\.[*+]\??\)?"), re.compile(r"\(?\.[*+]\??\)?(\$?)$")


@dataclass(frozen=True)
class DatedName:
    """One name of a path that tells a day; of a folder, everything below it is of that day.

    `day` is the one that is asked for, once it is filled in. `doubtful` says that its names have to be read twice.
    """

    text: str
    day: date | None = None
    doubtful: bool = field(default=False, compare=False)

    deep = False
    fixed = None
    takes_files = True

    @classmethod
    def parse(cls, text: str) -> DatedName:
        """The name that `text` writes; raises ValueError that says what to write instead."""
        return _parsed(text)

    @property
    def codes(self) -> frozenset[str]:
        """The parts of a date that are read from a name: all of them, or none where the day is filled in."""
        return frozenset("Ymd") if self.day is None else frozenset()

    @property
    def dotted(self) -> bool:
        """Whether it asks for hidden names itself."""
        return re.match(r"\^?(\\\.|\[\.\])(?![?*{])", self.text) is not None

    def filled(self, day: date) -> DatedName:
        """The same for the names of one day."""
        return replace(self, day=day)

    def sample(self) -> str:
        """A name as far as one can be told: the date, and a letter."""
        return f"{self.day or date(2024, 1, 31):%Y%m%d}x"

    def read(self, name: str, known: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """The date parts in `name`, as `{"Y": 2026, "m": 2, "d": 1}`; None where it does not match.

        They are none where the day is filled in. A name that means two days all the same is not matched.
        """
        found = _date_in(_compiled(self.text), name)
        if found is None or (self.doubtful and _other_date(self.text, name, found) is not None):
            return None
        if self.day is not None:
            return {} if found == self.day else None
        return {"Y": found.year, "m": found.month, "d": found.day}


def year_of(two_digits: int) -> int:
    """The year that %y means, as POSIX has it."""
    return two_digits + (1900 if two_digits >= _PIVOT else 2000)


@lru_cache(maxsize=256)
def _parsed(text: str) -> DatedName:
    expression, codes = _translated(text)
    if wrong := _wrong_codes(codes):
        raise ValueError(wrong)
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"`{text}` is no regular expression: {getattr(error, 'msg', error)}") from None
    groups = {compiled.groupindex[f"date_{code}"]: code for code in codes}
    if not reads_all(expression, groups):
        raise ValueError(
            f"`{text}`: each name holds the whole date: no part of it is optional, repeated or one of several"
        )
    doubtful = False
    try:
        for name in Machine(expression, groups).doubtful_names():
            doubtful = True
            first = _date_in(compiled, name)
            second = None if first is None else _other_date(text, name, first)
            if second is not None:
                raise ValueError(f"{_two_days(text, name, str(first), str(second))}; {_hint(text)}")
    except TimeoutError:
        doubtful = True
    return DatedName(text, doubtful=doubtful)


def _translated(text: str, *, without: tuple[tuple[str, str], ...] = ()) -> tuple[str, list[str]]:
    """The expression with a group for each code, and the codes; `without` says what a code must not be."""
    refused = dict(without)
    found, codes = "", list[str]()
    at, within = 0, False
    while at < len(text):
        char, pair = text[at], text[at : at + 2]
        if char == "\\":
            if not within and pair[1:] in "123456789" and len(pair) == 2:
                raise ValueError(f"`{pair}` counts groups, and dates are some: name it, `(?P<name>…)` and `(?P=name)`")
            found += pair
            at += 2
        elif char == "%" and within and pair != "%%":
            raise ValueError(f"`{pair}` stands in brackets, which hold single characters: take it out of them")
        elif char == "%":
            code = pair[1:]
            if pair == "%%":
                found += "%"
            elif code and code in CODES:
                codes.append(code)
                exclusion = f"(?!{refused[code]})" if code in refused else ""
                found += f"(?P<date_{code}{len(codes) if code in codes[:-1] else ''}>{exclusion}(?:{_GROUP[code]}))"
            else:
                raise ValueError(f"`{pair}` is not known here; there are {_KNOWN}")
            at += 2
        elif char == "[" and not within:
            opening = re.match(r"\[\^?\]?", text[at:])
            found += opening[0] if opening else char
            at += len(opening[0]) if opening else 1
            within = True
        elif text.startswith("(?(", at) and text[at + 3 : at + 4].isdigit() and not within:
            raise ValueError("`(?(1)…)` counts groups, and dates are some: name it, `(?P<name>…)` and `(?(name)…)`")
        else:
            within = within and char != "]"
            found += char
            at += 1
    return found, codes


def _wrong_codes(codes: list[str]) -> str:
    wrong = [f"it holds %{code} twice" for code in CODES if codes.count(code) > 1]
    if "Y" in codes and "y" in codes:
        wrong.append("it holds %Y and %y, which are both the year")
    if not {"Y", "y"} & set(codes):
        wrong.append("it lacks the year, %Y or %y")
    wrong += [f"it lacks the {name}, %{code}" for code, name in (("m", "month"), ("d", "day")) if code not in codes]
    return f"a name tells its day by one year, one month and one day: {', '.join(wrong)}" if wrong else ""


@lru_cache(maxsize=8192)
def _compiled(text: str, without: tuple[tuple[str, str], ...] = ()) -> re.Pattern[str]:
    return re.compile(_translated(text, without=without)[0])


def _date_in(compiled: re.Pattern[str], name: str) -> date | None:
    match = compiled.fullmatch(name)
    if match is None:
        return None
    parts = {key.removeprefix("date_"): int(text) for key, text in match.groupdict().items() if key[:5] == "date_"}
    try:
        return date(parts["Y"] if "Y" in parts else year_of(parts["y"]), parts["m"], parts["d"])
    except ValueError:
        return None


def _other_date(text: str, name: str, first: date) -> date | None:
    """Another day that the name may mean as well."""
    year = ("Y", f"{first.year:04}") if "date_Y" in _compiled(text).groupindex else ("y", f"{first.year % 100:02}")
    for part in (year, ("m", f"{first.month:02}"), ("d", f"{first.day:02}")):
        if (found := _date_in(_compiled(text, (part,)), name)) is not None:
            return found
    return None


def _two_days(text: str, name: str, first: str, second: str) -> str:
    return f"`{text}`: one name may mean two days, as `{name}` does: {first} and {second}"


def _hint(text: str) -> str:
    """What to write instead, tried out."""
    before = _LEADING.sub(r"\1\\D*", text)
    for candidate in (_TRAILING.sub(r"(\\D.*)?\1", before), before, _TRAILING.sub(r"\\D*\1", text)):
        try:
            if candidate != text:
                _parsed(candidate)
                return f"write `{candidate}`"
        except ValueError:
            continue
    return r"keep other digits away from the date, as in `\D*%Y%m%d(\D.*)?`"
