"""Puts the tests of each rule and threat into docs/protocol.md and docs/threats.md: `python docs/list_claims.py`.

Written by hand is what stands below each heading; the list after it is that of the tests named for it, which are
claims: `test_rule_42_...` and `test_r11_...`, and those of `ALSO`.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
TESTS = DOCS.parent / "tests"
PAGES = {"protocol.md": re.compile(r"test_rule_(\d+)_(\w+)"), "threats.md": re.compile(r"test_([abfprtx]\d+)_(\w+)")}
HEADING = re.compile(r"^### (\w+).*\n", re.MULTILINE)
ALSO = [
    row.split()
    for row in """
A1 transports/alpc/memory/test_sharing.py test_a_bad_section_ends_the_connection_and_leaks_nothing
A3 transports/alpc/test_connection_request.py test_who_is_not_let_in_sends_no_descriptors
A3 transports/alpc/test_connection_request.py test_a_port_that_takes_neither_sections_nor_handles_is_sent_no_descriptors
A4 transports/test_claim.py test_what_is_no_socket_is_never_replaced
A4 transports/test_claim.py test_a_symbolic_link_is_never_replaced_nor_followed
A4 transports/test_claim.py test_a_live_socket_is_not_replaced_although_its_lock_was_removed
A4 transports/test_claim.py test_a_socket_of_another_user_is_never_replaced
A4 transports/test_object_names.py test_what_is_no_name_is_refused
A4 transports/test_object_names.py test_keys_know_no_case_and_no_dangerous_characters
A5 transports/security/test_tracking.py test_static_tracking_takes_who_connected_whatever_comes
A5 transports/security/test_tracking.py test_another_process_user_or_group_is_a_change_and_its_way_back_is_one_too
A5 transports/security/test_tracking.py test_a_message_without_credentials_is_refused
A5 transports/alpc/test_contexts.py test_what_cannot_be_done_with_a_context_ends_the_connection
A5 transports/alpc/test_contexts.py test_a_context_without_credentials_ends_the_connection
A5 transports/alpc/test_contexts.py test_a_client_that_creates_contexts_without_end_is_cut_off
A5 transports/alpc/test_contexts.py test_a_descriptor_that_proves_nothing_ends_the_connection
A5 transports/security/test_access.py test_groups_that_are_not_told_grant_nothing_and_deny
A6 transports/alpc/test_connection.py test_a_server_of_an_unexpected_user_is_refused
A6 runtime/test_endpoints.py test_a_client_says_which_user_must_serve
A6 transports/alpc/test_connection.py test_behind_a_socket_of_roots_it_is_the_service_that_has_to_be_the_user
A6 transports/alpc/test_connection.py test_a_server_that_is_not_who_made_the_socket_is_refused_before_anything_is_said
A7 runtime/test_reaching.py test_what_there_is_no_room_for_now_is_tried_again_until_there_is
A7 runtime/test_reaching.py test_pauses_leave_half_to_chance
A7 runtime/test_reaching.py test_when_the_time_is_over_the_error_says_so_and_that_nothing_ran
A7 runtime/test_reaching.py test_what_will_not_pass_is_an_error_at_once
A7 runtime/test_reaching.py test_a_server_that_hangs_up_is_asked_again_as_often_as_the_policy_says
A7 runtime/test_reaching.py test_which_failures_of_connecting_may_pass
X1 runtime/test_serving.py test_a_server_killed_in_a_call_is_a_lost_connection
X2 runtime/test_serving.py test_a_killed_client_has_its_handles_run_down_once
X2 runtime/test_serving.py test_a_client_killed_in_a_call_takes_nobody_along
X2 runtime/test_serving.py test_connections_leave_nothing_behind
X4 runtime/test_forks.py
X9 runtime/serving/test_draining.py
X10 runtime/test_locate.py test_mapper_that_fails_is_as_good_as_none
P1 hostile/test_port_clients.py test_a_view_changed_while_it_is_read_is_answered_or_refused
P1 transports/alpc/test_lane.py test_whatever_is_written_into_the_memory_gives_frames_or_ends_the_connection
P2 transports/alpc/messages/test_attributes.py test_masks_that_cannot_be_are_refused
P2 transports/alpc/messages/test_attributes.py test_a_block_cut_anywhere_is_refused
P2 transports/alpc/messages/test_attributes.py test_any_octets_are_a_block_or_a_bad_frame
P3 transports/test_conformance.py test_no_descriptor_survives_exec
P4 transports/alpc/memory/test_section.py test_what_is_no_memfd_is_refused
P4 transports/alpc/memory/test_direct_access.py test_a_descriptor_that_is_not_its_memory_is_never_read
P5 transports/alpc/memory/test_sharing.py test_a_section_larger_than_we_map_is_refused
P6 transports/alpc/memory/test_memfd.py test_a_sealed_memfd_keeps_its_size_and_takes_no_further_seal
P6 transports/alpc/memory/test_section.py test_a_section_without_every_seal_is_refused
P7 transports/test_claim.py test_a_name_whose_holder_was_killed_is_taken_over
P7 transports/test_claim.py test_of_many_that_race_one_wins
P8 transports/test_namespace.py test_a_directory_behind_a_symbolic_link_is_refused
P8 transports/test_namespace.py test_a_root_that_is_a_symbolic_link_is_refused
P8 transports/test_namespace.py test_a_symbolic_link_is_not_followed
P9 transports/security/test_process.py test_the_sender_is_opened_by_its_socket
P9 transports/security/test_process.py test_a_number_that_another_user_has_now_is_not_the_sender
P10 transports/alpc/test_connection.py test_a_server_that_is_not_who_made_the_socket_is_refused_before_anything_is_said
P13 runtime/test_forks.py test_child_that_lives_on_holds_no_port
P16 runtime/callbacks/test_line.py test_callbacks_within_callbacks_have_an_end
P17 transports/alpc/test_connection.py test_a_silent_client_holds_up_nobody
P17 transports/alpc/test_connection.py test_a_silent_client_is_dropped_when_its_time_is_over
P17 transports/alpc/test_connection.py test_of_too_many_silent_clients_the_oldest_is_dropped
P17 hostile/test_port_clients.py test_a_client_that_is_silent_is_dropped
P19 transports/test_conformance.py test_what_a_peer_sent_arrives_although_it_left_without_listening
P19 transports/test_unix.py test_an_empty_packet_is_the_end
P19 transports/test_unix.py test_a_full_backlog_times_out
P20 transports/security/test_token.py test_whom_the_kernel_does_not_know_is_anonymous_and_not_everyone
P21 transports/alpc/test_quota.py test_messages_of_one_user_are_bounded_together
P21 transports/alpc/test_quota.py test_another_user_is_served_while_one_has_too_much
P21 transports/alpc/test_quota.py test_who_floods_while_it_is_called_back_is_cut_off
P21 transports/alpc/test_quota.py test_sections_of_one_user_are_bounded_together_and_another_has_its_own
P21 transports/alpc/test_quota.py test_views_lent_to_one_user_are_bounded_together
P21 transports/alpc/test_quota.py test_descriptors_that_a_user_does_not_take_are_bounded_together
P21 transports/alpc/test_quota.py test_of_silent_clients_the_oldest_of_the_user_with_most_goes
P21 transports/alpc/test_quota.py test_who_waits_for_a_verdict_takes_no_other_users_place
""".strip().splitlines()
]
"""Tests with other names: what they show, their module, and which of its tests; all where none is named."""


def functions(path: Path) -> list[str]:
    """The tests of a module, in order."""
    return re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def claims(name: re.Pattern[str]) -> dict[str, list[str]]:
    """What is claimed of each rule or threat, with the module that shows it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        module = path.relative_to(TESTS).as_posix()
        own: dict[str, tuple[str, str]] = {}
        for test in functions(path):
            if match := name.fullmatch(test):
                own[test] = match[1].upper(), match[2]
        for key, other, *wanted in ALSO:
            if module == other and name.pattern.startswith("test_(["):
                own |= {test: (key, test[5:]) for test in functions(path) if test in wanted or not wanted}
        for key, claim in own.values():
            found.setdefault(key, []).append(f"- {claim.replace('_', ' ')} (`{module}`)")
    return found


def page(name: str) -> str:
    """The page with its lists made anew."""
    text = (DOCS / name).read_text(encoding="utf-8")
    found, places = claims(PAGES[name]), [*HEADING.finditer(text)]
    parts = [text[: places[0].start()]]
    for here, following in zip(places, [*places[1:], None], strict=True):
        body = text[here.end() : following.start() if following else len(text)]
        written, *rest = re.split(r"(?=^## )", body, maxsplit=1, flags=re.MULTILINE)
        lines = [line for line in written.strip().splitlines() if not line.startswith("- ")]
        listed = "\n".join(found.get(here[1], []))
        parts.append(f"{here[0]}\n{chr(10).join(lines).strip()}\n\n{listed}\n\n{''.join(rest)}")
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    for each in PAGES:
        (DOCS / each).write_text(page(each), encoding="utf-8")
