/* The caller's memory: the only code that touches it. Pointers may be NULL or unaligned, lengths
 * anything.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_PKCS11_ABI_ARGS_H
#define HSM_PKCS11_ABI_ARGS_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"

/* Input. False: NULL with a length, or a length no object can have. */
HSM_MUST_USE bool abi_in(const void *data, CK_ULONG len, hsm_bytes *out_bytes);

/* Room for a result (PKCS#11 v3.2, 5.2); data NULL asks for the length. False: len is NULL. A room
 * that would pass the end of memory is taken to end there. */
HSM_MUST_USE bool abi_out(void *data, const void *len, hsm_out *out_room);
/* The answer of a function with such a result: tells the length if that is what err is about. */
CK_RV abi_out_done(hsm_err err, const hsm_out *room, void *len);

/* Copies a value of `size` bytes to the caller if err is HSM_OK; the answer. */
CK_RV abi_put(hsm_err err, const void *value, size_t size, void *out_value);

/* A mechanism, with its parameter still the caller's.
 * errors  HSM_E_ARG (NULL), HSM_E_MECHANISM_PARAM (NULL with a length, or an absurd one) */
HSM_MUST_USE hsm_err abi_mechanism(const void *mechanism, CK_MECHANISM *out_mechanism);

/* An array of `count` CK_ULONGs or handles to the caller after the rules of C_GetSlotList: with
 * out_list NULL only the count.
 * errors  HSM_E_BUFFER_TOO_SMALL */
typedef struct abi_list {
    void *list;  /* the caller's room, may be NULL */
    void *count; /* the caller's CK_ULONG: elements it has room for, then elements there are */
    size_t element_size;
} abi_list;
HSM_MUST_USE hsm_err abi_list_put(const abi_list *to, const void *elements, size_t count);

#endif
