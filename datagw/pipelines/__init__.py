"""One's own code as jobs: classes, functions, graphs of functions, commands. Stands on publishing; knows no Dagster."""
