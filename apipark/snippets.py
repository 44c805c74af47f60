"""Code that calls this gateway, to be copied from pages: pairs of language and code.

A `None` for the key leaves a marked place to fill; with the key itself the code works when pasted.
"""

from collections.abc import Sequence

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
  -d '{body}'""",
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


def chat(model: str | None, key: str | None = None) -> Snippets:
    """A chat with a model; None leaves its name to fill in as well."""
    name = model or format_html("<mark>{}</mark>", "MODEL")
    body = format_html('{{"model": "{}", "messages": [{{"role": "user", "content": "Hello"}}]}}', name)
    return _filled(_CHAT, key, model=name, body=body)


def standing(key: str | None = None) -> Snippets:
    """What works with each key and costs nothing: how it stands, and the models it reaches."""
    return _filled(_STANDING, key)


def rest(slug: str, key: str | None = None) -> Snippets:
    return _filled(_REST, key, slug=slug)


def _filled(templates: Sequence[tuple[str, str]], key: str | None, **values: str) -> Snippets:
    secret = key or format_html("<mark>{}</mark>", "YOUR_KEY")
    values |= {"url": settings.PUBLIC_URL, "key": secret}
    return [(language, format_html(code, **values)) for language, code in templates]
