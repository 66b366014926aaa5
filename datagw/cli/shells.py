"""Completion in bash, zsh and fish: their scripts, which start `datagw` to be told, and what it then tells.

As click has it, but for what a colon needs: bash takes words apart there, and a gateway's name with its colon is to be
followed by a path, not by a space.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    shell_complete,
    split_arg_string,
)
from typing_extensions import override

from datagw.cli.completing import VARIABLE

_BASH = """\
%(complete_func)s() {
    local line type value cut="" typed="${COMP_LINE:0:COMP_POINT}"
    COMPREPLY=()
    if [[ $COMP_WORDBREAKS == *:* && ${typed##*[[:space:]]} == *:* ]]; then
        cut="${typed##*[[:space:]]}"
        cut="${cut%%:*}:"
    fi
    while IFS= read -r line; do
        type="${line%%%%,*}" value="${line#*,}"
        if [[ $type == dir ]]; then
            compopt -o dirnames
        elif [[ $type == file ]]; then
            compopt -o default
        elif [[ $type == plain ]]; then
            [[ $value == *: ]] && compopt -o nospace
            COMPREPLY+=("${value#"$cut"}")
        fi
    done < <(env COMP_WORDS="$typed" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a names places described answer
    local type key descr
    (( ! $+commands[%(prog_name)s] )) && return 1
    answer=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
%(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for type key descr in ${answer}; do
        if [[ $type == dir ]]; then
            _path_files -/
        elif [[ $type == file ]]; then
            _path_files -f
        elif [[ $type == plain && $key == *: ]]; then
            places+=("$key")
        elif [[ $type == plain && $descr == _ ]]; then
            names+=("$key")
        elif [[ $type == plain ]]; then
            described+=("$key:$descr")
        fi
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#names )) && compadd -U -V unsorted -a names
    (( $#places )) && compadd -U -S '' -V unsorted -a places
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Bash(BashComplete):
    """The words of the line as datagw would get them, and not as bash takes them apart."""

    source_template = _BASH

    @override
    def get_completion_args(self) -> tuple[list[str], str]:
        typed = os.environ["COMP_WORDS"]
        words = split_arg_string(typed)[1:]
        begun = words.pop() if words and not typed[-1:].isspace() else ""
        return words, begun


class Zsh(ZshComplete):
    """Places without a space behind them."""

    source_template = _ZSH


def script(command: click.Command, shell: str) -> str:
    """What the shell is to evaluate."""
    add_completion_class(Bash)
    add_completion_class(Zsh)
    found = get_completion_class(shell)
    if found is None:
        raise ValueError(shell)
    return found.source_template % found(command, {}, "datagw", VARIABLE).source_vars()


def answer(command: click.Command, asked: str) -> int:
    """Tells a shell what may follow; the exit code. `asked` is the value of the variable."""
    add_completion_class(Bash)
    add_completion_class(Zsh)
    return shell_complete(command, {}, "datagw", VARIABLE, asked)
