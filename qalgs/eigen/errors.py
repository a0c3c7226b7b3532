"""What the excited-state methods warn of, and the one error of theirs a caller may want to catch."""


class ShiftTooSmallError(ValueError):
    """The shift c lies below a level that is sought, so that its player earns most by doing nothing."""

    def __init__(self, player: int, shift: float, needed: float) -> None:
        """Say which player found out, and what shift would do."""
        self.player, self.shift, self.needed = player, shift, needed
        super().__init__(
            f"Argument `c` must be above every level that is sought, but player {player} gains nothing at {shift:.6g}; "
            f'{needed:.6g} is high enough, and c="auto" finds it.'
        )


class EigenWarning(UserWarning):
    """A run did not find all it was asked for, or gave its answer in another way."""
