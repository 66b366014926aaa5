"""The job file that `datagw init` writes."""

from __future__ import annotations

_TEMPLATE = """\
#:schema ./jobs.schema.json
# What datagw publishes, from where to where, and when.
#
# `datagw check` says whether this file is right, `datagw check --connect` whether the places can be reached,
# `datagw plan` what a run would do, `datagw run readings` does it, `datagw dev` shows it all in a browser.

[main]
timezone = "UTC"                    # of days and of dates in paths: "Europe/Paris"
# tmp_dir = "/var/tmp/datagw"       # staging; default: tmp/ in the state folder, .datagw/ beside this file
# keep = "180d"                     # runs and events; receipts are kept for good

# Places with a name. This machine needs none: `local:` is there, and relative paths start beside this file.
#
# [gateways.institute]
# type = "sftp"
# host = "sftp.example.org"
# username = "station7"
# private_key = "~/.ssh/id_ed25519" # or password = { env = "INSTITUTE_PASSWORD" }, or { file = "/run/secrets/x" }
# root = "/upload"                  # `datagw trust institute` pins the server's key

[readings]                          # each table is a job; this one publishes a folder for each day
source = "local:readings/%Y%m%d/"   # a slash at the end: everything below; globs: * ? ** [..]
to     = [
    "local:published/%Y%m%d/",      # a slash at the end: files keep their names
    # "institute:readings/%Y%m%d/",
]
when   = "daily"                    # each day once it is over; without this line: when you say `datagw run readings`
grace  = "1h"                       # this long after midnight
# start = 2026-01-01                # the first day; default: the first one there is
# delete_source = true              # once every copy is proven by content

# Your own code is a job as well. A class with a method `run`, or a function that takes `event`, in a file beside this
# one (here `mine.py`); or a program, for each new file:
#
# [report]
# backend = "mine:report"           # def report(event): …
# after = "readings"                # after that job has published something,
# when = "change"                   # whenever it has
# [report.secrets]
# token = "REPORT_TOKEN"            # the name of an environment variable
#
# [thumbnails]
# source = "local:inbox/*.jpg"
# when = "new files"
# run = ["convert", "{file}", "-resize", "200x200", "{out}/{name}"]
# to = "local:thumbnails/"          # what the program leaves in {out}
"""


def template() -> str:
    """A commented job file that is right as it stands: one job, from this machine to this machine."""
    return _TEMPLATE
