/* What goes back to the caller: headers, messages as the peer takes them, trailers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/log.h"
#include "cratond/internal.h"

#define MESSAGE_MAX_BYTES 256u
#define FIELDS_MAX 5u

static nghttp2_nv field_of(const char *name, size_t name_len, const char *value, size_t value_len)
{
    /* nghttp2 does not change them; its type is not const. */
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .namelen = name_len,
        .value = (uint8_t *)(uintptr_t)value,
        .valuelen = value_len,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME,
    };
}

/* The name is a literal, the value is copied. */
#define FIELD(name, text) field_of(name, sizeof(name) - 1, text, strlen(text))

/* Both are literals: nothing of them is copied. */
#define FIXED_FIELD(text, literal)                                                 \
    {                                                                              \
        .name = (uint8_t *)(uintptr_t)(text), .namelen = sizeof(text) - 1,         \
        .value = (uint8_t *)(uintptr_t)(literal), .valuelen = sizeof(literal) - 1, \
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,     \
    }

/* What every answer begins with, and every good one ends with. */
static const nghttp2_nv head_fields[] = {
    FIXED_FIELD(":status", "200"),
    FIXED_FIELD("content-type", "application/grpc"),
};
static const nghttp2_nv ok_fields[] = { FIXED_FIELD("grpc-status", "0") };

/* Percent-encoding of grpc-message: what is not printable ASCII, and the percent sign. */
static void encode_message(const char *text, char out[MESSAGE_MAX_BYTES])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;

    for (const char *at = text; *at != '\0' && len + 4 < MESSAGE_MAX_BYTES; at++) {
        const uint8_t byte = (uint8_t)*at;

        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            out[len++] = *at;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[byte >> 4];
        out[len++] = hex[byte & 15];
    }
    out[len] = '\0';
}

/* The texts of one call's status. */
typedef struct status_texts {
    char status[16];
    char rv[24];
    char message[MESSAGE_MAX_BYTES];
} status_texts;

static size_t put_status(const call *on, status_texts *texts, nghttp2_nv *fields)
{
    size_t count = 0;

    if (on->outcome.status == 0) {
        memcpy(fields, ok_fields, sizeof ok_fields);
        return HSM_ARRAY_LEN(ok_fields);
    }
    (void)snprintf(texts->status, sizeof texts->status, "%d", on->outcome.status);
    fields[count++] = FIELD("grpc-status", texts->status);
    encode_message(on->outcome.text, texts->message);
    (void)snprintf(texts->rv, sizeof texts->rv, "%lu", (unsigned long)on->outcome.rv);
    fields[count++] = FIELD("grpc-message", texts->message);
    fields[count++] = FIELD("craton-rv", texts->rv);
    if (on->is_compressed)
        fields[count++] = FIELD("grpc-accept-encoding", "identity");
    return count;
}

static ssize_t end_of_body(nghttp2_session *h2, call *on, uint32_t *flags)
{
    status_texts texts;
    nghttp2_nv fields[FIELDS_MAX];
    const size_t count = put_status(on, &texts, fields);

    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(h2, on->stream_id, fields, count) == 0
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static ssize_t read_body(nghttp2_session *h2, int32_t stream_id, uint8_t *room, size_t room_len,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    call *on = source->ptr;
    const size_t left = on->out.len - on->out_at;
    const size_t take = left < room_len ? left : room_len;

    (void)stream_id;
    (void)user;
    if (take > 0) {
        memcpy(room, on->out.data + on->out_at, take);
        on->out_at += take;
    }
    if (on->out_at == on->out.len) {
        hsm_buf_clear(&on->out);
        on->out_at = 0;
        on->wants_pump = !on->is_answered;
        on->conn->has_pumps = on->conn->has_pumps || on->wants_pump;
        if (on->is_answered)
            return end_of_body(h2, on, flags) == 0 ? (ssize_t)take
                                                   : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return take > 0 ? (ssize_t)take : NGHTTP2_ERR_DEFERRED;
}

/* Nothing but a status: one block of headers. */
static void reply_status_only(call *on)
{
    status_texts texts;
    nghttp2_nv fields[FIELDS_MAX + HSM_ARRAY_LEN(head_fields)];

    memcpy(fields, head_fields, sizeof head_fields);
    const size_t count =
        put_status(on, &texts, fields + HSM_ARRAY_LEN(head_fields)) + HSM_ARRAY_LEN(head_fields);
    if (nghttp2_submit_response(on->conn->h2, on->stream_id, fields, count, NULL) != 0)
        conn_close(on->conn);
}

static void reply_head(call *on)
{
    const nghttp2_data_provider body = { .source = { .ptr = on }, .read_callback = read_body };

    if (nghttp2_submit_response(on->conn->h2, on->stream_id, head_fields,
                                HSM_ARRAY_LEN(head_fields), &body) != 0)
        conn_close(on->conn);
}

void call_reply(call *on)
{
    if (on->is_gone || on->conn->state != CONN_OPEN)
        return;
    conn_touch(on->conn);
    if (on->has_response_head) {
        (void)nghttp2_session_resume_data(on->conn->h2, on->stream_id);
        return;
    }
    on->has_response_head = true;
    on->conn->answers++;
    if (on->is_answered && on->out.len == 0)
        reply_status_only(on);
    else
        reply_head(on);
}

/* What is no gRPC at all is answered in HTTP's own terms. */
void call_reply_status(call *on, int http_status)
{
    char status[8];

    (void)snprintf(status, sizeof status, "%d", http_status);
    const nghttp2_nv fields[] = { FIELD(":status", status) };
    on->is_answered = true;
    on->has_response_head = true;
    if (nghttp2_submit_response(on->conn->h2, on->stream_id, fields, HSM_ARRAY_LEN(fields), NULL) !=
        0)
        conn_close(on->conn);
    else
        conn_touch(on->conn);
}
