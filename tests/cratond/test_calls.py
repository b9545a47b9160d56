#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The calls, by a client in another language over mutual TLS; results are checked by another library."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

d = Daemon()
stub = d.stub()
check("a token is initialised", lambda: d.prepare(stub))
session = d.login(stub)
public, private = ec_pair(stub, session)
data = b"a message"
signature = stub.Sign(pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"),
                                     key_handle=private, data=data)).signature
check("python3-cryptography verifies the signature",
      lambda: verify_ecdsa(ec_public(stub, session, public), signature, data))
check("so does the daemon", stub.Verify(pb.VerifyRequest(
    session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=public, data=data,
    signature=signature)).valid)
stub.CloseSession(pb.CloseSessionRequest(session_handle=session))
check_fails("a closed session", "NOT_FOUND", stub.Logout, pb.LogoutRequest(session_handle=session),
            rv=ck["CKR_SESSION_HANDLE_INVALID"])
check("it ends when told to", d.stop() == 0)
finish()
