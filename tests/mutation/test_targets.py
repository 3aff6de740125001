"""The measure of the tests itself: its mutants are the ones it says, and what it names is there. Runs no mutant."""

import doctest
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


def loaded(name: str) -> ModuleType:
    """A script of this folder as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_examples_are_right() -> None:
    result = doctest.testmod(loaded("mutants"))
    assert (result.failed, result.attempted) == (0, 3)


def test_what_the_targets_name_is_there() -> None:
    loaded("mutants")
    for module, tests in loaded("mutate").targets().items():
        assert [path for path in (module, *tests) if not (ROOT / path).exists()] == [], module


@pytest.mark.parametrize(
    ("text", "mutants"),
    [
        ("x: int = 1", ["1 -> 2", "1 -> 0"]),  # the annotation is left alone
        ("if a == b:\n    pass", ["a == b -> a != b"]),
        ("if a:\n    pass", ["a -> not a"]),
        ("x = [b for b in c if d]", ["d -> not d"]),
        ("x = a and b", ["a and b -> a or b"]),
        (
            "x = 1 < a <= 2",
            ["1 < a <= 2 -> 1 <= a <= 2", "1 < a <= 2 -> 1 < a < 2", "1 -> 2", "1 -> 0", "2 -> 3", "2 -> 1"],
        ),
        ("x = f(a, a)", []),
        ("x = f(*a, b)", []),
        ("x = zip(a, a, strict=True)", []),
        ("@cache(maxsize=9)\ndef f(a: A[1] = 2) -> B[3]:\n    pass", ["2 -> 3", "2 -> 1"]),
        ("x = f'{a + 1}'", []),
        ("assert a < b", []),
        ("raise A(1, 2)", []),
        ("from a import b", []),
        ("x = 'é' + y * z", ["'é' + y * z -> 'é' - y * z", "y * z -> y + z"]),
    ],
)
def test_mutants_of_a_line(text: str, mutants: list[str]) -> None:
    assert sorted(one.what for one in loaded("mutants").mutants_of(text)) == sorted(mutants)
    for one in loaded("mutants").mutants_of(text):
        compile(one.apply(text), "mutant", "exec")


def test_a_sample_is_even_and_the_seeds() -> None:
    loaded("mutants")
    mutate = loaded("mutate")
    modules = list(mutate.targets())[:3]
    first, again, other = (mutate.sampled(modules, 10, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert [sum(module == one for one, _ in first) for module in modules] == [4, 3, 3]
