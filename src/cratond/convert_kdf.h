/* Parameters of key derivations, and what comes back in them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_CONVERT_KDF_H
#define HSM_CRATOND_CONVERT_KDF_H

#include "cratond/convert.h"

#define WIRE_READER(name) \
    HSM_MUST_USE hsm_err name(const CratonHsm__Mechanism *from, wire_mechanism *out)

/* Each reads the typed parameter that its name says, which is there; out is zero but for its room.
 * errors  HSM_E_MECHANISM_PARAM (too many pieces or keys, fields of another mechanism, an
 *         initialisation vector over WIRE_TLS_IV_MAX_BYTES) */
WIRE_READER(wire_read_hkdf);
WIRE_READER(wire_read_kbkdf);
WIRE_READER(wire_read_feedback);
WIRE_READER(wire_read_tls_master);
WIRE_READER(wire_read_tls_extended);
WIRE_READER(wire_read_tls_keys);
WIRE_READER(wire_read_tls_exporter);
WIRE_READER(wire_read_ike_prf);
WIRE_READER(wire_read_ike2_prf_plus);
WIRE_READER(wire_read_ike1_prf);
WIRE_READER(wire_read_ike1_extended);

/* The templates of further keys that an SP 800-108 derivation gives, once its parameter was read; checked
 * by the client's rules. No template within a template: as PKCS#11 has it in parameters.
 * errors  HSM_E_MECHANISM_PARAM (too many), those of wire_template_read() and wire_may_make() */
HSM_MUST_USE hsm_err wire_more_keys_read(rpc_context *context, const CratonHsm__Mechanism *from,
                                         wire_mechanism *out);

/* What the derivation wrote to the mechanism's room, if anything.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err wire_derived_write(rpc_context *context, const wire_mechanism *mechanism,
                                        CratonHsm__DeriveKeyResponse *out);

#endif
