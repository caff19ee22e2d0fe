"""What ends a command with a sentence instead of a traceback."""


class Refused(Exception):
    """Cannot be done; the text says why, what is safe and what to do. Nothing was changed."""


class Failed(Exception):
    """A step went wrong; the text says which. Whoever called undoes what was begun."""
