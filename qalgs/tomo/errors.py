"""What tomography raises and warns of, where a caller may want to catch it by name."""


class InsufficientDataError(ValueError):
    """The measurements cannot determine a state of the wanted rank, whatever their number of shots."""


class RankBiasWarning(UserWarning):
    """The rank of the model is too low for the data: its fidelity with a target is biased, as a rule upwards."""


class DataWarning(UserWarning):
    """The data are used, but something about them is odd."""
