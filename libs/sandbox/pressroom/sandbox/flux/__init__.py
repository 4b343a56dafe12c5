"""Black Forest Labs' API (api.bfl.ai) for FLUX.2: tasks, their results, and the host that delivers pictures."""
