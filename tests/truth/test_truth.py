"""The score of the times on measured and simulated kernels, held where the data is at hand.

The data is other people's and not in the repository: ONNX_ROOFLINE_TRUTH names its folder. Elsewhere these tests are
skipped. Limits are a little above what docs/time.md reports, on the half of the rows that no constant was fitted to.
"""

from statistics import mean, median, quantiles

import pytest
from rows import DATA, STREAMS, Row
from runs import end_to_end
from score import Scored, scored
from simulated import ratios

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.timing.bands import band_of

pytestmark = pytest.mark.skipif(
    not (DATA / "gpu_kernels.csv.gz").exists(),
    reason=f"no measured kernels in {DATA}; set ONNX_ROOFLINE_TRUTH to the folder of gpu_kernels.csv.gz",
)


@pytest.fixture(scope="module")
def found() -> list[Scored]:
    return scored(DATA)


def errors(found: list[Scored], *, bench: bool = True) -> tuple[float, float]:
    """(MAPE, median error) in percent; with `bench` what the measurement adds is added."""
    assert found, "no row fits"
    all_errors = [abs((one.bench_s if bench else one.kernel_s) / one.row.measured_s - 1) * 100 for one in found]
    return mean(all_errors), median(all_errors)


def is_test(row: Row) -> bool:
    return row.half == 1


def test_all_op_classes_on_four_devices(found: list[Scored]) -> None:
    """As the tool says them, with nothing of the bench: an eager host's floor counts as error."""
    four = ("A100-SXM-80GB", "A100-PCIE-80GB", "H100-SXM", "L4")
    mape, middle = errors([one for one in found if one.row.device in four and is_test(one.row)], bench=False)
    assert mape < 16
    assert middle < 9


@pytest.mark.parametrize(("device", "limit"), [("A100-SXM-80GB", 12), ("H100-SXM", 9), ("H200-SXM", 10), ("L40S", 18)])
def test_linear_layers_in_16_bit(found: list[Scored], device: str, limit: float) -> None:
    rows = [one for one in found if one.row.device == device and one.row.op == "linear" and one.row.dtype != "float32"]
    assert errors(rows, bench=False)[0] < limit
    assert errors([one for one in rows if is_test(one.row)])[0] < limit


@pytest.mark.parametrize(("device", "limit"), [("A100-PCIE-80GB", 13), ("H100-SXM", 11), ("L4", 18)])
def test_products_in_float32(found: list[Scored], device: str, limit: float) -> None:
    """With the floor of the eager host, which a row of 30 us is mostly made of."""
    rows = [one for one in found if one.row.device == device and one.row.op in ("linear", "bmm")]
    assert errors([one for one in rows if one.row.dtype == "float32" and is_test(one.row)])[0] < limit


@pytest.mark.parametrize("op", ["attention_causal", "attention_decode"])
@pytest.mark.parametrize("device", ["A100-SXM-80GB", "H100-SXM", "H200-SXM", "L40S"])
def test_attention(found: list[Scored], op: str, device: str) -> None:
    rows = [one for one in found if one.row.op == op and one.row.device == device and is_test(one.row)]
    assert errors(rows, bench=False)[0] < 24


@pytest.mark.parametrize("device", ["A100-SXM-80GB", "H100-SXM"])
def test_small_elementwise_kernels(found: list[Scored], device: str) -> None:
    """With the gap between kernels that a profiler does not see."""
    rows = [one for one in found if one.row.device == device and one.row.op == "add" and one.row.timing == "kernel"]
    assert errors(rows)[0] < 25


@pytest.mark.parametrize("device", ["A100-PCIE-80GB", "L4"])
def test_streams(found: list[Scored], device: str) -> None:
    rows = [one for one in found if one.row.device == device and one.row.op in STREAMS and is_test(one.row)]
    assert errors(rows)[1] < 6


@pytest.mark.parametrize("kernel_class", ["product", "conv", "attention", "elementwise", "softmax", "norm", "rms_norm"])
def test_the_band_holds_eight_of_ten(found: list[Scored], kernel_class: KernelClass) -> None:
    """Of rows whose constants are fitted; a band that held them all would say nothing."""
    band = band_of(kernel_class, "fitted")
    ratios_ = [one.row.measured_s / one.bench_s for one in found if one.row.work.kernel_class == kernel_class]
    held = sum(band.low <= ratio <= band.high for ratio in ratios_) / len(ratios_)
    assert 0.75 < held < 0.97


def test_convolutions(found: list[Scored]) -> None:
    rows = [one for one in found if one.row.device == "A100-PCIE-80GB" and one.row.op == "conv"]
    assert errors(rows)[0] < 32


def test_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    found = end_to_end(DATA)
    capsys.readouterr()
    assert found["eager"] < 6
    assert found["torch.compile"] < 9


@pytest.mark.parametrize(
    "kernel",
    [
        "PIMFlow_ramulator gemv",
        "PIMSimulator add",
        "PIMSimulator gemv",
        "PIMSimulator mul",
        "PIMSimulator relu",
        "aim_simulator gemv",
        "attacc_simulator attention, to 16 heads",
        "attacc_simulator attention, to 64",
        "attacc_simulator attention, to 256",
        "attacc_simulator attention, more",
    ],
)
def test_pim_kernels(kernel: str) -> None:
    """Median within 5 percent, p10 to p90 within 15, of each simulator and op, AttAcc by its number of heads."""
    values = ratios(DATA)[kernel]
    cuts = quantiles(values, n=10, method="inclusive")
    assert abs(median(values) - 1) < 0.05
    assert cuts[0] > 0.85
    assert cuts[-1] < 1.15
