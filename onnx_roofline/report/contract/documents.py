"""The documents: the annotated graph of `analyze`, the answers of `explain`, the formulas."""

from typing import Annotated, Literal

from msgspec import Meta

from onnx_roofline.report.contract.common import Count, Measured, Record, Runs, Seconds, Share, Tool
from onnx_roofline.report.contract.graph import Counts, DeviceMoved, Flip, Graph, Kernel, Node, Split, Tensor
from onnx_roofline.report.contract.memory import Memory
from onnx_roofline.report.contract.placement import PlacementSummary
from onnx_roofline.report.contract.system import System

Version = Annotated[Literal["2.0"], Meta(description="version of this contract")]


class ModelFile(Record, frozen=True):
    """What the file says of itself."""

    path: Annotated[str, Meta(description="name of the file, without its folder")]
    graph_sha256: Annotated[
        str, Meta(pattern="^[0-9a-f]{64}$", description="digest of the file without the payload of large tensors")
    ]
    ir_version: Annotated[int, Meta(description="of the format")]
    opsets: Annotated[dict[str, int], Meta(description='version by domain; `""` is that of the standard ops')]
    producer: Annotated[str, Meta(description="who wrote the file")]
    parameters: Annotated[Count, Meta(description="elements of the weights")]
    weight_bytes: Annotated[Count | None, Meta(description="bytes of the weights as they are stored")]


class Dim(Record, frozen=True):
    """An open dim and the value that it was taken at."""

    value: Annotated[Count, Meta(description="its size")]
    origin: Annotated[
        Literal["model", "bound", "assumed", "data"],
        Meta(description="the file, the user (`bound`), an assumption, or an upper bound of what values decide"),
    ]
    reason: Annotated[str, Meta(description="why it was assumed so")]


class Limits(Record, frozen=True):
    """The limits of the reader that held."""

    nodes: Annotated[Count, Meta(description="ops in all graphs and functions of a file together")]
    nesting: Annotated[Count, Meta(description="bodies of control flow inside each other")]
    rank: Annotated[Count, Meta(description="dims of one tensor")]
    graph_bytes: Annotated[Count, Meta(description="bytes of the file without the payload of large tensors")]
    value_elements: Annotated[
        Count, Meta(description="elements of a tensor whose values are followed for shape inference")
    ]


class Statuses(Record, frozen=True):
    """Ops by the least sure of their counts, their bytes and how often they run."""

    exact: Annotated[Count, Meta(description="they follow from shapes")]
    bounded: Annotated[Count, Meta(description="upper bounds")]
    heuristic: Annotated[Count, Meta(description="they rest on an assumption")]
    unknown: Annotated[Count, Meta(description="their counts or their bytes are unknown: they are not covered")]


class UntimedKernels(Record, frozen=True):
    """Kernels that run and are missing from a time of the whole model."""

    devices: Annotated[dict[str, Count], Meta(description="by device, of those that have no time there")]
    placement: Annotated[Count, Meta(description="of those that have no time where they are placed")]


class Coverage(Measured, frozen=True):
    """What the totals leave out."""

    ops: Annotated[Statuses, Meta(description="how many, by how sure they are")]
    unknown_op_types: Annotated[tuple[str, ...], Meta(description="types of the ops that are not covered")]
    unknown_bytes_share: Annotated[
        Share | None, Meta(description="of all bytes, those of ops whose work is unknown; null where bytes are unknown")
    ]
    ops_without_counts: Annotated[Count, Meta(description="ops that run and are missing from the totals of counts")]
    ops_without_bytes: Annotated[Count, Meta(description="ops that run and are missing from the totals of bytes")]
    kernels_without_time: Annotated[UntimedKernels, Meta(description="kernels that run and have no time")]


class TotalTraffic(Record, frozen=True):
    """Bytes of the whole model."""

    naive_bytes: Annotated[Count, Meta(description="every op alone")]
    compulsory_bytes: Annotated[Count, Meta(description="every kernel alone")]
    fused_away_bytes: Annotated[Count, Meta(description="their difference")]
    moved_bytes: Annotated[Count, Meta(description="what the GPU moves")]
    moved_by_device: Annotated[dict[str, DeviceMoved], Meta(description="by device, `reasons` left out")]


class TotalTime(Measured, frozen=True):
    """Seconds of the whole model; null where a kernel that runs has no time."""

    devices: Annotated[dict[str, Seconds | None], Meta(description="by device, all of it there, by the plain roofline")]
    placement: Annotated[
        Seconds | None,
        Meta(description="the kernels where they are placed, with transfers, under the placement's time model"),
    ]


