"""Import modules and their names when first used, so that importing a package is fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from emgnb._extras import explained


def attach(
    package: str, homes: Mapping[str, str | None]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package with lazily imported names.

    Parameters
    ----------
    package : name of the package
    homes : public name → module inside the package that defines it, None for a module itself
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(homes))}"
            )
        home = homes[name]
        with explained(f"{package}.{name}"):
            if home is None:
                return import_module(f"{package}.{name}")
            return getattr(import_module(f"{package}.{home}"), name)

    return load, lambda: sorted(homes)
