/* What the halves of the evptest handlers share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KAT_ACVP_H
#define KAT_ACVP_H

#include "kat.h"

expectation evp_expect(const kat_case *c);
bool is_openssl_rule(const kat_case *c);
/* The key of that name into the job; false: counted as excluded. */
bool evp_load_key(kat *k, const kat_case *c, job *j, const char *name, bool is_public);
/* The public key, or the public part of an RSA private key of that name. */
bool evp_load_public(kat *k, const kat_case *c, job *j, const char *name);
/* All fields Input together: some files give a message in parts. */
span evp_inputs(const kat_case *c);

#endif
