"""What every service stands on: settings, broker, job protocol, blobs, telemetry."""
