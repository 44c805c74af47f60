"""Log probabilities: Google's two lists side by side, and OpenAI's one list, which is the canonical form."""

from typing import Any


def read_logprobs(result: Any) -> dict[str, Any] | None:
    """Of a `logprobsResult`; None for what is none."""
    chosen = result.get("chosenCandidates") if isinstance(result, dict) else None
    if not isinstance(chosen, list):
        return None
    top = result.get("topCandidates")
    others = top if isinstance(top, list) else []
    content = []
    for number, each in enumerate(chosen):
        beside = others[number].get("candidates") if number < len(others) and isinstance(others[number], dict) else None
        beside = beside if isinstance(beside, list) else []
        content.append({**_token(each), "top_logprobs": [_token(other) for other in beside]})
    return {"content": content, "refusal": None}


def _token(candidate: Any) -> dict[str, Any]:
    held = candidate if isinstance(candidate, dict) else {}
    text = held.get("token")
    token = text if isinstance(text, str) else ""
    # Google leaves zeros out.
    return {"token": token, "logprob": held.get("logProbability", 0), "bytes": list(token.encode())}


def written_logprobs(logprobs: Any) -> dict[str, Any] | None:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return None
    tokens = _objects(content)
    return {
        "chosenCandidates": [_candidate(token) for token in tokens],
        "topCandidates": [
            {"candidates": [_candidate(each) for each in _objects(token.get("top_logprobs"))]} for token in tokens
        ],
    }


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _candidate(token: dict[str, Any]) -> dict[str, Any]:
    return {"token": token.get("token"), "logProbability": token.get("logprob")}
