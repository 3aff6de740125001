"""How many sampled mutants of a module its tests notice: `python tests/mutation/mutate.py [--sample N] MODULE...`.

Works in a temporary copy of the tree, one mutant at a time, with the tests that `targets.toml` names for the module,
stopping at the first that fails. A mutant that makes the tests run several times as long counts as noticed. One that
survives is either a test that is missing or a change that changes nothing; which, a reader has to say.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
TARGETS = Path(__file__).with_name("targets.toml")
# Folders that no test of a module needs; a copy of the rest takes a second.
LEFT_OUT = (".git", ".venv", "build", "dist", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")
# A mutant may take this many times as long as the tests do without one, and this much more, in seconds.
PATIENCE, GRACE_S = 3.0, 20.0
# Address space of the tests of one mutant, of which a changed size may ask for anything.
MEMORY_BYTES = 8 * 2**30


def targets() -> dict[str, list[str]]:
    """Module -> test files and folders, as in targets.toml."""
    found: dict[str, list[str]] = tomllib.loads(TARGETS.read_text("utf-8"))["tests"]
    return found


def sampled(modules: Sequence[str], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """`count` mutants of all modules together, as many of each as they have where that is even; the seed decides."""
    draw = random.Random(seed)
    shuffled = {}
    for module in modules:
        shuffled[module] = list(mutants_of((ROOT / module).read_text("utf-8")))
        draw.shuffle(shuffled[module])
    chosen: list[tuple[str, Mutant]] = []
    while len(chosen) < count and any(shuffled.values()):
        chosen += [(module, rest.pop()) for module, rest in shuffled.items() if rest]
    return sorted(chosen[:count], key=lambda pair: (modules.index(pair[0]), pair[1].start))


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def outcome(copy: Path, tests: Sequence[str], limit_s: float | None) -> str:
    """ "passed", "failed", "timeout", or "broken" where the tests could not be run at all."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    # The copy's packages come before an installed one; no compiled file of a mutant outlives it.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    # A session of its own, so that what the tests start ends with them.
    running = subprocess.Popen(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=_limit_memory)  # fmt: skip
    try:
        code = running.wait(limit_s)
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    # 2 is an error while tests are collected, which a mutant that can't be imported is.
    return {0: "passed", 1: "failed", 2: "failed"}.get(code, "broken")


def measure(modules: Sequence[str], count: int, seed: int) -> int:
    """Prints every mutant that survives and the score; the exit code is 0 whatever the score, 2 for broken tests."""
    wanted = targets()
    unknown = [module for module in modules if module not in wanted]
    if unknown:
        print(f"{TARGETS.name}: found no tests of {', '.join(unknown)}; it has {', '.join(wanted)}", file=sys.stderr)
        return 2
    chosen = sampled(modules, count, seed)
    totals = {module: [0, 0] for module in modules}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        limits: dict[str, float] = {}
        for module, mutant in chosen:
            if module not in limits:
                started = time.monotonic()
                found = outcome(copy, wanted[module], None)
                if found != "passed":
                    print(f"{module}: its tests fail without a mutant ({found})", file=sys.stderr)
                    return 2
                limits[module] = PATIENCE * (time.monotonic() - started) + GRACE_S
            text = (copy / module).read_text("utf-8")
            (copy / module).write_text(mutant.apply(text), "utf-8")
            found = outcome(copy, wanted[module], limits[module])
            (copy / module).write_text(text, "utf-8")
            # A mutant that ends the interpreter is noticed too.
            totals[module][0] += found != "passed"
            totals[module][1] += 1
            if found == "passed":
                print(f"survived {module}:{mutant.line}: {mutant.what}", flush=True)
    for module, (killed, total) in totals.items():
        print(f"{module}: {killed} of {total} killed")
    killed, total = (sum(pair[position] for pair in totals.values()) for position in (0, 1))
    print(f"{killed} of {total} killed ({killed / total:.0%}), seed {seed}" if total else "no mutants")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, default=12, metavar="N", help="mutants in all (default: 12)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="which mutants are drawn (default: 0)")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="as in targets.toml (default: all of them)")
    options = parser.parse_args()
    return measure(options.modules or list(targets()), options.sample, options.seed)


if __name__ == "__main__":
    sys.exit(main())
