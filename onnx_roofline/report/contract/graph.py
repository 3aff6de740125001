"""Records of the ops, tensors and kernels. Counts, bytes and times are those of one execution."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from onnx_roofline.base.terms import Origin
from onnx_roofline.ir.placed_records import Axis, Decision, PlacementReason, RoofBound
from onnx_roofline.report.contract.common import Count, Measured, Record, Runs, RunsOrigin, Seconds, Share, Status

Sizes = tuple[Count | None, ...]
# What keeps a kernel busy the longest on a device, as a placement's time model sees it.
PlacedBound = Literal[
    "matrix", "vector", "special", "l2", "dram", "latency", "launch", "memory", "compute", "stream", "activate", "io",
    "refresh", "unsupported",
]  # fmt: skip


class Tensor(Record, frozen=True):
    """A tensor of one graph."""

    dtype: Annotated[str | None, Meta(description="element type; null where it is unknown")]
    shape: Annotated[Sizes | None, Meta(description="null for an unknown rank, a null for an unknown dim")]
    bytes: Annotated[Count | None, Meta(description="in memory, with packed types of less than a byte")]
    kind: Annotated[
        Literal["input", "weight", "constant", "activation", "output"], Meta(description="what it is to the graph")
    ]
    origin: Annotated[
        Literal["data", "assumed"] | UnsetType,
        Meta(description="`data`: the shape depends on values and is an upper bound; `assumed`: it rests on a guess"),
    ] = UNSET
    container: Annotated[
        Literal["sequence", "optional", "map"] | UnsetType, Meta(description="of what is no plain tensor")
    ] = UNSET
    length: Annotated[Count | UnsetType | None, Meta(description="how many tensors a container has")] = UNSET


class Counts(Record, frozen=True):
    """Operations by class."""

    macs: Annotated[Count, Meta(description="multiply-accumulates, each one operation here")]
    adds: Annotated[Count, Meta(description="additions and subtractions")]
    muls: Annotated[Count, Meta(description="multiplications")]
    divs: Annotated[Count, Meta(description="divisions and square roots")]
    compares: Annotated[Count, Meta(description="comparisons, with max, min and clamps")]
    transcendentals: Annotated[Count, Meta(description="exp, log, tanh, erf and their like")]
    int_ops: Annotated[Count, Meta(description="operations on integers")]
    bit_ops: Annotated[Count, Meta(description="operations on bits")]


class Contraction(Record, frozen=True):
    """A product as `batch` independent [`m`, `k`] x [`k`, `n`]; a convolution as an implicit matrix product."""

    batch: Annotated[Count, Meta(description="independent products; groups of a convolution")]
    m: Annotated[Count, Meta(description="rows; output channels of a group")]
    n: Annotated[Count, Meta(description="columns; batch x output positions")]
    k: Annotated[Count, Meta(description="depth; input channels of a group x taps")]
    kernel: Annotated[tuple[Count, ...], Meta(description="of a convolution; else empty, as the next two")]
    strides: Annotated[tuple[int, ...], Meta(description="by spatial axis")]
    dilations: Annotated[tuple[int, ...], Meta(description="by spatial axis")]
    images: Annotated[Count, Meta(description="batch of a convolution")]


class Work(Record, frozen=True):
    """What an op does in one execution."""

    status: Annotated[Status, Meta(description="how sure the counts are")]
    rule: Annotated[str | None, Meta(description="the rule that counted it, such as `ai.onnx.Gemm-1`")]
    note: Annotated[str, Meta(description="why it is a view, or unknown")]
    macs: Annotated[Count | None, Meta(description="multiply-accumulates; null where unknown")]
    flops: Annotated[Count | None, Meta(description="2 x MACs + every other floating-point operation")]
    counts: Annotated[Counts | None, Meta(description="by class")]
    compute_dtype: Annotated[str | None, Meta(description="element type whose peak the roofline takes")]
    read_elements: Annotated[Sizes, Meta(description="elements touched of each input, in the order of `inputs`")]
    write_elements: Annotated[Sizes, Meta(description="of each output, in the order of `outputs`")]
    moves_data: Annotated[bool, Meta(description="false for a view")]
    sequential_steps: Annotated[
        int, Meta(ge=1, description="dependent steps inside the op: T for a time loop of T steps")
    ]
    contractions: Annotated[tuple[Contraction, ...], Meta(description="each product that it computes")]


class FusedAway(Record, frozen=True):
    """Bytes of one operand that fusion keeps from moving."""

    tensor: Annotated[str, Meta(description="its name")]
    bytes: Annotated[Count, Meta(description="what does not move")]
    rule: Annotated[str, Meta(description="the rule that says so")]


class Traffic(Record, frozen=True):
    """What an op moves in one execution: naive = compulsory + fused away."""

    read_bytes: Annotated[Sizes, Meta(description="of each input, once")]
    write_bytes: Annotated[Sizes, Meta(description="of each output, once")]
    naive_bytes: Annotated[Count | None, Meta(description="their sum: the op alone")]
    compulsory_bytes: Annotated[Count | None, Meta(description="its part of what its kernel can't avoid")]
    fused_away: Annotated[tuple[FusedAway, ...], Meta(description="what fusion saves")]
    moved_bytes: Annotated[
        Count | None, Meta(description="what its kernel moves on the GPU, at the kernel's root; 0 at the other members")
    ]
    live_bytes: Annotated[
        Count | None, Meta(description="activations alive while its kernel runs; null too where none executes it")
    ]


class Roof(Measured, frozen=True):
    """A kernel on the roofline of one device, one execution, at the kernel's root."""

    supported: Annotated[bool, Meta(description="whether the device has peaks for what the kernel computes in")]
    reason: Annotated[str, Meta(description="why not")]
    intensity: Annotated[float | None, Meta(description="operations per byte moved; null without bytes")]
    ridge: Annotated[float | None, Meta(description="peak / bandwidth at the root's element type, FLOP/byte")]
    attainable_flops_per_s: Annotated[float | None, Meta(description="min(peak, intensity x bandwidth)")]
    compute_time_s: Annotated[Seconds | None, Meta(description="operations / peak")]
    memory_time_s: Annotated[Seconds | None, Meta(description="moved bytes / bandwidth")]
    launch_time_s: Annotated[Seconds | None, Meta(description="what starting a kernel takes")]
    total_time_s: Annotated[Seconds | None, Meta(description="launch + the larger of the two")]
    bound: Annotated[
        RoofBound,
        Meta(description="which of the three it is; `fused` at a member that is not the root"),
    ]
    moved_bytes: Annotated[Count | None, Meta(description="what the kernel moves on this device")]
    time_low_s: Annotated[Seconds | None, Meta(description="total with the least of naive, compulsory and moved bytes")]
    time_high_s: Annotated[Seconds | None, Meta(description="with the most of the three")]
    bound_is_stable: Annotated[bool, Meta(description="whether all three give the same bound")]


