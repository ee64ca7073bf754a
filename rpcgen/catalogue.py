"""The catalogue of diagnostics: each has one entry here, and one failing example in the tests.

Codes: 01 text and preprocessor, 02 syntax, 03 names and constants, 04 attributes, 05 types,
06 operations, 07 interfaces, 08 configuration files, 09 IDL that exists and is outside what lrpc compiles, 10 advice.
E is an error, W a warning. A code is never given a second meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of diagnostic; `text` has gaps for the words of the case."""

    code: str
    text: str


# 01: text and preprocessor
FILE_NOT_FOUND: Final = Entry("E0101", "cannot find {name}")
FILE_UNREADABLE: Final = Entry("E0102", "cannot read {name}: {reason}")
FILE_TOO_LARGE: Final = Entry("E0103", "{name} is larger than {limit} octets")
IMPORT_ESCAPES: Final = Entry("E0104", "{name} lies outside the folders that may be searched; add its folder with -I")
BAD_CHARACTER: Final = Entry("E0105", "the character {character} does not belong in IDL")
UNTERMINATED: Final = Entry("E0106", "this {what} is not closed")
TOO_MANY_TOKENS: Final = Entry("E0107", "the text has more than {limit} words; this is no interface")
TOO_MANY_DIAGNOSTICS: Final = Entry("E0117", "more than {limit} mistakes; the rest is not looked for")
NESTED_TOO_DEEPLY: Final = Entry("E0108", "brackets are nested more than {limit} deep")
BAD_DIRECTIVE: Final = Entry("E0109", "#{directive}: {reason}")
UNBALANCED_CONDITIONAL: Final = Entry("E0110", "#{directive} without its counterpart")
USER_ERROR: Final = Entry("E0111", "#error {text}")
MACRO_ARGUMENTS: Final = Entry("E0112", "the macro {name} takes {wanted} arguments and got {given}")
MACRO_BUDGET: Final = Entry("E0113", "macros expand to more than {limit} words")
INCLUDE_DEPTH: Final = Entry("E0114", "files include one another more than {limit} deep")
UNKNOWN_DIRECTIVE: Final = Entry("W0115", "#{directive} is unknown and ignored")
MACRO_REDEFINED: Final = Entry("W0116", "the macro {name} was defined differently before")
PART: Final = Entry("W0118", "{name} is a part of {whole}, which includes it, and is compiled as that")
TOO_MANY_WARNINGS: Final = Entry("W0119", "more than {limit} warnings; the rest is not shown")

# 02: syntax
SYNTAX: Final = Entry("E0201", "unexpected {found}; expected {expected}")
BAD_TYPE_WORDS: Final = Entry("E0202", "{words} is not a type")
EXPRESSION_TOO_DEEP: Final = Entry("E0203", "the expression is more than {limit} operators deep")
DECLARATOR_TOO_DEEP: Final = Entry("E0204", "the declaration has more than {limit} levels of pointers and arrays")
TOO_MANY_ERRORS: Final = Entry("E0205", "more than {limit} syntax errors; the rest is not shown")
BAD_LITERAL: Final = Entry("E0206", "{text} is no {kind}")
ODD_TYPE_WORDS: Final = Entry("W0207", "{words}: the sign has no meaning here and is ignored")

# 03: names and constants
UNKNOWN_TYPE: Final = Entry("E0301", "unknown type {name}")
UNKNOWN_NAME: Final = Entry("E0302", "unknown name {name}")
REDEFINED: Final = Entry("E0303", "{name} is already defined")
NOT_CONSTANT: Final = Entry("E0304", "{what} is not constant")
CONSTANT_OVERFLOW: Final = Entry("E0305", "the value does not fit 64 bits")
DIVISION_BY_ZERO: Final = Entry("E0306", "division by zero")
BAD_CONSTANT: Final = Entry("E0307", "a constant of type {type} cannot be {value}")
ENUM_TOO_WIDE: Final = Entry("E0308", "{name} = {value} does not fit the enumeration ({lowest}..{highest})")
RESERVED_NAME: Final = Entry("E0309", "the name {name} is reserved: Python's own begin and end with two underscores")
WORD_TOO_LONG: Final = Entry("E0310", "a word of {length} characters is too long ({limit})")
NOT_IMPORTED: Final = Entry(
    "W0312", "no import defines {names}, which lrpc takes from its own files; add import {files};"
)
HEADER_TYPE: Final = Entry("W0313", "a type of this C header is left out: {reason}")
UNTYPED_CONSTANT: Final = Entry("W0311", "the constant {name} of type {type} has no form in Python and is left out")
NARROWED: Final = Entry("W0314", "{value} does not fit {type}: the constant {name} is {result}")

