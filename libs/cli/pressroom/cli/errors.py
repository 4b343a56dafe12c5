"""What a command says to the person who typed it: one message, what to type next, and no traceback."""


class CommandFailed(Exception):
    """The command ends with this message and exit code 1."""


class NotAnswered(CommandFailed):
    """Nobody said yes or no: what was asked for may have been done, and may be asked for again."""
