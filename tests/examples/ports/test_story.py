from __future__ import annotations

import subprocess
import sys

STORY = """\
booted: srm, lsass, scm, exception_port
ports: ExceptionPort, LsaAuthenticationPort, SeLsaCommandPort, SeRmCommandPort, SmApiPort and ntsvcs
mary, wrong password: no such user, or not this password (0xc000006d)
mary is S-1-22-1-1000 in session 1
attached: winlogon
D:(A;;FR;;;S-1-22-1-1000): granted
D:(D;;FR;;;S-1-22-2-100)(A;;FA;;;WD): denied
the clock runs, and answers: True
notice: the clock is stopped, died: True
started again, and told to stop: died: False
read: sectorsector
outstanding: 0xc0000120 0xc00002b6 0xc00002b6 0xc00002b6
after the crash, read: b'\\x00\\x00\\x00\\x00' restarts: 1
disk full: retry
log:
  logon of mary failed
  Mary logged on as 0x3e8
  granted 0x1 to diary.txt for S-1-22-1-1000
  denied 0x1 to diary.txt for S-1-22-1-1000
"""


def test_the_story_goes_from_boot_to_log_off() -> None:
    command = [sys.executable, "-m", "examples.ports.story"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (told.stdout, told.stderr, told.returncode) == (STORY, "", 0)