# 04: attributes
UNKNOWN_ATTRIBUTE: Final = Entry("W0401", "the attribute [{name}] is unknown and ignored")
IGNORED_ATTRIBUTE: Final = Entry("W0402", "the attribute [{name}] has no effect on the stub")
MISPLACED_ATTRIBUTE: Final = Entry("E0403", "the attribute [{name}] does not belong on {position}")
REPEATED_ATTRIBUTE: Final = Entry("W0404", "the attribute [{name}] is given twice; the last one counts")
CONTRADICTION: Final = Entry("E0405", "[{first}] and [{second}] exclude each other")
ATTRIBUTE_ARGUMENTS: Final = Entry("E0406", "[{name}] wants {wanted}")
NO_POINTER: Final = Entry("E0407", "[{name}] needs a pointer")
TOO_MANY_SLOTS: Final = Entry("E0408", "[{name}] has more entries than {declared} has pointers and arrays")
SIZE_ON_FIXED: Final = Entry("E0409", "[{name}] does not go with an array of fixed size")
LENGTH_WITHOUT_SIZE: Final = Entry("E0410", "[{name}] needs [size_is], [max_is] or an array bound")
BAD_STRING: Final = Entry("E0411", "[string] needs an array of or pointer to characters")
SIZE_NOT_INTEGER: Final = Entry("E0412", "{name} is {found}, but {attribute} needs an integer{hint}")
BAD_RANGE: Final = Entry("E0413", "[range] is empty: {lowest} is greater than {highest}")
RANGE_TARGET: Final = Entry("E0414", "[range] needs an integer, an array with a size or a string")
SWITCH_WITHOUT_UNION: Final = Entry("E0415", "[switch_is] needs a union")
BAD_CONTEXT_HANDLE: Final = Entry("E0416", "[context_handle] needs a pointer")
BAD_EXPRESSION: Final = Entry("E0417", "{what} cannot stand in a size or a switch")
SIZE_DIRECTION: Final = Entry("E0418", "{array} needs {name}, which does not travel in the same direction")
IID_IS_TARGET: Final = Entry("E0419", "[iid_is] needs a pointer to void or to an interface")
IID_IS_NAME: Final = Entry("E0420", "[iid_is] names an IID beside it, or a pointer to one; {found} is none")
ODD_STRING: Final = Entry("W0421", "[string] on {type}: it is read as a string of {unit}")
NO_EFFECT: Final = Entry("W0424", "[{name}] has no effect here: {why}")
NOT_COMPUTED: Final = Entry("W0425", "[value] of {name} is not computed, and the caller gives it: {reason}")
BAD_SYSTEM_HANDLE: Final = Entry(
    "E0426", "[system_handle] needs a parameter that is a HANDLE (void *) or points to one"
)
SYSTEM_HANDLE_KIND: Final = Entry("E0427", "{found} is no kind of system handle; there are: {known}")
MIN_IS: Final = Entry("E0422", "[min_is]: the lowest index of an array is always 0")

