"""The look inside: a page for people, JSON for tests, and the faults that can be asked for. Loopback only, no key."""
