"""The schedule of a training run, as a list of stages: what moves, and which parameters learn, when."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.settings import TrainSettings

FACE_SHAPE, FACE_LOOK = "face_shape", "face_look"
ORAL_SHAPE, ORAL_LOOK, ORAL_OPACITY = "oral_shape", "oral_look", "oral_opacity"
TORSO_SHAPE, TORSO_LOOK = "torso_shape", "torso_look"
FACIAL_FIELD, ORAL_FIELD, TORSO_FIELD = "facial_field", "oral_field", "torso_field"
AUDIO, ORAL_AUDIO = "audio", "oral_audio"
ORAL = (ORAL_SHAPE, ORAL_LOOK, ORAL_OPACITY)
TORSO = (TORSO_SHAPE, TORSO_LOOK, TORSO_FIELD)


@dataclass(frozen=True)
class Block:
    """So many steps in which these parameter groups learn and all others are frozen."""

    name: str
    learns: tuple[str, ...]
    steps: int = 1

    @property
    def mouth_alone(self) -> bool:
        """Whether nothing of the head learns but the mouth."""
        return ORAL_SHAPE in self.learns and FACE_SHAPE not in self.learns


@dataclass(frozen=True)
class Stage:
    """A share of the training that repeats its blocks in turn."""

    name: str
    share: float
    """Share of the whole training, in (0, 1]."""
    blocks: tuple[Block, ...]
    deformed: bool = True
    """Whether the fields move the head; if not, it keeps its canonical shape."""
    branch: str | None = None
    """face or oral: that part by itself is compared with its own region; None: the whole portrait with the frame."""

    def block_at(self, step: int) -> Block:
        """The block that step `step` of this stage (from 0) belongs to."""
        step %= sum(block.steps for block in self.blocks)
        for block in self.blocks:
            if step < block.steps:
                return block
            step -= block.steps
        raise ValueError(f"stage {self.name} has no blocks")


def plan(settings: TrainSettings) -> list[Stage]:
    """The stages of a training run; their shares sum to one.

    m2dao: a still head first; then the facial and the oral field in alternating blocks, each with its own Gaussians,
    the other frozen; then colour and opacity of all together. The torso learns with the face: while the mouth learns,
    steps see nothing else. talkinggaussian: the still head, the whole face branch, the whole mouth branch, then the
    fusing pass over colour and opacity. A code of the sound learns with its own branch; one that the branches share
    learns with both.
    """
    if settings.supervision == "branches":
        return _plan_of_branches(settings)
    static = Block("static", (FACE_SHAPE, FACE_LOOK, *ORAL, *TORSO))
    facial = Block("facial", (FACE_SHAPE, FACE_LOOK, FACIAL_FIELD, AUDIO, *TORSO), settings.block)
    oral = Block("oral", (*ORAL, ORAL_FIELD, ORAL_AUDIO), settings.block)
    joint = Block("joint", (FACE_LOOK, ORAL_LOOK, ORAL_OPACITY, TORSO_LOOK))
    moving = 1.0 - settings.static_share - settings.joint_share
    if settings.alternate:
        middle = [Stage("alternating", moving, (facial, oral))]
    else:
        if not settings.portrait.own_audio:
            oral = replace(oral, learns=(*oral.learns, AUDIO))
        middle = [Stage("facial", moving / 2, (facial,)), Stage("oral", moving / 2, (oral,))]
    stages = [
        Stage("static", settings.static_share, (static,), deformed=False),
        *middle,
        Stage("joint", settings.joint_share, (joint,)),
    ]
    return [stage for stage in stages if stage.share > 0]


def _plan_of_branches(settings: TrainSettings) -> list[Stage]:
    """talkinggaussian-published: the face by itself, first still, then moving; the mouth likewise; then the two fused,
    the mouth's opacity as it is."""
    still = settings.static_share / 2
    moving = (1.0 - settings.static_share - settings.joint_share) / 2
    face, fuse = (FACE_SHAPE, FACE_LOOK), (FACE_LOOK, ORAL_LOOK, *TORSO)
    stages = [
        Stage("static face", still, (Block("static face", face),), deformed=False, branch="face"),
        Stage("facial", moving, (Block("facial", (*face, FACIAL_FIELD, AUDIO)),), branch="face"),
        Stage("static oral", still, (Block("static oral", ORAL),), deformed=False, branch="oral"),
        Stage("oral", moving, (Block("oral", (*ORAL, ORAL_FIELD, ORAL_AUDIO)),), branch="oral"),
        Stage("joint", settings.joint_share, (Block("joint", fuse),)),
    ]
    return [stage for stage in stages if stage.share > 0]


def own_progress(stages: list[Stage], group: str, progress: float) -> float:
    """How much of its learning a parameter group has behind it, in [0, 1], at `progress` in [0, 1] of the run: 0 before
    the first stage in which it learns, 1 after the last, and still between."""
    start = done = total = 0.0
    for stage in stages:
        if any(group in block.learns for block in stage.blocks):
            total += stage.share
            done += min(max(progress - start, 0.0), stage.share)
        start += stage.share
    return done / total if total else 0.0


@dataclass
class Position:
    """Where a run stands in its plan. Moves forward only, so that a resumed run goes on in the same block."""

    stage: int = 0
    step_in_stage: int = 0

    def advance(self, stages: list[Stage], progress: float) -> tuple[Stage, Block]:
        """The stage and block of the next step, at `progress` in [0, 1) of the whole run."""
        end = sum(stage.share for stage in stages[: self.stage + 1])
        while progress >= end - 1e-9 and self.stage + 1 < len(stages):
            self.stage, self.step_in_stage = self.stage + 1, 0
            end += stages[self.stage].share
        block = stages[self.stage].block_at(self.step_in_stage)
        self.step_in_stage += 1
        return stages[self.stage], block