# 05: types; E0526 asked for the import of automation, which SAFEARRAY brings itself now
VOID_VALUE: Final = Entry("E0501", "{name} has the type void")
VOID_POINTER: Final = Entry("E0502", "{name} points to void, which has no form on the wire")
INCOMPLETE: Final = Entry("E0503", "{type} is declared and never defined")
SELF_CONTAINED: Final = Entry("E0504", "{type} contains itself; use a pointer")
CONFORMANT_NOT_LAST: Final = Entry("E0505", "{name} has a size that varies and must be the last field")
CONFORMANT_PLACE: Final = Entry("E0506", "{type} has a size that varies and cannot stand in {place} without a pointer")
UNION_WITHOUT_SWITCH: Final = Entry("E0507", "nothing says which arm of the union {type} is set; give it [switch_is]")
UNION_WITHOUT_TAG: Final = Entry("E0508", "the union {type} needs [switch_type]")
DUPLICATE_CASE: Final = Entry("E0509", "the case {value} appears twice")
CASE_RANGE: Final = Entry("E0510", "the case {value} does not fit {type}")
BAD_TAG: Final = Entry("E0511", "{type} cannot select the arm of a union")
HANDLE_PLACE: Final = Entry("E0512", "a {what} can be a parameter only")
ARM_WITHOUT_CASE: Final = Entry("E0513", "the arm {name} of a union needs [case] or [default]")
DUPLICATE_FIELD: Final = Entry("E0514", "{name} appears twice in {where}")
BAD_BOUND: Final = Entry("E0515", "an array bound must be between 1 and {limit}, not {value}")
TAG_CONFLICT: Final = Entry("E0516", "the union {type} is used with two kinds of tags; give it [switch_type]")
TAG_KIND: Final = Entry("E0517", "{name} is a {found}, not a {wanted}")
UNSIZED: Final = Entry("E0518", "{name} has no size; give it [size_is] or [string]")
TYPE_TOO_DEEP: Final = Entry("E0519", "{type} is nested more than {limit} deep")
FUNCTION_VALUE: Final = Entry("E0520", "{name} is a function, which has no form on the wire")
ARM_MEMBERS: Final = Entry("E0521", "an arm of a union has one member, not {count}; give each a [case] of its own")
NO_WIRE_FORM: Final = Entry("W0522", "{type} has no form on the wire and no class in the stub: {reason}")
PIPE_PLACE: Final = Entry("E0523", "{name} is a pipe, which can be a parameter only")
PIPE_ELEMENT: Final = Entry("E0524", "the items of the pipe {name} must have one size and hold no pointers")
INTERFACE_VALUE: Final = Entry("E0525", "{name} is an interface; only a pointer to an interface travels")
SIZE_OUTSIDE: Final = Entry(
    "E0529", "{field} takes its size from {name}, which is outside; a size stands beside its array"
)
LATE_ATTRIBUTE: Final = Entry("E0530", "[{name}] comes too late: {type} is defined without it; write it there")
EMPTY_STRUCT: Final = Entry("W0528", "{type} has no fields, which MIDL refuses; it takes nothing on the wire")

# 06: operations
NO_DIRECTION: Final = Entry("W0601", "{name} has no direction; [in] is taken")
OUT_NOT_POINTER: Final = Entry("E0602", "the [out] parameter {name} needs a pointer or an array")
OUT_NOT_REF: Final = Entry("E0603", "the [out] parameter {name} cannot be [{kind}]; add [in] or another pointer")
OUT_UNSIZED: Final = Entry("E0604", "the [out] array {name} needs a size from an [in] parameter")
TOO_MANY_HANDLES: Final = Entry("E0605", "{operation} has more than one binding handle")
NOT_AN_OPERATION: Final = Entry("E0606", "{name} is neither an operation nor a type")
CALL_AS_UNKNOWN: Final = Entry("E0607", "{name} stands for {target}, but {interface} has no operation of that name")
CALL_AS_REMOTE: Final = Entry("E0608", "{name} stands for {target}, which travels itself; make {target} [local]")
CALL_AS_TWICE: Final = Entry("E0609", "{name} stands for {target}, for which {first} stands already")
MAYBE_ANSWER: Final = Entry("E0610", "the [maybe] operation {name} has no answer, and so no {what}")
PIPE_OPERATION: Final = Entry("E0611", "the pipe {name} cannot be a parameter of {what}")
CALLBACK_CONTEXT: Final = Entry("E0612", "{name} is a context handle, which a [callback] operation cannot have")
VARIABLE_ARGUMENTS: Final = Entry("E0613", "variable arguments do not travel; {name} may have them when it is [local]")
PARTIAL_POINTER: Final = Entry("E0614", "[partial_ignore] needs an [in, out, unique] pointer, and {name} is none")
STATUS_TYPE: Final = Entry("E0615", "[{attribute}] needs an error_status_t *, and {name} is none")
OBJECT_HANDLE: Final = Entry("E0616", "{name} is a binding handle; an object is called through its pointer alone")
NOT_HRESULT: Final = Entry("W0617", "{name} does not return HRESULT, as the operations of an object interface must")
CALLBACK_UNCARRIED: Final = Entry("W0618", "{name} is a [callback], which only ncalrpc carries")
STAYS: Final = Entry("W0619", "{name} cannot leave its process and is left out of the stub, as if [local]: {reason}")
LEFT_OUT: Final = Entry("W0620", "{name} is left out of the stub and keeps its number: {reason}")
REF_RESULT: Final = Entry("E0621", "the result of {operation} cannot be [ref]; give it [unique] or [ptr]")

