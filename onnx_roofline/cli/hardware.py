"""The commands that need no model: `hw`, `ops` and `schema`."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.printing import one_line, print_table

if TYPE_CHECKING:
    from onnx_roofline.hardware import Device


def run_hw_list(options: argparse.Namespace) -> int:
    """The shipped profiles."""
    from onnx_roofline.hardware import shipped_profiles

    print_table(("name", "kind", "what it is"), shipped_profiles())
    return DONE


def run_hw_show(options: argparse.Namespace) -> int:
    """The figures of a device or system."""
    from onnx_roofline.report.profiles import profile_rows, profile_yaml

    if options.yaml:
        for line in profile_yaml(options.profile):
            print(line)
        return DONE
    rows = profile_rows(options.profile)
    print_table(("figure", "value", "label", "source"), rows)
    return DONE


def run_hw_new(options: argparse.Namespace) -> int:
    """The lines of a profile to begin with."""
    from onnx_roofline.report.profiles import new_profile

    for line in new_profile(options.parent):
        print(line)
    return DONE


def run_hw_lint(options: argparse.Namespace) -> int:
    """Whether the figures of devices, and of the devices of systems, agree with each other."""
    from onnx_roofline.hardware import lint, shipped_profiles
    from onnx_roofline.ops.cost.lookup import all_rules

    names = options.profiles or [slug for slug, _, _ in shipped_profiles()]
    ops = {rule.op_type for rule in all_rules()}
    found = 0
    for label, device in (one for name in names for one in _devices_of(name)):
        for finding in lint(device, ops):
            found += 1
            print(one_line(f"{label}: {finding.path}: {finding.message} [{finding.code}]"))
    if found:
        return BROKEN
    print(f"{', '.join(names)}: every figure that has a check agrees with it")
    return DONE


def _devices_of(name: str) -> "Iterator[tuple[str, Device]]":
    """A device by its name, or both devices of a system, each with what a message calls it."""
    from onnx_roofline.hardware import load_device, load_system, profile_kind

    if profile_kind(name) != "system":
        yield name, load_device(name)
        return
    for device in load_system(name).devices:
        yield f"{name}: {device.slug}", device


def run_ops(options: argparse.Namespace) -> int:
    """The rule table."""
    from onnx_roofline.ops.cost.lookup import all_rules

    rules = [r for r in all_rules() if options.domain in (None, r.domain or "ai.onnx")]
    if not rules:
        domains = sorted({rule.domain or "ai.onnx" for rule in all_rules()})
        raise UsageError(f"--domain {options.domain}: found no rules of that domain; known: {', '.join(domains)}")
    rows = [(rule.domain or "ai.onnx", rule.op_type, str(rule.since), rule.formula, rule.source) for rule in rules]
    if options.format == "csv":
        import csv

        csv.writer(sys.stdout, lineterminator="\n").writerows([("domain", "op", "since", "counts", "source"), *rows])
        return DONE
    print_table(("domain", "op", "since", "counts (n: output elements)", "source"), rows)
    print(f"{len(rows)} rules for {len({row[:2] for row in rows})} ops")
    return DONE


def run_schema(options: argparse.Namespace) -> int:
    """The JSON Schema of a document."""
    import json

    from onnx_roofline.ci.budget_schema import budget_schema
    from onnx_roofline.report.contract import schema_of

    schema = budget_schema() if options.document == "budgets" else schema_of(options.document)
    sys.stdout.write(json.dumps(schema, indent=1) + "\n")
    return DONE
