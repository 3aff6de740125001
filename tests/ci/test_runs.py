"""Many models: processes that end, limits, the cache, rows, and a cluster that loses a worker."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import planting as p
import pytest

from onnx_roofline.analysis import analyze as home
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.measure import Job, Outcome, measure
from onnx_roofline.ci.runs import pool as pools
from onnx_roofline.ci.runs import worker
from onnx_roofline.ci.runs.cache import Cache, default_folder
from onnx_roofline.ci.runs.pool import Pool
from onnx_roofline.ci.runs.runner import Runner
from onnx_roofline.ci.runs.worker import Allowed
from onnx_roofline.cli.main import main

# A worker in which models of certain names do what no analysis should: end the process, hang, take memory.
PLANTED = """
import os, signal, sys, time
sys.path[:0] = {path!r}
from onnx_roofline.analysis import analyze as home
from onnx_roofline.ci.runs import worker
real = home.analyze
def analyze(path, settings):
    if "segfault" in path: os.kill(os.getpid(), signal.SIGSEGV)
    if "killed" in path: os.kill(os.getpid(), signal.SIGKILL)
    if "leaves" in path: os._exit(3)
    if "hangs" in path:
        open(path + ".begun", "x").close()
        time.sleep(600)
    if "greedy" in path: kept = bytearray(3 * 10**9)
    if "fault" in path: raise ZeroDivisionError("planted")
    if "prints" in path: os.write(1, b"noise of a library")
    return real(path, settings)
home.analyze = analyze
worker.main()
"""


PLAIN = Settings()


def numpy_memory_error() -> MemoryError:
    """What numpy raises for an array of an exabyte."""
    try:
        np.empty(2**60, np.int8)
    except MemoryError as error:
        return error
    raise AssertionError("an array of an exabyte was made")


def nothing(name: str, position: int, count: int) -> None:
    """No progress is shown."""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    code = PLANTED.format(path=sys.path)
    monkeypatch.setattr(pools, "command", lambda: [sys.executable, "-P", "-c", code])


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six models of other widths in a folder, two of them deeper; the current folder is above."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "deep").mkdir(parents=True)
    for number in range(6):
        p.dense(tmp_path / "models" / ("deep" if number > 3 else "") / f"m{number}.onnx", 16, 16 + number)
    return tmp_path


def jobs_of(folder: Path) -> list[Job]:
    return [Job(str(path), Settings()) for path in sorted(folder.rglob("*.onnx"))]


def run(jobs: list[Job], processes: int = 2, **limits: float) -> list[Outcome]:
    """What a pool says, each job once."""
    found: dict[int, Outcome] = {}
    with Pool(processes, Allowed(**limits)) as pool:
        for position, outcome in pool.run(jobs):
            assert position not in found
            found[position] = outcome
    return [found[position] for position in range(len(jobs))]


def test_processes_say_what_one_process_says(models: Path) -> None:
    jobs = [Job(job.path, job.settings, with_nodes=True) for job in jobs_of(models)]
    assert run(jobs) == [measure(job) for job in jobs]


@pytest.mark.usefixtures("planted")
def test_a_process_that_ends_takes_one_outcome_with_it(models: Path) -> None:
    for name in ("segfault", "killed", "leaves", "fault", "prints"):
        p.dense(models / "models" / f"{name}.onnx", 8, 8)
    outcomes = {
        Path(job.path).stem: outcome for job, outcome in zip(jobs_of(models), run(jobs_of(models)), strict=True)
    }
    said = {name: (found.code, found.failure) for name, found in outcomes.items() if found.snapshot is None}
    folder = models / "models"
    assert said == {
        "segfault": (70, f"{folder}/segfault.onnx: the process that analysed it was ended by SIGSEGV"),
        "killed": (70, f"{folder}/killed.onnx: the process that analysed it was ended by SIGKILL, perhaps for want of "
                       "memory"),
        "leaves": (70, f"{folder}/leaves.onnx: the process that analysed it ended with exit code 3"),
        "fault": (70, "ZeroDivisionError: planted"),
    }  # fmt: skip
    assert len(outcomes) - len(said) == 7


@pytest.mark.usefixtures("planted")
def test_a_limit_is_a_models_own(models: Path) -> None:
    for name in ("hangs", "greedy"):
        p.dense(models / "models" / f"{name}.onnx", 8, 8)
    jobs = jobs_of(models)
    started = time.monotonic()
    outcomes = run(jobs, time_s=5.0, memory_bytes=10**9)
    assert time.monotonic() - started < 60
    said = {Path(job.path).stem: o for job, o in zip(jobs, outcomes, strict=True) if o.snapshot is None}
    assert {name: found.code for name, found in said.items()} == {"hangs": 2, "greedy": 2}
    assert "took more than 5 s; raise the limit with --time-limit-s" in said["hangs"].failure
    assert "takes more than 1 GB of memory; raise the limit with --memory-limit-gb" in said["greedy"].failure


class MemoryErrorLikeError(Exception):
    """No lack of memory, whatever its name begins with."""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 2, "takes more than 8 GB of memory"),
        # numpy's is a kind of MemoryError with a name of its own.
        (numpy_memory_error(), 2, "takes more than 8 GB of memory"),
        (MemoryErrorLikeError("planted"), 70, "MemoryErrorLikeError: planted"),
        (RuntimeError("MemoryError"), 70, "RuntimeError: MemoryError"),
    ],
)
def test_a_lack_of_memory_is_told_by_its_type(
    error: Exception, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(home, "analyze", fail)
    monkeypatch.setattr(worker, "_limit_memory", lambda _: lambda: None)
    outcome = worker.measure_within(Job("m.onnx", PLAIN), Allowed())
    assert outcome.code == code
    assert said in outcome.failure


def test_a_process_that_does_not_start_is_said(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_of(models)[:3]
    for command, text in ((["/nowhere/python"], "No such file or directory"),
                          ([sys.executable, "-c", "raise SystemExit(4)"], "ended with exit code 4")):  # fmt: skip
        monkeypatch.setattr(pools, "command", lambda command=command: command)
        assert [outcome.code for outcome in run(jobs)] == [70] * 3
        assert all(text in outcome.failure for outcome in run(jobs))


def test_processes_go_when_the_pool_is_closed(models: Path) -> None:
    pool = Pool(2, Allowed())
    assert len(list(pool.run(jobs_of(models)))) == 6
    pids = [worker.pid for worker in pool.workers]
    processes = [worker._process for worker in pool.workers]
    pool.close()
    assert [process.returncode for process in processes if process] == [-signal.SIGKILL] * 2
    assert all(pids)


class Counting:
    """An executor that analyses here and notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, jobs: list[Job]) -> object:
        for position, job in enumerate(jobs):
            self.asked.append(Path(job.path).name)
            yield position, measure(job)

    def close(self) -> None:
        pass


