/* grpc.reflection: what services there are, for clients that have no .proto file.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cratond/descriptors.h"
#include "cratond/handlers.h"
#include "cratond/internal.h"
#include <reflection.pb-c.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest reflect_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflect_response;

/* What each file defines, as far as anybody asks: the file itself, and names below its package. */
static const struct {
    const char *file;
    const char *package;
    const char *service;
} files[] = {
    { "craton_hsm.proto", "craton_hsm.", "craton_hsm.HsmService" },
    { "health.proto", "grpc.health.v1.", "grpc.health.v1.Health" },
    { "reflection.proto", "grpc.reflection.v1.", "grpc.reflection.v1.ServerReflection" },
};

static hsm_err put_error(rpc_context *context, reflect_response *out)
{
    Grpc__Reflection__V1__ErrorResponse *error = arena_alloc(context->memory, sizeof *error);

    HSM_CHECK(error != NULL, HSM_E_NO_MEMORY);
    grpc__reflection__v1__error_response__init(error);
    error->error_code = HSM_GRPC_NOT_FOUND;
    error->error_message = arena_text(context->memory, hsm_bytes_of_text("not found"));
    HSM_CHECK(error->error_message != NULL, HSM_E_NO_MEMORY);
    out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    out->error_response = error;
    return HSM_OK;
}

static hsm_err put_services(rpc_context *context, reflect_response *out)
{
    Grpc__Reflection__V1__ListServiceResponse *list = arena_alloc(context->memory, sizeof *list);

    HSM_CHECK(list != NULL, HSM_E_NO_MEMORY);
    grpc__reflection__v1__list_service_response__init(list);
    list->service = arena_alloc(context->memory, sizeof(void *) * HSM_ARRAY_LEN(files));
    HSM_CHECK(list->service != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < HSM_ARRAY_LEN(files); i++) {
        Grpc__Reflection__V1__ServiceResponse *service =
            arena_alloc(context->memory, sizeof *service);

        HSM_CHECK(service != NULL, HSM_E_NO_MEMORY);
        grpc__reflection__v1__service_response__init(service);
        service->name = arena_text(context->memory, hsm_bytes_of_text(files[i].service));
        HSM_CHECK(service->name != NULL, HSM_E_NO_MEMORY);
        list->service[list->n_service++] = service;
    }
    out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    out->list_services_response = list;
    return HSM_OK;
}

static hsm_err put_file(rpc_context *context, const char *name, reflect_response *out)
{
    const descriptor_file *found = descriptor_find(name);

    if (found == NULL)
        return put_error(context, out);
    Grpc__Reflection__V1__FileDescriptorResponse *file = arena_alloc(context->memory, sizeof *file);
    HSM_CHECK(file != NULL, HSM_E_NO_MEMORY);
    grpc__reflection__v1__file_descriptor_response__init(file);
    file->file_descriptor_proto = arena_alloc(context->memory, sizeof *file->file_descriptor_proto);
    HSM_CHECK(file->file_descriptor_proto != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(arena_put(context->memory, hsm_bytes_of(found->data, found->len),
                      file->file_descriptor_proto));
    file->n_file_descriptor_proto = 1;
    out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    out->file_descriptor_response = file;
    return HSM_OK;
}

static hsm_err put_symbol(rpc_context *context, const char *symbol, reflect_response *out)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(files); i++) {
        if (strncmp(symbol, files[i].package, strlen(files[i].package)) == 0)
            return put_file(context, files[i].file, out);
    }
    return put_error(context, out);
}

hsm_err rpc_reflect(rpc_context *context, const void *request, void *response)
{
    const reflect_request *in = request;
    reflect_response *out = response;

    HSM_CHECK(context->server->config->daemon.reflection, HSM_E_NOT_SUPPORTED);
    if (in == NULL)
        return HSM_OK;
    context->has_response = true;
    out->valid_host = in->host;
    switch (in->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return put_services(context, out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        return put_file(context, in->file_by_filename, out);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        return put_symbol(context, in->file_containing_symbol, out);
    default:
        return put_error(context, out);
    }
}
