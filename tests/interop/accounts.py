"""Who peers log on as."""

from typing import Final

DOMAIN: Final = "DOMAIN"
USER: Final = "user"
PASSWORD: Final = "Passw0rd"
