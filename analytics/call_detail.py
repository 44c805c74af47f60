"""One call with the names of all it refers to. What the call cost us is not said: it is not the team's business."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from django.conf import settings

from apipark.problems import PROBLEMS, ProblemType
from billing.models import Allowance, Meter, Subscription
from providers.models import AiModel, Service
from providers.wording import named_counts
from proxy.models import Call
from proxy.waterfall import Waterfall, changes, waterfall
from teams.models import ApiKey, Application


@dataclass(frozen=True, slots=True)
class Charge:
    """What the call took from one allowance: reserved or charged before, and what it really used."""

    allowance: Allowance
    charged: int
    actual: int


@dataclass(frozen=True)
class CallDetail:
    call: Call
    application: Application | None
    key: ApiKey | None
    service: Service | None
    ai_model: AiModel | None
    subscription: Subscription | None
    charges: Sequence[Charge]

    @classmethod
    def of(cls, call: Call) -> Self:
        taken = {int(row[0]): row for row in call.charges}
        return cls(
            call=call,
            application=Application.objects.filter(pk=call.application).first(),
            key=ApiKey.objects.filter(pk=call.api_key).first(),
            service=Service.objects.filter(pk=call.service).first() if call.service else None,
            ai_model=AiModel.objects.select_related("provider").filter(pk=call.ai_model).first()
            if call.ai_model
            else None,
            subscription=Subscription.objects.select_related("version__plan").filter(pk=call.subscription).first()
            if call.subscription
            else None,
            charges=[
                Charge(allowance, *taken[allowance.pk][1:3])
                for allowance in Allowance.objects.filter(pk__in=taken).order_by("kind", "meter", "pk")
            ],
        )

    @property
    def refused(self) -> bool:
        return self.call.outcome == Call.Outcome.REFUSED

    @cached_property
    def waterfall(self) -> Waterfall:
        return waterfall(self.call, self.ai_model, None, for_operator=False)

    @property
    def changes(self) -> list[tuple[str, Sequence[str]]]:
        return changes(self.call.report)

    @property
    def counted(self) -> list[tuple[str, int]]:
        """What was used, by class of the ledger."""
        return named_counts(self.call.counts)

    @property
    def asked_units(self) -> Sequence[tuple[str, str, int]]:
        """Meter, its name, and how much a refused call asked for."""
        units = self.call.asked.get("units", {})
        names = dict(Meter.choices)
        return [(meter, str(names[meter]), count) for meter, count in units.items() if meter in names and count]

    @property
    def problem(self) -> ProblemType | None:
        return PROBLEMS.get(self.call.slug)

    @property
    def curl(self) -> str:
        """To repeat it. Bodies are not kept."""
        body = "" if self.call.method in {"GET", "HEAD", "DELETE"} else " \\\n  -d @body.json"
        method = "" if self.call.method in {"GET", "POST"} else f" -X {self.call.method}"
        return (
            f"curl{method} {settings.PUBLIC_URL}{self.call.path} \\\n"
            f'  -H "Authorization: Bearer $APIPARK_KEY" \\\n  -H "Content-Type: application/json"{body}'
        )

    @property
    def raw(self) -> str:
        call = self.call
        return json.dumps(
            {
                "id": call.request_id,
                "at": call.at.isoformat(),
                "application": self.application.ref if self.application else None,
                "key": self.key.ref if self.key else None,
                "service": self.service.slug if self.service else None,
                "model": self.ai_model.name if self.ai_model else None,
                "subscription": self.subscription.ref if self.subscription else None,
                "environment": call.environment,
                "method": call.method,
                "path": call.path,
                "status": call.status,
                "problem": call.slug or None,
                "outcome": call.outcome,
                "streamed": call.streamed,
                "bytes": {"request": call.request_bytes, "answer": call.response_bytes},
                "tokens": {"input": call.input_tokens, "cached": call.cached_tokens, "output": call.output_tokens},
                "usage": call.usage_source or None,
                "ms": {"first_byte": call.first_byte_ms, "total": call.duration_ms},
            },
            indent=2,
        )