Again = Callable[..., list[str]]


@pytest.fixture
def again(models: Path) -> Again:
    """Measure the models once more with the cache of this test; the names of those that were analysed."""

    def measured(settings: Settings = PLAIN, **more: object) -> list[str]:
        jobs = [Job(job.path, settings, **more) for job in jobs_of(models)]
        counting = Counting()
        with Runner(lambda: counting, cache=Cache(str(models / "cache")), alone=False) as runner:
            assert runner.measure(jobs, nothing) == [measure(job) for job in jobs]
        return counting.asked

    return measured


ALL = [f"m{number}.onnx" for number in (4, 5, 0, 1, 2, 3)]


def test_an_unchanged_model_is_analysed_once(again: Again, models: Path) -> None:
    assert again() == ALL
    assert again() == []
    p.dense(models / "models" / "m2.onnx", 16, 99)
    assert again() == ["m2.onnx"]
    assert again() == []


def test_other_options_are_another_entry(again: Again, models: Path) -> None:
    system = models / "mine.yaml"
    shipped = p.ROOT / "hw_profiles" / "teaching.yaml"
    system.write_text(shipped.read_text("utf-8"), "utf-8")
    for settings, more in (
        (Settings(), {}), (Settings(), {"with_nodes": True}), (Settings(assume_dtype="float16"), {}),
        (Settings(objective="latency", pim_model="roofline"), {}), (Settings(system=str(system)), {}),
    ):  # fmt: skip
        assert again(settings, **more) == ALL
        assert again(settings, **more) == []
    system.write_text(shipped.read_text("utf-8") + "# another comment\n", "utf-8")
    assert again(Settings(system=str(system))) == []


def test_a_profile_is_all_that_it_starts_from(again: Again, models: Path) -> None:
    """In whatever folder: 1 GB/s instead of 800 is another time of every model."""
    (models / "base").mkdir()
    base, system = models / "base" / "gpu.yaml", models / "mine.yaml"
    shipped = (p.ROOT / "hw_profiles" / "teaching-gpu.yaml").read_text("utf-8")
    base.write_text(shipped, "utf-8")
    system.write_text("schema: 1\nextends: base/gpu.yaml\nname: Mine\nsources: {}\n", "utf-8")
    assert again(Settings(system=str(system))) == ALL
    assert again(Settings(system=str(system))) == []
    base.write_text(shipped.replace("external: 800", "external: 1"), "utf-8")
    assert again(Settings(system=str(system))) == ALL


