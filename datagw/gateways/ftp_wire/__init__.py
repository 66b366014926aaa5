"""What ftp.py is made of: the control connection, data connections, listings, and what replies mean."""
