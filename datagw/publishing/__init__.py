"""How a copy is made and proven: plan → part → verify → rename → receipt → delete. Knows no Dagster."""
