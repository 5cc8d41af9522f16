"""One step on its way: the scene read, files written, the job submitted, the scene changed. In this order."""

from __future__ import annotations

import bpy

from . import connection
from .steps import Notice, Step


class StepRun:
    """A step whose job is submitted. Until the backend has the job, nothing in the scene has changed."""

    def __init__(self, step: Step, scene: bpy.types.Scene) -> None:
        """Read the scene, write the files that the job needs, submit it. Raises InputError."""
        self.step = step
        self._request = step.read(scene)
        self._request.write_files()
        self.job = connection.submit(step.verb, self._request.arguments)
        self._is_applied = False

    def take_acceptance(self, scene: bpy.types.Scene) -> None:
        """Once the backend has the job: let the scene's settings say so."""
        if self.job.accepted and not self._is_applied:
            self._is_applied = True
            self._request.apply(scene)

    def finish(self, scene: bpy.types.Scene) -> list[Notice]:
        """Take the ended job's result into the scene; what to tell the user. Raises JobFailed, Cancelled."""
        result = self.job.result()
        self.take_acceptance(scene)
        return self.step.finish(scene, result)
