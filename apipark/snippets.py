"""Code that calls this gateway, to be copied from pages: pairs of language and code.

A `None` for the key leaves a marked place to fill; with the key itself the code works when pasted.
"""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

Snippets = Sequence[tuple[str, SafeString]]

_CHAT = (
    (
        "curl",
        """curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
    ),
    (
        "Python",
        """from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
answer = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello"}}])
print(answer.choices[0].message.content)""",
    ),
    (
        "JavaScript",
        """import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});
const answer = await client.chat.completions.create({{
  model: "{model}",
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);""",
    ),
)
_ANTHROPIC = (
    (
        "curl",
        """curl {url}/v1/messages \\
  -H "x-api-key: {key}" \\
  -H "anthropic-version: 2023-06-01" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "max_tokens": 1024, "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
    ),
    (
        "Python",
        """from anthropic import Anthropic

client = Anthropic(base_url="{url}", api_key="{key}")
answer = client.messages.create(
    model="{model}", max_tokens=1024, messages=[{{"role": "user", "content": "Hello"}}]
)
print(answer.content[0].text)""",
    ),
    (
        "JavaScript",
        """import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{ baseURL: "{url}", apiKey: "{key}" }});
const answer = await client.messages.create({{
  model: "{model}",
  max_tokens: 1024,
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.content[0].text);""",
    ),
)
_GEMINI = (
    (
        "curl",
        """curl {url}/v1beta/models/{model}:generateContent \\
  -H "x-goog-api-key: {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"contents": [{{"role": "user", "parts": [{{"text": "Hello"}}]}}]}}'""",
    ),
    (
        "Python",
        """from google import genai

client = genai.Client(api_key="{key}", http_options={{"base_url": "{url}"}})
answer = client.models.generate_content(model="{model}", contents="Hello")
print(answer.text)""",
    ),
    (
        "JavaScript",
        """import {{ GoogleGenAI }} from "@google/genai";

const client = new GoogleGenAI({{ apiKey: "{key}", httpOptions: {{ baseUrl: "{url}" }} }});
const answer = await client.models.generateContent({{ model: "{model}", contents: "Hello" }});
console.log(answer.text);""",
    ),
)
_COMPLETION = (
    (
        "curl",
        """curl {url}/v1/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "prompt": "Hello"}}'""",
    ),
    (
        "Python",
        """from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
answer = client.completions.create(model="{model}", prompt="Hello")
print(answer.choices[0].text)""",
    ),
    (
        "JavaScript",
        """import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});
const answer = await client.completions.create({{ model: "{model}", prompt: "Hello" }});
console.log(answer.choices[0].text);""",
    ),
)
_EMBEDDINGS = (
    (
        "curl",
        """curl {url}/v1/embeddings \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "input": "Hello"}}'""",
    ),
    (
        "Python",
        """from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
answer = client.embeddings.create(model="{model}", input="Hello")
print(answer.data[0].embedding[:3])""",
    ),
    (
        "JavaScript",
        """import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});
const answer = await client.embeddings.create({{ model: "{model}", input: "Hello" }});
console.log(answer.data[0].embedding.slice(0, 3));""",
    ),
)
_STANDING = (
    ("curl", 'curl {url}/v1/standing -H "Authorization: Bearer {key}"'),
    (
        "Python",
        """from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
for model in client.models.list():
    print(model.id)""",
    ),
    (
        "JavaScript",
        """import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{key}" }});
for await (const model of client.models.list()) console.log(model.id);""",
    ),
)
_REST = (
    ("curl", 'curl {url}/apis/{slug}/ -H "Authorization: Bearer {key}"'),
    (
        "Python",
        """import requests

answer = requests.get("{url}/apis/{slug}/", headers={{"Authorization": "Bearer {key}"}}, timeout=30)
print(answer.status_code, answer.text)""",
    ),
    (
        "JavaScript",
        """const answer = await fetch("{url}/apis/{slug}/", {{
  headers: {{ Authorization: "Bearer {key}" }},
}});
console.log(answer.status, await answer.text());""",
    ),
)
# What a model of each kind is called by, in each dialect.
_BY_KIND: Mapping[str, Sequence[tuple[str, Sequence[tuple[str, str]]]]] = {
    "chat": (("OpenAI", _CHAT), ("Anthropic", _ANTHROPIC), ("Gemini", _GEMINI)),
    "completion": (("OpenAI", _COMPLETION),),
    "embedding": (("OpenAI", _EMBEDDINGS),),
}


def chat(model: str | None, key: str | None = None) -> Snippets:
    """A chat with a model; None leaves its name to fill in as well."""
    name = model or format_html("<mark>{}</mark>", "MODEL")
    return _filled(_CHAT, key, model=name)


def of_model(model: str, kind: str) -> Sequence[tuple[str, Snippets]]:
    """By dialect; nothing for kinds that the gateway has no address for."""
    return [(dialect, _filled(templates, None, model=model)) for dialect, templates in _BY_KIND.get(kind, ())]


def standing(key: str | None = None) -> Snippets:
    """What works with each key and costs nothing: how it stands, and the models it reaches."""
    return _filled(_STANDING, key)


def rest(slug: str, key: str | None = None) -> Snippets:
    return _filled(_REST, key, slug=slug)


def _filled(templates: Sequence[tuple[str, str]], key: str | None, **values: str) -> Snippets:
    secret = key or format_html("<mark>{}</mark>", "YOUR_KEY")
    values |= {"url": settings.PUBLIC_URL, "key": secret}
    return [(language, format_html(code, **values)) for language, code in templates]
