"""What all gateways share behind their verbs: sending, proving, getting, retries, limits."""
