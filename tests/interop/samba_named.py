"""Values by Samba's names and by ours, written down by hand: the same call on both sides must be the same octets.

(interface, operation, direction, Samba's values, ours in their JSON form)
"""

from __future__ import annotations

from typing import Any

UUID = "6d1b3a10-7a1c-4b5e-9f00-112233445566"
HANDLE = {"$": "misc.policy_handle", "handle_type": 0, "uuid": {"$": "misc.GUID", "=": UUID}}
CONTEXT = {"attributes": 0, "uuid": UUID}


def _string(kind: str, member: str, text: str | None) -> dict[str, Any]:
    return {"$": kind, member: text}


def _counted(text: str | None, *, more: int = 0) -> dict[str, Any]:
    size = 2 * len(text or "")
    return {"Length": size, "MaximumLength": size + more, "Buffer": text}


NAMED: tuple[tuple[str, str, str, dict[str, Any], dict[str, Any]], ...] = (
    (
        "winreg",
        "BaseRegOpenKey",
        "in",
        {
            "in_parent_handle": HANDLE,
            "in_keyname": _string("winreg.String", "name", "Software\\\u00c4pfel"),
            "in_options": 4,
            "in_access_mask": 0x2_0019,
        },
        {
            "hKey": CONTEXT,
            "lpSubKey": _counted("Software\\\u00c4pfel\0"),
            "dwOptions": 4,
            "samDesired": 0x2_0019,
        },
    ),
    (
        "winreg",
        "BaseRegSetValue",
        "in",
        {
            "in_handle": HANDLE,
            "in_name": _string("winreg.String", "name", ""),
            "in_type": 1,
            "in_data": [0x61, 0, 0, 0],
            "in_size": 4,
        },
        {"hKey": CONTEXT, "lpValueName": _counted("\0"), "dwType": 1, "lpData": [0x61, 0, 0, 0], "cbData": 4},
    ),
    (
        "lsarpc",
        "LsarLookupNames",
        "in",
        {
            "in_handle": HANDLE,
            "in_num_names": 2,
            "in_names": [_string("lsa.String", "string", "Admin"), _string("lsa.String", "string", "\U0001f600")],
            "in_sids": {"$": "lsa.TransSidArray", "count": 0},
            "in_level": 1,
            "in_count": 7,
        },
        {
            "PolicyHandle": CONTEXT,
            "Count": 2,
            "Names": [_counted("Admin"), {"Length": 4, "MaximumLength": 4, "Buffer": "\U0001f600"}],
            "TranslatedSids": {"Entries": 0, "Sids": None},
            "LookupLevel": 1,
            "MappedCount": 7,
        },
    ),
    (
        "lsarpc",
        "LsarLookupSids",
        "in",
        {
            "in_handle": HANDLE,
            "in_sids": {
                "$": "lsa.SidArray",
                "num_sids": 1,
                "sids": [{"$": "lsa.SidPtr", "sid": {"$": "security.dom_sid", "=": "S-1-5-21-1-2-3-500"}}],
            },
            "in_names": {"$": "lsa.TransNameArray", "count": 0},
            "in_level": 1,
            "in_count": 0,
        },
        {
            "PolicyHandle": CONTEXT,
            "SidEnumBuffer": {"Entries": 1, "SidInfo": [{"Sid": {"sid": "S-1-5-21-1-2-3-500"}}]},
            "TranslatedNames": {"Entries": 0, "Names": None},
            "LookupLevel": 1,
            "MappedCount": 0,
        },
    ),
    (
        "samr",
        "SamrOpenDomain",
        "in",
        {
            "in_connect_handle": HANDLE,
            "in_access_mask": 0x200_0000,
            "in_sid": {"$": "security.dom_sid", "=": "S-1-5-32"},
        },
        {"ServerHandle": CONTEXT, "DesiredAccess": 0x200_0000, "DomainId": {"sid": "S-1-5-32"}},
    ),
    (
        "samr",
        "SamrLookupIdsInDomain",
        "in",
        {"in_domain_handle": HANDLE, "in_num_rids": 3, "in_rids": [500, 0, 0xFFFF_FFFF]},
        {"DomainHandle": CONTEXT, "Count": 3, "RelativeIds": [500, 0, 0xFFFF_FFFF]},
    ),
    (
        "srvsvc",
        "NetrShareEnum",
        "in",
        {
            "in_server_unc": "\\\\server",
            "in_info_ctr": {
                "$": "srvsvc.NetShareInfoCtr",
                "level": 1,
                "ctr": {
                    "$": "srvsvc.NetShareCtr1",
                    "count": 2,
                    "array": [
                        {"$": "srvsvc.NetShareInfo1", "name": "IPC$", "type": 0x8000_0003, "comment": ""},
                        {"$": "srvsvc.NetShareInfo1", "name": "data", "type": 0, "comment": None},
                    ],
                },
            },
            "in_max_buffer": 0xFFFF_FFFF,
            "in_resume_handle": 5,
        },
        {
            "ServerName": "\\\\server",
            "InfoStruct": {
                "Level": 1,
                "ShareInfo": {
                    "EntriesRead": 2,
                    "Buffer": [
                        {"shi1_netname": "IPC$", "shi1_type": 0x8000_0003, "shi1_remark": ""},
                        {"shi1_netname": "data", "shi1_type": 0, "shi1_remark": None},
                    ],
                },
            },
            "PreferedMaximumLength": 0xFFFF_FFFF,
            "ResumeHandle": 5,
        },
    ),
    (
        "svcctl",
        "ROpenSCManagerW",
        "in",
        {"in_MachineName": None, "in_DatabaseName": "ServicesActive", "in_access_mask": 0x3F},
        {"lpMachineName": None, "lpDatabaseName": "ServicesActive", "dwDesiredAccess": 0x3F},
    ),
    (
        "svcctl",
        "RQueryServiceStatus",
        "out",
        {
            "out_service_status": {
                "$": "svcctl.SERVICE_STATUS",
                "type": 0x20,
                "state": 4,
                "controls_accepted": 1,
                "win32_exit_code": 0,
                "service_exit_code": 0,
                "check_point": 1,
                "wait_hint": 2,
            }
        },
        {
            "lpServiceStatus": {
                "dwServiceType": 0x20,
                "dwCurrentState": 4,
                "dwControlsAccepted": 1,
                "dwWin32ExitCode": 0,
                "dwServiceSpecificExitCode": 0,
                "dwCheckPoint": 1,
                "dwWaitHint": 2,
            },
            "__return__": 0,
        },
    ),
    (
        "wkssvc",
        "NetrWkstaGetInfo",
        "in",
        {"in_server_name": "", "in_level": 100},
        {"ServerName": "", "Level": 100},
    ),
    (
        "spoolss",
        "OpenPrinterEx",
        "in",
        {
            "in_printername": "\\\\server\\p",
            "in_datatype": None,
            "in_devmode_ctr": {"$": "spoolss.DevmodeContainer", "_ndr_size": 0},
            "in_access_mask": 8,
            "in_userlevel_ctr": {
                "$": "spoolss.UserLevelCtr",
                "level": 1,
                "user_info": {
                    "$": "spoolss.UserLevel1",
                    "size": 28,
                    "client": "c",
                    "user": "u\u20ac",
                    "build": 1,
                    "major": 3,
                    "minor": 0,
                    "processor": 9,
                },
            },
        },
        {
            "pPrinterName": "\\\\server\\p",
            "pDatatype": None,
            "pDevMode": {"cbBuf": 0, "pDevMode": None},
            "AccessRequired": 8,
            "pClientInfo": {
                "Level": 1,
                "ClientInfo": {
                    "dwSize": 28,
                    "pMachineName": "c",
                    "pUserName": "u\u20ac",
                    "dwBuildNum": 1,
                    "dwMajorVersion": 3,
                    "dwMinorVersion": 0,
                    "wProcessorArchitecture": 9,
                },
            },
        },
    ),
)
