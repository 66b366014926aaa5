"""Words that a job file may not use: those of later versions, and those that mean another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from datagw.jobs.problems import nearest_word

LATER = "not in this version"

LATER_IN_A_JOB = frozenset(["records", "filter", "notify"])
LATER_IN_RUN = frozenset(["image"])
LATER_IN_A_SOURCE = frozenset[str]()
LATER_IN_A_GATEWAY = frozenset(["proxy"])
LATER_TYPES = frozenset(["gcs", "azure", "webdav", "ckan", "elasticsearch", "kafka", "mail"])
"""Types of gateway that were announced; one that is there by now is taken."""
LATER_TABLES = frozenset(["notify", "records"])
WHEN = ("manual", "daily", "change", "new files")
"""What `when` may be, beside a cron line."""

RESERVED_COPIES = frozenset(["source", "records", "work"])
WORK = "(work)"
"""The gateway that hands files to a job's own code; no declared one can have such a name."""
OCCASION = "(occasion)"
"""The gateway of jobs that watch nothing: its files are occasions to run."""

_MEANT = {
    **dict.fromkeys(["schedule", "cron", "trigger"], "when"),
    **dict.fromkeys(["destination", "destinations", "dest", "target", "copy", "copies"], "to"),
    **dict.fromkeys(["tz", "time_zone"], "timezone"),
    **dict.fromkeys(["delete", "move", "remove_source"], "delete_source"),
    **dict.fromkeys(["interval", "poll"], "every"),
    **dict.fromkeys(["from", "path", "src", "input"], "source"),
    **dict.fromkeys(["hostname", "server", "address"], "host"),
    **dict.fromkeys(["user", "login"], "username"),
    **dict.fromkeys(["key", "key_file", "identity_file"], "private_key"),
    **dict.fromkeys(["path", "folder", "directory", "base"], "root"),
    **dict.fromkeys(["rate", "limit", "bwlimit"], "bandwidth"),
    **dict.fromkeys(["base_url", "uri", "endpoint"], "url"),
    **dict.fromkeys(["bearer", "bearer_token"], "token"),
    **dict.fromkeys(["query", "parameters"], "params"),
    **dict.fromkeys(["digest", "auth_type", "authentication"], "auth"),
    **dict.fromkeys(["cafile", "ca_bundle", "ca_cert", "cacert"], "ca_file"),
    **dict.fromkeys(["cert", "certificate", "client_certificate"], "client_cert"),
    **dict.fromkeys(["http_proxy", "https_proxy", "proxies"], "proxy"),
    **dict.fromkeys(["date_regex", "dated_pattern", "regex_dated"], "dated_regex"),
    **dict.fromkeys(["tmp", "temp_dir", "tmpdir"], "tmp_dir"),
    **dict.fromkeys(["handler", "class", "pipeline", "function"], "backend"),
    **dict.fromkeys(["cmd", "script", "exec", "args"], "command"),
    **dict.fromkeys(["depends", "depends_on", "upstream", "needs"], "after"),
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CRON_FIELDS = re.compile(r"[0-9A-Za-z*/,\- ]+")
_CRON = re.compile(r"\s*(@\w+|\S+(\s+\S+){4,5})\s*")


def unknown_key(key: str, known: Iterable[str], later: frozenset[str]) -> tuple[str, str]:
    """What to say of a key that is not known: message and hint."""
    known = tuple(known)
    if key in later:
        return LATER, ""
    if _MEANT.get(key) in known:
        return "unknown key", f"did you mean {_MEANT[key]}?"
    return "unknown key", nearest_word(key, known) or f"there are {', '.join(sorted(known))}"


def name_problem(name: str) -> str:
    """What is wrong with the name of a job, gateway or copy; nothing if it is right."""
    if not _NAME.fullmatch(name):
        return "a name begins with a letter and goes on with letters, digits, `_` and `-`"
    return "a name has at most 60 characters" if len(name) > 60 else ""


def folded(name: str) -> str:
    """Names that fold to the same are alike: Dagster's ops know no `-`."""
    return name.replace("-", "_")


def looks_like_cron(text: str) -> bool:
    """Whether somebody may have meant a cron line."""
    return _CRON.fullmatch(text) is not None and (text.lstrip()[:1] in "@*" or any(char.isdigit() for char in text))


def cron_problem(text: str) -> str:
    """What is wrong with a cron line; nothing if it is right. Five fields, or one of the names of crontab(5)."""
    from cronsim import CronSim, CronSimError

    if text.startswith("@"):
        known = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
        return "" if text in known else f"there are {', '.join(known)}"
    if len(text.split()) != 5:
        return "it has five fields: minute, hour, day of the month, month, day of the week"
    if not _CRON_FIELDS.fullmatch(text):
        return "its fields are made of numbers, names, `*`, `,`, `-` and `/`"
    try:
        CronSim(text, datetime(2024, 1, 1))  # noqa: DTZ001 - it is only read
    except CronSimError as error:
        return str(error).lower()
    return ""
