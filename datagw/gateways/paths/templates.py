"""The template of a destination: under which path a copy is published.

readings/%Y%m%d/            the day's folder; the file keeps its relative path
{date:%Y-%m-%d}-rna.zip     the day on which this version was first seen
{stem}-copy{suffix}         made of the file's own name
50%% {{x}} [*]              literal `%`, braces, `*`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from datagw.errors import Rejected
from datagw.gateways.paths.notation import CODES, Token, segments, tokens

_FIELDS = ("name", "stem", "suffix")


@dataclass(frozen=True)
class Template:
    """The path of a copy, relative to the root of its gateway; `tree`: a slash at the end keeps the relative path."""

    text: str
    levels: tuple[tuple[Token, ...], ...] = field(repr=False)
    tree: bool = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """The template that `text` writes; raises ValueError that says what to write instead."""
        pieces = tokens(text, codes="".join(CODES))
        for token in pieces:
            if token.kind in ("any", "one", "set", "deep"):
                raise ValueError(
                    "a destination is one path: `*`, `?` and `[..]` are for sources; `[*]` is a literal star"
                )
            if token.kind == "field" and token.value in ("group", "part"):
                raise ValueError(f"`{{{token.value}}}` is not in this version")
            if token.kind == "field" and token.value not in _FIELDS:
                raise ValueError(
                    f"`{{{token.value}}}` is not known; there are {{name}} {{stem}} {{suffix}} {{day:%Y-%m-%d}} "
                    "{date:%Y-%m-%d}, and `{{` for a brace"
                )
        levels, tree = segments(pieces)
        return cls(text.lstrip("/"), levels, tree)

    @property
    def needs_day(self) -> bool:
        """Whether it holds a part of the partition's day."""
        return bool(self.codes)

    @property
    def needs_date(self) -> bool:
        """Whether it holds the day on which the version was first seen."""
        return any(token.kind == "date" for token in self._tokens())

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the partition's day that it holds."""
        return frozenset(token.value for token in self._tokens() if token.kind == "day")

    @property
    def fields(self) -> frozenset[str]:
        """Which of `name`, `stem` and `suffix` it holds."""
        return frozenset(token.value for token in self._tokens() if token.kind == "field")

    @property
    def keeps_name(self) -> bool:
        """Whether several files get several names."""
        return self.tree or bool(self.fields & {"name", "stem"})

    def fill(self, relative_path: str, day: date | None = None, first_seen: date | None = None) -> str:
        """The path for one file.

        Raises ValueError where it needs a day or date that is not given, Rejected where the file's name makes no path
        of it (a name without a suffix for `{suffix}` alone).
        """
        name = relative_path.rpartition("/")[2]
        path = [self._name(level, name, day, first_seen) for level in self.levels]
        for part in path:
            if part in ("", ".", ".."):
                raise Rejected(f"the name makes no path of `{self.text}`", path=relative_path)
        return "/".join([*path, relative_path] if self.tree else path)

    def folder(self, day: date | None = None) -> str:
        """The deepest folder that is the same for all files (of a day): where its marker stands."""
        folders = self.levels if self.tree else self.levels[:-1]
        path: list[str] = []
        for level in folders:
            if any(token.kind in ("field", "date") for token in level):
                break
            path.append(self._name(level, "", day, None))
        return "/".join(path)

    @property
    def root(self) -> str:
        """The deepest folder that is the same for all files of all days: where its pointer stands."""
        path: list[str] = []
        for level in self.levels if self.tree else self.levels[:-1]:
            if any(token.kind in ("field", "date", "day") for token in level):
                break
            path.append(self._name(level, "", None, None))
        return "/".join(path)

    def _tokens(self) -> list[Token]:
        return [token for level in self.levels for token in level]

    def _name(self, level: tuple[Token, ...], name: str, day: date | None, first_seen: date | None) -> str:
        stem, suffix = split_name(name)
        text = ""
        for token in level:
            if token.kind == "field":
                text += {"name": name, "stem": stem, "suffix": suffix}[token.value]
            elif token.kind in ("day", "date"):
                given = day if token.kind == "day" else first_seen
                if given is None:
                    raise ValueError(f"`{self.text}` needs a {token.kind}")
                text += CODES[token.value](given)
            else:
                text += token.value
        return text


def split_name(name: str) -> tuple[str, str]:
    """`a.tar.gz` as `a.tar` and `.gz`; a leading dot begins no suffix, nor does one at the end."""
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 and name[:dot].strip(".") else (name, "")
