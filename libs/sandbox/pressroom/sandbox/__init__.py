"""Stand-ins on localhost for the outside vendors: a program that speaks their wire formats, enforces their limits and
keeps what it was given. It imports nothing else of pressroom, so that it and the clients it plays against cannot be
wrong together."""
