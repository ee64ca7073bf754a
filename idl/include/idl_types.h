/* What IDL files in Samba's dialect include: names of strings and short names of flags. */
#pragma once
#define STR_ASCII LIBNDR_FLAG_STR_ASCII
#define STR_BYTESIZE LIBNDR_FLAG_STR_BYTESIZE
#define STR_CHARLEN LIBNDR_FLAG_STR_CHARLEN
#define STR_CONFORMANT LIBNDR_FLAG_STR_CONFORMANT
#define STR_LEN4 LIBNDR_FLAG_STR_LEN4
#define STR_NOTERM LIBNDR_FLAG_STR_NOTERM
#define STR_NO_EMBEDDED_NUL LIBNDR_FLAG_STR_NO_EMBEDDED_NUL
#define STR_NULLTERM LIBNDR_FLAG_STR_NULLTERM
#define STR_RAW8 LIBNDR_FLAG_STR_RAW8
#define STR_SIZE2 LIBNDR_FLAG_STR_SIZE2
#define STR_SIZE4 LIBNDR_FLAG_STR_SIZE4
#define STR_UTF8 LIBNDR_FLAG_STR_UTF8
#define astring [flag(STR_ASCII | STR_NULLTERM)] string
#define nstring [flag(STR_NULLTERM | NDR_ALIGN2)] string
#define nstring_array [flag(STR_NULLTERM | NDR_ALIGN2)] string_array
#define raw8string [flag(STR_RAW8 | STR_NULLTERM)] string
#define secret_u16string [flag(NDR_SECRET | STR_NULLTERM)] u16string
#define utf8string [flag(STR_UTF8 | STR_NULLTERM)] string
