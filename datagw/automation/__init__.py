"""When: one switch for each job that is not manual. It asks the plan what is due, and requests it."""
