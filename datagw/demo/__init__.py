"""The try-out of `datagw demo`: a server of its own, a week of data, and the proof. Only for loopback."""
