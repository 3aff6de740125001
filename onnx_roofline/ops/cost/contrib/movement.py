"""Ops of onnxruntime that move, sample, hash or search, and those that hold what only another program can read.

Source of every layout: the operator schemas of onnxruntime 1.32 (domain com.microsoft, and its internal ops in the
default domain). n: output elements, N: input elements.
"""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import ceil_div, dmax, dmin, product
from onnx_roofline.ir.records import Counts, Status, Work
from onnx_roofline.ops.cost.contrib.parts import DOMAIN, contrib
from onnx_roofline.ops.cost.image import interpolation
from onnx_roofline.ops.cost.movement import RENAMES, gather, range_, touched, unique
from onnx_roofline.ops.cost.registry import view, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

# Characters of a string that nobody has seen, as the standard's string ops take them. Assumed.
_CHARACTERS = 16

view("ExpandDims", domain=DOMAIN, why="the same bytes under another shape", traits=RENAMES)
view("SampleOp", domain=DOMAIN, why="the same bytes under another name")

contrib("Pad", "Trilu", source="com.microsoft Pad-1, Trilu-1")(touched)
contrib("DynamicSlice", domain="", source="internal schema of onnxruntime, Slice-10")(touched)
contrib("Range", source="com.microsoft Range-1")(range_)
contrib("Unique", source="com.microsoft Unique-1; the algorithm is the runtime's choice")(unique)
contrib("GatherND", "TorchEmbedding", source="com.microsoft GatherND-1, TorchEmbedding-1")(gather)


@contrib("Crop", domain="")
def crop(op: OpView) -> Work:
    """nothing; reads what it keeps.

    Source: internal schema of onnxruntime.
    """
    return work(op, reads={0: op.out.elements})


@contrib("GivenTensorFill", domain="")
def given_tensor_fill(op: OpView) -> Work:
    """nothing; writes the output.

    Source: internal schema of onnxruntime.
    """
    return work(op, dtype=op.out.dtype)


@contrib("MemcpyFromHost", "MemcpyToHost", domain="")
def memory_copy(op: OpView) -> Work:
    """nothing; copies between host and device.

    Source: internal schemas of onnxruntime.
    """
    return work(op, dtype=op.x.dtype)


@contrib("RemovePadding")
def remove_padding(op: OpView) -> Work:
    """int_ops: B S for the offsets; reads the tokens that it keeps, all at most.

    x [B, S, D], token counts [B]. Source: com.microsoft RemovePadding-1.
    """
    kept = dmin(op.x.elements, op.out.elements)
    return work(op, Counts(int_ops=product(op.x.shape[:2])), reads={0: kept}, dtype=op.x.dtype, status="bounded")


@contrib("RestorePadding")
def restore_padding(op: OpView) -> Work:
    """nothing; moves the tokens and writes zeros between them.

    Source: com.microsoft RestorePadding-1.
    """
    return work(op, dtype=op.x.dtype)


