"""The closed-form PIM time: exact arithmetic on small profiles, refusals with their reasons, laws, fallbacks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from onnx_roofline.hardware import Alignment, Device, DramTiming, OpSupport, PimModel, load_device, load_system
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.timing.break_even import break_even_vectors
from onnx_roofline.timing.device_time import device_time
from onnx_roofline.timing.pim_rows import refresh_s
from onnx_roofline.timing.pim_time import pim_time, supports

DRAM = DramTiming(
    t_ccd_s=1e-9,
    t_rcd_s=36e-9,
    t_rp_s=30e-9,
    lane_elements=16,
    parallel_rows=128,
    banks_per_channel=16,
)
ROWS = PimModel(dtypes=("float16",), ops=None, align=Alignment(row_elements=1024), dram=DRAM)


def device(model: PimModel | None = ROWS, **changes: object) -> Device:
    """A PIM of 4096 GB/s inside and 256 GB/s outside: 128 rows x 16 lanes x 2 B every ns."""
    found = Device(
        slug="pim",
        name="A PIM",
        kind="pim",
        peaks_flops_per_s={"float16": 4.096e12},
        external_bytes_per_s=256e9,
        internal_bytes_per_s=4096e9,
        capacity_bytes=None,
        cache_bytes=None,
        launch_s=0.0,
        dram_j_per_byte=None,
        cache_j_per_byte=None,
        j_per_mac=None,
        figures={},
        notes={},
        pim=model,
    )
    return replace(found, **changes)


def product(vectors=1, outputs=1024, depth=1024, *, batch=1, op_types=("MatMul",), others=(), **changes) -> KernelWork:
    weights = 2 * batch * outputs * depth
    activations = 2 * batch * vectors * depth
    results = 2 * batch * vectors * outputs
    work = KernelWork(
        op_types=op_types,
        operations=(Operations("float16", 2 * batch * outputs * depth * vectors),),
        compulsory_bytes=weights + activations + results,
        dtype="float16",
        products=(Product(batch, outputs, depth, vectors, changes.pop("weight_bytes", weights)), *others),
        activation_in_bytes=activations,
        out_bytes=results,
        resident="weight",
    )
    return replace(work, **changes)


def vector_op(size_bytes: int, op_type: str = "Add") -> KernelWork:
    return KernelWork("float16", (op_type,), (Operations("float16", size_bytes // 2),), compulsory_bytes=size_bytes)


# Products by row timings ---------------------------------------------------------------------------------------------


def test_a_full_row_streams_for_64_ns_and_is_opened_for_66():
    time = pim_time(device(), product())
    assert time.stream_s == pytest.approx(8 * 64e-9)  # ceil(1024 / 128) sets of rows x 1024 / 16 columns
    assert time.activate_s == pytest.approx(8 * 66e-9)  # 36 + 30 ns each
    assert (time.io_s, time.refresh_s, time.overhead_s, time.padded_share) == (0, 0, 0, 0)
    assert time.total_s == pytest.approx(8 * 130e-9)
    assert time.explanation == (
        "1 pass over the resident operand for 1 vector (no reuse between vectors)",
        "8 row activations of 66 ns, 512 columns of 1 ns",
    )


@pytest.mark.parametrize(
    ("depth", "columns", "rows"),
    [
        (1024, 64, 1),
        (1280, 80, 2),  # GPT-2 L: twice the activations of 1024 for a quarter more columns
        (64, 4, 1),  # a head of GPT-2: 4 of 64 columns of each opened row
        (1, 1, 1),
        (1025, 65, 2),
    ],
)
def test_depth_is_rounded_up_to_lanes_and_rows(depth, columns, rows):
    time = pim_time(device(), product(outputs=128, depth=depth))
    assert time.stream_s == pytest.approx(columns * 1e-9)
    assert time.activate_s == pytest.approx(rows * 66e-9)
    assert time.padded_share == pytest.approx(1 - depth / (columns * 16))


@pytest.mark.parametrize(("outputs", "sets"), [(1, 1), (128, 1), (129, 2), (4096, 32)])
def test_outputs_are_rounded_up_to_the_parallel_rows(outputs, sets):
    time = pim_time(device(), product(outputs=outputs))
    assert time.stream_s == pytest.approx(sets * 64e-9)
    assert time.padded_share == pytest.approx(1 - outputs / (sets * 128))


@pytest.mark.parametrize(("reuse", "vectors", "passes"), [(1, 8, 8), (4, 8, 2), (4, 9, 3), (4, 1, 1), (8, 8, 1)])
def test_weights_come_again_for_every_vectors_that_share_a_pass(reuse, vectors, passes):
    many = device(replace(ROWS, reuse=reuse), peaks_flops_per_s={"float16": reuse * 4.096e12})
    time = pim_time(many, product(vectors))
    assert time.stream_s + time.activate_s == pytest.approx(passes * 8 * 130e-9)


def test_an_open_row_may_serve_several_vectors():
    model = replace(ROWS, dram=replace(DRAM, vectors_per_activation=4))
    time = pim_time(device(model), product(8))
    assert time.stream_s == pytest.approx(8 * 8 * 64e-9)  # the columns come for each vector
    assert time.activate_s == pytest.approx(2 * 8 * 66e-9)


def test_vectors_are_written_and_results_read():
    model = replace(ROWS, dram=replace(DRAM, t_gwrite_s=64e-9, t_readres_s=1e-9))
    time = pim_time(device(model), product(3, outputs=256, depth=2048))
    assert time.io_s == pytest.approx(3 * 2 * 64e-9 + 3 * 2 * 2 * 1e-9)  # 2 row-long parts; 2 sets of 128, each for 2


def test_refresh_stretches_everything_but_the_launch():
    model = replace(ROWS, dram=replace(DRAM, refresh_share=0.2), mode_switch_s=3e-6)
    time = pim_time(device(model, launch_s=5e-6), product())
    assert time.refresh_s == pytest.approx(8 * 130e-9 / 4)  # 1 / (1 - 0.2) - 1
    assert time.overhead_s == pytest.approx(8e-6)
    assert time.total_s == pytest.approx(8e-6 + 8 * 130e-9 / 0.8)


@pytest.mark.parametrize("share", [0.03, 0.25, 0.5, 0.9])
def test_refreshes_come_whole_and_more_work_never_has_fewer(share):
    """The least n with busy + n x each < (n + 1) x interval, counted one by one."""
    timing = DramTiming(1e-9, 0, 0, 16, 16, 16, refresh_share=share, refresh_interval_s=4e-6)
    for busy_ns in range(10, 40_000, 170):
        due = 0
        while busy_ns + due * 4000 * share >= (due + 1) * 4000:
            due += 1
        assert refresh_s(timing, busy_ns * 1e-9) == pytest.approx(due * 4e-6 * share, abs=1e-15)


def test_a_fence_is_paid_for_every_tile():
    time = pim_time(device(replace(ROWS, fence_s=150e-9)), product(2, depth=2048))
    assert time.overhead_s == pytest.approx(2 * 8 * 2 * 150e-9)  # vectors x sets of rows x rows of depth


def test_batches_share_the_parallel_rows_and_channels():
    model = replace(ROWS, dram=replace(DRAM, t_gwrite_s=64e-9))
    time = pim_time(device(model), product(outputs=64, batch=12))
    assert time.stream_s == pytest.approx(6 * 64e-9)  # 12 x 64 outputs over 128 rows
    assert time.io_s == pytest.approx(2 * 64e-9)  # 12 vectors into 8 channels


def test_an_operand_of_this_run_is_written_in_first():
    work = product(resident="activation")
    assert pim_time(device(), work).io_s == pytest.approx(work.products[0].resident_bytes / 256e9)


def test_replicated_weights_put_vectors_side_by_side_in_every_channel():
    model = replace(ROWS, replicate="channels_and_rows", align=Alignment(k=16, n=16, row_elements=512))
    time = pim_time(device(model), product(64, outputs=32, depth=96))
    # 64 vectors x 2 sets of 16 rows over 8 channels, 6 columns each; 512 // 96 = 5 vectors share an activation
    assert time.stream_s == pytest.approx(16 * 6 * 1e-9)
    assert time.activate_s == pytest.approx(math.ceil(13 * 2 / 8) * 66e-9)


def test_the_units_may_be_slower_than_the_rows():
    time = pim_time(device(peaks_flops_per_s={"float16": 1e12}), product())
    assert time.stream_s == pytest.approx(2 * 1024 * 1024 / 1e12)
    assert device_time(device(peaks_flops_per_s={"float16": 1e12}), product(), "full").bound == "compute"


# Fallbacks and element-wise ops --------------------------------------------------------------------------------------


def test_without_timings_the_profile_states_an_efficiency():
    model = PimModel(("float16",), None, stream_efficiency=0.5)
    time = pim_time(device(model), product(3))
    assert time.stream_s == pytest.approx(3 * 2 * 1024 * 1024 / (4096e9 * 0.5))
    assert time.explanation[1] == "50 % of the internal bandwidth, as the profile states"


def test_without_either_it_says_so():
    time = pim_time(device(PimModel(("float16",), None)), product())
    assert time.stream_s == pytest.approx(2 * 1024 * 1024 / 4096e9)
    assert time.total_s == pytest.approx(product().compulsory_bytes / 4096e9)  # the vector and the results on top
    assert time.explanation[1].startswith("all of the internal bandwidth: the profile states neither")


def test_padding_to_the_alignment_is_work():
    model = PimModel(("float16",), None, align=Alignment(k=256, n=4096))
    time = pim_time(device(model), product(outputs=1024, depth=300))
    assert time.stream_s == pytest.approx(2 * 4096 * 512 / 4096e9)
    assert time.padded_share == pytest.approx(1 - 1024 * 300 / (4096 * 512))


def test_quantised_weights_stream_their_own_bytes():
    work = product(weight_bytes=1024 * 1024 // 2)  # int4 under float16 arithmetic
    slow = device(PimModel(("float16",), None), peaks_flops_per_s={"float16": 1e15})
    assert pim_time(slow, work).stream_s == pytest.approx(1024 * 1024 / 2 / 4096e9)


def test_element_wise_ops_stream_whole_rows():
    time = pim_time(device(), vector_op(4_096_000))
    assert time.stream_s == pytest.approx(1e-6 / (64 / 130))  # rows of 64 ns, opened in 66 ns


def test_element_wise_ops_are_padded():
    model = PimModel(("float16",), None, align=Alignment(elements=262_144))
    time = pim_time(device(model), vector_op(2))
    assert time.stream_s == pytest.approx(524_288 / 4096e9)
    assert time.padded_share == pytest.approx(1 - 2 / 524_288)


def test_a_unit_at_the_interface_sees_the_external_bandwidth():
    model = replace(ROWS, ops={"Softmax": OpSupport(at="interface")})
    time = pim_time(device(model), vector_op(256_000, "Softmax"))
    assert time.stream_s == pytest.approx(1e-6)
    assert time.explanation == ("a unit at the interface: external bandwidth",)


# Support -------------------------------------------------------------------------------------------------------------

OPS = {
    "MatMul": OpSupport(resident="weight", max_batch=8),
    "Conv": OpSupport(resident="weight", group=1, dilation=1),
    "Attention": OpSupport(resident="kv"),
    "Einsum": OpSupport(resident="any"),
    "Add": OpSupport(),
    "Relu": OpSupport(fused_only=True),
}
LIMITED = replace(ROWS, ops=OPS)


@pytest.mark.parametrize(
    ("op_type", "changes", "reason"),
    [
        ("MatMul", {}, ""),
        ("MatMul", {"dtype": "float32"}, "no unit for float32 (has float16)"),
        ("Erf", {}, "Erf is not among the ops of this PIM (MatMul, Conv, Attention, Einsum, Add, Relu)"),
        ("MatMul", {"vectors": 9}, "MatMul: 9 vectors a call, at most 8"),
        ("MatMul", {"resident": "kv"}, "MatMul: its large operand is kv, must be weight in the PIM's memory"),
        (
            "MatMul",
            {"resident": "activation"},
            "MatMul: its large operand is computed in this run, must be weight in the PIM's memory",
        ),
        ("Attention", {"resident": "kv"}, ""),
        ("Attention", {}, "Attention: its large operand is weight, must be kv in the PIM's memory"),
        ("Einsum", {"resident": "activation"}, ""),
        ("Conv", {}, ""),
        ("Conv", {"group": 32}, "Conv: 32 groups, at most 1"),
        ("Conv", {"is_dilated": True}, "Conv: dilated"),
        ("Relu", {}, "Relu: only fused behind another op"),
    ],
)
def test_what_a_pim_supports(op_type, changes, reason):
    work = product(**{"op_types": (op_type,), **changes})
    assert supports(LIMITED, op_type, work) == (not reason, reason)
    found = device_time(device(LIMITED), work, "full")
    assert found.supported == (not reason)
    if reason and "dtype" not in changes:
        assert (found.reason, found.total_s) == (reason, None)


def test_an_activation_function_runs_behind_a_product_but_not_alone():
    assert device_time(device(LIMITED), product(op_types=("MatMul", "Relu")), "full").supported
    assert not device_time(device(LIMITED), vector_op(64, "Relu"), "full").supported


def test_a_profile_without_ops_supports_all():
    assert supports(ROWS, "Anything", product()) == (True, "")


def test_a_type_without_a_peak_is_unsupported_on_any_device():
    work = replace(product(), operations=(Operations("int8", 5),))
    for model in ("roofline", "full"):
        assert device_time(device(), work, model).reason == "A PIM has no peak for int8"


# Devices -------------------------------------------------------------------------------------------------------------


def test_a_gpu_gets_its_efficiencies_and_its_share_of_the_memory():
    gpu = load_device("a100a-hbm3")
    work = product(1, 12288, 12288)
    busy = work.compulsory_bytes / 3352e9
    assert device_time(gpu, work).total_s == pytest.approx(6.87e-6 + busy)
    full = device_time(gpu, work, "full")
    assert full.total_s == pytest.approx(6.87e-6 + busy / 0.85)
    assert full.explanation == ("80 % of the peak, 85 % of the bandwidth",)
    assert device_time(gpu, work, bandwidth_share=0.5).total_s == pytest.approx(6.87e-6 + 2 * busy)
    many = product(4096, 12288, 12288)
    assert device_time(gpu, many, "full").total_s == pytest.approx(6.87e-6 + many.operations[0].total / (312e12 * 0.8))
    assert [device_time(gpu, f, "full").bound for f in (product(1, 16, 16), work, many)] == [
        "launch", "memory", "compute"
    ]  # fmt: skip


def test_the_roofline_model_is_that_of_the_roofline_pass():
    for found in load_system("teaching").devices:
        work = product(100, 4096, 4096)
        expected = max(work.operations[0].total / found.peaks_flops_per_s["float16"],
                       work.compulsory_bytes / found.bandwidth_bytes_per_s)  # fmt: skip
        assert device_time(found, work).total_s == pytest.approx(expected, rel=1e-15)


def test_a_pim_without_a_model_falls_back_to_the_roofline_and_says_so():
    bare = device(None)
    assert device_time(bare, product(), "full").total_s == device_time(bare, product()).total_s
    assert device_time(bare, product(), "full").explanation == ("the profile has no pim part: plain roofline",)


def test_break_even_of_an_unsupported_type_is_never_reached():
    gpu, pim = load_device("a100a-hbm3"), load_device("attacc")
    assert break_even_vectors(gpu, pim, 64, 64, "float32", "full") == math.inf


# Laws ----------------------------------------------------------------------------------------------------------------

SIZES = st.integers(1, 5000)
SHIPPED = [load_device(slug) for slug in ("aim", "hbm-pim", "attacc", "ianus-pim", "newton-16ch", "papi-fc-pim")]


@given(size=st.integers(0, 10**9), which=st.sampled_from(SHIPPED))
def test_element_wise_ops_are_never_faster_than_the_roofline(size, which):
    (dtype,) = which.peaks_flops_per_s
    work = KernelWork(dtype, ("Add",), (Operations(dtype, size // 2),), compulsory_bytes=size)
    assert pim_time(which, work).total_s >= device_time(which, work).total_s * (1 - 1e-12)


@given(outputs=SIZES, depth=SIZES, vectors=st.integers(1, 64), which=st.sampled_from(SHIPPED))
def test_laws_of_every_shipped_pim(outputs, depth, vectors, which):
    (dtype,) = which.peaks_flops_per_s
    work = product(vectors, outputs, depth, dtype=dtype, operations=(Operations(dtype, 2 * outputs * depth * vectors),))
    time = pim_time(which, work)
    parts = (time.stream_s, time.activate_s, time.io_s, time.refresh_s, time.overhead_s)
    assert time.total_s == sum(parts)
    assert min(parts) >= 0
    assert 0 <= time.padded_share < 1
    assert time.total_s >= device_time(which, work).total_s * (1 - 1e-12)  # never faster than the roofline
    bigger = pim_time(which, product(vectors + 1, outputs, depth, dtype=dtype,
                                     operations=(Operations(dtype, 2 * outputs * depth * (vectors + 1)),)))  # fmt: skip
    assert bigger.total_s >= time.total_s * (1 - 1e-12)


# Kernels of several products -----------------------------------------------------------------------------------------


def attention_work(**changes) -> KernelWork:
    """One query against 1024 keys and 1024 values of 128: two products over 256 KiB each."""
    return product(
        outputs=1024,
        depth=128,
        op_types=("MatMul", "Expand", "Add", "Softmax"),
        resident="kv",
        operations=(Operations("float16", 2 * 2 * 1024 * 128),),
        others=(Product(1, 128, 1024, 1, 2 * 1024 * 128),),
        stands_for="Attention",
        **changes,
    )


def test_the_keys_and_the_values_stream_both_and_the_kernel_is_launched_once():
    banks = PimModel(dtypes=("float16",), ops=None, mode_switch_s=1e-6)
    time = pim_time(device(banks, launch_s=2e-6), attention_work(compulsory_bytes=0))
    assert time.stream_s == pytest.approx(2 * 2 * 1024 * 128 / 4096e9)
    assert time.overhead_s == pytest.approx(3e-6)
    rows = pim_time(device(), attention_work(compulsory_bytes=0))
    # keys: 8 sets of rows x 128 / 16 columns; values: 1 set x 1024 / 16 columns
    assert rows.stream_s == pytest.approx((8 * 8 + 64) * 1e-9)
    assert rows.activate_s == pytest.approx((8 + 1) * 66e-9)


def test_fused_attention_is_the_op_attention_to_a_pim_that_has_it():
    limits = {"MatMul": OpSupport(resident="any"), "Attention": OpSupport(resident="kv")}
    has_it = device_time(device(replace(ROWS, ops=limits)), attention_work(), "full")
    assert has_it.supported, has_it.reason
    of_this_run = device_time(
        device(replace(ROWS, ops=limits)), replace(attention_work(), resident="activation"), "full"
    )
    assert of_this_run.reason == "Attention: its large operand is computed in this run, must be kv in the PIM's memory"
    lacks_it = device_time(device(replace(ROWS, ops={"MatMul": limits["MatMul"]})), attention_work(), "full")
    assert lacks_it.reason.startswith("Expand is not among the ops")
