"""OpenMetrics text: a gauge a figure, labelled by model, size and system. Source: the OpenMetrics 1.0 specification."""

import re

from onnx_roofline.base.text import visible
from onnx_roofline.ci.findings import Report
from onnx_roofline.ci.formats.figures import figures

_UNITS = {"B": "bytes", "s": "seconds", "J": "joules", "%": "ratio"}


def render(report: Report) -> str:
    """Families in alphabetical order, each with its samples."""
    families: dict[str, list[str]] = {}
    for run, metric, value, unit in figures(report):
        name, labels = family_of(metric, _UNITS.get(unit, ""))
        labels = {"model": run.model, "at": run.at, "system": run.system, **labels}
        text = ",".join(f'{key}="{escape(visible(item))}"' for key, item in labels.items() if item)
        families.setdefault(name, []).append(f"{name}{{{text}}} {value}")
    lines = []
    for name in sorted(families):
        ending = name.rpartition("_")[2]
        lines.append(f"# TYPE {name} gauge")
        lines += [f"# UNIT {name} {ending}"] if ending in _UNITS.values() else []
        lines += families[name]
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def family_of(metric: str, unit: str) -> tuple[str, dict[str, str]]:
    """Name of the family, which ends with its unit, and the labels that a selector or a device becomes.

    >>> family_of("time_s.placement", "seconds"), family_of("op[Conv].flops", "")
    (('onnx_roofline_time_seconds', {'on': 'placement'}), ('onnx_roofline_op_flops', {'op': 'Conv'}))
    """
    labels: dict[str, str] = {}
    selector = re.fullmatch(r"(op|module)\[(.+)\]\.(\w+)", metric, re.DOTALL)
    if selector is not None:
        labels[selector[1]] = selector[2]
        metric = f"{selector[1]}_{selector[3]}"
    elif "." in metric:
        metric, _, device = metric.partition(".")
        labels["on"] = device
    base = re.sub(r"_(bytes|s|j|share)$", "", metric)
    return f"onnx_roofline_{base}{'_' + unit if unit else ''}", labels


def escape(text: str) -> str:
    r"""A label's value.

    >>> escape('a"b\\c')
    'a\\"b\\\\c'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
