"""The endpoint mapper, all sides of it: towers and the map, the service, what servers tell it, what clients ask it.

`endpoint_map.py` holds what `service.py` serves and `host.py` runs; servers register through `registration.py`;
clients ask through `lookup.py`, and `endpoint_list.py` shows people what there is (C706 chapter 6 and appendix L).
"""
