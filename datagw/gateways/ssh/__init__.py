"""What the SFTP gateway is made of: connecting, host keys, the pipelined protocol, hashes by exec."""
