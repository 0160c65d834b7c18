"""The two ways in which a command may fail; the program turns them into exit codes."""


class InputError(Exception):
    """Bad input from the user: a file, an option, a manifest. Exit code 2."""


class SourceError(Exception):
    """A source cannot be reached or does not hold what the manifest pins. Exit code 3."""
