"""What a call names → which model of the price book it is, and why."""

from __future__ import annotations

import pytest

from collector.price_book.declared import Declared, DeclaredModel
from collector.price_book.names import Model
from collector.price_book.resolve import UNKNOWN, Named, Resolver
from collector.price_book.row import price_key

BEDROCK = "arn:aws:bedrock:us-east-1"


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("openai", "gpt-5", "openai gpt-5"),
        ("openai", "gpt-5.2-20251211", "openai gpt-5.2"),
        ("openai", "gpt-4o", "openai gpt-4o (alias)"),
        ("openai", "gpt-4o-2024-08-06", "openai gpt-4o"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc123", "openai ft:gpt-4o"),
        ("openai", "ft:gpt-4.1-mini-2025-04-14:acme::abc123", "openai ft:gpt-4.1-mini"),
        ("openai", "ft:gpt-9:acme::abc123", None),
        ("anthropic", "claude-sonnet-4-5-20250929[1m]", "anthropic claude-sonnet-4-5"),
        ("anthropic", "claude-opus-9", None),
        ("google", "models/gemini-2.5-flash", "google gemini-2.5-flash"),
        ("vertex", "google/gemini-3.1-pro-preview", "google gemini-3.1-pro-preview"),
        ("vertex", "claude-sonnet-4-5@20250929", "google claude-sonnet-4-5"),
        ("vertex", "claude-sonnet-4-5@default", "google claude-sonnet-4-5"),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4-6", "google claude-sonnet-4-6"),
        ("vertex", "projects/p/locations/eu/publishers/google/models/gemini-2.5-pro", "google gemini-2.5-pro"),
        ("vertex", "projects/p/locations/eu/endpoints/123", None),
        ("vertex", "anthropic/claude-sonnet-4-5@20250929", "google claude-sonnet-4-5"),
        ("vertex", "openai/gpt-5", None),
        ("azure", "azure/gpt-4.1", "openai gpt-4.1"),
        ("azure", "gpt-35-turbo-0125", "openai gpt-3.5-turbo"),
        ("azure", "my-gpt-5-mini-deployment", None),
        (
            "aws",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "aws",
            f"{BEDROCK}::foundation-model/meta.llama3-3-70b-instruct-v1:0",
            "aws meta.llama3-3-70b-instruct-v1:0",
        ),
        ("aws", f"{BEDROCK}:1:inference-profile/us.amazon.nova-pro-v1:0", "aws amazon.nova-pro-v1:0"),
        ("aws", f"{BEDROCK}:1:application-inference-profile/x9y8", None),
        ("aws", f"{BEDROCK}:1:provisioned-model/x9y8z7", None),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p1", "fireworks deepseek-v3p1"),
        (
            "litellm",
            "bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("litellm", "bedrock/us-east-1/converse/us.amazon.nova-pro-v1:0", "aws amazon.nova-pro-v1:0"),
        ("litellm", "vertex_ai/gemini-2.5-pro", "google gemini-2.5-pro"),
        ("litellm", "anthropic/claude-sonnet-4-5", "anthropic claude-sonnet-4-5"),
        ("", "xai/grok-4.5", "x-ai grok-4.5"),
        ("litellm", "gpt-5", None),
        ("groq", "anthropic/claude-sonnet-4-5", None),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter anthropic/claude-sonnet-4.5"),
        ("ollama", "llama3.1:8b", None),
        ("nobody", "gpt-5", None),
    ],
)
def test_a_name_is_understood_or_has_no_price(provider: str, name: str, model: str | None) -> None:
    found = Resolver().resolve(Named(provider, requested=name)).model
    assert (found and " ".join(found)) == model


@pytest.mark.parametrize("context", ["eu", "us"])
def test_litellm_writes_the_data_zone_into_the_name(context: str) -> None:
    found = Resolver().resolve(Named("litellm", requested=f"azure/{context}/gpt-4.1"))
    assert (found.model, found.context) == (("openai", "gpt-4.1"), "data-zone")


def test_the_model_that_answered_wins_over_the_requested_one() -> None:
    resolver = Resolver()
    assert resolver.resolve(Named("openai", "", "gpt-5", "gpt-5-mini")).model == ("openai", "gpt-5-mini")
    assert resolver.resolve(Named("openai", "", "gpt-5", "no-such-model")).model == ("openai", "gpt-5")


def test_the_host_tells_who_answered_whatever_the_client_library_is() -> None:
    assert Resolver().resolve(Named("openai", "api.groq.com", "llama-3.3-70b-versatile")).model == (
        "groq",
        "llama-3.3-70b-versatile",
    )


@pytest.mark.parametrize(("tier", "context"), [("batch", "batch"), ("FLEX", "flex"), ("default", ""), ("", "")])
def test_a_service_tier_with_rates_of_its_own_is_a_context(tier: str, context: str) -> None:
    assert Resolver().resolve(Named("openai", "", "gpt-5", "", tier)).context == context


