"""The commands, a module each; `pressroom.cli.main` loads only the one that was typed."""