class Totals(Record, frozen=True):
    """Sums over all ops, each times its executions, of what is known."""

    macs: Annotated[Count, Meta(description="multiply-accumulates")]
    flops: Annotated[Count, Meta(description="2 x MACs + every other floating-point operation")]
    counts: Annotated[Counts, Meta(description="by class")]
    parameters: Annotated[Count, Meta(description="elements of the weights")]
    traffic: Annotated[TotalTraffic, Meta(description="bytes")]
    peak_activation_bytes: Annotated[
        Count | None,
        Meta(
            description="most bytes of activations alive at once: what kernels read, and what they write and do not "
            "keep inside; weights and caches not counted"
        ),
    ]
    sequential_steps: Annotated[Count, Meta(description="length of the longest chain of dependent steps")]
    time_s: Annotated[TotalTime, Meta(description="seconds")]


class Cache(Record, frozen=True):
    """A cache of keys and values: a model input, or what a loop carries."""

    name: Annotated[str, Meta(description="of the input, or of the loop's state with its scope")]
    origin: Annotated[Literal["found", "stated"], Meta(description="`stated` by `--cache`")]
    outputs: Annotated[tuple[str, ...], Meta(description="model outputs that have its rows")]
    size_bytes: Annotated[Count | None, Meta(description="of the input; null where it is unknown")]
    read_bytes: Annotated[Count, Meta(description="read of it and of what has its rows, in one run")]
    written_bytes: Annotated[Count, Meta(description="written into it and into copies of it, in one run")]
    copied_bytes: Annotated[Count, Meta(description="of both, what only copies of rows that were there move")]
    copied_by: Annotated[tuple[str, ...], Meta(description="kernels that copy them, by the `id` of their root")]


class SuspectedCache(Record, frozen=True):
    """An input named like a cache that may be one, whose rows a run copies whole."""

    name: Annotated[str, Meta(description="of the input")]
    output: Annotated[str, Meta(description="the model output that it may become")]
    copied_bytes: Annotated[Count, Meta(description="of both, read and written")]


class Caches(Record, frozen=True):
    """Caches of keys and values in one run."""

    read_bytes: Annotated[Count, Meta(description="read of all of them")]
    written_bytes: Annotated[Count, Meta(description="written into all of them and into copies")]
    copied_bytes: Annotated[Count, Meta(description="of both, what only copies move")]
    found: Annotated[tuple[Cache, ...], Meta(description="each; a tensor of several counts in equal parts")]
    suspected: Annotated[tuple[SuspectedCache, ...], Meta(description="inputs that may be caches, too")]


class Function(Record, frozen=True):
    """A function of the file for one signature."""

    function: Annotated[str, Meta(description="its domain, name and overload")]
    executions: Annotated[Runs, Meta(description="runs of its body in one run of the model")]
    tensors: Annotated[dict[str, Tensor], Meta(description="of the body, by name")]
    graph: Annotated[Graph, Meta(description="its nodes and edges")]


class Warned(Record, frozen=True):
    """Something that the reader of a report should know."""

    code: Annotated[str, Meta(description="what kind, the same in every version")]
    where: Annotated[str, Meta(description="node, tensor or file; may be empty")]
    message: Annotated[str, Meta(description="one sentence")]


class AnnotatedGraph(Record, frozen=True):
    """What `analyze --json` writes."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    model: Annotated[ModelFile, Meta(description="what the file says of itself")]
    dims: Annotated[dict[str, Dim], Meta(description="each open dim, by name")]
    system: Annotated[System, Meta(description="the hardware, with the source of every figure")]
    assume_dtype: Annotated[str | None, Meta(description="the width that floating-point tensors were taken at")]
    quantize: Annotated[
        str | None,
        Meta(description="the precision that weights, caches and activations were taken at, as the option says"),
    ]
    limits: Annotated[Limits, Meta(description="the reader's limits that held")]
    pipeline: Annotated[str, Meta(description="the passes that ran, in order, with their options")]
    coverage: Annotated[Coverage, Meta(description="what the totals leave out")]
    totals: Annotated[Totals, Meta(description="sums over all ops, each times its executions")]
    caches: Annotated[Caches, Meta(description="what one run moves of caches of keys and values")]
    memory: Annotated[Memory, Meta(description="what the model occupies, and whether it fits")]
    placement: Annotated[PlacementSummary, Meta(description="the placement as a whole")]
    tensors: Annotated[dict[str, Tensor], Meta(description="every tensor of the main graph, by name")]
    graph: Annotated[Graph, Meta(description="the main graph as networkx node-link data")]
    functions: Annotated[
        dict[str, Function], Meta(description="bodies of the file's own functions, once for each signature, by scope")
    ]
    kernels: Annotated[tuple[Kernel, ...], Meta(description="the kernels that the ops are fused into")]
    warnings: Annotated[tuple[Warned, ...], Meta(description="what the reader of a report should know")]


class Explanation(Record, frozen=True):
    """What `explain --json` writes of one op, in a list."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    node: Annotated[Node, Meta(description="the op as in the annotated graph")]
    kernel: Annotated[Kernel | None, Meta(description="its kernel; null where no kernel executes it")]
    flips: Annotated[tuple[Flip, ...], Meta(description="of its kernel, those of scope `model` first")]
    split: Annotated[Split | None, Meta(description="of its kernel")]


