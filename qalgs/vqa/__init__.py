"""Variational algorithms on placements: fidelity-map schedules, walks and co-location."""

from qalgs.vqa.colocation import ColocationResult as ColocationResult
from qalgs.vqa.colocation import colocate as colocate
from qalgs.vqa.costs import DeviceTime as DeviceTime
from qalgs.vqa.packing import Demand as Demand
from qalgs.vqa.packing import pack as pack
from qalgs.vqa.placements import Pool as Pool
from qalgs.vqa.placements import placement_pool as placement_pool
from qalgs.vqa.policies import BestMap as BestMap
from qalgs.vqa.policies import ConstantLow as ConstantLow
from qalgs.vqa.policies import Nest as Nest
from qalgs.vqa.policies import Qoncord as Qoncord
from qalgs.vqa.policies import RandomJump as RandomJump
from qalgs.vqa.queue import batches as batches
from qalgs.vqa.result import QAOAResult as QAOAResult
from qalgs.vqa.result import VQEResult as VQEResult
from qalgs.vqa.rounds import VariationalJob as VariationalJob
from qalgs.vqa.schedules import Schedule as Schedule
from qalgs.vqa.stopping import Plateau as Plateau
from qalgs.vqa.verb import qaoa as qaoa
from qalgs.vqa.verb import vqe as vqe
from qalgs.vqa.walk import WalkPlan as WalkPlan
from qalgs.vqa.walk import plan_walk as plan_walk
