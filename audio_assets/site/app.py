"""The artifact server: a read-only web site over an artifact store, with a page to see and hear each artifact.

Here: routes, templates, and what guards them. What a page shows is in `artifact_page`, the index in `index`, bytes in
`files`. GET and HEAD only; no script, style or font from another host; every text is escaped.
"""

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audio_assets.lineage.explain_page import explain_page, page_policy
from audio_assets.lineage.explaining import Explainer, Found
from audio_assets.settings import Settings, current
from audio_assets.site.artifact_page import Page, object_page, partition_page
from audio_assets.site.files import public_path, serve_file
from audio_assets.site.index import Index
from audio_assets.site.listing import Query
from resources.store import SIDECAR, ArtifactStore

_PAGES = Path(__file__).resolve().parents[1] / "pages"

# `data:` is the page's icon. No inline script or style runs, so a text that slipped through unescaped would not either.
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-site",
    "cache-control": "private, no-cache",
}


def build_site(store: ArtifactStore, settings: Settings | None = None) -> Starlette:
    """Return the ASGI application that shows `store`; the settings say which host names it answers to."""
    settings = settings or current()
    index = Index(store)
    templates = _templates()

    def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        dagster = f"http://{request.url.hostname or 'localhost'}:{settings.dagster_port}"
        return HTMLResponse(templates.get_template(template).render(dagster=dagster, **values), status)

    def show_index(request: Request) -> Response:
        return render(request, "index.html", listing=index.listing(Query.parse(request.query_params)))

    def show_partition(request: Request) -> Response:
        page = partition_page(store, index, request.path_params["asset"], request.path_params["partition"])
        return _show(request, page)

    def show_object(request: Request) -> Response:
        folder = public_path(request.path_params["folder"].rstrip("/"))
        return _show(request, object_page(store, index, folder) if folder else None)

    def _show(request: Request, page: Page | None) -> Response:
        if page is None:
            return render(request, "missing.html", 404)
        return render(request, "page.html", 200 if page.is_known else 404, page=page)

    def show_lineage(request: Request) -> Response:
        folder = public_path(request.path_params["folder"].rstrip("/"))
        if not folder or store.size(f"{folder}/{SIDECAR}") is None:
            return render(request, "missing.html", 404)
        lineage = Explainer(store, is_thorough=False).lineage(Found(folder))
        page = explain_page(lineage, has_links=True, back=f"/o/{folder}")
        return HTMLResponse(page, headers={"content-security-policy": page_policy()})

    async def send_file(request: Request) -> Response:
        return await serve_file(store, request, request.path_params["path"])

    return Starlette(
        routes=[
            Route("/", show_index),
            Route("/a/{asset}/{partition}", show_partition),
            Route("/o/{folder:path}", show_object),
            Route("/explain/{folder:path}", show_lineage),
            Route("/files/{path:path}", send_file),
            Mount("/static", StaticFiles(directory=_PAGES / "static")),
        ],
        middleware=[Middleware(_Guard, hosts=_hosts(settings), is_any_address=_is_unspecified(settings.server_host))],
    )


def _templates() -> Environment:
    templates = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False}
    templates.filters["path"] = lambda value: quote(str(value), safe="/")
    templates.filters["sound"] = _quoted_sound
    templates.filters["part"] = lambda value: quote(str(value), safe="")
    return templates


def _quoted_sound(path: str) -> str:
    """Quote a path that may end in a media fragment: `song.ogg#t=1.5,9`."""
    name, mark, stretch = path.partition("#t=")
    return quote(name, safe="/") + mark + quote(stretch, safe=",")


def _hosts(settings: Settings) -> frozenset[str]:
    named = urlsplit(settings.artifact_url).hostname
    return frozenset({"localhost", "127.0.0.1", "::1", settings.server_host, *([named] if named else [])})


def _is_unspecified(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Guard:
    """Refuses foreign host names and adds the security headers to every answer.

    A page of another site can point its own name at this address (DNS rebinding) and read what is served, but it can
    not change the Host header. A server bound to every address also answers to bare addresses: no name is involved.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], is_any_address: bool) -> None:
        self._app = app
        self._hosts = hosts
        self._is_any_address = is_any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        app = self._app if self._is_ours(host) else _misdirected(host)
        await app(scope, receive, send_guarded)

    def _is_ours(self, header: str) -> bool:
        try:
            host = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return host in self._hosts or (self._is_any_address and _is_address(host))


def _misdirected(host: str) -> Response:
    shown = "".join(c for c in host if c.isalnum() or c in ".-:[]")[:100]
    return PlainTextResponse(
        f"This server does not answer to the name '{shown}'. If it should, set AUDIO_ASSETS_SERVER_URL to its URL.", 421
    )
