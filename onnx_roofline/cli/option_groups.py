"""Which options belong together: the sections of `--help`, in their order."""

from onnx_roofline.report.formats import FORMATS

# Title of a section, and its options; what is in none of them is a command's own.
GROUPS: dict[str, tuple[str, ...]] = {
    "sizes and values that the file leaves open": (
        "--dim", "--input-shape", "--value", "--trip", "--branch", "--cache", "--no-cache",
    ),
    "where the model runs": (
        "--system", "--set", "--objective", "--dispatch", "--pim-model", "--on-chip", "--no-residency",
    ),
    "kernels and precision": ("--backend", "--math", "--assume-dtype", "--quantize"),
    "what stdout shows": (
        "--format", "--top", "--depth", "--order", "--all", "--wide", "--sweep", "--flips", "--sensitivity",
        "--explain-traffic", "--convention",
    ),
    "files that are written": (*(one.option for one in FORMATS), "--output", "--parquet", "--plot"),
    "one real run of the model": ("--observe", "--observe-limit-s", "--observe-limit-gb"),
    "many models": ("--jobs", "--time-limit-s", "--memory-limit-gb", "--fresh", "--executor"),
    "plugins and limits of the reader": ("--plugin", "--no-plugins", "--limit"),
}  # fmt: skip

GROUP_OF = {option: title for title, options in GROUPS.items() for option in options}
