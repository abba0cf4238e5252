# SPDX-License-Identifier: GPL-3.0-or-later
"""What lives while Blender runs: the current job, the last log, the last report. Panels read it; nothing here touches a disk."""

from dataclasses import dataclass, field

from .job import Job


@dataclass(slots=True)
class Runtime:
    """The state of the session, which no .blend file keeps."""

    job: Job | None = None
    """The running one."""
    log: list[str] = field(default_factory=list[str])
    """Lines of the last job."""
    report: str = ""
    """What became of it."""
    is_error: bool = False
    """Whether the report is bad news."""
    engine_status: str = ""
    """What Test Engine found."""

    def finish(self, job: Job, report: str, *, is_error: bool) -> None:
        """Keeps what remains of a job that has ended."""
        self.log = list(job.log)
        self.job = None
        self.report, self.is_error = report, is_error

    def close(self) -> None:
        """Ends a job that still runs."""
        if self.job is not None:
            self.job.close()
            self.finish(self.job, "Reconstruction cancelled", is_error=False)


RUNTIME = Runtime()
"""The one instance: Blender runs one job at a time."""
