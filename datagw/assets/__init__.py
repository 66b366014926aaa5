"""What exists in Dagster: sources and copies as assets, days as partitions, gateways as resources, and runs."""
