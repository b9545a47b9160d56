/* The .proto files as protobuf describes them; made by tools/embed_descriptors.py at build time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_DESCRIPTORS_H
#define HSM_CRATOND_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

/* One FileDescriptorProto. */
typedef struct descriptor_file {
    const char *name;
    const uint8_t *data;
    size_t len;
} descriptor_file;

/* The file of that name, or NULL. */
const descriptor_file *descriptor_find(const char *name);

#endif
