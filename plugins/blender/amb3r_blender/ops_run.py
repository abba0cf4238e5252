# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators around the engine: reconstruct, cancel, choose photos, test, log."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

import os
import subprocess
import sys
import time
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from . import engine
from .job import Job, child_environment
from .prefs import engine_command
from .run import RunError, finish_job, start_job
from .runtime import RUNTIME

TICK_S = 0.1
TEST_TIMEOUT_S = 90.0
LOG_TEXT, HELP_TEXT, OPTIONS_TEXT = "AMB3R Log", "AMB3R Engine", "AMB3R Options"


class AMB3R_OT_reconstruct(bpy.types.Operator):
    """Reconstruct a scene from photos or a video, and import it. Esc cancels"""

    bl_idname = "amb3r.reconstruct"
    bl_label = "Reconstruct"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Input", description="Folder of photos, a photo or a video; empty: what the panel says", options={"SKIP_SAVE"}
    )
    output: StringProperty(name="Output", description="Scene folder to write; empty: what the panel says", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if RUNTIME.job is not None:
            cls.poll_message_set("A reconstruction is running already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blocks until the scene is there: for scripts and background runs."""
        job = self._start(context)
        if job is None:
            return {"CANCELLED"}
        told = ""
        while not job.poll():
            told = _tell(job, told)
            time.sleep(TICK_S)
        return self._finish(context, job)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Runs beside the user's work."""
        job = self._start(context)
        if job is None:
            return {"CANCELLED"}
        manager = context.window_manager
        self._job = job
        self._timer = manager.event_timer_add(TICK_S, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self._job
        if event.type == "ESC":
            job.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not job.poll():
            if job.progress.share is not None:
                context.window_manager.progress_update(100 * job.progress.share)
            _redraw(context)
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._finish(context, job)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it closes the window or loads another file."""
        self._job.close()
        RUNTIME.finish(self._job, "Reconstruction cancelled", is_error=False)
        self._leave(context)

    def _leave(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        _redraw(context)

    def _start(self, context: bpy.types.Context) -> Job | None:
        settings = context.scene.amb3r
        if self.filepath:
            settings.input_files.clear()
            settings.input_path = self.filepath
        if self.output:
            settings.output_path = self.output
        try:
            return start_job(context)
        except RunError as error:
            self.report({"ERROR"}, str(error))
            return None

    def _finish(self, context: bpy.types.Context, job: Job) -> set[str]:
        try:
            made = finish_job(context, job)
        except RunError as error:
            level = "WARNING" if job.outcome is not None and job.outcome.was_cancelled else "ERROR"
            self.report({level}, str(error))
            return {"CANCELLED"}
        for note in [*made.scene.provenance.notes, *made.notes]:
            self.report({"INFO"}, note)
        self.report({"INFO"}, RUNTIME.report)
        return {"FINISHED"}


class AMB3R_OT_cancel(bpy.types.Operator):
    """Stop the running reconstruction"""

    bl_idname = "amb3r.cancel"
    bl_label = "Cancel Reconstruction"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if RUNTIME.job is None:
            cls.poll_message_set("No reconstruction is running")
        return RUNTIME.job is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if RUNTIME.job is not None:
            RUNTIME.job.cancel()
        return {"FINISHED"}


class AMB3R_OT_choose_input(bpy.types.Operator):
    """Choose the photos, the folder of photos or the video to reconstruct"""

    bl_idname = "amb3r.choose_input"
    bl_label = "Choose Photos or Video"
    bl_options = {"INTERNAL"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Several files are taken as they are; one file or none stands for itself or for its folder."""
        settings = context.scene.amb3r
        names = [file.name for file in self.files if file.name]
        settings.input_files.clear()
        if len(names) > 1:
            for name in names:
                settings.input_files.add().path = str(Path(self.directory) / name)
            settings.input_path = self.directory
        else:
            settings.input_path = str(Path(self.directory) / names[0]) if names else self.directory or self.filepath
        return {"FINISHED"}


class AMB3R_OT_test_engine(bpy.types.Operator):
    """Ask the amb3r command for its version and devices"""

    bl_idname = "amb3r.test_engine"
    bl_label = "Test Engine"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            command = engine_command(context)
        except (engine.EngineNotFound, ValueError) as error:
            return self._tell(str(error), "ERROR")
        version, devices = Job([*command, "--version"]), Job([*command, "doctor"])
        for job in (version, devices):
            job.start()
            outcome = job.wait(timeout_s=TEST_TIMEOUT_S)
            RUNTIME.log = list(job.log)
            if outcome.exit_code != 0:
                reason = outcome.error_message or (outcome.last_lines[-1] if outcome.last_lines else "no answer")
                return self._tell(f"The engine does not work: {subprocess.list2cmdline(job.command)}: {reason}", "ERROR")
        return self._tell(f"{_said(version, 'amb3r')}, {_said(devices, 'devices')}", "INFO")

    def _tell(self, message: str, level: str) -> set[str]:
        RUNTIME.engine_status = message
        self.report({level}, message)
        return {"FINISHED"} if level == "INFO" else {"CANCELLED"}


class AMB3R_OT_list_options(bpy.types.Operator):
    """Ask the amb3r command for its options, and put those that are not in the panel into a text of this file"""

    bl_idname = "amb3r.list_options"
    bl_label = "List Options"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            command = [*engine_command(context), "options", "--json"]
            said = subprocess.run(
                command,
                env=child_environment(os.environ),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TEST_TIMEOUT_S,
                check=False,
            )
            lines = engine.describe_options(engine.parse_options(said.stdout))
        except (engine.EngineNotFound, ValueError, OSError, subprocess.TimeoutExpired) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _write_text(OPTIONS_TEXT, lines)
        self.report({"INFO"}, f'The options are in the text "{OPTIONS_TEXT}"')
        return {"FINISHED"}


class AMB3R_OT_copy_log(bpy.types.Operator):
    """Put the engine's log into a text of this file, where it can be read and copied"""

    bl_idname = "amb3r.copy_log"
    bl_label = "Copy Log"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not _log_lines():
            cls.poll_message_set("Nothing has run yet")
        return bool(_log_lines())

    def execute(self, _context: bpy.types.Context) -> set[str]:
        _write_text(LOG_TEXT, _log_lines())
        self.report({"INFO"}, f'The log is in the text "{LOG_TEXT}"')
        return {"FINISHED"}


class AMB3R_OT_install_help(bpy.types.Operator):
    """Put the engine's install instructions into a text of this file, where they can be copied"""

    bl_idname = "amb3r.install_help"
    bl_label = "Copy Instructions"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        _write_text(HELP_TEXT, engine.INSTALL_LINES)
        self.report({"INFO"}, f'The instructions are in the text "{HELP_TEXT}"')
        return {"FINISHED"}


def _log_lines() -> list[str]:
    return list(RUNTIME.job.log) if RUNTIME.job is not None else RUNTIME.log


def _write_text(name: str, lines: "list[str] | tuple[str, ...]") -> None:
    text = bpy.data.texts.get(name) or bpy.data.texts.new(name)
    text.clear()
    text.write("\n".join(lines) + "\n")


def _said(job: Job, word: str) -> str:
    """The first line of a job's output that starts with a word."""
    line = next((line for line in job.log if line.split()[:1] == [word]), f"{word} ?")
    return " ".join(line.split())


def _tell(job: Job, told: str) -> str:
    """Prints a stage when it begins; a background run has no panel."""
    if job.progress.stage != told:
        sys.stdout.write(f"amb3r: {job.progress.stage}\n")
        sys.stdout.flush()
    return job.progress.stage


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


CLASSES = (
    AMB3R_OT_reconstruct,
    AMB3R_OT_cancel,
    AMB3R_OT_choose_input,
    AMB3R_OT_test_engine,
    AMB3R_OT_list_options,
    AMB3R_OT_copy_log,
    AMB3R_OT_install_help,
)
