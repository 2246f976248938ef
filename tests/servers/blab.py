"""A vendor that tells everybody's secrets: whatever is asked, its answer repeats the headers of the request (plain,
quoted for a URL, in base64), and every address in it is signed.

`mode` says how it answers: a status ("401", "500" ...; JSON), "page" (502, a web page), "away" (sent on to a signed
address), "html" (200, a web page), "failed" (each job has failed), "done" (each job is done, its file at a signed
address that has run out), "closes" (a part of an answer). `heard` counts the values of keys that were sent.
"""

import base64
from collections import Counter
from typing import Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

SIGNATURE = "5d41402abc4b2a76b9719d911017c592planted"
MODES = ("400", "401", "404", "409", "422", "429", "500", "503", "page", "away", "html", "failed", "done", "closes")
_KEYS = ("authorization", "x-api-key", "xi-api-key", "x-goog-api-key")


class Blab:
    """See the module. `done` and `failed` are the words of the vendor that it plays for a job's state."""

    def __init__(self, mode: str, done: str = "COMPLETED", failed: str = "FAILED") -> None:
        self.mode, self.done, self.failed = mode, done, failed
        self.heard: Counter[str] = Counter()
        methods = ["GET", "POST", "PUT", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        await request.body()
        sent = [request.headers[name] for name in _KEYS if name in request.headers]
        self.heard.update(value.split(" ")[-1] for value in sent)
        told = self._told(sent or ["nothing"], str(request.base_url).rstrip("/"))
        headers = {"x-request-id": " ".join(sent), "set-cookie": f"session={quote(' '.join(sent))}", "retry-after": "0"}
        if self.mode == "away":
            return RedirectResponse(f"https://files.example.invalid/x?X-Amz-Signature={SIGNATURE}", 302, headers)
        if self.mode in ("html", "page"):
            page = f"<html><title>Sign in {' '.join(sent)}</title>{told['message']}</html>"
            return Response(page, 502 if self.mode == "page" else 200, headers, "text/html")
        if self.mode == "closes":
            return Response(orjson.dumps(told), 200, {**headers, "content-length": "99999"}, "application/json")
        if self.mode in ("failed", "done"):
            if "/files/" in request.url.path:
                return Response(f"<Error>{told['message']}</Error>", 403, headers, "application/xml")
            return Response(orjson.dumps(self._job(told)), 200, headers, "application/json")
        return Response(orjson.dumps(told), int(self.mode), headers, "application/json")

    def _told(self, sent: list[str], base: str) -> dict[str, Any]:
        said = " / ".join(
            form for value in sent for key in (value, value.split(" ")[-1])
            for form in (key, quote(key, safe=""), base64.b64encode(key.encode()).decode(),
                         base64.b64encode(f"user:{key}".encode()).decode())
        )  # fmt: skip
        said = f"the key {said} is not known; see {base}/files/x?X-Amz-Signature={SIGNATURE}"
        return {"message": said, "detail": said, "error": {"message": said, "code": 1, "key": sent}, "title": said,
                "base": base}  # fmt: skip

    def _job(self, told: dict[str, Any]) -> dict[str, Any]:
        base = told["base"]
        signed = f"?X-Amz-Signature={SIGNATURE}&token={SIGNATURE}"
        file = f"{base}/files/out.mp4{signed}"
        job = {
            "id": "job-1", "request_id": "job-1", "prompt_id": "job-1", "generationId": "job-1",
            "status": self.done if self.mode == "done" else self.failed, "statusCode": 200,
            "status_url": f"{base}/a/b/requests/job-1/status{signed}", "polling_url": f"{base}/videos/job-1{signed}",
            "response_url": f"{base}/a/b/requests/job-1{signed}", "cancel_url": f"{base}/a/b/requests/job-1/c{signed}",
            "urls": {"get": f"{base}/x{signed}", "cancel": f"{base}/y{signed}"},
            "uploadUrl": f"{base}/upload{signed}", "url": file, "outputUrl": file, "video": {"url": file},
            "output": [file], "unsigned_urls": [file],
        }  # fmt: skip
        failed = {"error": told["message"], "failure": told["message"], "errorCode": told["message"],
                  "failureCode": "INTERNAL", "detail": told["message"]}  # fmt: skip
        return job if self.mode == "done" else {**job, **failed}
