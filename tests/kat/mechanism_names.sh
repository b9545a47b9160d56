#!/bin/sh
# mechanism_names.sh HEADER: rows { "NAME", NUMBER } of every CKM_NAME in the header
exec sed -nE 's/^#define CKM_([A-Za-z0-9_]+) (0x[0-9a-f]+UL)$/{ "\1", \2 },/p' "$1"
