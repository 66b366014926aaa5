"""What a user typed, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from datagw.errors import printable


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """A sentence about a word that names nothing, with the nearest one that does, or all of them."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    sentence = f"There is no {kind} `{printable(word)}`"
    if near:
        right = next(name for name in names if name.lower() == near[0])
        return f"{sentence}; did you mean `{right}`?"
    if not names:
        return f"{sentence}, nor any other."
    listed = ", ".join(f"`{name}`" for name in names[:12]) + (", …" if len(names) > 12 else "")
    return f"{sentence}; there is {listed}." if len(names) == 1 else f"{sentence}; there are {listed}."
