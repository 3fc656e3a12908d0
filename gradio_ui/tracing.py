"""Spans of OpenTelemetry. The site says by whom they are made (`gradiosession.tracing`); without
that there are none, and nothing of it is imported."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

# An `opentelemetry.trace.Tracer`.
tracer: Any = None
# In the scope of a request: what spans of it are children of, also after it was answered.
KEY = "gradio_ui.trace"


def span(name: str, scope: Any, *, is_client: bool = False) -> AbstractContextManager[Any]:
    """Of a part of what is done for this request."""
    if tracer is None or KEY not in scope:
        return nullcontext()
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if is_client else SpanKind.INTERNAL
    found: AbstractContextManager[Any] = tracer.start_as_current_span(
        name, context=scope[KEY], kind=kind, attributes={"app": scope["log"].get("app", "")}
    )
    return found


def ended(span: Any, outcome: str | None) -> None:
    """`span`: `None` where there are none."""
    if span is None:
        return
    span.set_attribute("outcome", outcome or "")
    if outcome == "failed":
        from opentelemetry.trace import StatusCode

        span.set_status(StatusCode.ERROR)


def handed_over(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a request that goes to another process, whose spans are to be children of
    the present one (W3C Trace Context)."""
    if tracer is None:
        return headers
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    ours = [(name.encode(), value.encode()) for name, value in carrier.items()]
    return [item for item in headers if item[0] not in (b"traceparent", b"tracestate")] + ours
