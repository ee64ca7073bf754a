"""`python -m benchmarks [--pin same|diff|both]`: prints ratios, what they are held to, and how noisy it was.

The exit status is 0 whatever the figures: a benchmark informs, tests judge.
"""

from __future__ import annotations

import argparse
import os
import platform

from . import (
    codec,
    hostile_client,
    idle_connections,
    import_time,
    lane_call,
    large_call,
    local_call,
    many_clients,
    network_call,
    network_peers,
    one_way,
)
from .measure import Row, apart, pin, report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pin", choices=("same", "diff", "both"), default="both")
    ways = ("same", "diff") if (chosen := parser.parse_args().pin) == "both" else (chosen,)
    processors = os.sched_getaffinity(0)
    rows: list[Row] = []
    for which in ways:
        os.sched_setaffinity(0, processors)
        rows += local_call.run(which)
        os.sched_setaffinity(0, processors)
        rows += apart(large_call.run, which)
        os.sched_setaffinity(0, processors)
        rows += apart(lane_call.run, which)
        os.sched_setaffinity(0, processors)
        rows += apart(one_way.run, which)
        os.sched_setaffinity(0, processors)
        rows += apart(network_call.run, which)
    os.sched_setaffinity(0, processors)
    rows += apart(lane_call.run_peers)
    rows += apart(many_clients.run)
    rows += apart(idle_connections.run)
    rows += apart(hostile_client.run)
    pin("same", 0)
    rows += codec.run()
    rows += import_time.run()
    print(f"{platform.machine()}, {len(processors)} processors, Python {platform.python_version()}")
    report(rows)
    for name in network_peers.missing():
        print(f"{name} is not installed: its rows are left out")


if __name__ == "__main__":
    main()
