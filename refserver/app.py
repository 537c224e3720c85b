"""The reference server as a WSGI application."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from refserver.answers import ApiError, error_answer, legacy_error_answer
from refserver.database import Database
from refserver.dialects import checked_dialects
from refserver.linktrack import Linktrack
from refserver.parameters import asked_format

LINKTRACK_PREFIX = "/api/v1_0/"
LARGEST_BODY_BYTES = 1_000_000

_MESSAGES = {
    404: "no such method",
    405: "no such way to call this method: it takes GET and POST",
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
) -> Flask:
    """The application over a database, in a combination of dialects.

    ValueError for an unknown dialect. Each request is logged to `refserver` at INFO, without its
    query. A database that is given by its path stays open as long as the process.
    """
    heeded = checked_dialects(dialects)
    opened = database if isinstance(database, Database) else Database(database)
    linktrack = Linktrack(opened, heeded, clock)

    app = Flask("refserver", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY_BYTES
    # Both would answer in a way of their own where the contract has an error.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False

    @app.route(f"{LINKTRACK_PREFIX}getLinkHistory", methods=["GET", "POST"])
    def get_link_history() -> Response:
        return linktrack.get_link_history(request)

    _answer_errors(app, legacy="legacy-errors" in heeded)
    _log_requests(app)
    app.before_request(_refuse_large_body)
    return app


def _refuse_large_body() -> None:
    # Flask's own limit, above, holds only where a body is read, which not every type is.
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise RequestEntityTooLarge


def _answer_errors(app: Flask, *, legacy: bool) -> None:
    """Whatever goes wrong is answered as the contract has it, never with a traceback."""

    def answer(error: ApiError) -> Response:
        return legacy_error_answer(error) if legacy else error_answer(asked_format(request), error)

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
