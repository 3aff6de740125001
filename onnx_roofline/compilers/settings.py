"""The settings of an analysis from the options that a pass has: texts, as the command line's."""

from collections.abc import Iterable

from onnx_roofline.analysis.options import parse_dim
from onnx_roofline.analysis.settings import Settings


def settings_of(dims: Iterable[str], **options: str) -> Settings:
    """The settings; a dim is `batch=8`. Raises UsageError for a text that means nothing.

    >>> settings_of(["batch=8"], system="teaching").dims
    {'batch': 8}
    """
    found = dict(map(parse_dim, dims))
    return Settings(dims=found, **options)  # type: ignore[arg-type]  # a record checks its values when it is made
