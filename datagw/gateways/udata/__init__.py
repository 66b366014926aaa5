"""What `datagouv.py` is made of: data sets and their resources, uploads in chunks, what a page is to say."""
