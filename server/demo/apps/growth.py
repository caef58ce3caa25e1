"""The growth team's app: OpenAI's asynchronous client and its Responses API turn questions into ideas for campaigns."""

from __future__ import annotations

import openai
import tokentide

from server.demo.apps.visits import Visit, serve_async

client = openai.AsyncOpenAI(default_headers={"x-demo-team": "growth"})


async def answer(visit: Visit) -> None:
    """Write a headline or draft a letter, in turn."""
    with tokentide.context(team="growth", app="campaigns", session=visit.session, user=visit.user):
        await (headline(visit.question) if visit.number % 2 else letter(visit.question))


@tokentide.context(feature="headline", prompt=("headline", "3"))
async def headline(question: str) -> str:
    """One line, at once."""
    response = await client.responses.create(model="gpt-5-mini", input=f"A headline for customers who ask: {question}")
    return str(response.output_text)


@tokentide.context(feature="letter", prompt=("letter", "1"))
async def letter(question: str) -> str:
    """A letter, piece by piece."""
    events = await client.responses.create(
        model="gpt-5-mini", input=f"A letter to customers who ask: {question}", stream=True
    )
    return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


if __name__ == "__main__":
    tokentide.instrument(content="full")
    serve_async(answer, failures=openai.APIError)
