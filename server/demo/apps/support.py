"""The support team's app: Anthropic's asynchronous client, with messages at once or streamed."""

from __future__ import annotations

import anthropic
import tokentide

from server.demo.apps.visits import Visit, serve_async

MODEL = "claude-sonnet-4-5"

client = anthropic.AsyncAnthropic(default_headers={"x-demo-team": "support"})


async def answer(visit: Visit) -> None:
    """Answer every other visitor while the text is still being written."""
    with tokentide.context(team="support", app="chat-assistant", session=visit.session, user=visit.user):
        await (reply(visit.question) if visit.number % 2 else stream(visit.question))


@tokentide.context(feature="reply")
async def reply(question: str) -> str:
    """The whole answer."""
    message = await client.messages.create(
        model=MODEL, max_tokens=500, messages=[{"role": "user", "content": question}]
    )
    return str(message.content[0].text)


@tokentide.context(feature="live-reply")
async def stream(question: str) -> str:
    """The answer, piece by piece."""
    async with client.messages.stream(
        model=MODEL, max_tokens=500, messages=[{"role": "user", "content": question}]
    ) as pieces:
        return "".join([text async for text in pieces.text_stream])


if __name__ == "__main__":
    tokentide.instrument(content="full")
    serve_async(answer, failures=anthropic.APIError)
