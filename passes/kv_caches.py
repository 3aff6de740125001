"""Caches of keys and values: which inputs hold one, and what each op leaves in place in a shared buffer."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct, field

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.memory.cache_options import CacheOptions
from onnx_roofline.memory.kv_caches import InPlace, find_caches

_NOTHING = InPlace()


class KvCaches(Struct, frozen=True):
    """Options: `caches`, model outputs by the inputs that they are the caches of; `no_caches`, inputs that are none."""

    caches: Mapping[str, str] = field(default_factory=dict)
    no_caches: tuple[str, ...] = ()

    name: ClassVar[str] = "kv-caches"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work)
    produces: ClassVar[type] = InPlace

    def run(self, model: Model) -> PassResult:
        """An InPlace for every row, and the Caches."""
        caches, kept = find_caches(model, CacheOptions(self.caches, self.no_caches))
        return PassResult({key: kept.get(key, _NOTHING) for key in model.column(TypedOp)}, wholes=(caches,))