class DeviceTime(Measured, frozen=True):
    """A kernel on one device under the placement's time model, one execution."""

    time_s: Annotated[Seconds | None, Meta(description="null where the device can't run it")]
    energy_j: Annotated[float | None, Meta(description="null where the profile states none for what it does")]
    bound: Annotated[PlacedBound, Meta(description="what keeps it busy the longest")]
    reason: Annotated[str, Meta(description="why it can't run there")]
    in_part: Annotated[
        bool, Meta(description="true where it runs the kernel's product alone, and the other device what follows")
    ]
    explanation: Annotated[tuple[str, ...], Meta(description="what the time is made of, in words")]
    engines: Annotated[dict[str, float], Meta(description="seconds of each engine or part; the launch is `launch_s`")]
    launch_s: Annotated[Seconds, Meta(description="seconds of launch, in `time_s`")]
    low_s: Annotated[Seconds | None, Meta(description="eight of ten such kernels take from this; null: no full model")]
    high_s: Annotated[Seconds | None, Meta(description="to this")]
    origin: Annotated[Origin | None, Meta(description="of the constant that the time hangs on")]


class WithSplits(Measured, frozen=True):
    """How a kernel runs in the placement with splits and pipelines."""

    kind: Annotated[Literal["split", "pipeline", "alone"], Meta(description="which of them")]
    kernels: Annotated[tuple[str, ...], Meta(description="those of the pipeline, in order; else the kernel alone")]
    devices: Annotated[tuple[str, ...], Meta(description="of each kernel of a pipeline; both of a split")]
    time_s: Annotated[Seconds, Meta(description="of all the kernels, all executions")]
    gpu_share: Annotated[Share | None, Meta(description="of a split, the GPU's share of the `axis`")]
    axis: Annotated[Axis | None, Meta(description="what a split divides")]


class Vectors(Record, frozen=True):
    """Over which numbers of vectors flips were looked for."""

    now: Annotated[int, Meta(ge=1, description="how many the kernel has")]
    scaled: Annotated[str, Meta(description="what one is, such as `batch x tokens`")]
    searched_to: Annotated[int, Meta(ge=1, description="the greatest number that was tried")]


