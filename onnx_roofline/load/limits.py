"""The stated limits of the loader: each has a name, a default, and the option `--limit NAME=N`."""

from msgspec import Struct
from msgspec.structs import asdict, fields, replace

from onnx_roofline.base.errors import LimitError, UsageError
from onnx_roofline.base.quantities import parse_quantity
from onnx_roofline.base.text import shown


class Limits(Struct, frozen=True):
    """Defaults follow the precedents of the onnx checker and of onnxruntime, generous for real models."""

    # ops in all graphs and functions of a file together
    nodes: int = 1_000_000
    # control-flow bodies inside each other; onnxruntime stops at 32
    nesting: int = 32
    # dims of one tensor
    rank: int = 64
    # bytes of the file without the payload of large tensors
    graph_bytes: int = 256 * 2**20
    # elements of a tensor whose values are followed for shape inference
    value_elements: int = 1024

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _refusal(name, str(value))

    def check(self, name: str, found: int, where: str) -> None:
        """Raise LimitError if `found` is over the limit `name`."""
        allowed = getattr(self, name)
        if found > allowed:
            raise LimitError(
                f"{where}: found {found:,} {name.replace('_', ' ')}, the limit is {allowed:,}; "
                f"raise it with --limit {name}={found} if you trust the file"
            )

    def as_dict(self) -> dict[str, int]:
        """Limit name to value."""
        return asdict(self)

    def override(self, settings: tuple[str, ...]) -> "Limits":
        """These limits with `NAME=N` settings applied.

        Raises UsageError for an unknown name or a value that is not a positive whole number.

        >>> Limits().override(("rank=8", "nodes=2M")).nodes
        2000000
        """
        changed: dict[str, int] = {}
        known = [f.name for f in fields(self)]
        for setting in settings:
            name, _, text = setting.partition("=")
            if name not in known:
                raise UsageError(
                    f"--limit {shown(setting, quotes=False)}: found no limit named {shown(name)}; "
                    f"the limits are {', '.join(known)}"
                )
            try:
                value = parse_quantity(text)
            except ValueError:
                value = 0.0
            if value < 1 or value != int(value):
                raise _refusal(name, text)
            changed[name] = int(value)
        return replace(self, **changed)


def _refusal(name: str, text: str) -> UsageError:
    found = shown(text)
    return UsageError(f"--limit {name}={found[1:-1]}: found {found}, wanted a positive whole number")
