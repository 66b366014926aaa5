"""Programs as jobs: started for files, watched, and ended with all that they started themselves."""