# 07: interfaces
NO_UUID: Final = Entry("W0701", "the interface {name} has no uuid and gets a zero one; add [uuid(...)], or [local]")
BAD_UUID: Final = Entry("E0702", "{text} is not a uuid")
BAD_VERSION: Final = Entry("E0703", "{text} is not a version; write major.minor, each at most 65535")
NAMELESS_INTERFACE: Final = Entry(
    "W0704", "operations outside an interface go to the interface {name} with a zero uuid"
)
LOCAL_INTERFACE: Final = Entry("W0705", "{name} is local: its operations have no stub")
UNKNOWN_BASE: Final = Entry("E0706", "{name} derives from the interface {base}, {why}; import the file that defines it")
CIRCULAR_BASE: Final = Entry("E0707", "{name} derives from itself: {path}")
OBJECT_ROOT: Final = Entry("W0709", "the object interface {name} has no base; object interfaces derive from IUnknown")
OBJECT_VERSION: Final = Entry("W0710", "the version of the object interface {name} is ignored; its uuid says all")
VARIABLE: Final = Entry("W0711", "{name} is a variable of C programs, which a stub does not have")
ODD_UUID: Final = Entry("W0712", "{text} is not a uuid, and the interface {name} gets a zero one")
SAME_UUID: Final = Entry(
    "W0713", "the interface {name} has the uuid and version of {other}: peers cannot tell them apart"
)
DEEP_BASE: Final = Entry("E0714", "{name} has more than {limit} interfaces above it")

# 08: configuration files
NOT_CONFIGURED: Final = Entry("E0801", "the {what} {name} that is configured here does not exist in {where}")

# 09: outside the width; E0903 and E0904 were refusals of arrays that are compiled now
WINRT: Final = Entry(
    "E0910", "this is WinRT IDL (`{word}`): its objects are not called by MS-RPC, and lrpc compiles none"
)
UNSUPPORTED: Final = Entry("E0901", "{what} is not supported")
UNSUPPORTED_ATTRIBUTE: Final = Entry("E0902", "the attribute [{name}] is not supported")
BIT_FIELD: Final = Entry("E0905", "{name} is a bit-field, which has no form on the wire")
ANONYMOUS_MEMBER: Final = Entry("E0906", "a member without a name must be a structure or a union")

# 10: advice of `lrpc lint`, on IDL that compiles
UNUSED_TYPE: Final = Entry("W1001", "no operation uses {name}")
UNBOUNDED: Final = Entry("W1002", "nothing but the size of a message bounds {name}; give it or its count [range]")
NEVER_CLOSED: Final = Entry("W1003", "no operation closes a {name}; it lives until the client's connection ends")
ENUM_NARROW: Final = Entry("W1004", "{name} = {value} does not fit the 16 bits of an enum; add [v1_enum]")
RENAMED: Final = Entry("W1005", "{name} is a word of Python and is called {python} in the stub")

CATALOGUE: Final[dict[str, Entry]] = {
    entry.code: entry for entry in list(globals().values()) if isinstance(entry, Entry)
}
"""All entries by code."""
