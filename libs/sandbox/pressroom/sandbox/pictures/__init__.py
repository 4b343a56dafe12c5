"""The pictures that the sandbox makes: deterministic, cheap, and plainly marked as a sandbox's."""