def test_weights_that_come_or_go_are_noticed(again: Again, models: Path) -> None:
    """A warning says that they are not there."""
    again()
    (models / "models" / "weights.bin").write_bytes(b"")
    assert sorted(again()) == ["m0.onnx", "m1.onnx", "m2.onnx", "m3.onnx"]
    (models / "models" / "weights.bin").unlink()
    assert sorted(again()) == ["m0.onnx", "m1.onnx", "m2.onnx", "m3.onnx"]


def test_a_damaged_entry_is_none(again: Again, models: Path) -> None:
    again()
    entries = sorted((models / "cache").rglob("*.json"))
    assert len(entries) == 6
    for entry, data in zip(entries, (b"", b"{", b"[]", b"\xff", b'{"snapshot": 1}', b"null"), strict=True):
        entry.write_bytes(data)
    assert sorted(again()) == sorted(ALL)
    assert again() == []


def test_a_folder_that_cannot_be_written_fails_nothing(again: Again, models: Path) -> None:
    (models / "cache").write_bytes(b"a file")
    assert again() == ALL
    assert again() == ALL


def test_a_file_that_changes_under_the_run_is_not_kept(models: Path) -> None:
    (models / "models" / "deep" / "m5.onnx").unlink()
    job = jobs_of(models)[0]
    cache = Cache(str(models / "cache"))
    key = cache.key(job)
    assert key is not None
    p.dense(Path(job.path), 16, 77)
    snapshot = measure(job).snapshot
    assert snapshot is not None
    cache.put(key, job, snapshot)
    assert cache.get(key, job) is None


def test_old_entries_go(again: Again, models: Path) -> None:
    again()
    entries = sorted((models / "cache").rglob("*.json"))
    old = time.time() - 40 * 86_400
    for path in (entries[0], *(models / "cache").rglob("cleaned")):
        os.utime(path, (old, old))
    Cache(str(models / "cache")).clean()
    assert sorted((models / "cache").rglob("*.json")) == entries[1:]


def test_where_entries_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for stated, found in (("off", None), ("", None), ("/x", "/x")):
        monkeypatch.setenv("ONNX_ROOFLINE_CACHE", stated)
        assert default_folder() == found
    monkeypatch.delenv("ONNX_ROOFLINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/y")
    if sys.platform == "linux":
        assert default_folder() == os.path.join("/y", "onnx-roofline")


