"""The errors a user can meet: one class per exit code, each with a sentence and the next thing to type.

Every other exception is a bug: it leaves with a traceback and exit code 1.
"""


class LongAttnCompError(Exception):
    """Base of the errors that are reported as a sentence instead of a traceback.

    Attributes:
        message: what is wrong, naming the value, file or line.
        hint: what to type next; empty only where the message says all.
        code: a stable short name, used in the ``error`` object of a record that failed.
    """

    exit_code = 1
    default_code = "error"
    default_hint = ""

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        """``str(error)`` is the message alone."""
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.code = code or self.default_code


class UsageError(LongAttnCompError):
    """An option, a value or a combination of them that makes no sense (exit 2)."""

    exit_code = 2
    default_code = "usage"
    default_hint = "--help lists what each option takes"


class InputError(LongAttnCompError):
    """An input that is missing, unreadable, empty, binary, not UTF-8 or malformed (exit 3)."""

    exit_code = 3
    default_code = "input"


class OutputError(LongAttnCompError):
    """An output that exists already or cannot be written (exit 3)."""

    exit_code = 3
    default_code = "output"
    default_hint = "choose another place to write to"


class RecordsFailedError(LongAttnCompError):
    """Some records of a batch failed; the others are written (exit 3)."""

    exit_code = 3
    default_code = "records"


class CheckpointError(LongAttnCompError):
    """A checkpoint or backbone that is missing, broken, of another hash, or does not fit (exit 4)."""

    exit_code = 4
    default_code = "checkpoint"
    default_hint = "copy or download it again, or name another with --checkpoint or --backbone"


class ResourceError(LongAttnCompError):
    """Something this machine lacks: a model, a vocabulary, a device, disk space (exit 5)."""

    exit_code = 5
    default_code = "resource"


class BudgetError(LongAttnCompError):
    """The budget cannot hold what must be kept (exit 6)."""

    exit_code = 6
    default_code = "budget"
