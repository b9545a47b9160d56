/* Mechanism parameters made of a fuzzer's input: structures whose pointers lead to blocks of the
 * length they name, or nowhere.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_PARAMS_H
#define FUZZ_PARAMS_H

#include "input.h"
#include "pkcs11/pkcs11.h"

/* Any number, mostly one that means something somewhere: the fuzzer need not find it bit by bit. */
CK_ULONG fuzz_number(fuzz_input *input);

/* A parameter for the mechanism: mostly the structure that it has, with any numbers in it; else
 * nothing, plain bytes, or one byte too few. Memory is the input's. */
void fuzz_param(fuzz_input *input, CK_MECHANISM_TYPE mechanism, CK_VOID_PTR *out_param,
                CK_ULONG *out_len);
/* The same for one message (CK_GCM_MESSAGE_PARAMS and its like). */
void fuzz_message_param(fuzz_input *input, CK_VOID_PTR *out_param, CK_ULONG *out_len);

/* A template of up to 12 attributes, some nested; its memory is the input's. */
CK_ATTRIBUTE *fuzz_template(fuzz_input *input, CK_ULONG *out_count);

#endif
