"""Where Gemini's callers name model and verb. Pure: no test here may touch the database."""

import pytest

from providers.dialects.canonical import BadRequest
from providers.dialects.gemini.codec import CODEC
from providers.dialects.gemini.reading import Called, called
from tests.providers.dialects.gemini.factories import a_target, asking, read, sent, vertex


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/models/gemini-3-pro:generateContent", Called("gemini-3-pro", "generateContent")),
        ("models/gemini-3-pro:countTokens", Called("gemini-3-pro", "countTokens")),
        ("models/x:streamGenerateContent?alt=sse", Called("x", "streamGenerateContent")),
        ("models/x:streamGenerateContent?key=k&alt=sse", Called("x", "streamGenerateContent")),
        ("models/x:streamGenerateContent?alt=json", Called("x", "streamGenerateContent", array=True)),
        ("models/x:streamGenerateContent?", Called("x", "streamGenerateContent", array=True)),
        ("models/x:streamGenerateContent", Called("x", "streamGenerateContent")),
        ("models/openrouter/meta/llama:free:generateContent", Called("openrouter/meta/llama:free", "generateContent")),
        ("models/arn%3Aaws%3Ax%2Fy:generateContent", Called("arn:aws:x/y", "generateContent")),
        ("models/a%20b%3AgenerateContent", Called("a b", "generateContent")),
        ("tunedModels/mine:generateContent", Called("tunedModels/mine", "generateContent")),
        ("models/x:batchEmbedContents", Called("x", "batchEmbedContents")),
        ("models/x:predict", None),
        ("models/:generateContent", None),
        ("models/generateContent", None),
        ("chat/completions", None),
    ],
)
def test_path_is_split_at_the_last_colon_before_a_known_verb(path: str, expected: Called | None) -> None:
    assert called(path) == expected


@pytest.mark.parametrize("version", ["/v1", "/v1beta"])
def test_t31_both_versions_lead_to_the_same_path_below_them(version: str) -> None:
    asked = f"{version}/models/a:b:generateContent"

    assert called(asked.removeprefix(version)) == Called("a:b", "generateContent")


def test_path_of_another_kind_is_refused_in_words() -> None:
    with pytest.raises(BadRequest, match="must name a model"):
        CODEC.outline("models/x:predict", b"{}")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-pro", "/models/gemini-3-pro:generateContent"),
        ("models/gemini-3-pro", "/models/gemini-3-pro:generateContent"),
        ("tunedModels/mine", "/tunedModels/mine:generateContent"),
        ("vendor/model:free", "/models/vendor/model%3Afree:generateContent"),
    ],
)
def test_request_goes_to_its_model(model: str, path: str) -> None:
    _, outgoing = sent(read(asking()), a_target(model))

    assert (outgoing.method, outgoing.path) == ("POST", path)


def test_stream_is_asked_for_as_events() -> None:
    _, outgoing = sent(read(asking(), "models/x:streamGenerateContent?"))

    assert outgoing.path == "/models/gemini-3-pro:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        (
            "https://eu-aiplatform.example/v1/projects/p/locations/l",
            "/publishers/google/models/gemini-3-pro:generateContent",
        ),
        (
            "https://eu-aiplatform.example/v1/projects/p/locations/l/publishers/google/models",
            "/gemini-3-pro:generateContent",
        ),
    ],
)
def test_vertex_names_its_models_below_their_publisher(base_url: str, path: str) -> None:
    _, outgoing = sent(read(asking()), a_target(profile=vertex(base_url)))

    assert outgoing.path == path


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("models/alias:generateContent?key=secret", "/models/gemini-3-pro:generateContent"),
        ("models/alias:streamGenerateContent?alt=sse&key=secret", "/models/gemini-3-pro:streamGenerateContent?alt=sse"),
        ("models/alias:streamGenerateContent?key=secret", "/models/gemini-3-pro:streamGenerateContent"),
    ],
)
def test_passed_request_keeps_its_verb_and_form_and_no_key(asked: str, passed: str) -> None:
    outline = CODEC.outline(asked, b'{"contents":[{"parts":[{"text":"Hello"}]}]}')

    assert CODEC.passed_path(asked, outline, a_target()) == passed
