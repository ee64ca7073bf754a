"""Samba's Python client against an rpcecho, a mapper and their management; a line of JSON for each check.

    samba_client.py HOST ECHO_PORT DOMAIN USER PASSWORD OPTIONS

OPTIONS are those of a binding of Samba's, such as `ntlm,sign,bigendian`, or nothing. {"check", "why"}: why is empty
for a check that is right. The mapper is on port 135; with `ndr64` it is left out. The environment names the
configuration, SMB_CONF_PATH.

Runs in the Python that Debian's python3-samba is for, which is another than the tests'; imports nothing of theirs.
"""

import json
import os
import sys
from functools import partial

OUT_OF_RANGE = 0xC002002E
BAD_STUB = 0xC003000C
NOT_REGISTERED = 0x16C9A0D6
SIZES = (0, 1, 3, 4280, 5841, 70_000, 300_001)
TEXTS = ("", "x", "input string", "\u20ac\u00f6 \u4e2d", "\U0001f600")
LEVELS = {1: ("v", 10), 2: ("v", 20), 3: ("v", 30), 4: ("v", 40), 5: ("v1", 50), 6: ("v1", 70), 7: ("v1", 80)}


def echo_checks(echo, service, big):
    """Each operation of rpcecho, from small to large: name, call, what it gives."""
    for number in (0, 41, 0x7FFFFFFF, 0xFFFFFFFF):
        yield f"AddOne {number}", partial(service.AddOne, number), (number + 1) & 0xFFFFFFFF
    for size in SIZES:
        octets = [(7 * place) & 0xFF for place in range(size)]
        yield f"EchoData {size}", partial(service.EchoData, octets), octets
        yield f"SinkData {size}", partial(service.SinkData, octets), None
        yield f"SourceData {size}", partial(service.SourceData, size), [place & 0xFF for place in range(size)]
    for text in TEXTS:
        yield f"TestCall {text!r}", partial(service.TestCall, text), text
    for level, (member, value) in LEVELS.items():
        yield f"TestCall2 {level}", lambda at=level, name=member: getattr(service.TestCall2(at), name), value
    yield "TestSurrounding", lambda: surrounding(echo, service), (40, [0] * 40)
    yield "TestSleep", lambda: service.TestSleep(1), 1
    nine = (9).to_bytes(4, "big" if big else "little")
    yield "raw request", lambda: sorted(service.request(0, nine)), [0, 0, 0, 10]
    yield "operation out of range", lambda: failure(lambda: service.request(99, b"")), OUT_OF_RANGE
    yield "stub too short", lambda: failure(lambda: service.request(0, b"\1")), BAD_STUB
    yield "call after faults", lambda: service.AddOne(1), 2


def failure(call):
    """The status of a call that fails."""
    try:
        call()
    except Exception as error:
        return error.args[0]
    return None


def surrounding(echo, service):
    given = echo.Surrounding()
    given.x, given.surrounding = 20, list(range(20))
    found = service.TestSurrounding(given)
    return found.x, list(found.surrounding)


def tower(epmapper, ndr, syntaxes):
    """The tower that asks the mapper for TCP."""
    floors = []
    for syntax in syntaxes:
        octets = ndr.ndr_pack(syntax)
        floor = epmapper.epm_floor()
        floor.lhs = epmapper.epm_lhs()
        floor.lhs.protocol, floor.lhs.lhs_data = epmapper.EPM_PROTOCOL_UUID, octets[:18]
        floor.rhs = epmapper.epm_rhs_uuid()
        floor.rhs.unknown = octets[18:]
        floors.append(floor)
    for protocol, member, value in (
        (epmapper.EPM_PROTOCOL_NCACN, "minor_version", 0),
        (epmapper.EPM_PROTOCOL_TCP, "port", 0),
        (epmapper.EPM_PROTOCOL_IP, "ipaddr", "0.0.0.0"),
    ):
        floor = epmapper.epm_floor()
        floor.lhs = epmapper.epm_lhs()
        floor.lhs.protocol, floor.lhs.lhs_data = protocol, b""
        setattr(floor.rhs, member, value)
        floors.append(floor)
    found = epmapper.epm_twr_t()
    found.tower = epmapper.epm_tower()
    found.tower.num_floors, found.tower.floors = len(floors), floors
    return found


def mapper_checks(modules, mapper, mgmt, port):
    """The mapper, and how it is managed."""
    echo, epmapper, misc, base, ndr = modules
    nobody, null = misc.GUID(), misc.policy_handle()

    def mapped(syntax):
        wanted = tower(epmapper, ndr, (syntax, base.transfer_syntax_ndr()))
        _, towers, status = mapper.epm_Map(nobody, wanted, null, 4)
        return [floors[3].rhs.port for floors in (each.twr.tower.floors for each in towers)], status

    def looked_up():
        handle, seen, status = null, 0, 0
        while status == 0 and (seen == 0 or handle.uuid != nobody):
            handle, entries, status = mapper.epm_Lookup(0, nobody, epmapper.rpc_if_id_t(), 0, handle, 3)
            seen += len(entries)
        return status in (0, NOT_REGISTERED), seen

    unknown = misc.ndr_syntax_id()
    unknown.uuid = misc.GUID("00112233-4455-6677-8899-aabbccddeeff")
    yield "epm_Map", lambda: port in mapped(echo.abstract_syntax())[0], True
    yield "epm_Map of what is not there", lambda: mapped(unknown), ([], NOT_REGISTERED)
    yield "epm_Lookup", looked_up, (True, 10)
    yield "is_server_listening", mgmt.is_server_listening, (0, 1)
    yield "inq_if_ids", lambda: mgmt.inq_if_ids().count, 1
    yield "inq_stats", lambda: mgmt.inq_stats(4, 0).count, 4


def main(host, port, domain, user, password, options):
    from samba import credentials, ndr, param
    from samba.dcerpc import base, echo, epmapper, mgmt, misc

    configuration = param.LoadParm()
    configuration.load(os.environ["SMB_CONF_PATH"])
    who = credentials.Credentials()
    if options.startswith(("ntlm", "spnego")):
        who.guess(configuration)
        who.set_domain(domain)
        who.set_username(user)
        who.set_password(password)
        who.set_kerberos_state(credentials.DONT_USE_KERBEROS)
    else:
        who.set_anonymous()

    def connect(interface, at):
        where = ",".join([at] + ([options] if options else []))
        return interface(f"ncacn_ip_tcp:{host}[{where}]", configuration, who)

    checks = list(echo_checks(echo, connect(echo.rpcecho, port), "bigendian" in options))
    if "ndr64" not in options:  # in which Samba has towers of its own
        modules = (echo, epmapper, misc, base, ndr)
        checks += mapper_checks(modules, connect(epmapper.epmapper, "135"), connect(mgmt.mgmt, "135"), int(port))
    for name, call, expected in checks:
        try:
            found = call()
            why = "" if found == expected else f"{found!r:.80}, not {expected!r:.80}"
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        print(json.dumps({"check": name, "why": why}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
