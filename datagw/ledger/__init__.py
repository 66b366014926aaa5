"""The ledger: what ran, what was published and proven, what failed, and who may work on which day; in SQL.

Start at `ledger.py`, which names every method; `rows.py` holds what they take and give. Nothing is imported here, so
that the rows can be used without loading a database library.
"""
