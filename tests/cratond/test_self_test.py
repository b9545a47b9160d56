#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A self-test fails while the daemon serves: nobody is answered, watchers hear of it, and it ends."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

SERVING = health.HealthCheckResponse.SERVING
NOT_SERVING = health.HealthCheckResponse.NOT_SERVING
INTERNAL_ERROR_STATUS = 8  # docs/admin.md: exit status

d = Daemon("broken", start=False)
d.start(CRATON_HSM_BREAK="sha-1", XDG_RUNTIME_DIR=str(work))
stub = d.stub()
d.prepare(stub)
session = d.login(stub)
watch = health_grpc.HealthStub(d.channel()).Watch(health.HealthCheckRequest())
check("it serves", lambda: next(watch).status == SERVING)


def digest(name):
    return status_of(stub.Digest, pb.DigestRequest(session_handle=session, mechanism=mech(name), data=b"abc"))


check("what is whole is answered", lambda: digest("SHA256")[0] == "OK")
check("what fails its self-test is not", lambda: digest("SHA_1") == ("INTERNAL", ck["CKR_GENERAL_ERROR"]))
check("nor is anything else from then on", lambda: digest("SHA256")[0] != "OK")
check("watchers hear of it", lambda: [each.status for each in watch][-1] == NOT_SERVING)
check("it ends by itself, as an error", lambda: d.process.wait(PATIENCE_S) == INTERNAL_ERROR_STATUS)
check("and says why", lambda: d.said("a self-test has failed") and d.said("sha-1"))
check_fails("nobody is let in", "UNAVAILABLE", health_grpc.HealthStub(d.channel()).Check, health.HealthCheckRequest())
Daemon.running.remove(d)
finish()
