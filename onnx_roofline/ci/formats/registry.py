"""Formats by name; the module of one is imported when it is asked for."""

import importlib
from typing import Any

import msgspec
from msgspec import Struct

from onnx_roofline.ci.findings import Report


class Format(Struct, frozen=True):
    """A format: what it is for, and the module whose `render(report)` makes the text."""

    name: str
    about: str
    module: str


FORMATS: dict[str, Format] = {
    name: Format(name, about, module)
    for name, about, module in (
        ("full", "findings with their place, cause and advice, for people", "text"),
        ("concise", "a line a finding", "concise"),
        ("json", "everything, for programs", "json"),
        ("markdown", "a table for a pull request", "markdown"),
        ("github", "annotations of GitHub Actions, and the job summary", "github"),
        ("gitlab", "GitLab's code quality report", "gitlab"),
        ("sarif", "SARIF 2.1.0, for code scanning", "sarif"),
        ("junit", "JUnit XML, a test case a budget", "junit"),
        ("openmetrics", "OpenMetrics text, for GitLab's metrics report and Prometheus", "openmetrics"),
        ("github-action-benchmark", "customSmallerIsBetter of github-action-benchmark", "benchmark"),
        ("bencher", "Bencher metric format", "bencher"),
    )
}


def render(name: str, report: Report) -> str:
    """The report as text in a format."""
    try:
        msgspec.json.encode(report)
    except UnicodeEncodeError:
        # The name of a file that is no Unicode.
        report = msgspec.convert(_encodable(msgspec.to_builtins(report)), Report)
    module = importlib.import_module(f"onnx_roofline.ci.formats.{FORMATS[name].module}")
    text: str = module.render(report)
    return text


def _encodable(value: Any) -> Any:
    """The same with lone surrogates escaped, which no encoding of Unicode has."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value
