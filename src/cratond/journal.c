/* What the daemon says about calls: one line each, text or JSON, never what is in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "cratond/internal.h"

void server_log_call(server *on, const call *ended)
{
    const char *who = ended->conn->client != NULL ? ended->conn->client->name : "-";
    const char *path = ended->method != NULL ? ended->method->path : "(unknown method)";

    hsm_log(ended->outcome.status == 0 ? HSM_LOG_DEBUG : HSM_LOG_INFO,
            "call %llu: %s: %s: %s in %lld ms", (unsigned long long)ended->number, who, path,
            grpc_status_name(ended->outcome.status), (long long)(on->now_ms - ended->started_ms));
}
