"""A retimed line in the Blender at hand: written at the speed at which it plays, or refused in words, never wrong."""

import json
import wave

RETIME = """
import json, pathlib
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 25, 1.0
compat, audio = module("compat"), module("bridge.audio")
strip = compat.strips(scene.sequence_editor_create()).new_sound("line", {sound!r}, 1, 11)
scene.talker.line_strip, strip.select, scene.sequence_editor.active_strip = strip.name, True, strip
told = {{}}
def write(name):
    try:
        told[name] = str(audio.line(scene).write(pathlib.Path({folder!r}) / (name + ".wav")))
    except module("shared.errors").InputError as error:
        told[name] = "refused: " + str(error)
write("plain")
area = bpy.context.window_manager.windows[0].screen.areas[0]
kept, area.type = area.type, "SEQUENCE_EDITOR"
region = next(region for region in area.regions if region.type == "WINDOW")
with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
    bpy.ops.sequencer.retiming_segment_speed_set(speed=200.0)
area.type = kept
if hasattr(strip, "pitch_correction"):
    strip.pitch_correction = False
write("retimed")
told["mixes"] = compat.mixes_retimed_sound()
pathlib.Path({told!r}).write_text(json.dumps(told))
"""
RATE, SECONDS = 16000, 4


def test_a_retimed_line_is_at_its_speed_or_refused(window, story):
    sound, told = story / "speech.wav", story / "told.json"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE * SECONDS))
    window.execute(RETIME.format(sound=str(sound), folder=str(story), told=str(told)))
    outcome = json.loads(told.read_text(encoding="utf-8"))
    with wave.open(outcome["plain"], "rb") as file:
        assert file.getnframes() == RATE * SECONDS
    if not outcome["mixes"]:
        assert "is retimed" in outcome["retimed"] and outcome["retimed"].startswith("refused")
        return
    with wave.open(outcome["retimed"], "rb") as file:
        assert abs(file.getnframes() / file.getframerate() - SECONDS / 2) < 0.1
