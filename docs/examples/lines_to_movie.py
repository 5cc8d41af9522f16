"""Every line of a .blend, said by a trained head and written as a composited movie.

    blender -b scene.blend --python docs/examples/lines_to_movie.py -- --subject talker/subject --out shot.mp4

The file's sound strips are the lines; where they lie is where the head speaks. Lines whose takes are ready are not
rendered again. Settings of the Talker panel that are saved with the file hold, but for those that are named here.
"""

import argparse
import sys

import bpy


def talker():
    """The add-on's functions for scripts (blender_addon/scripting/headless.py), wherever the add-on is installed."""
    name = next(name for name in bpy.context.preferences.addons.keys() if name.rpartition(".")[2] == "m2dao_talker")
    return sys.modules[name].headless


def arguments():
    """What stands behind "--" on Blender's command line."""
    parser = argparse.ArgumentParser(prog="lines_to_movie.py")
    parser.add_argument("--subject", required=True, help="folder of a trained subject")
    parser.add_argument("--out", required=True, help="the movie")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def write_movie(scene, path):
    """Render the scene's range through the compositor, with the timeline's sound."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5.0 and later
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format = "MPEG4"
    scene.render.ffmpeg.codec = "H264"
    scene.render.ffmpeg.constant_rate_factor = "HIGH"
    scene.render.ffmpeg.audio_codec = "AAC"
    scene.render.use_sequencer = False  # the compositor has the takes; the timeline has the sound
    scene.render.use_file_extension = False
    scene.render.filepath = path
    bpy.ops.render.render(animation=True, scene=scene.name)


def main():
    """Render the lines, bring them back, write the movie, save the file."""
    asked, headless, scene = arguments(), talker(), bpy.context.scene
    headless.render_lines(
        scene,
        also_new=True,
        subject=asked.subject,
        pose_mode="life",
        pictures="compositor",
        background="plate",
        fit="whole",
    )
    write_movie(scene, bpy.path.abspath(asked.out))
    headless.save()


main()
