"""Replacing attributes so that they can be put back, and waiting for modules that the app imports later."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Patches:
    """The attributes that were replaced, and by what, and how to undo what else was changed."""

    def __init__(self) -> None:
        self._replaced: list[tuple[type, str, Any, Any]] = []
        self._undo: list[Callable[[], object]] = []

    def replace(self, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
        """Puts `wrap(original)` in the place of an attribute of a class's own, or of the bases that have it; once.

        A tool may have put a subclass in the place of the library's class, which others still hold.
        """
        for defining in (each for each in owner.__mro__ if name in each.__dict__):
            self._replace(defining, name, wrap)

    def _replace(self, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
        if any(known is owner and known_name == name for known, known_name, _, _ in self._replaced):
            return
        original = owner.__dict__[name]
        # A descriptor of another tool, called through its class, still tells the method's `self` from its arguments.
        wrapper = wrap(getattr(owner, name))
        setattr(owner, name, wrapper)
        self._replaced.append((owner, name, original, wrapper))

    def on_restore(self, undo: Callable[[], object]) -> None:
        """`undo` is called by `restore`, once. It must not raise."""
        self._undo.append(undo)

    def names(self) -> list[str]:
        """What is replaced, as `module.Class.attribute`."""
        return [f"{owner.__module__}.{owner.__qualname__}.{name}" for owner, name, _, _ in self._replaced]

    def restore(self) -> None:
        """Puts every original back, except where somebody else has replaced ours in the meantime."""
        while self._undo:
            self._undo.pop()()
        while self._replaced:
            owner, name, original, wrapper = self._replaced.pop()
            if owner.__dict__.get(name) is wrapper:
                setattr(owner, name, original)


class ImportWatch(MetaPathFinder):
    """Calls `then(module)` when one of the named modules is imported, or at once if it already was."""

    def __init__(self, names: Iterable[str], then: Callable[[ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._then = then
        self._finding: set[str] = set()

    def start(self) -> None:
        """Looks at what is imported, and waits for the rest."""
        sys.meta_path.insert(0, self)
        for name in self._names:
            module = sys.modules.get(name)
            if module is not None:
                # Another thread may be importing it: this waits for the rest.
                self._then(import_module(name) if getattr(module.__spec__, "_initializing", False) else module)

    def stop(self) -> None:
        """Waits no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, with a loader that calls back when it is done."""
        # Another finder of this kind asks the others too, and so comes back here.
        if fullname not in self._names or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = None if find is None else find(fullname, path, target)
                if spec is not None:
                    # A loader of the old kind, which has only `load_module`, is left alone.
                    if spec.loader is not None and hasattr(spec.loader, "create_module"):
                        spec.loader = _Announcing(spec.loader, self._then)
                    return spec
            return None
        finally:
            self._finding.discard(fullname)


class _Announcing(Loader):
    """A loader that steps back as soon as it is used: the module never shows that it was there."""

    def __init__(self, inner: Loader, then: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        self._inner.exec_module(module)
        self._then(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
