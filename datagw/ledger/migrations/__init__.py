"""The steps that bring a ledger from one version to the next, run by Alembic."""
