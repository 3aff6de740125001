"""Shipped profiles by the names that people use for them."""

import re
from collections.abc import Callable, Iterable

from onnx_roofline.base.errors import ProfileError
from onnx_roofline.base.text import shown


def shipped_name(wanted: str, slugs: Iterable[str], kind_of: Callable[[str], str]) -> str:
    """The slug that a name stands for, or the name as it is where it stands for none.

    Case and separators don't matter. The first words of a slug stand for it where they are those of one profile alone;
    a device is preferred to the systems that it is part of, and the SXM module of a GPU to its cards, which are slower
    forms of it. Raises ProfileError where they are those of several.

    >>> kinds = {"h100-sxm": "gpu", "h100-pcie": "gpu", "h100-hbm-pim": "system", "rtx-4090": "gpu"}
    >>> [shipped_name(name, kinds, kinds.__getitem__) for name in ("H100", "rtx4090", "H100 HBM-PIM", "h10")]
    ['h100-sxm', 'rtx-4090', 'h100-hbm-pim', 'h10']
    """
    known = tuple(slugs)
    key = _squeezed(wanted)
    exact = [slug for slug in known if wanted == slug] or [slug for slug in known if key == _squeezed(slug)]
    if len(exact) == 1:
        return exact[0]
    found = [slug for slug in known if key in _beginnings(slug)]
    found = [slug for slug in found if kind_of(slug) != "system"] or found
    found = [slug for slug in found if "-sxm" in slug] or found
    if len(found) > 1:
        raise ProfileError(f"found several profiles for {shown(wanted)}: {', '.join(sorted(found))}; name one of them")
    return found[0] if found else wanted


def slug_of(name: str) -> str:
    """A name as reports and paths of figures have it.

    >>> slug_of("my pim (v2)")
    'my-pim--v2-'
    """
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)


def _squeezed(name: str) -> str:
    return re.sub(r"[\s._-]", "", name.casefold())


def _beginnings(slug: str) -> set[str]:
    """`h100-hbm-pim` -> {h100, h100hbm, h100hbmpim}."""
    words = slug.casefold().split("-")
    return {"".join(words[:count]) for count in range(1, len(words) + 1)}
