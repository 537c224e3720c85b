"""How a request is refused: each address has its own way to say an error."""

from flask import Request, Response

from refserver.answers import ApiError, error_answer, json_answer, text_answer, text_error_answer
from refserver.parameters import asked_format

LINKTRACK_PREFIX = "/api/v1_0/"
LINKBEE_PATH = "/api.php"
CONTROL_PREFIX = "/_control/"


def refusal(request: Request, error: ApiError, *, legacy: bool) -> Response:
    """The error as whoever asks at this address expects it; `legacy` as its dialect has it."""
    path = request.path
    if path == LINKBEE_PATH:
        # Its own errors are successes in HTTP's eyes. What isn't its own says so.
        status = error.status if error.status >= 429 else 200
        return json_answer({"error": 1, "msg": error.message}, status)
    if path.startswith(CONTROL_PREFIX):
        return error_answer("json", error)
    if len(path) > 1 and "/" not in path[1:]:
        return text_answer(error.message, error.status)
    if legacy:
        return text_error_answer(error, 200)
    if path == f"{LINKTRACK_PREFIX}makeLink":
        return text_error_answer(error, error.status)
    return error_answer(asked_format(request), error)
