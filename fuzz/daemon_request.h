/* Requests of the daemon made of a fuzzer's input, field by field as their descriptors say, with
 * handles, mechanisms and results that mean something to the daemon.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_DAEMON_REQUEST_H
#define FUZZ_DAEMON_REQUEST_H

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "input.h"
#include "pkcs11/pkcs11.h"

#define REQUEST_PIN "fuzz-daemon-pin"
#define REQUEST_LABEL "fuzz"

enum {
    KNOWN_SESSIONS_MAX = 8,
    KNOWN_OBJECTS_MAX = 64,
    KNOWN_RESULTS_MAX = 16,
    KNOWN_RESULT_BYTES = 1024,
    KNOWN_MECHANISMS_MAX = 512,
};

/* Bytes of an answer, by the name of their field. */
typedef struct known_result {
    const char *name; /* the descriptor's */
    size_t len;
    uint8_t data[KNOWN_RESULT_BYTES];
} known_result;

/* What answers have told. Lists that are full forget their oldest entry but keep the first
 * `fixed_...` ones. */
typedef struct known {
    uint64_t sessions[KNOWN_SESSIONS_MAX];
    size_t session_count;
    uint64_t objects[KNOWN_OBJECTS_MAX];
    size_t object_count;
    size_t fixed_objects;
    known_result results[KNOWN_RESULTS_MAX];
    size_t result_count;
    uint64_t mechanisms[KNOWN_MECHANISMS_MAX];
    size_t mechanism_count;
} known;

/* Remembers the handles, the bytes and the mechanisms of an answer. */
void known_learn(known *of, const ProtobufCMessage *answer);

/* Appends a request of this form, not framed. */
void request_make(fuzz_input *input, const known *of, const ProtobufCMessageDescriptor *form,
                  hsm_buf *out);

#endif
