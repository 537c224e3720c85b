"""`/_control/`: tests, and people who write a client, set the server's faults by it."""

import ipaddress
import threading
from typing import Annotated

from flask import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refserver.addresses import own_host
from refserver.answers import ApiError, json_answer
from refserver.faultkinds import FAULT, MOST
from refserver.faults import Faults
from refserver.proxy import Proxy, ProxyFault


class _ProxyOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fault: ProxyFault | None = None
    times: Annotated[int, Field(ge=1, le=MOST)] | None = 1
    seconds: Annotated[float, Field(ge=0, le=60)] = 1


class Control:
    """The control of one server. Raises ApiError for what it doesn't take."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._proxy: Proxy | None = None

    def answer(self, request: Request, order: str) -> Response:
        """404 for whoever isn't on this machine."""
        orders = {"faults": self._add_fault, "proxy": self._set_proxy, "reset": self._reset}
        if order not in orders or not _is_loopback(request.remote_addr):
            raise ApiError(404, "no such method")
        if request.mimetype != "application/json":
            # Which no other site's page can make a browser send here unasked.
            raise ApiError(400, "Content-Type: takes application/json")
        try:
            return json_answer({"error": 0, "msg": "", **orders[order](request)}, 200)
        except ValidationError as error:
            raise ApiError(400, _told(error)) from None

    def _add_fault(self, request: Request) -> dict[str, object]:
        self._faults.add(FAULT.validate_json(request.get_data()))
        return {"faults": self._faults.waiting()}

    def _set_proxy(self, request: Request) -> dict[str, object]:
        order = _ProxyOrder.model_validate_json(request.get_data())
        with self._lock:
            if self._proxy is None:
                self._proxy = Proxy(f"http://{own_host(request)}")
            self._proxy.fail(order.fault, times=order.times, seconds=order.seconds)
            return {"url": self._proxy.url}

    def _reset(self, _request: Request) -> dict[str, object]:
        self._faults.reset()
        with self._lock:
            if self._proxy:
                self._proxy.close()
            self._proxy = None
        return {"faults": []}


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


def _told(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors()
    )
