"""The search team's app: OpenAI's client finds help pages and answers from them, Anthropic's sums long ones up."""

from __future__ import annotations

import anthropic
import openai
import tokentide

from server.demo.apps.visits import Visit, serve

client = openai.OpenAI(default_headers={"x-demo-team": "search"})
claude = anthropic.Anthropic(default_headers={"x-demo-team": "search"})


def answer(visit: Visit) -> None:
    """Look up, answer, stream or sum up, in turn."""
    with tokentide.context(team="search", app="help-pages", session=visit.session, user=visit.user):
        if visit.number % 4 == 0:
            look_up(visit.question)
        elif visit.number % 4 == 1:
            reply(visit.question)
        elif visit.number % 4 == 2:
            stream(visit.question, visit.asks_for_usage)
        else:
            sum_up(visit.question, at_once=visit.number % 8 == 3)


@tokentide.context(feature="lookup")
def look_up(question: str) -> list[float]:
    """The question as a vector."""
    found = client.embeddings.create(model="text-embedding-3-small", input=question)
    return list(found.data[0].embedding)


@tokentide.context(feature="answer")
def reply(question: str) -> str:
    """The whole answer."""
    completion = client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": question}])
    return completion.choices[0].message.content or ""


@tokentide.context(feature="answer")
def stream(question: str, asks_for_usage: bool) -> str:
    """The answer, piece by piece; a stream tells what it used only to those who ask."""
    chunks = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": asks_for_usage},
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@tokentide.context(feature="summary")
def sum_up(question: str, at_once: bool) -> str:
    """A help page in three sentences, at once or piece by piece."""
    request = {"model": "claude-haiku-4-5", "max_tokens": 200, "messages": [{"role": "user", "content": question}]}
    if at_once:
        message = claude.messages.create(**request)
        return "".join(block.text for block in message.content if block.type == "text")
    with claude.messages.stream(**request) as pieces:
        return "".join(pieces.text_stream)


if __name__ == "__main__":
    tokentide.instrument(content="full")
    serve(answer, failures=(openai.APIError, anthropic.APIError))