class FormulaTerm(Record, frozen=True):
    """A coefficient times powers of the dims."""

    exponents: Annotated[tuple[Count, ...], Meta(description="of each dim, in the order of `dims`")]
    numerator: Annotated[int, Meta(description="of the coefficient")]
    denominator: Annotated[int, Meta(gt=0, description="of the coefficient; mostly 1")]


class FormulaPiece(Record, frozen=True):
    """A polynomial and where it holds; pieces do not overlap."""

    text: Annotated[str, Meta(description="the polynomial for people")]
    terms: Annotated[tuple[FormulaTerm, ...], Meta(description="highest total degree first; none for 0")]
    low: Annotated[tuple[Count, ...], Meta(description="the smallest size of each dim")]
    high: Annotated[tuple[Count, ...], Meta(description="the largest size of each dim at which it was checked")]
    step: Annotated[tuple[Count, ...], Meta(description="it holds for the sizes `remainder` + n x `step`")]
    remainder: Annotated[tuple[Count, ...], Meta(description="0 where `step` is 1")]


class Formula(Record, frozen=True):
    """A figure of the model, of a module or of a class of kernels."""

    kind: Annotated[Literal["model", "module", "kernel"], Meta(description="what it is of")]
    name: Annotated[str, Meta(description="path of the module, op type and pattern of the kernels, or empty")]
    figure: Annotated[
        Literal[
            "macs", "flops", "parameters", "weight_bytes", "naive_bytes", "compulsory_bytes", "cache_bytes",
            "activation_bytes",
        ],
        Meta(description="`cache_bytes`: keys and values of earlier runs; `activation_bytes`: the most alive at once"),
    ]  # fmt: skip
    pieces: Annotated[tuple[FormulaPiece, ...], Meta(description="none where there is no formula")]
    reason: Annotated[str, Meta(description="why there is no formula, or none for some sizes")]


class FormulaDim(Record, frozen=True):
    """A dim that the formulas are over."""

    name: Annotated[str, Meta(description="as it was asked for")]
    low: Annotated[Count, Meta(description="smallest size of the range")]
    high: Annotated[Count, Meta(description="largest size of the range")]


class FormulaFlip(Measured, frozen=True):
    """A class of kernels that changes its bound on a device at a size of a dim."""

    name: Annotated[str, Meta(description="op type and pattern of the kernels")]
    device: Annotated[str, Meta(description="short name")]
    dim: Annotated[str, Meta(description="whose size it is")]
    formula: Annotated[str, Meta(description="that size, or the equation that it solves, with the ridge as `r`")]
    ridge: Annotated[float, Meta(gt=0, description="operations a byte: peak / bandwidth of the device")]
    first: Annotated[int, Meta(gt=0, description="the first size with the bound `above`")]
    below: Annotated[Literal["memory", "compute"], Meta(description="what binds the class below it")]
    above: Annotated[Literal["memory", "compute"], Meta(description="what binds it from there on")]
    others: Annotated[dict[str, Count], Meta(description="sizes of the other dims at which `first` is")]
    is_checked: Annotated[bool, Meta(description="false where `first` is beyond the range of the formulas")]


class Formulas(Record, frozen=True):
    """Figures as exact polynomials of dims."""

    dims: Annotated[tuple[FormulaDim, ...], Meta(description="in the order of exponents and sizes")]
    sizes: Annotated[dict[str, Count], Meta(description="the other dims, as they were assumed")]
    points: Annotated[Count, Meta(description="analyses that the formulas are fitted on and checked at")]
    formulas: Annotated[tuple[Formula, ...], Meta(description="those of the model first")]
    flips: Annotated[
        tuple[FormulaFlip, ...], Meta(description="where classes of kernels change their bound; none without `--flips`")
    ]
    rests_on: Annotated[tuple[str, ...], Meta(description="what is assumed or bounded at each point, in words")]


class FormulaDocument(Record, frozen=True):
    """What `formula --over DIMS --json` writes."""

    schema_version: Version
    tool: Annotated[Tool, Meta(description="what wrote it")]
    formula: Annotated[Formulas, Meta(description="figures over dims")]
