"""Scopes of a model, each with the rows in it, in the order in which sums over what they run can be formed."""

from collections.abc import Mapping

from onnx_roofline.ir.records import TypedOp


def rows_by_scope(rows: Mapping[str, TypedOp]) -> dict[str, list[str]]:
    """Row ids of every scope that has any, and of the main graph."""
    members: dict[str, list[str]] = {"": []}
    for key, row in rows.items():
        members.setdefault(row.scope, []).append(key)
    return members


def callees_first(rows: Mapping[str, TypedOp], members: Mapping[str, list[str]]) -> list[str]:
    """Scopes with every scope after those it runs; the main graph is last."""
    order: list[str] = []
    done: set[str] = set()
    pending: list[tuple[str, bool]] = [("", False)]
    while pending:
        scope, is_expanded = pending.pop()
        if is_expanded:
            order.append(scope)
            continue
        if scope in done:
            continue
        done.add(scope)
        pending.append((scope, True))
        pending.extend(
            (body.scope, False) for key in members.get(scope, ()) for body in rows[key].bodies if body.scope not in done
        )
    return order
