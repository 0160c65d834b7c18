"""What the exit codes of the programs become that are no results."""


class AssayError(RuntimeError):
    """A program ended without a result. `message` is what it said, `exit_code` how it ended: as
    `assay` documents it, or minus the number of the signal that killed it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        return type(self), (self.message, self.exit_code)


class InputError(AssayError, ValueError):
    """Something that was given is wrong: a file, an option, a name (exit code 2)."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message, exit_code)


class MachineError(AssayError):
    """The machine lacks something: a program, a device, disk (exit code 3, and no result)."""

    def __init__(self, message: str, exit_code: int = 3) -> None:
        super().__init__(message, exit_code)


class Interrupted(AssayError):
    """The program was told to stop by somebody else than this process (exit code 130). Ctrl-C here
    is a KeyboardInterrupt, after the program has stopped tidily."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message, exit_code)


def error_of(exit_code: int, message: str) -> AssayError:
    """The exception that stands for an exit code."""
    kinds: dict[int, type[AssayError]] = {2: InputError, 3: MachineError, 130: Interrupted}
    return kinds.get(exit_code, AssayError)(message, exit_code)
