/* The results that IDL files name. */
#pragma once

#define S_OK 0
#define S_FALSE 1
#define NOERROR 0
#define ERROR_SUCCESS 0
#define NO_ERROR 0
#define E_NOTIMPL ((long)0x80004001)
#define E_NOINTERFACE ((long)0x80004002)
#define E_FAIL ((long)0x80004005)
#define E_UNEXPECTED ((long)0x8000FFFF)
#define E_ACCESSDENIED ((long)0x80070005)
#define E_OUTOFMEMORY ((long)0x8007000E)
#define E_INVALIDARG ((long)0x80070057)
