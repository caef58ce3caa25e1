"""The search team's app: OpenAI's client finds help pages by embeddings and answers from them, at once or streamed."""

from __future__ import annotations

import openai
import tokentide

from server.demo.apps.visits import Visit, serve

client = openai.OpenAI(default_headers={"x-demo-team": "search"})


def answer(visit: Visit) -> None:
    """Look up, answer or stream, in turn."""
    with tokentide.context(team="search", app="help-pages", session=visit.session, user=visit.user):
        if visit.number % 3 == 0:
            look_up(visit.question)
        elif visit.number % 3 == 1:
            reply(visit.question)
        else:
            stream(visit.question, visit.asks_for_usage)


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


if __name__ == "__main__":
    tokentide.instrument(content="full")
    serve(answer, failures=openai.APIError)