DECLARED = Declared(
    [
        DeclaredModel(
            name="prod-chat-*",
            host="acme.openai.azure.com",
            is_model="gpt-4.1",
            of_provider="azure",
            context="data-zone",
        ),
        DeclaredModel(
            name=f"{BEDROCK}:1:application-inference-profile/x9y8",
            is_model="us.amazon.nova-pro-v1:0",
            of_provider="aws",
        ),
        DeclaredModel(name="gpt-5", provider="vllm", is_model="gpt-oss-120b", of_provider="groq"),
    ]
)


@pytest.mark.parametrize(
    ("named", "key"),
    [
        (
            Named("azure", "acme.openai.azure.com", "Prod-Chat-eastus2", "", "batch"),
            ("azure", "", "azure/eu/gpt-4.1", "", "batch"),
        ),
        (Named("azure", "other.openai.azure.com", "prod-chat-eastus2"), None),
        (
            Named("bedrock", "", f"{BEDROCK}:1:application-inference-profile/x9y8"),
            ("aws", "", "us.amazon.nova-pro-v1:0"),
        ),
        (Named("openai", "", "gpt-5"), ("openai", "", "gpt-5")),
    ],
)
def test_what_is_declared_is_believed(named: Named, key: tuple[str, ...] | None) -> None:
    expected = UNKNOWN if key is None else Resolver().key(*key)
    assert Resolver(DECLARED).key(*named) == expected
    assert key is None or expected != UNKNOWN


STATED = [Model("openai", "Mystery"), Model("vllm", "llama-70b"), Model("openai", "gpt-4o-2024-08-06")]


@pytest.mark.parametrize(
    ("named", "model"),
    [
        (Named("openai", requested="mystery"), "openai Mystery"),
        (Named("openai", "", "gpt-5", "mystery"), "openai Mystery"),
        (Named("litellm", requested="openai/mystery"), "openai Mystery"),
        (Named("openai", requested="mystery-2"), None),
        (Named("mistral", requested="mystery"), None),
        (Named("VLLM", "10.1.2.3", "models/llama-70b"), "vllm llama-70b"),
        (Named("openai", requested="gpt-4o-2024-08-06"), "openai gpt-4o"),
    ],
)
def test_a_name_whose_rates_are_stated_is_exact_where_the_book_knows_none(named: Named, model: str | None) -> None:
    found = Resolver(stated=STATED).resolve(named).model
    assert (found and " ".join(found)) == model


@pytest.mark.parametrize("name", ["prod-chat[1m]", "prod-chat?"])
def test_only_a_star_of_a_declared_name_stands_for_other_text(name: str) -> None:
    declared = Declared([DeclaredModel(name=name, host=name, is_model="gpt-5", of_provider="openai")])
    assert declared.model("azure", name, name) == ("openai", "gpt-5", "")
    assert declared.model("azure", name, "prod-chat1") is None
    assert declared.model("azure", "prod-chat1", name) is None


def test_a_declared_name_may_mean_a_stated_one() -> None:
    own = Declared([DeclaredModel(name="prod-*", is_model="mystery", of_provider="openai")])
    resolver = Resolver(own, stated=STATED)
    assert resolver.resolve(Named("azure", requested="prod-1")).model == ("openai", "Mystery")
    assert resolver.is_declared(Model("openai", "Mystery"))
    assert not Resolver(own).is_declared(Model("openai", "Mystery"))


def test_names_are_learned_and_forgotten_whatever_is_remembered() -> None:
    resolver, named = Resolver(), ("openai", "", "mystery", "", "batch")
    assert resolver.key(*named) == UNKNOWN
    resolver.learn(STATED)
    assert resolver.key(*named) == price_key("openai", "Mystery", "batch")
    resolver.learn([])
    assert resolver.key(*named) == UNKNOWN


def test_a_stated_name_is_among_the_steps() -> None:
    assert Resolver(stated=STATED).resolve(Named("openai", requested="models/mystery")).steps[1:] == (
        "'models/mystery' is a resource name of Gemini: 'mystery'",
        "rates are stated for 'mystery' of 'openai'",
        "it is 'Mystery' of 'openai', at standard rates",
    )


def test_an_answer_says_every_step() -> None:
    found = Resolver().resolve(Named("vertex", requested="models/google/gemini-2.5-pro", service_tier="batch"))
    assert found.steps == (
        "the requested model is 'models/google/gemini-2.5-pro'",
        "'models/google/gemini-2.5-pro' is a resource name of Gemini: 'google/gemini-2.5-pro'",
        "'google' before it names whose model 'google' sells",
        "it is 'gemini-2.5-pro' of 'google', context 'batch'",
    )


def test_misses_are_remembered_and_the_memory_is_bounded() -> None:
    resolver = Resolver(capacity=3)
    for number in range(10):
        assert resolver.key("nobody", "", f"model-{number}") == UNKNOWN
    assert len(resolver._known) <= 3
