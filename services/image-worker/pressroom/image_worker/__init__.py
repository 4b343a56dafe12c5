"""One image at a time: plan, generate, finish, emit."""
