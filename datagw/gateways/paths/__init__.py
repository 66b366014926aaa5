"""The paths of a job file: patterns of sources, with globs and dates, and templates of destinations."""
