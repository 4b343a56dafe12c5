"""The pressroom command: an HTTP and stream client, and the one-machine launcher."""
