"""rpcecho as structures of impacket's, which looks for NAMEResponse in the module of NAME."""

from __future__ import annotations

from impacket.dcerpc.v5 import dtypes, ndr

ECHO = ("60a15ec5-4de8-11d7-a637-005056a20182", "1.0")


class Octets(ndr.NDRUniConformantArray):
    item = "c"


class Shorts(ndr.NDRUniConformantArray):
    item = "<H"


class AddOne(ndr.NDRCALL):
    opnum = 0
    structure = (("in_data", dtypes.ULONG),)


class AddOneResponse(ndr.NDRCALL):
    structure = (("out_data", dtypes.ULONG),)


class EchoData(ndr.NDRCALL):
    opnum = 1
    structure = (("len", dtypes.ULONG), ("in_data", Octets))


class EchoDataResponse(ndr.NDRCALL):
    structure = (("out_data", Octets),)


class SinkData(ndr.NDRCALL):
    opnum = 2
    structure = (("len", dtypes.ULONG), ("data", Octets))


class SinkDataResponse(ndr.NDRCALL):
    structure = ()


class SourceData(ndr.NDRCALL):
    opnum = 3
    structure = (("len", dtypes.ULONG),)


class SourceDataResponse(ndr.NDRCALL):
    structure = (("data", Octets),)


class TestCall(ndr.NDRCALL):
    opnum = 4
    structure = (("s1", dtypes.WSTR),)


class TestCallResponse(ndr.NDRCALL):
    structure = (("s2", dtypes.LPWSTR),)


class Info5(ndr.NDRSTRUCT):
    structure = (("v1", dtypes.UCHAR), ("v2", dtypes.ULONGLONG))


class Info(ndr.NDRUNION):
    commonHdr = (("tag", dtypes.USHORT),)
    union = {  # noqa: RUF012
        1: ("info1", dtypes.UCHAR),
        2: ("info2", dtypes.USHORT),
        3: ("info3", dtypes.ULONG),
        4: ("info4", dtypes.ULONGLONG),
        5: ("info5", Info5),
    }


class TestCall2(ndr.NDRCALL):
    opnum = 5
    structure = (("level", dtypes.USHORT),)


class TestCall2Response(ndr.NDRCALL):
    structure = (("info", Info), ("status", dtypes.NTSTATUS))


class TestSleep(ndr.NDRCALL):
    opnum = 6
    structure = (("seconds", dtypes.ULONG),)


class TestSleepResponse(ndr.NDRCALL):
    structure = (("seconds", dtypes.ULONG),)


class Surrounding(ndr.NDRSTRUCT):
    structure = (("x", dtypes.ULONG), ("surrounding", Shorts))


class TestSurrounding(ndr.NDRCALL):
    opnum = 8
    structure = (("data", Surrounding),)


class TestSurroundingResponse(ndr.NDRCALL):
    structure = (("data", Surrounding),)
