"""Opens the model's file, and only a regular one; tells other kinds of file from ONNX by their first bytes."""

import os
import stat

from onnx_roofline.base.errors import NotAModelError


def open_regular(path: str, label: str) -> int:
    """Descriptor of a regular file, opened for reading; anything else is refused before it is opened."""
    if not path:
        raise NotAModelError(
            "model: found an empty path, wanted that of an .onnx file; check the variable it came from"
        )
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise NotAModelError(f"{label}: found no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise NotAModelError(f"{label}: cannot be opened: {_reason(error)}; check the path") from None
    if not stat.S_ISREG(mode):
        raise NotAModelError(f"{label}: found {_kind_of_file(mode)}, wanted a regular .onnx file")
    try:
        # O_NONBLOCK: if a FIFO takes the file's place meanwhile, the open returns and fstat refuses it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise NotAModelError(f"{label}: cannot be opened: {_reason(error)}; check its permissions") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAModelError(f"{label}: is not a regular file any more; wanted a regular .onnx file")
    return descriptor


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "" if isinstance(error, OSError) else str(error)


def _kind_of_file(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in names if test(mode)), "a special file")


_PICKLE = "a Python pickle (perhaps a PyTorch checkpoint); export the model with torch.onnx.export"
# First bytes of files that people pass by mistake, what they are, and what to do.
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer; run: git lfs pull"),
    (b"PK\x03\x04", "a zip archive (perhaps a PyTorch checkpoint); export the model with torch.onnx.export"),
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
    (b"GGUF", "a GGUF file; export the model to ONNX"),
    (b"\x89HDF", "an HDF5 file (perhaps Keras); convert it with tf2onnx"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"ORTM", "an onnxruntime .ort file; pass the .onnx file that it was made from"),
    (b"<", "a text file (ONNX as onnxtxt, or markup); wanted the binary form of ONNX"),
)
_TEXT_ADVICE = "convert it: onnx.save(onnx.load(path, format={0!r}), 'model.onnx')"


def refuse_other_kinds(head: bytes, label: str) -> None:
    """Raise NotAModelError if the first bytes, none for an empty file, are those of another kind of file."""
    if not head:
        raise NotAModelError(f"{label}: is empty (0 bytes), wanted a binary ONNX file; fetch or export it again")
    for magic, meaning in _OTHER_KINDS:
        if head.startswith(magic) or (magic == b"ORTM" and head[4:8] == magic and head[:1] != b"\x08"):
            raise NotAModelError(f"{label}: is {meaning}")
    # ir_version is the first field of an ONNX file, so that 8 cannot begin another kind.
    if head[4:8] == b"TFL3" and head[:1] != b"\x08":
        raise NotAModelError(f"{label}: is a TensorFlow Lite file; convert it with tf2onnx")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"{"):
        raise NotAModelError(f"{label}: is ONNX as JSON or another JSON file, wanted the binary form; "
                             + _TEXT_ADVICE.format("json"))  # fmt: skip
    if text.startswith((b"ir_version:", b"opset_import", b"graph {", b"producer_name:", b"# ")):
        raise NotAModelError(f"{label}: is ONNX as text (textproto), wanted the binary form; "
                             + _TEXT_ADVICE.format("textproto"))  # fmt: skip
    # 8 bytes of a header's length, at most 100 MB, then the header as JSON
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") <= 100_000_000:
        raise NotAModelError(f"{label}: is a safetensors file: it holds weights and no graph; export the model")