class Flip(Measured, frozen=True):
    """A decision that changes at a threshold."""

    quantity: Annotated[
        Literal["vectors", "speed of the PIM", "link bandwidth"], Meta(description="what is varied, the rest as it is")
    ]
    scope: Annotated[
        Literal["kernel", "model"],
        Meta(description="the kernel's own times alone, transfers left out, or all kernels placed again"),
    ]
    threshold: Annotated[
        float,
        Meta(
            ge=0, description="a factor of what the system has; of `vectors` the first number with the device `above`"
        ),
    ]
    below: Annotated[str, Meta(description="device below the threshold")]
    above: Annotated[str, Meta(description="device above it")]


class Split(Measured, frozen=True):
    """A kernel on both devices at once, one execution."""

    axis: Annotated[Axis, Meta(description="what is divided")]
    gpu_share: Annotated[Share, Meta(description="the GPU's share of it; 0 or 1 where no split is faster")]
    time_s: Annotated[Seconds, Meta(description="with transfers")]
    alone_s: Annotated[Seconds, Meta(description="on the better device, without transfers")]
    speedup: Annotated[float, Meta(ge=0, description="over the better device alone")]


class Placement(Measured, frozen=True):
    """Where an op runs and why."""

    device: Annotated[str | None, Meta(description="short name; null where the op is not placed")]
    reason: Annotated[
        PlacementReason,
        Meta(description="the class of the decision"),
    ]
    decision: Annotated[
        Decision | None,
        Meta(description="whether it holds over the bands of both times; null where there is no choice, or no band"),
    ]
    explanation: Annotated[str, Meta(description="the same in words, with the times")]
    time_s: Annotated[Seconds | None, Meta(description="seconds on that device, one execution")]
    transfer_s: Annotated[
        Seconds,
        Meta(description="transfers of the tensors that it makes, or is the first to fetch, all executions"),
    ]
    regret: Annotated[
        float | None,
        Meta(
            description="what the whole would cost more, in the objective's unit, with the kernel on the other device; "
            "null where it can't be or was not computed"
        ),
    ]
    with_splits: Annotated[
        WithSplits | None,
        Meta(description="how it runs in the placement with splits; null where as it is placed"),
    ]
    devices: Annotated[dict[str, DeviceTime], Meta(description="by device, at the kernel's root")]
    vectors: Annotated[Vectors | None, Meta(description="at the kernel's root; null where nothing sensible scales")]
    flips: Annotated[
        tuple[Flip, ...],
        Meta(description="at the kernel's root, what makes the other device the faster one for this kernel by itself"),
    ]
    split: Annotated[Split | None, Meta(description="at the kernel's root; null where it can't be divided")]


class Body(Record, frozen=True):
    """A graph that an op runs. A call of a function has no `tensors` and no `graph`: they are under `functions`."""

    attribute: Annotated[str, Meta(description="the op's attribute that holds it")]
    scope: Annotated[str, Meta(description="prefix of the ids of its nodes")]
    multiplicity: Annotated[
        Runs | None, Meta(description="runs per run of the op; null where a branch is open and its body empty")
    ]
    origin: Annotated[RunsOrigin, Meta(description="where that is from")]
    tensors: Annotated[dict[str, Tensor] | UnsetType, Meta(description="of the body, by name")] = UNSET
    graph: Annotated["Graph | UnsetType", Meta(description="its nodes and edges")] = UNSET


class Node(Record, frozen=True):
    """An op."""

    id: Annotated[
        str,
        Meta(description="unique and stable: scope, position in its graph, op type, such as `loop_3/body/0:MatMul`"),
    ]
    name: Annotated[str, Meta(description="as in the file: may be empty or repeated")]
    op_type: Annotated[str, Meta(description="as in the file")]
    domain: Annotated[str, Meta(description='as in the file; `""` for standard ops')]
    inputs: Annotated[tuple[str, ...], Meta(description='tensor names; `""` is an absent optional operand')]
    outputs: Annotated[tuple[str, ...], Meta(description="tensor names")]
    module: Annotated[str, Meta(description="scope of the module that the exporter wrote, such as `encoder/layer.0`")]
    role: Annotated[
        Literal["compute", "shape_only", "constant"], Meta(description="only `compute` is counted and placed")
    ]
    shape_only: Annotated[bool, Meta(description="whether `role` is `shape_only`")]
    status: Annotated[
        Status, Meta(description="how sure its figures are: the least sure of counts, bytes and executions")
    ]
    executions: Annotated[Runs, Meta(description="runs in one run of the model")]
    executions_origin: Annotated[
        RunsOrigin,
        Meta(
            description="by the least sure loop or branch around it: certain, stated by the user (`bound`), "
            "an upper bound (`data`), or assumed"
        ),
    ]
    parameters: Annotated[Count, Meta(description="elements of the weights that it reads, at any packing")]
    weight_bytes: Annotated[Count | None, Meta(description="bytes of these weights as they are stored")]
    work: Annotated[Work, Meta(description="what it does, one execution")]
    traffic: Annotated[Traffic, Meta(description="what it moves, one execution")]
    kernel: Annotated[
        str | None,
        Meta(description="`id` of its kernel; null for what no kernel executes: a view, a shape-only op, a call"),
    ]
    roofline: Annotated[dict[str, Roof], Meta(description="by device, one execution")]
    placement: Annotated[Placement, Meta(description="where it runs and why")]
    bodies: Annotated[tuple[Body, ...] | UnsetType, Meta(description="of an op that runs graphs")] = UNSET
    note: Annotated[str | UnsetType, Meta(description="what the shape inference had to say")] = UNSET


