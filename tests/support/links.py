"""An archive of a Linkbee account, what is exported of links, and what a service was asked."""

import json
from contextlib import contextmanager

from refserver.app import create_app
from refserver.serving import running
from support.archive import TestArchive
from support.service import LOGIN, Service


@contextmanager
def counted(service: Service, dialects=()):
    """Serve both APIs; give the address, and the paths that were asked for."""
    app = create_app(service.database, dialects)
    inner, asked = app.wsgi_app, []

    def outer(environ, start_response):
        asked.append(environ["PATH_INFO"].rpartition("/")[2])
        return inner(environ, start_response)

    app.wsgi_app = outer
    with running(app) as address:
        yield address, asked


def exported(archive: TestArchive, what: str) -> list[dict]:
    return [json.loads(line) for line in archive.export(what).splitlines()]


def linkbee(folder, address: str, links: list[str], **settings) -> TestArchive:
    """An archive of one Linkbee account."""
    archive = TestArchive(folder, address)
    given = {"links": links, "requests_per_second": 0, **settings} if links else settings
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    archive.path.write_text(
        '[archive]\ndirectory = "archive"\n\n[[accounts]]\nname = "acme"\nservice = "linkbee"\n'
        f'base_url = "{address}/api.php"\nlogin = "{LOGIN}"\npassword_env = "PASSWORD"\n{lines}',
        encoding="utf-8",
    )
    return archive
