"""The exception tree.

RooflineError                 wrong input: one line for the user, exit code 2
├── UsageError                an option that cannot be honoured
│   └── BudgetError           a file of budgets that is not valid
├── ProfileError              a hardware profile or system file that is not valid
├── ModelError                a model file that cannot be analysed
│   ├── NotAModelError        the file is not a binary ONNX model at all
│   ├── MalformedModelError   an ONNX model that breaks the rules of the format
│   └── LimitError            a stated limit is reached
├── ShapeError                dims, inputs or attributes that contradict each other
├── PluginError               a plugin's function that raises, or answers what can't be used
└── MissingExtraError         an optional library is not installed

A rule that can't compute a figure raises NotModelledError, which is not a wrong input: the op becomes `unknown`.
Anything else that is raised is a bug (exit code 70).
"""


class RooflineError(Exception):
    """Wrong input. Its message says what was found, where, what was wanted and what to do."""


class UsageError(RooflineError):
    """An option names something that does not exist or has a value that makes no sense."""


class BudgetError(UsageError):
    """A file of budgets with one or more problems, each a line of the message."""


class ProfileError(RooflineError):
    """A hardware profile or system file with one or more problems, all of them in the message."""


class ModelError(RooflineError):
    """A model file that cannot be analysed."""


class NotAModelError(ModelError):
    """The file is not a binary ONNX model: empty, of another kind, or not a regular file."""


class MalformedModelError(ModelError):
    """An ONNX model that breaks the rules of the format."""


class LimitError(ModelError):
    """A stated limit is reached; the message names the limit and the option that raises it."""


class ShapeError(RooflineError):
    """Dims, inputs or attributes that contradict each other; the message names the node.

    `op` and `shapes`: the node and what its operands are, where they are known; the search for dims reads them.
    """

    op: object = None
    shapes: tuple[tuple[int | None, ...] | None, ...] = ()


class PluginError(RooflineError):
    """A function of a plugin raised, or answered what can't be used; the message names the plugin and the function."""


class MissingExtraError(RooflineError):
    """An optional library is not installed; the message names the extra."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}, which is not installed: run pip install 'onnx-roofline[{extra}]'")


class NotModelledError(Exception):
    """This op, with these operands, is valid but not modelled; the op becomes `unknown` with this reason."""
