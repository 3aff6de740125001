"""What attention leaves out of queries x keys."""

from msgspec import Struct


class Masking(Struct, frozen=True):
    """What of queries x keys fused attention computes: counts are of the whole square all the same.

    `group` query heads share a key head, whose product has their queries one after the other. `causal`: a query meets
    no later key, the last one all; `window` is how many keys stay visible before a query, 0 all of them.
    """

    group: int = 1
    causal: bool = False
    window: int = 0
