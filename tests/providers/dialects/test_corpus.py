"""Every captured exchange through every codec: nothing is lost, counted wrong, or told otherwise than the vendor told it.

Pure: no test here may touch the database. The figures of a run stand at the end of pytest's output (figures.py).
"""

import random
from itertools import pairwise
from typing import Any, Final

import orjson
import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Asked, CallerDialect, Fetched, Given, Outgoing, Outline
from providers.dialects.canonical import Answer, BadRequest, Chat, Event
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import corpus, counting, losses, sdk
from tests.providers.dialects.corpus import Exchange
from tests.providers.dialects.endings import terminal_at
from tests.providers.dialects.figures import Record
from tests.providers.dialects.said import expected, gathered

if not corpus.FOLDER:
    pytest.skip("captured traffic: WIRE_CORPUS_DIR names no folder", allow_module_level=True)

EXCHANGES: Final = [each for each in corpus.load() if each.dialect in UPSTREAMS]
assert EXCHANGES or not UPSTREAMS, f"no exchange in {corpus.FOLDER}"


def _params(chosen: list[Exchange]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exchange", chosen, ids=str)


REQUESTS: Final = [each for each in EXCHANGES if each.request is not None and each.dialect in CALLERS]
ANSWERS: Final = [
    each for each in EXCHANGES if not each.failed and not each.streamed and isinstance(each.content(), dict)
]
STREAMS: Final = [each for each in EXCHANGES if not each.failed and each.streamed]
ERRORS: Final = [each for each in EXCHANGES if each.failed]


# Requests ------------------------------------------------------------------------------------------------------------
def _caller_request(exchange: Exchange) -> dict[str, Any]:
    """As a caller of ours sends it: the model stands in the body, also where the vendor's address held it."""
    assert exchange.request is not None
    named = {} if exchange.dialect == "gemini" else {"model": exchange.model}
    return exchange.request if exchange.request.get("model") else {**exchange.request, **named}


def _chat(exchange: Exchange) -> Chat:
    dialect = CALLERS[exchange.dialect]
    return dialect.read_request(dialect.outline(exchange.path, orjson.dumps(_caller_request(exchange))))


@_params(REQUESTS)
def test_request_is_written_back_as_it_was(exchange: Exchange, record: Record) -> None:
    request = _caller_request(exchange)

    sent = CALLERS[exchange.dialect].write_request(_chat(exchange), corpus.target(exchange), Given())

    # Vertex names the model in the path alone.
    wanted = exchange.request if corpus.target(exchange).profile.vertex else request
    assert _comparable(orjson.loads(sent.body)) == _comparable(wanted or {})
    assert sent.report == c.Report()
    if exchange.dialect == "gemini":
        assert sent.path.partition("?")[0].removeprefix("/publishers/google").removeprefix("/") == exchange.path
    record("requests read and written back", exchange.dialect)


def _comparable(request: dict[str, Any]) -> dict[str, Any]:
    """A stream's usage is always asked for."""
    if not request.get("stream") or "messages" not in request:
        return request
    options = {name: value for name, value in (request.get("stream_options") or {}).items() if name != "include_usage"}
    rest = {name: value for name, value in request.items() if name != "stream_options"}
    return {**rest, "stream_options": options} if options else rest


@pytest.mark.parametrize("upstream", sorted(UPSTREAMS))
@_params(REQUESTS)
def test_request_says_what_it_loses_towards(exchange: Exchange, upstream: str, record: Record) -> None:
    if upstream == exchange.dialect:
        return
    pair = f"{exchange.dialect} → {upstream}"
    request, chat = _caller_request(exchange), _chat(exchange)

    sent, fetched, refusal = _sent(chat, exchange, upstream)
    if refusal is not None:
        assert refusal.message
        assert _stands_in(request, refusal.pointer), refusal.pointer
        record("requests refused", pair)
        return

    assert sent is not None
    assert losses.unreported(request, sent, fetched) == []
    record("requests carried with a report" if sent.report != c.Report() else "requests carried whole", pair)


def _sent(chat: Chat, exchange: Exchange, upstream: str) -> tuple[Outgoing | None, list[str], BadRequest | None]:
    target = corpus.permissive(exchange.model, exchange.request or {})
    dialect = UPSTREAMS[upstream]
    urls = dialect.wanted_media(chat, target)
    media = {url: Fetched("AAAA", "image/png") for url in urls}
    try:
        return dialect.write_request(chat, target, Given(media=media)), urls, None
    except BadRequest as refusal:
        return None, urls, refusal


def _stands_in(request: Any, pointer: str) -> bool:
    at = request
    for segment in pointer.split("/")[1:]:
        name = segment.replace("~1", "/").replace("~0", "~")
        if isinstance(at, list) and name.isdigit() and int(name) < len(at):
            at = at[int(name)]
        elif isinstance(at, dict) and name in at:
            at = at[name]
        else:
            return False
    return pointer.startswith("/")


# What the vendor counts ----------------------------------------------------------------------------------------------
@_params([*ANSWERS, *STREAMS])
def test_ledger_is_the_vendors_own(exchange: Exchange, record: Record) -> None:
    stated = counting.stated(exchange)
    usage = _usage(exchange)

    if stated is None:
        assert usage is None
    else:
        assert usage is not None
        assert counting.compared(usage, exchange.dialect) == counting.merged(stated, exchange.dialect)
    record("ledgers equal to the vendor's", exchange.dialect)


def _usage(exchange: Exchange) -> Any:
    if not exchange.streamed:
        return _answer(exchange).usage
    seen = [event.usage for event in _events(exchange) if isinstance(event, c.UsageSeen)]
    return seen[-1] if seen else None


def _answer(exchange: Exchange) -> Answer:
    return UPSTREAMS[exchange.dialect].read_answer(exchange.answer, corpus.target(exchange))


# Streams -------------------------------------------------------------------------------------------------------------
def _events(exchange: Exchange, cuts: list[int] | None = None, end: int | None = None) -> list[Event]:
    reader = UPSTREAMS[exchange.dialect].stream_reader(corpus.target(exchange))
    places = [0, *(cuts or []), len(exchange.answer) if end is None else end]
    events = []
    for start, stop in pairwise(places):
        events += reader.feed(exchange.answer[start:stop])
    return events + reader.close()


@_params(STREAMS)
def test_stream_gives_equal_events_wherever_it_is_cut(exchange: Exchange, record: Record) -> None:
    whole = _events(exchange)
    size = len(exchange.answer)
    chance = random.Random(exchange.id)

    assert _events(exchange, list(range(1, size))) == whole
    for pieces in (2, 5, 50):
        cuts = sorted(chance.randrange(size) for _ in range(pieces))
        assert _events(exchange, cuts) == whole
    record("streams equal wherever they are cut", exchange.dialect)


@_params(STREAMS)
def test_stream_without_its_end_is_interrupted(exchange: Exchange, record: Record) -> None:
    terminal = terminal_at(exchange)
    step = max(1, terminal // 60)

    for end in {*range(0, terminal, step), terminal}:
        events = _events(exchange, end=end)
        last = events[-1]
        assert isinstance(last, c.Failed), f"cut at {end}: {last}"
        assert last.interrupted, f"cut at {end}"
        assert not any(isinstance(event, c.End) for event in events)
    record("streams interrupted at any cut", exchange.dialect)


# Answers and streams towards callers ---------------------------------------------------------------------------------
def _asked(exchange: Exchange, *, stream: bool) -> Asked:
    chat = _chat(exchange) if exchange in REQUESTS else Chat(exchange.dialect, exchange.model)
    return Asked("asked-model", "0123456789abcdef01234567", 1_790_000_000, stream, True, 17, chat)


@pytest.mark.parametrize("caller", sorted(CALLERS))
@_params(ANSWERS)
def test_answer_reads_the_same_in_the_sdk_of(exchange: Exchange, caller: str, record: Record) -> None:
    answer = _answer(exchange)
    if caller == exchange.dialect or any(choice.stop.reason == "failed" for choice in answer.choices):
        return

    written = CALLERS[caller].write_answer(answer, _asked(exchange, stream=False))

    _same(sdk.whole(caller, written), answer, caller, exchange)
    record("answers read by SDKs", f"{exchange.dialect} → {caller}")


@pytest.mark.parametrize("caller", sorted(CALLERS))
@_params(STREAMS)
def test_stream_reads_the_same_in_the_sdk_of(exchange: Exchange, caller: str, record: Record) -> None:
    events = _events(exchange)
    writer = CALLERS[caller].stream_writer(_asked(exchange, stream=True))
    if isinstance(events[-1], c.Failed):
        assert not events[-1].interrupted
        return

    written = b"".join(writer.write(event) for event in events)

    assert not any(writer.write(event) for event in events), "bytes after the end"
    _same(sdk.streamed(caller, written), gathered(events), caller, exchange)
    record("streams read by SDKs", f"{exchange.dialect} → {caller}")


def _same(said: Any, answer: Answer, caller: str, exchange: Exchange) -> None:
    wanted = expected(answer, caller, own=exchange.dialect == caller)
    if wanted.usage is None:
        wanted.usage = said.usage
    assert said == wanted


@_params([each for each in ANSWERS if each.dialect in CALLERS])
def test_answer_is_written_back_as_it_was(exchange: Exchange, record: Record) -> None:
    content, answer = exchange.content(), _answer(exchange)
    if any(choice.stop.reason == "failed" for choice in answer.choices):
        return
    dialect: CallerDialect = CALLERS[exchange.dialect]

    asked = _asked(exchange, stream=False)
    asked.model = answer.model
    written = orjson.loads(dialect.write_answer(answer, asked))

    assert written == content
    record("answers read and written back", exchange.dialect)


# Passing through -----------------------------------------------------------------------------------------------------
@_params([each for each in [*ANSWERS, *STREAMS] if each.dialect in CALLERS])
def test_passed_through_answer_is_counted_beside_its_bytes(exchange: Exchange, record: Record) -> None:
    dialect, target = CALLERS[exchange.dialect], corpus.target(exchange)
    asked = Outline(exchange.model, stream=True, include_usage=True)
    meter = dialect.stream_meter(asked, target) if exchange.streamed else dialect.answer_meter(target)
    places = [0, 7, 500, 501, 4000, len(exchange.answer)]

    passed = b"".join(meter.feed(exchange.answer[start:end]) for start, end in pairwise(places)) + meter.close()

    assert passed == exchange.answer
    assert meter.usage == _usage(exchange)
    ended = exchange.streamed and not isinstance(_events(exchange)[-1], c.End)
    assert (meter.complete, meter.failed) == (not ended, ended)
    record("answers passed through and counted", exchange.dialect)


# Errors --------------------------------------------------------------------------------------------------------------
@_params(ERRORS)
def test_error_holds_the_providers_words(exchange: Exchange, record: Record) -> None:
    words, code, type_ = _words(exchange.content())

    error = UPSTREAMS[exchange.dialect].read_error(
        exchange.status, exchange.headers, exchange.answer, corpus.target(exchange)
    )

    assert (error.status, error.message) == (exchange.status, words)
    assert {code, type_} <= {error.code, error.type, ""}
    record("errors read", exchange.dialect)


def _words(content: Any) -> tuple[str, str, str]:
    """Message, code and type, wherever a vendor puts them."""
    told = content.get("error", content)
    if isinstance(told, str):
        return told, content.get("code", ""), ""
    code = told.get("code")
    return told.get("message", ""), code if isinstance(code, str) else "", told.get("type") or told.get("status") or ""
