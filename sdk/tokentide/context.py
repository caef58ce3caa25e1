"""Who makes a call and what for: set around code, seen by every call inside it, in threads of the same context too."""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType

from tokentide.content_policy import CONTENT_POLICIES, strictest

TYPE_CHECKING = False  # as in `typing`, which alone takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

_NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})


class Tags:
    """What is known about the caller. Empty means: not said. `user` never leaves the process, only its hash does."""

    def __init__(
        self,
        *,
        team: str = "",
        app: str = "",
        feature: str = "",
        environment: str = "",
        session: str = "",
        user: str = "",
        prompt_name: str = "",
        prompt_version: str = "",
        content: str = "",
        attributes: Mapping[str, str] = _NO_ATTRIBUTES,
    ) -> None:
        self.team = team
        self.app = app
        self.feature = feature
        self.environment = environment
        self.session = session
        self.user = user
        self.prompt_name = prompt_name
        self.prompt_version = prompt_version
        self.content = content
        self.attributes = attributes

    def including(self, said: Mapping[str, str], attributes: Mapping[str, str]) -> Tags:
        """These tags with what is said further, which wins; of two content policies the stricter one does."""
        tags = Tags(**{**vars(self), **said, "attributes": {**self.attributes, **attributes}})
        tags.content = strictest(self.content, tags.content) if self.content else tags.content
        return tags

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tags) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"Tags({vars(self)})"


class _Entered:
    """One entered scope; the chain of `outer` is what leaving goes back along."""

    __slots__ = ("outer", "scope", "tags")

    def __init__(self, scope: Scope, tags: Tags, outer: _Entered | None) -> None:
        self.scope = scope
        self.tags = tags
        self.outer = outer


_NOTHING = Tags()
_entered: ContextVar[_Entered | None] = ContextVar("tokentide_context", default=None)


class Run:
    """What a framework says of one of its runs. It counts where the run began, until it is over.

    A run may be told to be over in another context than the one that it began in, as streams are. A single one is over
    as soon as one operation has taken its tags.
    """

    __slots__ = ("__weakref__", "_attributes", "_is_single", "_said", "is_over")

    def __init__(self, said: Mapping[str, str], attributes: Mapping[str, str], is_single: bool = False) -> None:
        self._said = said
        self._attributes = attributes
        self._is_single = is_single
        self.is_over = False

    def begin(self) -> None:
        """What is called from here on belongs to this run."""
        _run.set(self)

    def added_to(self, tags: Tags) -> Tags:
        """`tags` with what this run says, which wins."""
        self.is_over = self._is_single
        return tags.including(self._said, self._attributes)


_run: ContextVar[Run | None] = ContextVar("tokentide_run", default=None)


def current_tags() -> Tags:
    """What the contexts around this code say, the inner ones winning, and the framework's run that it belongs to."""
    entered, run = _entered.get(), _run.get()
    tags = _NOTHING if entered is None else entered.tags
    return tags if run is None or run.is_over else run.added_to(tags)


class Scope:
    """What `context` returns: a context manager and a decorator. It holds no state, so it may be shared and re-used."""

    __slots__ = ("_attributes", "_said")

    def __init__(self, said: Mapping[str, str], attributes: Mapping[str, str]) -> None:
        self._said = said
        self._attributes = attributes

    def __enter__(self) -> Scope:
        outer = _entered.get()
        tags = _NOTHING if outer is None else outer.tags
        _entered.set(_Entered(self, tags.including(self._said, self._attributes), outer))
        return self

    def __exit__(self, *exception: object) -> None:
        # A generator may end in another context than the one it was started in: there is nothing to undo there. Or it
        # ends before one that was started later: what that one said of its own code is no truth about this code.
        entered = _entered.get()
        while entered is not None and entered.scope is not self:
            entered = entered.outer
        if entered is not None:
            _entered.set(entered.outer)

    def __call__(self, function: Function) -> Function:
        """`function`, sync or async, run inside this context.

        Raises TypeError for a generator function: its caller would run inside the context too, between two items.
        """
        # They take longer to import than this module, and are needed here only.
        import functools
        import inspect
        from typing import cast

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is a generator: use `with tokentide.context(...)` around the calls in it"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("Function", run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast("Function", run)


def context(
    *,
    team: str | None = None,
    app: str | None = None,
    feature: str | None = None,
    session: str | None = None,
    user: str | None = None,
    environment: str | None = None,
    prompt: tuple[str, str] | None = None,
    content: str | None = None,
    **attributes: object,
) -> Scope:
    """Says who makes the calls inside it and what for: `with context(team="search"): …` or `@context(team="search")`.

    `prompt` is the name and the version of the prompt template; `attributes` are free labels, stored as texts.
    `content` is the most that may be recorded of texts: "off", "hash", "masked" or "full"; neither the settings nor
    another context can widen it. Contexts nest: what an inner one leaves out stays as the outer one said. Raises
    ValueError when `prompt` is not a pair and when there is no such content policy.
    """
    if content is not None and content not in CONTENT_POLICIES:
        raise ValueError(f"content is one of {', '.join(CONTENT_POLICIES)}, not {content!r}")
    if prompt is not None and (isinstance(prompt, str) or len(prompt) != 2):
        raise ValueError('prompt is a pair: prompt=("name", "version")')
    name, version = (None, None) if prompt is None else prompt
    said = {
        "team": team,
        "app": app,
        "feature": feature,
        "environment": environment,
        "session": session,
        "user": user,
        "prompt_name": name,
        "prompt_version": version,
        "content": content,
    }
    return Scope(
        {key: str(value) for key, value in said.items() if value is not None},
        {key: str(value) for key, value in attributes.items()},
    )
