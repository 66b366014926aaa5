"""datagw as a library: what `datagw run` does, called from Python, without Dagster and without a job file."""
