"""The floor under a disk: below it nothing new is begun, so that what runs can be written down.

A disk that is full takes no outcome and no entry of the audit either: what was done would be
unknown after a crash. So new requests are refused while there is still room for the answers to
those that were taken.
"""

from __future__ import annotations

PART_OF_DISK = 10
"""Of a small disk a tenth is enough: the floor must not be half of it."""


class DiskFloor:
    """Says whether there is room for something new.

    Args:
        free_min: bytes that are to stay free; 0: no matter how many.

    Attributes:
        free: bytes that were free when somebody looked last; None: nobody has.
        is_low: there is no room.
    """

    def __init__(self, free_min: int) -> None:
        self.free_min = free_min
        self.free: int | None = None
        self.is_low = False
        self._floor = free_min

    def measured(self, free: int, size: int) -> bool:
        """Somebody has looked at the disk; returns whether that changes what is refused.

        It ends a quarter above where it began: else each file that comes and goes would turn it.

        Args:
            free: bytes that this process may use.
            size: bytes of the disk.
        """
        self.free = free
        self._floor = min(self.free_min, size // PART_OF_DISK)
        was, most = self.is_low, self._floor + self._floor // 4
        self.is_low = free < (most if was else self._floor)
        return self.is_low is not was

    @property
    def objection(self) -> str:
        """Why nothing new is taken; "": it is."""
        if not self.is_low or self.free is None:
            return ""
        return (
            f"the disk of the gateway's database has {megabytes(self.free)} left, and"
            f" {megabytes(self._floor)} must stay free (storage.free_min); nothing was run"
        )


def megabytes(size: int) -> str:
    """A size in words; what is less than the next megabyte is left out."""
    return f"{size // 1_000_000} MB"