@contrib("UnfoldTensor")
def unfold_tensor(op: OpView) -> Work:
    """nothing; reads the input once and writes every window.

    Source: com.microsoft UnfoldTensor-1.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)}, dtype=op.x.dtype)


@contrib("GridSample")
def grid_sample(op: OpView) -> Work:
    """bilinear: muls: 4n + adds: 3n; bicubic: macs: 16n; nearest: nothing.

    x [N, C, H, W], grid [N, Ho, Wo, 2]. Source: com.microsoft GridSample-1.
    """
    counts, taps = interpolation(op.str_attr("mode", "bilinear"), 2, op.out.elements)
    return work(op, counts, reads={0: dmin(op.x.elements, taps * op.out.elements)}, dtype=op.out.dtype)


@contrib("CropAndResize")
def crop_and_resize(op: OpView) -> Work:
    """bilinear: muls: 4n + adds: 3n; nearest: nothing.

    x [N, C, H, W], regions [R, 4] -> [R, C, h, w]. Source: com.microsoft CropAndResize-1.
    """
    counts, taps = interpolation(op.str_attr("mode", "bilinear"), 2, op.out.elements)
    return work(op, counts, reads={0: dmin(op.x.elements, taps * op.out.elements)}, dtype=op.x.dtype)


@contrib("PyramidROIAlign_TRT", "MultilevelCropAndResize_TRT", domain="")
def pyramid_align(op: OpView) -> Work:
    """muls: 4n + adds: 3n, one bilinear sample an element, from one of four levels.

    boxes, four feature maps. Ignored: a plugin may take more samples. Source: internal schemas of onnxruntime.
    """
    n = op.out.elements
    levels: dict[int, int | None] = {i: dmin(op.input(i).elements, 4 * n) for i in range(1, 5)}
    return work(op, Counts(muls=4 * n, adds=3 * n), reads=levels, dtype=op.x.dtype, status="heuristic")


@contrib("EfficientNMS_TRT", domain="")
def efficient_nms(op: OpView) -> Work:
    """compares: N for the scores and 7 with adds: 4, muls: 1, divs: 1 for each pair of boxes, with all kept boxes.

    boxes [B, N, ...], scores [B, N, C]. Ignored: the plugin sorts first. Source: internal schema of onnxruntime.
    """
    batch, boxes = op.input(1).shape[:2]
    pairs = batch * boxes * dmin(boxes, op.int_attr("max_output_boxes", boxes))
    counts = Counts(compares=7, adds=4, muls=1, divs=1).scaled(pairs) + Counts(compares=op.input(1).elements)
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@contrib("DisentangledAttention_TRT", domain="", traits=OPERANDS)
def disentangled_attention(op: OpView) -> Work:
    """adds: 2n + muls: n: the content scores and two gathered position scores, scaled.

    Source: internal schema of onnxruntime.
    """
    n = op.out.elements
    reads: dict[int, int | None] = {i: dmin(op.input(i).elements, n) for i in (1, 2)}
    return work(op, Counts(adds=2 * n, muls=n), reads=reads)


@contrib("MaxpoolWithMask")
def maxpool_with_mask(op: OpView) -> Work:
    """compares: (2k - 1) n: the mask at each of k taps, and the maximum.

    Source: com.microsoft MaxpoolWithMask-1.
    """
    taps = product(op.ints_attr("kernel_shape"))
    return work(op, Counts(compares=(2 * taps - 1) * op.out.elements), dtype=op.x.dtype)


@contrib("ReduceSumInteger")
def reduce_sum_integer(op: OpView) -> Work:
    """int_ops: N - n.

    Source: com.microsoft ReduceSumInteger-1.
    """
    return work(op, Counts(int_ops=dmax(0, op.x.elements - op.out.elements)), dtype=op.x.dtype)


@contrib("Inverse")
def inverse(op: OpView) -> Work:
    """macs: k^3 a matrix [k, k] + divs: k^2: elimination with one division for each element of a pivot's row.

    Source: com.microsoft Inverse-1, Gauss-Jordan (k^3 multiply-adds); the algorithm is the runtime's choice.
    """
    size = op.x.shape[-1]
    matrices = product(op.x.shape[:-2])
    counts = Counts(macs=matrices * size**3, divs=matrices * size * size)
    return work(op, counts, status="heuristic")


@contrib("Rfft", "Irfft")
def real_fourier_transform(op: OpView) -> Work:
    """adds: 3/2 R s L + muls: R s L for R transforms of s reals, L = ceil(log2 s): half of a complex transform.

    A radix-2 transform takes s / 2 butterflies a level, each 4 muls and 6 adds. Source: com.microsoft Rfft-1, Irfft-1;
    the algorithm is the runtime's choice.
    """
    real = op.x if op.op_type == "Rfft" else op.out
    size = product(real.shape[real.rank - op.int_attr("signal_ndim", 1) :])
    levels = dmax(0, size - 1).bit_length()
    counts = Counts(muls=real.elements * levels, adds=ceil_div(3 * real.elements * levels, 2))
    return work(op, counts, status="heuristic")


@contrib("DynamicTimeWarping")
def dynamic_time_warping(op: OpView) -> Work:
    """compares: 2N + adds: N: the least of three predecessors of each cell, and its cost.

    x [M, N] -> path [2, x], x < M + N. Source: com.microsoft DynamicTimeWarping-1.
    """
    n = op.x.elements
    return work(op, Counts(compares=2 * n, adds=n), dtype=op.x.dtype, sequential_steps=sum(op.x.shape[-2:]) - 1)


@contrib("MurmurHash3")
def murmur_hash(op: OpView) -> Work:
    """int_ops: 7 for each 4 bytes and 8 at the end of a value: two products, two rotations, their masks and sums.

    Source: com.microsoft MurmurHash3-1, MurmurHash3_x86_32; a string is taken to be of 16 characters.
    """
    words = {"string": 4, "int64": 2, "uint64": 2, "float64": 2}.get(op.x.dtype, 1)
    status: Status = "heuristic" if op.x.dtype == "string" else "exact"
    return work(op, Counts(int_ops=op.x.elements * (7 * words + 8)), dtype=op.out.dtype, status=status)


@contrib("Tokenizer")
def tokenizer(op: OpView) -> Work:
    """int_ops: 16 N, one step for each character; 16 characters a string.

    Source: com.microsoft Tokenizer-1 (an automaton, as RE2's); the length of a string is assumed.
    """
    return work(op, Counts(int_ops=_CHARACTERS * op.x.elements), dtype="string", status="heuristic")


@contrib("NGramRepeatBlock")
def ngram_repeat_block(op: OpView) -> Work:
    """int_ops: B S g: every n-gram of the ids against the last one.

    ids [B, S], scores [B, V], n-grams of g. Source: com.microsoft NGramRepeatBlock-1.
    """
    size = op.int_attr("ngram_size", 1)
    return work(op, Counts(int_ops=op.x.elements * size), dtype="float32", status="bounded")


@contrib("BifurcationDetector")
def bifurcation_detector(op: OpView) -> Work:
    """int_ops: S + S g: the predicted tokens against the source, then every suffix of at most g tokens.

    Source: com.microsoft BifurcationDetector-1.
    """
    grams = op.int_attr("max_ngram_size", 3)
    return work(op, Counts(int_ops=op.x.elements * (1 + grams)), dtype="int64", status="bounded")


@contrib("NGramHashMapping", "VarlenNGramHashMapping")
def ngram_hash_mapping(op: OpView) -> Work:
    """int_ops: t m + t (m - 1) + n: a product for each of m shifts, the exclusive ors, a remainder for each head.

    ids of t tokens -> [t, (m - 1) heads]; n more for offsets. Source: com.microsoft NGramHashMapping-1,
    VarlenNGramHashMapping-1.
    """
    tokens, grams, n = op.x.elements, op.int_attr("max_ngram_size", 2), op.out.elements
    offsets = op.has(4) if op.op_type == "NGramHashMapping" else op.has(5)
    return work(op, Counts(int_ops=tokens * grams + tokens * (grams - 1) + n * (1 + offsets)), dtype=op.x.dtype)


@contrib("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch")
def generation(op: OpView) -> Work:
    """unknown: how often the decoder's graph runs depends on the tokens that it generates.

    Source: com.microsoft BeamSearch-1, GreedySearch-1, Sampling-1, WhisperBeamSearch-1.
    """
    raise NotModelledError(
        f"{op.op_type} runs its decoder once for each token that it generates, which nothing but running it tells; "
        "analyse the decoder on its own"
    )


@contrib("EPContext", "Snpe")
def opaque(op: OpView) -> Work:
    """unknown: a graph compiled for one execution provider, in a format of its own.

    Source: com.microsoft EPContext-1, Snpe-1.
    """
    raise NotModelledError(f"{op.op_type} holds a graph compiled for one execution provider; analyse the original file")
