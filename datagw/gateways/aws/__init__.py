"""What s3.py is made of: accounts, a bucket's requests, large objects in parts, and what refusals mean."""
