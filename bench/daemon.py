#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a call over the network costs: a daemon, a client that loads it from another process, mutual
TLS 1.3 between them. One JSON object per line; a line names its method, connections, streams.

    bench/daemon.py [--seconds S] [--idle N] [--only WORD]
"""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/cratond"))
import daemon as test  # pylint: disable=wrong-import-position
from daemon import ck, pb  # pylint: disable=wrong-import-position

SHAPES = [(1, 1), (1, 8), (1, 64), (8, 1), (64, 1)]
# What the figures were set for: a machine that makes so many raw P-256 signatures a second and core.
RAW_SIGNS = 45000
AUDIT = {"off": "enabled = false", "sync": 'durability = "sync"'}
# With the log on: those that wait for its disk share a sync.
WORKERS = {"off": "", "sync": "workers = 16\n"}
GOALS = {("Check", 1, 8): 80000, ("Check", 1, 64): 250000}


def raw_sign_us():
    """Processor time of one P-256 signature, by the library that is linked in."""
    return float(subprocess.run([test.LOAD, "--raw"], capture_output=True, text=True, check=True).stdout)


class Bench:
    def __init__(self, seconds, audit):
        self.seconds = seconds
        self.audit = audit
        self.daemon = test.Daemon("bench" + audit, daemon="max_connections = 20000\nmax_streams = 1000\n" + WORKERS[audit],
                                  token="max_sessions = 5000\nmax_rw_sessions = 5000\n",
                                  more=f"[audit]\n{AUDIT[audit]}\n", start=False)
        self.daemon.start(CRATON_HSM_LOG="stderr:info")
        self.stub, self.signs = self.daemon.signers("load")

    def load(self, *more, **what):
        made = subprocess.run(self.daemon.load("load", *more, **what), stdout=subprocess.PIPE, check=True, text=True,
                              stdin=subprocess.DEVNULL)
        return json.loads(made.stdout)

    def rate(self, path, requests, connections, streams, reply_min=1):
        return self.load("--seconds", self.seconds, "--connections", connections, "--streams", streams,
                         "--reply-min", reply_min, path=path, requests=requests)


def run(bench, calls, args, sign_us):
    for path, requests, reply_min in calls:
        for connections, streams in SHAPES:
            if args.only not in path or (args.shape and args.shape != f"{connections}x{streams}"):
                continue
            row = bench.rate(path, requests, connections, streams, reply_min)
            row["audit"] = bench.audit
            goal = GOALS.get((path.rsplit("/", 1)[1], connections, streams))
            if goal:
                row["goal_here"] = round(goal * 1e6 / sign_us / RAW_SIGNS)
            if path.endswith("/Sign"):
                row["times_the_signature"] = round(row["server_cpu_us"] / sign_us, 2)
            print(json.dumps(row), flush=True)


def main():
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--seconds", type=float, default=3)
    wanted.add_argument("--idle", type=int, default=10000)
    wanted.add_argument("--only", default="")
    wanted.add_argument("--shape", default="")
    args = wanted.parse_args()
    bench = Bench(args.seconds, "off")
    sign_us = raw_sign_us()
    print(json.dumps({"raw_p256_sign_us": sign_us, "raw_p256_signs_per_second": round(1e6 / sign_us)}), flush=True)
    service = "/craton_hsm.HsmService/"
    random = [pb.GenerateRandomRequest(session_handle=each.session_handle, length=32) for each in bench.signs]
    run(bench, [("/grpc.health.v1.Health/Check", [pb.HealthCheckRequest()], 7),
                (service + "GetMechanismInfo", [pb.GetMechanismInfoRequest(mechanism_type=ck["CKM_ECDSA"])], 7),
                (service + "GenerateRandom", random, 39),
                (service + "Sign", bench.signs, 69)], args, sign_us)
    if args.idle and not args.only:
        print(json.dumps(bench.load("--idle", "--connections", args.idle)), flush=True)
    bench.daemon.stop()
    bench = Bench(args.seconds, "sync")
    run(bench, [(service + "Sign", bench.signs, 69)], args, sign_us)
    bench.daemon.stop()


main()
