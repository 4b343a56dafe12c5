"""What every vendor of the sandbox stands on: the store, the settings, the faults, the request log and the limits."""
