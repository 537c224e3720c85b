"""Faults on demand: what they do to the coming answers."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from flask import Request, Response, g

from refserver import faultkinds as kinds
from refserver.answers import ApiError
from refserver.database import Database
from refserver.pages import Page, swollen
from refserver.records import NewClick
from refserver.refusals import LINKBEE_PATH, LINKTRACK_PREFIX

_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_NO_SKEW = timedelta()


@dataclass(slots=True, eq=False)
class _Waiting:
    """A fault, and the answers that it is still for."""

    fault: kinds.Fault
    skip: int
    times: int | None


class Faults:
    """The faults of one server. Any thread may use them at any time.

    They are for the answers of both APIs, not for redirects of links nor for `/_control/`.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._last_pages: dict[tuple[str, str], Page] = {}
        self._was_reset = threading.Event()

    def now(self) -> datetime:
        """The clock as the request that is being answered sees it."""
        skew: timedelta = g.get("skew", _NO_SKEW)
        return self._clock() + skew

    def add(self, fault: kinds.Fault) -> None:
        """Raises ApiError where the fault is about a link that doesn't exist."""
        if isinstance(fault, kinds.NewClicks | kinds.Rename):
            self._account_of(fault.link_id)
        with self._lock:
            self._waiting.append(_Waiting(fault, fault.skip, fault.times))

    def waiting(self) -> list[dict[str, object]]:
        """The faults that are still to come, in their order, with what is left of them."""
        with self._lock:
            return [
                {**one.fault.model_dump(mode="json"), "skip": one.skip, "times": one.times}
                for one in self._waiting
            ]

    def reset(self) -> None:
        """Forgets all faults, and ends the delays that have begun."""
        with self._lock:
            self._waiting.clear()
            self._last_pages.clear()
            self._was_reset.set()
            self._was_reset = threading.Event()

    def before(self, request: Request) -> Response | None:
        """What comes before an answer is made; a response is the answer."""
        method = _method(request)
        if method is None:
            return None
        for fault in self._due(method, _is_before):
            match fault:
                case kinds.Delay():
                    self._was_reset.wait(fault.seconds)
                case kinds.Clock():
                    g.skew = timedelta(seconds=fault.seconds)
                case kinds.NewClicks():
                    self._record(fault)
                case kinds.Rename():
                    self._database.rename_link(fault.link_id, fault.title)
        return self._instead(method)

    def after(self, request: Request, response: Response) -> None:
        """What is done to an answer that has been made."""
        method = _method(request)
        if method is None:
            return
        if "skew" in g:
            response.headers["Date"] = format_datetime(self.now().astimezone(UTC), usegmt=True)
        if "retry_after" in g:
            response.headers["Retry-After"] = str(g.retry_after)
        if "is_replaced" in g:
            return
        page = Page.read(response.get_data())
        if page:
            response.set_data(self._changed(method, response.mimetype or "", page).body)
        for fault in self._due(method, lambda fault: isinstance(fault, kinds.Swell)):
            if isinstance(fault, kinds.Swell):
                response.set_data(swollen(response.get_data(), fault.megabytes))
                response.headers["Content-Encoding"] = "gzip"

    def _instead(self, method: str) -> Response | None:
        """The first fault that takes the answer's place; the others wait for the next answer."""
        for fault in self._due(method, _is_instead):
            g.is_replaced = True
            match fault:
                case kinds.TooManyRequests():
                    if fault.retry_after is not None:
                        g.retry_after = fault.retry_after
                    raise ApiError(429, "too many requests: come again later")
                case kinds.ServerError():
                    return Response(_HTML.format("Something went wrong"), fault.status)
                case kinds.Html():
                    return Response(_HTML.format("Welcome"), 200)
                case kinds.Redirect():
                    return Response("", fault.status, {"Location": fault.location})
        return None

    def _changed(self, method: str, mimetype: str, page: Page) -> Page:
        before = self._last_pages.get((method, mimetype))
        self._last_pages[method, mimetype] = page

        def fits(fault: kinds.Fault) -> bool:
            if isinstance(fault, kinds.RepeatedPage):
                return before is not None and page.offset > 0
            return isinstance(fault, kinds.WrongTotal) and page.states_total

        changed = page
        for fault in self._due(method, fits):
            match fault:
                case kinds.RepeatedPage() if before:
                    changed = Page(changed.head, before.tail)
                case kinds.WrongTotal():
                    changed = changed.with_total_changed(fault.by)
        return changed

    def _due(self, method: str, fits: Callable[[kinds.Fault], bool]) -> Iterator[kinds.Fault]:
        """The faults for this answer. Each is counted when it is given, not before."""
        with self._lock:
            waiting = list(self._waiting)
        for one in waiting:
            if one.fault.method in {None, method} and fits(one.fault) and self._is_taken(one):
                yield one.fault

    def _is_taken(self, one: _Waiting) -> bool:
        with self._lock:
            if one not in self._waiting:
                return False
            if one.skip:
                one.skip -= 1
                return False
            if one.times is not None:
                one.times -= 1
                if not one.times:
                    self._waiting.remove(one)
            return True

    def _record(self, fault: kinds.NewClicks) -> None:
        click = NewClick(
            fault.link_id, fault.clicked_at or self.now(), "192.0.2.1", "", "", "/_control/faults"
        )
        self._database.add_clicks(self._account_of(fault.link_id), [click] * fault.count)

    def _account_of(self, link_id: int) -> int:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT account_id FROM links WHERE id = ?", (link_id,)
            ).fetchone()
        if row is None:
            raise ApiError(400, f"link_id: there is no link {link_id}")
        return int(row[0])


def _is_before(fault: kinds.Fault) -> bool:
    return isinstance(fault, kinds.Delay | kinds.Clock | kinds.NewClicks | kinds.Rename)


def _is_instead(fault: kinds.Fault) -> bool:
    return isinstance(
        fault, kinds.TooManyRequests | kinds.ServerError | kinds.Html | kinds.Redirect
    )


def _method(request: Request) -> str | None:
    """The method or task that is called; None where the address is no API's."""
    if request.path == LINKBEE_PATH:
        return request.args.get("task", "")
    if request.path.startswith(LINKTRACK_PREFIX):
        return request.path.removeprefix(LINKTRACK_PREFIX)
    return None
