"""dlt, as its documentation has it: in the extra `bench`, and silent about its use."""

import os
from pathlib import Path

import dlt
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

from benchmarks.history import PAGE_SIZE
from benchmarks.peers import asked, count
from benchmarks.tasks import Prepared, Task


def pipeline(task: Task) -> Prepared:
    """Its REST client, merged by id into SQLite."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DLT_DATA_DIR"] = task.folder
    path = Path(task.folder, "dlt.db")
    made = dlt.pipeline(
        "clicks",
        pipelines_dir=task.folder,
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{path}"),
        dataset_name="main",
    )

    def execute() -> None:
        client = RESTClient(
            task.url,
            paginator=OffsetPaginator(limit=PAGE_SIZE, total_path="total"),
            data_selector="history",
        )
        pages = client.paginate("getLinkHistory", params=asked(task))
        clicks = dlt.resource(pages, name="clicks", primary_key="id", write_disposition="merge")
        made.run(clicks).raise_on_failed_jobs()

    return Prepared(execute, lambda: count(path))
