/* grpc.health.v1: whether the daemon serves, asked once or watched.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/handlers.h"

#include <stdlib.h>

#include "cratond/internal.h"
#include <health.pb-c.h>

typedef Grpc__Health__V1__HealthCheckRequest health_request;
typedef Grpc__Health__V1__HealthCheckResponse health_response;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus health_status;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

/* The empty name is the whole server. */
static bool is_known(const char *service)
{
    static const char *const names[] = { "", "craton_hsm.HsmService", "grpc.health.v1.Health" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (strcmp(service, names[i]) == 0)
            return true;
    }
    return false;
}

hsm_err rpc_health_check(rpc_context *context, const void *request, void *response)
{
    const health_request *in = request;
    health_response *out = response;

    HSM_CHECK(is_known(in->service), HSM_E_STORE_NOT_FOUND); /* NOT_FOUND, as the protocol says */
    out->status = context->server->is_stopping ? NOT_SERVING : SERVING;
    return HSM_OK;
}

static void push(call *to, health_status status)
{
    health_response response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    response.status = status;
    call_push(to, &response.base);
}

void health_watch(server *on, call *by)
{
    const health_request *in = by->request;
    watcher *made = calloc(1, sizeof *made);

    if (made == NULL) {
        call_finish(by, call_outcome_of(HSM_E_NO_MEMORY));
        return;
    }
    *made = (watcher){ .call = by, .next = on->watchers };
    on->watchers = made;
    if (!is_known(in->service))
        push(by, SERVICE_UNKNOWN);
    else
        push(by, on->is_stopping ? NOT_SERVING : SERVING);
}

void health_unwatch(server *on, const call *by)
{
    for (watcher **at = &on->watchers; *at != NULL; at = &(*at)->next) {
        if ((*at)->call != by)
            continue;
        watcher *gone = *at;
        *at = gone->next;
        free(gone);
        return;
    }
}

void health_tell(server *on, bool is_serving)
{
    watcher *next = NULL;

    for (watcher *at = on->watchers; at != NULL; at = next) {
        call *to = at->call;

        next = at->next;
        push(to, is_serving ? SERVING : NOT_SERVING);
        if (!is_serving) /* or the watch would keep the daemon from ending */
            call_finish(to, CALL_OUTCOME_OK);
    }
}
