"""Which libraries the hooks patch, in which versions they were tried, and what they find in this installation."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final, Literal, NamedTuple

from tokentide.hooks import load_providers
from tokentide.hooks._engine import SEAMS, Engine
from tokentide.hooks.attempt import Attempt

State = Literal["recorded", "untried", "unrecorded", "absent"]


class Library(NamedTuple):
    """A package, its distribution, and how the versions begin that the tests of the hooks run with.

    `beside` are other packages that the distribution has in some of its versions.
    """

    package: str
    distribution: str
    tried: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a module, or something in one, is of this library."""
        return f"{name}.".startswith(tuple(f"{package}." for package in (self.package, *self.beside)))


LIBRARIES: Final = (
    Library("aiohttp", "aiohttp", ("3.",)),
    Library("anthropic", "anthropic", ("0.", "2.")),
    Library("botocore", "botocore", ("1.",)),
    Library("cohere", "cohere", ("7.",)),
    Library("google.genai", "google-genai", ("3.",)),
    Library("httpx", "httpx", ("0.28.",)),
    Library("httpx2", "httpx2", ("2.",)),
    Library("mistralai", "mistralai", ("1.", "3."), beside=("mistralai_azure",)),
    Library("ollama", "ollama", ("0.6.",)),
    Library("openai", "openai", ("2.", "3.")),
)
# They are attached to, not patched. The doctor does not import them: LiteLLM would ask the network for prices.
FRAMEWORK_LIBRARIES: Final = (
    Library("langchain_core", "langchain-core", ("1.",)),
    Library("litellm", "litellm", ("1.",)),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one library.

    `untried` is recorded as well, in a version that no test knows. `hooks` are the methods that are patched.
    """

    name: str
    state: State
    version: str = ""
    hooks: list[str] = field(default_factory=list)
    note: str = ""


def patched_modules() -> set[str]:
    """Every module that the hooks wait for."""
    return {*SEAMS, *(loop.module for provider in load_providers() for loop in provider.loops)}


def look() -> list[Found]:
    """Import every library that is installed, patch it, and take the patches back."""
    failures = _Failures()
    engine = Engine(failures, captures=False)
    engine.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [_look_at(library, engine, failures) for library in LIBRARIES]
            return [*found, *map(_look_beside, FRAMEWORK_LIBRARIES)]
    finally:
        engine.stop()


class _Failures:
    """In the place of an emitter: how many steps of the hooks have failed."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, attempt: Attempt) -> None:
        """Nothing is recorded while we look."""

    def count_hook_error(self) -> None:
        """One more."""
        self.count += 1


def _version(library: Library) -> str:
    """The installed version, empty if there is none."""
    try:
        return importlib.metadata.version(library.distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _look_beside(framework: Library) -> Found:
    version = _version(framework)
    if not version:
        return Found(framework.distribution, "absent")
    state: State = "recorded" if version.startswith(framework.tried) else "untried"
    return Found(framework.distribution, state, version, note="says who makes the calls below it")


def _look_at(library: Library, engine: Engine, failures: _Failures) -> Found:
    version = _version(library)
    if not version:
        return Found(library.distribution, "absent")
    modules = [name for name in sorted(patched_modules()) if library.has(name)]
    failed_before = failures.count
    try:
        for name in modules:
            if _is_there(name):
                import_module(name)
    except Exception as error:  # noqa: BLE001  # whatever a broken installation raises is the finding
        return Found(library.distribution, "unrecorded", version, note=f"it cannot be imported: {error!r}")
    hooks = sorted(name for name in engine.patched() if library.has(name))
    if modules and not hooks:
        return Found(library.distribution, "unrecorded", version, note="it has none of the methods that the hooks know")
    state: State = "recorded" if version.startswith(library.tried) else "untried"
    note = "" if modules else "through the HTTP library it uses"
    if failures.count > failed_before:
        state, note = "untried", "it has only some of the methods that the hooks know"
    return Found(library.distribution, state, version, hooks, note)


def _is_there(module: str) -> bool:
    """Whether this version has the module: some have what we look for in one place, some in another."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
