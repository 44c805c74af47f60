"""Chats and answers that a caller or a provider could send, for hypothesis: in the canonical form, in no dialect's."""

from itertools import pairwise
from typing import Any, Final

import orjson
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.usage import Usage

# What JSON in UTF-8 can hold. Blank texts are dropped by some dialects, so there are none.
texts: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30).filter(str.strip)
names: Final = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
ids: Final = st.one_of(
    st.from_regex(r"call_[A-Za-z0-9]{1,24}", fullmatch=True), st.text("abc.:/ -_9", min_size=1, max_size=80)
)
numbers: Final = st.integers(0, 100_000)
_values: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


@st.composite
def arguments(draw: st.DrawFn) -> str:
    return orjson.dumps(draw(st.dictionaries(names, _values, max_size=3))).decode()


@st.composite
def _user_parts(draw: st.DrawFn) -> list[c.Part]:
    """Texts and images in any order; the image is one."""
    said = draw(st.lists(st.none() | texts, min_size=1, max_size=3))
    return [c.Media("image", "image/png", data=PIXEL) if text is None else c.Text(text) for text in said]


_results: Final = st.lists(texts, min_size=1, max_size=2)


@st.composite
def _round_of_tools(draw: st.DrawFn, number: int, tools: list[str]) -> list[c.Turn]:
    """An assistant's calls, and a result for each; ids are unlike those of other rounds."""
    calls = [
        c.ToolCall(f"{draw(ids)}{number}{at}", draw(st.sampled_from(tools)), draw(arguments()))
        for at in range(draw(st.integers(1, 3)))
    ]
    said: list[c.Part] = [c.Text(draw(texts))] if draw(st.booleans()) else []
    results: list[c.Part] = [
        c.ToolResult(call.id, call.name, [c.Text(text) for text in draw(_results)], is_error=draw(st.booleans()))
        for call in calls
    ]
    return [c.Turn("assistant", [*said, *calls]), c.Turn("tool", results)]


@st.composite
def chats(draw: st.DrawFn) -> c.Chat:
    tools = draw(st.lists(names, max_size=3, unique=True))
    turns = [c.Turn("system", [c.Text(text)]) for text in draw(st.lists(texts, max_size=2))]
    for number in range(draw(st.integers(1, 3))):
        turns.append(c.Turn("user", draw(_user_parts())))
        turns += [c.Turn("system", [c.Text(text)]) for text in draw(st.lists(texts, max_size=1))]
        if draw(st.booleans()) and tools:
            turns.extend(draw(_round_of_tools(number, tools)))
        turns.append(c.Turn("assistant", [c.Text(draw(texts))]))
    turns.append(c.Turn("user", draw(_user_parts())))
    choices: list[Any] = [None]
    if tools:
        choices += [c.ToolChoice("auto"), c.ToolChoice("required"), c.ToolChoice("named", tools[0])]
    params = st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.sampled_from([0, 0.25, 1, 1.5]),
            "top_p": st.sampled_from([0.5, 1]),
            "top_k": st.integers(1, 40),
            "seed": numbers,
            "frequency_penalty": st.sampled_from([-1, 0.5]),
            "presence_penalty": st.sampled_from([-1, 0.5]),
            "user": names,
            "verbosity": st.sampled_from(["low", "high"]),
        },
    )
    return c.Chat(
        dialect="none",
        model="the-model",
        turns=turns,
        tools=[c.Tool(name, draw(st.none() | texts), draw(st.sampled_from([None, _SCHEMA]))) for name in tools],
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tools=draw(st.sampled_from([None, True, False])) if tools else None,
        max_tokens=draw(st.none() | st.integers(1, 4096)),
        stop=draw(st.lists(texts, max_size=3)),
        output=draw(st.sampled_from([None, c.OutputFormat("schema", _SCHEMA, "weather")])),
        reasoning=draw(st.sampled_from([None, c.Reasoning(effort="high"), c.Reasoning(effort="none")])),
        stream=draw(st.booleans()),
        params=draw(params),
    )


# Answers -------------------------------------------------------------------------------------------------------------
usages: Final = st.builds(
    Usage,
    input_text=numbers,
    cache_read=numbers,
    cache_write=numbers,
    output_text=numbers,
    output_reasoning=numbers,
)


@st.composite
def answers(draw: st.DrawFn) -> c.Answer:
    """Thinking, text and calls in that order, as models give them; why it stopped fits what is there."""
    parts: list[c.Part] = [c.Thinking(text) for text in draw(st.lists(texts, max_size=1))]
    parts += [c.Text(text) for text in draw(st.lists(texts, max_size=2))]
    calls = [
        c.ToolCall(f"{draw(ids)}{at}", draw(names), draw(arguments()))
        for at in range(draw(st.sampled_from([0, 0, 1, 3])))
    ]
    stop = draw(st.sampled_from(["stop", "length", "content_filter"]))
    reason: Any = "tool_calls" if calls else stop
    return c.Answer(
        "none", "an-id", "the-model", [c.Choice([*parts, *calls], c.Stop(reason, "word"))], draw(usages), 1_790_000_000
    )


@st.composite
def events(draw: st.DrawFn) -> list[c.Event]:
    """An answer as a stream: texts in pieces, calls one after another or side by side."""
    answer = draw(answers())
    found: list[c.Event] = [c.Start(answer.id, answer.model, answer.created)]
    choice = answer.choices[0]
    side_by_side = draw(st.booleans())
    open_calls: list[tuple[int, list[str]]] = []
    for key, part in enumerate(choice.parts):
        if isinstance(part, c.ToolCall):
            found.append(c.PartStart(key, "tool", part.id, part.name))
            pieces = draw(_pieces(part.arguments))
            if side_by_side:
                open_calls.append((key, pieces))
                continue
            found += [c.Delta(key, piece) for piece in pieces]
        elif isinstance(part, c.Thinking | c.Text):
            found.append(c.PartStart(key, "thinking" if isinstance(part, c.Thinking) else "text"))
            found += [c.Delta(key, piece) for piece in draw(_pieces(part.text))]
        found.append(c.PartEnd(key))
    while any(pieces for _, pieces in open_calls):
        key, pieces = draw(st.sampled_from([each for each in open_calls if each[1]]))
        found.append(c.Delta(key, pieces.pop(0)))
    found += [c.PartEnd(key) for key, _ in open_calls]
    assert answer.usage is not None
    return [*found, c.Stopped(choice.stop), c.UsageSeen(answer.usage), c.End()]


@st.composite
def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    places = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(places)]