class Edge(Record, frozen=True):
    """A tensor that one node makes and another reads."""

    source: Annotated[str, Meta(description="`id` of the node that makes it")]
    target: Annotated[str, Meta(description="`id` of the node that reads it")]
    key: Annotated[str, Meta(description="the tensor's name")]


class GraphName(Record, frozen=True):
    """Attributes of a graph, as networkx has them."""

    name: Annotated[str, Meta(description="of the graph, as in the file")]


class Graph(Record, frozen=True):
    """A graph as networkx node-link data."""

    directed: Annotated[bool, Meta(extra_json_schema={"const": True}, description="true")]
    multigraph: Annotated[bool, Meta(extra_json_schema={"const": True}, description="true")]
    graph: Annotated[GraphName, Meta(description="its name")]
    nodes: Annotated[tuple[Node, ...], Meta(description="the ops, in the order of the file")]
    edges: Annotated[tuple[Edge, ...], Meta(description="what joins them; graph inputs and weights are not nodes")]


class DeviceMoved(Record, frozen=True):
    """What a device's on-chip memory makes of compulsory bytes: moved = compulsory + refetched - resident."""

    moved_bytes: Annotated[Count, Meta(description="what crosses between memory and chip")]
    refetched_bytes: Annotated[Count, Meta(description="fetched again because tiles don't fit on the chip")]
    resident_bytes: Annotated[
        Count,
        Meta(
            description="still on the chip from an earlier kernel, or never written out, "
            "least recently used replaced first"
        ),
    ]
    resident_at_best_bytes: Annotated[Count, Meta(description="the same under the best replacement there is")]
    reasons: Annotated[tuple[str, ...], Meta(description="where each part comes from")]


class KernelOnDevice(Measured, frozen=True):
    """A kernel on one device: what it moves, and its time under the full model, one execution; null without one."""

    moved_bytes: Annotated[Count, Meta(description="what crosses between memory and chip")]
    refetched_bytes: Annotated[Count, Meta(description="fetched again because tiles don't fit on the chip")]
    resident_bytes: Annotated[Count, Meta(description="still on the chip from an earlier kernel, or never written out")]
    resident_at_best_bytes: Annotated[Count, Meta(description="the same under the best replacement there is")]
    reasons: Annotated[tuple[str, ...], Meta(description="where each part comes from")]
    time_s: Annotated[Seconds | None, Meta(description="seconds; null where the device can't run it")]
    low_s: Annotated[Seconds | None, Meta(description="eight of ten such kernels take from this")]
    high_s: Annotated[Seconds | None, Meta(description="to this")]
    origin: Annotated[Origin | None, Meta(description="of the constant that the time hangs on")]
    engines: Annotated[dict[str, float], Meta(description="seconds of each engine or part; the launch is `launch_s`")]
    bound: Annotated[PlacedBound | None, Meta(description="what keeps it busy the longest")]
    launch_s: Annotated[Seconds | None, Meta(description="seconds of launch, in `time_s`")]


class Kernel(Record, frozen=True):
    """The ops that one device kernel executes."""

    id: Annotated[
        str,
        Meta(description="the node that its times stand at: its contraction or reduction, else its last member"),
    ]
    pattern: Annotated[str, Meta(description="the rule that fused it; `alone` for a single op")]
    members: Annotated[tuple[str, ...], Meta(description="ids of its nodes, in the order of the graph")]
    executions: Annotated[Runs, Meta(description="runs in one run of the model")]
    naive_bytes: Annotated[Count | None, Meta(description="sum over its members")]
    compulsory_bytes: Annotated[Count | None, Meta(description="sum over its members")]
    fused_away_bytes: Annotated[Count, Meta(description="sum over its members")]
    devices: Annotated[dict[str, KernelOnDevice], Meta(description="by device, what it moves and how long it takes")]
    refused: Annotated[
        tuple[str, ...],
        Meta(description="fusions at its border that were looked at and not done, each with the reason"),
    ]
