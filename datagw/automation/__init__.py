"""When: one switch for each job that is not manual, a sensor or a schedule, which asks the plan what is due."""
