/* What IDL files take from the headers of the Windows SDK: windows.h, winnt.h, basetsd.h, guiddef.h, rpc.h ...
   The types are those of wtypes.idl. */
#pragma once
#include "specstrings.h"
import "wtypes.idl";

#define IN
#define OUT
#define OPTIONAL
#define MAX_PATH 260
#define ANYSIZE_ARRAY 1
#define EXTERN_C extern
#define DECLSPEC_UUID(x)
#define DECLSPEC_NOVTABLE
#define MIDL_INTERFACE(x) interface
#define DEFINE_GUID(name, a, b, c, d, e, f, g, h, i, j, k)
#define EXTERN_GUID(name, a, b, c, d, e, f, g, h, i, j, k)
