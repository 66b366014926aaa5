"""The words of the job file: models, loading, and one report of all errors."""

from __future__ import annotations

from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs.loading import JobFile, check_secrets, load
from datagw.jobs.models import Copy, Job, Main, Source
from datagw.jobs.problems import Problem
from datagw.jobs.starter import template

__all__ = ["Copy", "Job", "JobFile", "Main", "Problem", "RetryPolicy", "Source", "check_secrets", "load", "template"]
