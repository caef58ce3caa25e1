from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokentide.content_policy import CONTENT_POLICIES, strictest
from tokentide.context import Tags, context, current_tags


def test_outside_of_every_context_nothing_is_known() -> None:
    assert current_tags() == Tags()


def test_says_who_calls_inside_it_only() -> None:
    with context(team="search", prompt=("answer", "v3"), session="s1", user="ann", tier="gold"):
        tags = current_tags()
    assert (tags.team, tags.session, tags.user) == ("search", "s1", "ann")
    assert (tags.prompt_name, tags.prompt_version) == ("answer", "v3")
    assert tags.attributes == {"tier": "gold"}
    assert current_tags() == Tags()


def test_an_inner_context_adds_to_the_outer_one() -> None:
    with context(team="search", app="shop", tier="gold"), context(team="billing", feature="refunds", region="eu"):
        tags = current_tags()
    assert (tags.team, tags.app, tags.feature) == ("billing", "shop", "refunds")
    assert tags.attributes == {"tier": "gold", "region": "eu"}


def test_an_exception_leaves_the_context() -> None:
    with pytest.raises(ZeroDivisionError), context(team="search"):
        raise ZeroDivisionError
    assert current_tags() == Tags()


def test_decorates_a_function_and_keeps_its_name() -> None:
    @context(team="search")
    def ask(question: str) -> tuple[str, str]:
        return current_tags().team, question

    assert ask("why?") == ("search", "why?")
    assert ask.__name__ == "ask"
    assert current_tags() == Tags()


def test_decorates_an_async_function_for_as_long_as_it_runs() -> None:
    @context(team="search")
    async def ask() -> str:
        await asyncio.sleep(0)
        return current_tags().team

    assert asyncio.run(ask()) == "search"


def test_tasks_that_run_at_once_do_not_see_each_other() -> None:
    async def ask(team: str) -> str:
        with context(team=team):
            await asyncio.sleep(0)
            return current_tags().team

    async def both() -> list[str]:
        return await asyncio.gather(ask("a"), ask("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_a_task_keeps_the_context_it_was_started_in() -> None:
    async def main() -> str:
        async def later() -> str:
            await asyncio.sleep(0)
            return current_tags().team

        with context(team="search"):
            task = asyncio.create_task(later())
        return await task

    assert asyncio.run(main()) == "search"


def test_a_thread_sees_a_context_that_is_copied_into_it() -> None:
    with context(team="search"), ThreadPoolExecutor(1) as pool:
        copied = contextvars.copy_context()
        assert pool.submit(copied.run, current_tags).result().team == "search"
        assert pool.submit(current_tags).result().team == ""


def test_one_scope_may_be_entered_again_while_it_is_entered() -> None:
    scope = context(team="search")
    with scope:
        with scope:
            assert current_tags().team == "search"
        assert current_tags().team == "search"
    assert current_tags() == Tags()


def test_a_scope_that_ends_in_another_context_breaks_nothing() -> None:
    def words() -> object:
        with context(team="search"):
            yield "one"
            yield "two"

    generator = words()
    contextvars.copy_context().run(next, generator)
    generator.close()
    assert current_tags() == Tags()


def test_generators_that_run_by_turns_leave_nothing_behind() -> None:
    def words(team: str) -> Iterator[str]:
        with context(team=team):
            yield "one"
            yield "two"

    for _ in zip(words("search"), words("billing"), strict=True):
        pass
    assert current_tags() == Tags()


def test_a_generator_function_cannot_be_decorated() -> None:
    def words() -> object:
        yield "one"

    with pytest.raises(TypeError, match="words is a generator: use `with"):
        context(team="search")(words)


def test_a_prompt_is_a_pair() -> None:
    with pytest.raises(ValueError, match="prompt is a pair"):
        context(prompt="answer")  # type: ignore[arg-type]  # the mistake under test


def test_a_content_policy_must_be_one() -> None:
    with pytest.raises(ValueError, match="content is one of off, hash, masked, full, not 'none'"):
        context(content="none")


@given(st.lists(st.sampled_from([None, *CONTENT_POLICIES]), max_size=5))
def test_of_nested_contexts_the_strictest_content_policy_counts(said: list[str | None]) -> None:
    with ExitStack() as stack:
        for policy in said:
            stack.enter_context(context(content=policy))
        assert current_tags().content == strictest(*(policy for policy in said if policy))
    assert current_tags().content == ""


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6))
def test_every_exit_restores_what_its_entry_found(teams: list[str]) -> None:
    def descend(rest: list[str]) -> None:
        before = current_tags()
        if rest:
            with context(team=rest[0]):
                assert current_tags().team == rest[0]
                descend(rest[1:])
        assert current_tags() is before or current_tags() == before

    descend(teams)
