"""Stand-ins on localhost for the outside vendors."""
