"""What places of objects share (S3 and its like): keys for paths, several requests at once, and the hooks."""
