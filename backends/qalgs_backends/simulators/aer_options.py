"""Options of Qiskit Aer that mean something here, typed, and a simulator whose device exists.

Aer itself takes any option name and any device without a word; a missing device shows when a circuit is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from qalgs_backends.checks import argument, flag, one_of, positive_int
from qalgs_backends.errors import CapabilityError

if TYPE_CHECKING:
    from qiskit_aer import AerSimulator

Method = Literal["statevector", "density_matrix", "matrix_product_state", "stabilizer"]
AMPLITUDES = ("statevector", "density_matrix")
"""Methods that keep every amplitude. Only these run on a GPU; the widths of the others have Aer's own limits."""


@dataclass(frozen=True)
class AerOptions:
    """How Aer simulates."""

    method: Method = "statevector"
    """How the state is kept. Circuits for "stabilizer" are Clifford."""
    device: Literal["CPU", "GPU"] = "CPU"
    """"GPU" needs a build of Aer for CUDA; nothing falls back to the CPU."""
    precision: Literal["double", "single"] = "double"
    """Of the amplitudes; single halves the memory."""
    max_memory_mb: int | None = None
    """Memory that states may take; None is what the machine, or its GPU, has available."""
    max_parallel_threads: int = 0
    """Threads; 0 is as many as there are cores."""
    cu_statevec: bool = False
    """Whether NVIDIA's cuStateVec multiplies the gates; on a GPU only."""
    batched_shots_gpu: bool = False
    """Whether trajectories of small noisy circuits run together; on a GPU only."""
    blocking_qubits: int | None = None
    """Qubits of the pieces that a state is cut into, for one larger than a GPU's memory; None is one piece.

    Only shots are offered then: Aer 0.18 saves wrong expectation values of a state vector in three pieces or more.
    """

    def __post_init__(self) -> None:
        """Check.

        Raises:
            TypeError: an option is of the wrong kind.
            ValueError: an option is out of range, or does not go with the method or the device.
        """
        one_of(self.method, "method", (*AMPLITUDES, "matrix_product_state", "stabilizer"))
        one_of(self.device, "device", ("CPU", "GPU"))
        one_of(self.precision, "precision", ("double", "single"))
        if self.max_memory_mb is not None:
            positive_int(self.max_memory_mb, "max_memory_mb")
        positive_int(self.max_parallel_threads, "max_parallel_threads", minimum=0)
        for name in ("cu_statevec", "batched_shots_gpu"):
            if flag(getattr(self, name), name) and self.device == "CPU":
                raise ValueError(argument(name, "be False on a CPU", "it is True"))
        if self.blocking_qubits is not None:
            positive_int(self.blocking_qubits, "blocking_qubits", minimum=2)
        if self.method not in AMPLITUDES and (self.device == "GPU" or self.blocking_qubits is not None):
            what, but = ("blocking_qubits", self.blocking_qubits) if self.device == "CPU" else ("device", "GPU")
            raise ValueError(argument(what, f"not be given for the method {self.method}", f"it is {but}"))

    @property
    def name(self) -> str:
        """Of the backend."""
        name = {"statevector": "aer", "matrix_product_state": "aer:mps"}.get(self.method, f"aer:{self.method}")
        return name if self.device == "CPU" else name.replace("aer", "aer:gpu", 1)

    @property
    def amplitude(self) -> int:
        """Bytes of an amplitude."""
        return 8 if self.precision == "single" else 16

    def simulator(self) -> AerSimulator:
        """The simulator.

        Raises:
            CapabilityError: its device does not exist.
        """
        chosen: dict[str, Any] = {}
        if self.max_memory_mb is not None:
            chosen["max_memory_mb"] = self.max_memory_mb
        if self.device == "GPU":
            chosen |= {"cuStateVec_enable": self.cu_statevec, "batched_shots_gpu": self.batched_shots_gpu}
        if self.blocking_qubits is not None:
            chosen |= {"blocking_enable": True, "blocking_qubits": self.blocking_qubits}
        return make_simulator(
            method=self.method,
            device=self.device,
            precision=self.precision,
            max_parallel_threads=self.max_parallel_threads,
            mps_lapack=True,  # four digits more than Aer's own decomposition, in the same time or less
            **chosen,
        )


def make_simulator(*, device: str, **options: Any) -> AerSimulator:
    """An AerSimulator whose device exists.

    Raises:
        CapabilityError: it does not, or two distributions of Aer have overwritten each other; what is installed and
            the remedy are named.
    """
    from qiskit_aer import AerSimulator

    if device == "GPU":
        from qalgs_backends.install import aer_clash, gpu_advice

        if aer_clash() or device not in (AerSimulator().available_devices() or ()):
            raise CapabilityError(gpu_advice())
    return AerSimulator(device=device, **options)
