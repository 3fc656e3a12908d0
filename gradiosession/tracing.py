"""OpenTelemetry, where its standard variables name a collector and requirements-otel.txt is
installed: a span for each request, for handing it over, and for the function that it calls."""

import logging
import os
from typing import Any

from django.conf import settings

from gradio_ui import tracing
from gradio_ui.cluster import process
from gradiosession.logs import App, Message, Receive, Scope, Send, shown_path
from gradiosession.metrics import is_stream, route

logger = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def start() -> None:
    """Once in a process that serves."""
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(map(os.environ.get, _ENDPOINTS)):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("No traces: requirements-otel.txt is not installed.")
        return
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "gradiosession"),
            "service.version": settings.GRADIOSESSION_RELEASE,
            "service.instance.id": process.ID,
        }
    )
    # Samplers and limits are read from the environment there.
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing.tracer = provider.get_tracer("gradiosession")


def traced(app: App) -> App:
    """With a span around each request, if there are spans at all."""
    return app if tracing.tracer is None else _Traced(app)


class _Traced:
    """Pure ASGI. A stream has none: it would be told of when the page is closed, hours later."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_stream(scope):
            return await self.app(scope, receive, send)
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        with tracing.tracer.start_as_current_span(
            f"{scope['method']} {route(scope)}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes={
                "http.request.method": scope["method"],
                "url.path": shown_path(scope["path"]),
                "request_id": scope["log"]["request_id"],
            },
        ) as span:
            scope[tracing.KEY] = trace.set_span_in_context(span)
            scope["log"]["trace_id"] = trace.format_trace_id(span.get_span_context().trace_id)
            await self.app(scope, receive, _noting(span, send))


def _noting(span: Any, send: Send) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                from opentelemetry.trace import StatusCode

                span.set_status(StatusCode.ERROR)
        await send(message)

    return noted
