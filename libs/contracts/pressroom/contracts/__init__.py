"""What crosses a process boundary: events, jobs, subjects, enums, API schemas."""
