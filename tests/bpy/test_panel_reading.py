"""Drawing reads no file: what is shown of the disk is read beside it."""

import builtins
import io
import os
import threading
import types

from tests.bpy.recorder import Recorder, settle


def test_what_a_job_has_left_is_seen_as_soon_as_it_has_ended(addon, job, subject):
    folders = addon.ui.folders
    folders.forget()

    def known():
        folders.subject(str(subject))
        settle(addon)
        return folders.subject(str(subject))

    job.job_id, job.state = "a", "RUNNING"
    (subject / "subject.json").rename(subject / "unfinished.json")
    assert known() is None
    (subject / "unfinished.json").rename(subject / "subject.json")
    job.state = "DONE"
    assert known().frames == 450


def test_drawing_many_times_reads_a_folder_once(addon, bpy, scene, subject, monkeypatch):
    folders = addon.ui.folders
    folders.forget()
    reads = []
    real = folders._read_subject

    def read(folder):
        reads.append(folder)
        return real(folder)

    monkeypatch.setattr(folders, "_read_subject", read)
    monkeypatch.setattr(addon.ui.scanning, "READ_AGAIN_S", 1e9)
    for _ in range(50):
        folders.subject(str(subject))
        settle(addon)
    assert folders.subject(str(subject)).frames == 450
    assert len(reads) == 1


def test_no_file_is_read_in_the_thread_that_draws(addon, bpy, scene, subject, make_take, job, monkeypatch):
    """Each way to a file raises here when it is gone in Blender's main thread, also while readings are on their way."""
    scene.talker.subject, scene.talker.take = str(subject), str(make_take("drawn"))
    job.preview = str(subject / "contact_sheet.png")
    job.state, job.verb = "RUNNING", "train"
    addon.ui.folders.forget()
    main = threading.get_ident()

    def only_in_threads(function):
        def guarded(*arguments, **options):
            assert threading.get_ident() != main, f"{function} in the thread that draws"
            return function(*arguments, **options)

        return guarded

    with monkeypatch.context() as patched:
        for module, names in (
            (builtins, ("open",)),
            (io, ("open",)),
            (os, ("stat", "lstat", "listdir", "scandir", "mkdir", "open", "readlink")),
        ):
            for name in names:
                patched.setattr(module, name, only_in_threads(getattr(module, name)))
        for _ in range(4):
            layout = Recorder(bpy)
            for name in ("TALKER_PT_view3d", "TALKER_PT_sequencer"):
                getattr(addon.ui.panel, name).draw(types.SimpleNamespace(layout=layout), bpy.context)
            addon.ui.environment.draw(layout, bpy.context)
            settle(addon)
            addon.ui.scanning.turn()
    assert "450 frames at 29.97 fps from clip.mp4" in " ".join(layout.texts)
    assert "12 frames at 25 fps" in " ".join(layout.texts)
