"""The reference server as a WSGI application."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from refserver.answers import ApiError
from refserver.control import Control
from refserver.database import Database
from refserver.dialects import checked_dialects
from refserver.faults import Faults
from refserver.linkbee import Linkbee
from refserver.linktrack import Linktrack
from refserver.redirects import Redirects
from refserver.refusals import CONTROL_PREFIX, LINKBEE_PATH, LINKTRACK_PREFIX, refusal

LARGEST_BODY_BYTES = 1_000_000

_MESSAGES = {
    404: "no such method",
    405: "no such way to call this: the header Allow has those that it takes",
    413: f"the request is too large: it takes {LARGEST_BODY_BYTES} bytes",
}

_log = logging.getLogger("refserver")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    database: Database | str | Path,
    dialects: Collection[str] = (),
    *,
    clock: Callable[[], datetime] = _utc_now,
    allow_control: bool = False,
) -> Flask:
    """The application over a database, in a combination of dialects.

    ValueError for an unknown dialect. With `allow_control`, `/_control/` sets faults.
    Each request is logged to `refserver` at INFO, without its query. A database that is given by
    its path stays open as long as the process.
    """
    heeded = checked_dialects(dialects)
    opened = database if isinstance(database, Database) else Database(database)
    faults = Faults(opened, clock)
    linktrack = Linktrack(opened, heeded, faults.now)
    linkbee = Linkbee(opened)
    redirects = Redirects(opened, clock)

    app = Flask("refserver", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY_BYTES
    # Both would answer in a way of their own where the contract has an error.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False

    @app.route(f"{LINKTRACK_PREFIX}getLinkHistory", methods=["GET", "POST"])
    def get_link_history() -> Response:
        return linktrack.get_link_history(request)

    @app.route(f"{LINKTRACK_PREFIX}getLinks", methods=["GET", "POST"])
    def get_links() -> Response:
        return linktrack.get_links(request)

    @app.route(f"{LINKTRACK_PREFIX}makeLink", methods=["GET", "POST"])
    def make_link() -> Response:
        if request.method == "HEAD":
            raise MethodNotAllowed(["GET", "POST"])
        return linktrack.make_link(request)

    @app.route(LINKBEE_PATH, methods=["GET"])
    def call_task() -> Response:
        return linkbee.answer(request)

    @app.route("/<name>", methods=["GET"])
    def follow_link(name: str) -> Response:
        return redirects.follow(request, name)

    _answer_errors(app, legacy="legacy-errors" in heeded)
    _log_requests(app)
    app.before_request(_refuse_large_body)
    if allow_control:
        _obey(app, faults)
    return app


def _refuse_large_body() -> None:
    # Flask's own limit, above, holds only where a body is read, which not every type is.
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise RequestEntityTooLarge


def _obey(app: Flask, faults: Faults) -> None:
    """Lets `/_control/` set what the coming answers do."""
    control = Control(faults)

    @app.route(f"{CONTROL_PREFIX}<order>", methods=["POST"])
    def obey(order: str) -> Response:
        return control.answer(request, order)

    @app.before_request
    def before() -> Response | None:
        return faults.before(request)

    @app.after_request
    def after(response: Response) -> Response:
        faults.after(request, response)
        return response


def _answer_errors(app: Flask, *, legacy: bool) -> None:
    """Whatever goes wrong is answered as the contract has it, never with a traceback."""

    def answer(error: ApiError) -> Response:
        return refusal(request, error, legacy=legacy)

    app.register_error_handler(ApiError, answer)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        response = answer(ApiError(status, _MESSAGES.get(status, error.name)))
        if status == 405:
            response.headers["Allow"] = dict(error.get_headers())["Allow"]
        return response

    @app.errorhandler(Exception)
    def unexpected(_error: Exception) -> Response:
        _log.exception("%s %s failed", request.method, quote(request.path))
        return answer(ApiError(500, "an unexpected error; the server's log has it"))


def _log_requests(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        _log.info(
            "%s %s %s %d %d bytes %.1f ms",
            request.remote_addr,
            request.method,
            quote(request.path),
            response.status_code,
            response.content_length or 0,
            (time.perf_counter() - g.began) * 1000,
        )
        return response