def test_a_row_a_model(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """16 -> 16 to 21 wide at 8 rows: 8 * 16 * (16 + n) MACs."""
    import pyarrow.parquet as parquet

    (models / "models" / "broken.onnx").write_bytes(b"not a model")
    arguments = ["analyze", "models", "--format", "csv", "--json", "rows.json", "--parquet", "rows.parquet"]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    macs = {row["model"]: row["macs"] for row in rows}
    assert macs == {
        "models/broken.onnx": "",
        **{f"models/m{n}.onnx": str(8 * 16 * (16 + n)) for n in range(4)},
        **{f"models/deep/m{n}.onnx": str(8 * 16 * (16 + n)) for n in (4, 5)},
    }
    assert {row["model"]: row["status"] for row in rows if row["status"] != "analysed"} == {
        "models/broken.onnx": "refused"
    }
    assert "models/broken.onnx: is not an ONNX model" in err
    read = parquet.read_table("rows.parquet").to_pylist()
    assert [(row["model"], row["macs"]) for row in read] == [
        (name, int(value) if value else None) for name, value in macs.items()
    ]
    assert json.loads(Path("rows.json").read_text("utf-8"))["models"] == read


def test_the_table_has_its_system_and_the_longest_first(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without launches the time grows with the width."""
    assert main(["analyze", "models", "--system", "teaching-gpu", "--assume-dtype", "float16", "--order", "time"]) == 0
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("A row a model of models/ on teaching-gpu, floating tensors ASSUMED float16")
    assert [row.split()[0] for row in rows[:6]] == [
        "deep/m5.onnx",
        "deep/m4.onnx",
        *(f"m{n}.onnx" for n in (3, 2, 1, 0)),
    ]
    assert main(["analyze", "models/deep", "models/m0.onnx"]) == 0
    _, _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[:3]] == ["deep/m4.onnx", "deep/m5.onnx", "m0.onnx"]


def test_several_files_and_folders_are_named_once(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "empty").mkdir()
    assert main(["analyze", "models/m0.onnx", "models/deep", "models/../models/m0.onnx"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "3 models: 3 analysed"
    assert out.count("m0.onnx") == 1
    assert main(["analyze", "empty"]) == 2
    assert "empty: found no .onnx file in this folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--plot", "x.svg"], "--plot: is of one model"),
        (["--html", "x.html"], "--html: is of one model"),
        (["--sweep", "batch=1..8"], "--sweep: is of one model"),
        (["--explain-traffic", "x"], "--explain-traffic: is of one model"),
        (["--parquet", "-"], "is no text; name a file"),
        (["--parquet", "models/m0.onnx"], "is a file that this command reads"),
        (["--json", "models/weights.bin"], "is a file that this command reads"),
        (["--jobs", "0"], "wanted 1 or more processes"),
        (["--time-limit-s", "0"], "--time-limit-s 0: wanted more than 0"),
        (["--memory-limit-gb", "nan"], "--memory-limit-gb nan: wanted more than 0"),
        (["--executor", "ray://x"], "wanted dask://HOST:PORT"),
        (["--executor", "dask://127.0.0.1:0"], "wanted dask://HOST:PORT"),
    ],
)
def test_refusals(arguments: list[str], found: str, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "models" / "weights.bin").write_bytes(b"weights")
    assert main(["analyze", "models", *arguments]) == 2
    assert found in capsys.readouterr().err
    assert (models / "models" / "weights.bin").read_bytes() == b"weights"


@pytest.mark.usefixtures("planted")
def test_a_crash_hides_no_broken_budget(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(models))
    p.dense(models / "models" / "segfault.onnx", 8, 8)
    budgets = "version: 1\nmodels:\n  - path: models/**/*.onnx\n    budgets: {macs: 2.6 kMAC}\n"
    (models / "onnx-roofline.yaml").write_text(budgets, "utf-8")
    assert main(["check"]) == 70
    out, err = capsys.readouterr()
    # 8 * 16 * 21 = 2,688 is over, 8 * 16 * 20 = 2,560 is not
    assert "models/deep/m5.onnx: macs is 2.688 kMAC" in out
    assert out.splitlines()[-1] == "7 models, 6 budgets: 1 broken, 1 without a verdict"
    assert "segfault.onnx: the process that analysed it was ended by SIGSEGV" in err


def test_an_interrupt_ends_the_processes_too(models: Path) -> None:
    """Ctrl-C reaches every process of the terminal; the workers leave it to the command, which ends them."""
    for name in ("hangs_1", "hangs_2"):
        p.dense(models / "models" / f"{name}.onnx", 8, 8)
    worker = [sys.executable, "-P", "-c", PLANTED.format(path=sys.path)]
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from onnx_roofline.ci.runs import pool\n"
        f"pool.command = lambda: {worker!r}\n"
        "from onnx_roofline.cli.main import main\n"
        "raise SystemExit(main(['analyze', 'models', '--jobs', '2']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(models.rglob("*.begun"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        # Both pipes end only when nobody holds them: the workers are gone as well.
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (130, b"onnx-roofline: interrupted\n")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


PLUGIN = """
from onnx_roofline import plugin

@plugin.rule("Twice", domain="mine")
def twice(op):
    "Two multiplications an element, by nobody's book."
    return plugin.elementwise(muls=2)(op)

@plugin.pim_time("slow")
def slow(device, kernel):
    return 1.0
"""


def test_plugins_are_read_by_every_process(models: Path) -> None:
    """Their rules and time models count in the pool as in one process, and nothing of it is remembered."""
    for name in ("one", "two"):
        model = p.dense_model(16, 16)
        model.graph.node[1].domain, model.graph.node[1].op_type = "mine", "Twice"
        model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
        onnx.save(model, models / f"{name}.onnx")
    (models / "mine.py").write_text(PLUGIN, "utf-8")
    command = [
        sys.executable, "-m", "onnx_roofline", "analyze", "one.onnx", "two.onnx", "--plugin", "mine.py",
        "--pim-model", "slow", "--format", "csv",
    ]  # fmt: skip
    path = os.pathsep.join([str(p.ROOT), *sys.path])
    environment = {**os.environ, "ONNX_ROOFLINE_CACHE": str(models / "kept"), "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    # 2 multiplications for each of 8 * 16 elements
    assert [(row["muls"], row["unknown_ops"], row["status"]) for row in rows] == [("256", "0", "analysed")] * 2
    assert not (models / "kept").exists()


@pytest.mark.parametrize("option", [["--time-limit-s", "5"], ["--memory-limit-gb", "1"], ["--executor", "dask://h:1"]])
def test_one_models_report_has_no_limit_of_many(
    option: list[str], models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "models/m0.onnx", *option]) == 2
    assert f"{option[0]}: is of a row a model" in capsys.readouterr().err


@pytest.mark.usefixtures("planted")
def test_a_crash_takes_no_remembered_verdict_with_it(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two models is known from an earlier run; the other still gets a process of its own."""
    monkeypatch.setenv("ONNX_ROOFLINE_CACHE", str(models / "kept"))
    assert main(["analyze", "models/m0.onnx"]) == 0
    assert main(["analyze", "models/m0.onnx", "models/m1.onnx"]) == 0
    p.dense(models / "models" / "segfault.onnx", 8, 8)
    capsys.readouterr()
    assert main(["analyze", "models/m0.onnx", "models/segfault.onnx"]) == 70
    assert capsys.readouterr().out.splitlines()[-1] == "2 models: 1 analysed, 1 crashed"


def test_a_check_remembers(models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONNX_ROOFLINE_CACHE", str(models / "kept"))
    (models / "onnx-roofline.yaml").write_text(
        "version: 1\nmodels:\n  - path: models/*.onnx\n    budgets: {macs: 2.2 kMAC}\n", "utf-8"
    )
    assert main(["check"]) == 1
    first = capsys.readouterr()
    monkeypatch.setattr(pools, "command", lambda: ["/nowhere/python"])
    assert main(["check"]) == 1
    assert capsys.readouterr() == first
    assert main(["check", "--fresh"]) == 70


def test_a_cluster_that_loses_a_worker_has_every_result_once(models: Path, tmp_path: Path) -> None:
    """A scheduler and two workers of this machine; one is killed when the first results are there."""
    pytest.importorskip("distributed")
    from onnx_roofline.ci.runs.cluster import Cluster

    address = tmp_path / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        code = f"from distributed.cli.{kind} import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started.append(process)
        return process

    try:
        start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)
        )
        deadline = time.monotonic() + 60
        while not (address.exists() and address.read_text("utf-8").strip()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        worker = ("--no-dashboard", "--no-nanny", "--nthreads", "1", "--scheduler-file", str(address))
        workers = [start("dask_worker", *worker, "--name", name) for name in ("a", "b")]
        url = json.loads(address.read_text("utf-8"))["address"].replace("tcp://", "dask://")
        cluster = Cluster(url, Allowed(time_s=60))
        try:
            cluster._client.wait_for_workers(2, timeout=60)
            jobs = [Job(os.path.relpath(job.path), Settings(dims=dims)) for job in jobs_of(models)
                    for dims in ({}, {"x0.0": 2}, {"x0.0": 4})]  # fmt: skip
            found: list[int] = []
            outcomes: dict[int, Outcome] = {}
            for position, outcome in cluster.run(jobs):
                found.append(position)
                outcomes[position] = outcome
                if len(found) == 2:
                    workers[0].kill()
            assert sorted(found) == list(range(18))
            for position, job in enumerate(jobs):
                expected, there = measure(job).snapshot, outcomes[position].snapshot
                assert expected is not None
                assert there is not None, outcomes[position].failure
                assert (there.path, there.totals) == (job.path, expected.totals)
        finally:
            cluster.close()
    finally:
        for process in reversed(started):
            process.kill()
            process.wait(30)


def test_no_scheduler_is_said(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    from onnx_roofline.ci.runs import cluster

    monkeypatch.setattr(cluster, "_CONNECT_LIMIT_S", 1.0)
    assert main(["analyze", "models", "--executor", "dask://127.0.0.1:9"]) == 2
    assert "--executor dask://127.0.0.1:9: no scheduler answers" in capsys.readouterr().err


def test_cached_figures_of_a_large_model_are_the_same(tmp_path: Path) -> None:
    """Every field of a snapshot with its ops survives the file."""
    onnx.save(p.sample("resnet50"), tmp_path / "resnet50.onnx")
    job = Job(str(tmp_path / "resnet50.onnx"), Settings(assume_dtype="float16"), with_nodes=True)
    cache = Cache(str(tmp_path / "cache"))
    key, fresh = cache.key(job), measure(job).snapshot
    assert key is not None
    assert fresh is not None
    cache.put(key, job, fresh)
    assert cache.get(key, job) == fresh
