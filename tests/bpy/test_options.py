"""The scene's settings, what the panel draws, the command's options and the functions' arguments are one list."""

import itertools
import json
import re
import subprocess

import pytest

NOT_CHOSEN = {"rna_type", "name", "line_index"}
"""Properties of `Scene.talker` that are no choice of anybody's: Blender's own, and a list's active row."""


@pytest.fixture
def asked(connection, monkeypatch):
    """What was asked of the backend: (verb, arguments), in order."""
    submitted, real = [], connection.submit

    def submit(verb, arguments):
        submitted.append((verb, arguments))
        return real(verb, arguments)

    monkeypatch.setattr(connection, "submit", submit)
    return submitted


@pytest.fixture
def execute(addon, capfd):
    """The command: (exit status, its lines of JSON, standard error)."""

    def run(*arguments):
        capfd.readouterr()
        status = addon.scripting.command.execute([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, [json.loads(line) for line in out.splitlines() if line.startswith('{"event"')], err

    return run


def test_settings_panel_and_options_are_one_list(
    addon, scene, recorded, subject, checkpoint, tmp_path, monkeypatch, talker
):
    settings = scene.talker
    monkeypatch.setattr(addon.ui.direction_box.direction, "find", lambda line: "a rig")
    monkeypatch.setattr(addon.ui.direction_box.direction, "keyed_controls", lambda rig: [])
    chosen = set(settings.bl_rna.properties.keys()) - NOT_CHOSEN
    if addon.compat.has_sound():
        addon.bridge.line_strips.add(scene, tmp_path / "line.wav", 1)
    settings.subject = str(subject)
    checkpoint(progress=1.0, preset=settings.preset)
    drawn = set()
    for source, pose in itertools.product(("STRIP", "RANGE", "FILE"), ("LIFE", "OBJECT", "FILE")):
        settings.line_source, settings.pose_mode = source, pose
        drawn |= set(re.findall(r"<(\w+)>", " ".join(recorded().texts)))
    if addon.compat.has_sound():
        assert chosen - drawn == set()
    options = {option.setting for option in addon.scripting.options.OPTIONS}
    assert options == chosen - {"render_by_itself"}, "which only a Blender with windows has a use for"


def test_every_option_of_a_verb_is_on_its_command_line_with_the_settings_own_words(addon, scene):
    command, table = addon.scripting.command, addon.scripting.options
    for verb in command._VERBS:
        parsed = {action.dest for action in parser_of(command, verb)._actions}
        assert {table._destination(option) for option in table.of_verb(verb)} <= parsed
    for option in table.OPTIONS:
        assert option.verbs and set(option.verbs) <= set(command._VERBS)
        assert set(option.implies) <= set(scene.talker.bl_rna.properties.keys())


def parser_of(command, verb):
    parser = command.build_parser()
    return next(action for action in parser._actions if action.dest == "verb").choices[verb]


@pytest.mark.parametrize(
    ("verb", "setting", "given", "becomes"),
    [
        ("render", "pose_mode", "still", "STILL"),
        ("render", "strength", 0.5, 0.5),
        ("render", "line_channel", "Left", "LEFT"),
        ("preprocess", "correct_sound_offset", False, False),
        ("import", "background", "none", "NONE"),
        ("import", "subject", "//talker/subject", "//talker/subject"),
    ],
)
def test_a_setting_can_be_given_for_one_call(addon, scene, verb, setting, given, becomes):
    addon.scripting.options.apply(scene.talker, verb, {setting: given})
    assert getattr(scene.talker, setting) == becomes


@pytest.mark.parametrize(
    ("verb", "values", "words"),
    [
        ("render", {"strength": 3.0}, "strength cannot be 3. It can be between 0 and 2."),
        ("render", {"pose_mode": "dancing"}, "pose_mode cannot be 'dancing'. It can be: life,"),
        ("render", {"pose_object": "Nobody"}, "The file has no object Nobody."),
        ("train", {"strength": 1.0}, "train has no setting strength. It has: subject,"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_in_words(addon, scene, verb, values, words):
    with pytest.raises(addon.shared.errors.InputError) as refused:
        addon.scripting.options.apply(scene.talker, verb, values)
    assert words in str(refused.value)


def test_an_object_or_a_file_for_the_head_says_how_it_moves(addon, bpy, scene, tmp_path):
    bpy.data.objects.new("Head", None)
    addon.scripting.options.apply(scene.talker, "render", {"pose_object": "Head"})
    assert (scene.talker.pose_mode, scene.talker.pose_object.name) == ("OBJECT", "Head")
    addon.scripting.options.apply(scene.talker, "render", {"pose_file": str(tmp_path / "camera.json")})
    assert scene.talker.pose_mode == "FILE"
    addon.scripting.options.apply(scene.talker, "render", {"pose_file": "a.json", "pose_mode": "life"})
    assert scene.talker.pose_mode == "LIFE"


def test_footage_options_that_are_left_open_are_not_asked_for(addon, asked, talker):
    addon.headless.preprocess()
    assert asked[0][1].keys() == {"footage", "subject", "consent"}


def test_footage_options_reach_the_backend_by_command_and_by_function(addon, asked, talker, execute, tmp_path):
    (tmp_path / "voice.wav").write_bytes(b"sound")
    wanted = {
        "start_s": 1.5, "end_s": 20.25, "speaker": 2, "audio_track": 3, "audio": str(tmp_path / "voice.wav"),
        "correct_audio_offset": False, "sequence_fps": "23.976", "input_colour": "pq", "size": 512,
    }  # fmt: skip
    status, _, err = execute(
        "preprocess", "--from", 1.5, "--until", 20.25, "--speaker", 2, "--sound-track", 3, "--size", 512,
        "--other-sound", tmp_path / "voice.wav", "--no-correct-sound-offset", "--frame-rate", 23.976,
        "--footage-colour", "pq",
    )  # fmt: skip
    assert status == 0, err
    for name in addon.footage_settings.NAMES:
        talker.property_unset(name)
    addon.headless.preprocess(
        footage_start=1.5, footage_end=20.25, footage_speaker=2, footage_track=3, footage_sound=tmp_path / "voice.wav",
        correct_sound_offset=False, footage_fps=23.976, footage_colour="pq", frame_size=512,
    )  # fmt: skip
    common = {"footage": talker.footage, "subject": talker.subject, "consent": ""}
    assert [arguments for _, arguments in asked] == [common | wanted] * 2


def test_what_a_verb_asks_by_these_options_the_backend_takes(addon, talker, backend_python, tmp_path):
    """The names and kinds of arguments are the backend's own: its parser reads them."""
    for name, value in {"footage_start": 1.5, "footage_speaker": 2, "footage_fps": 29.97, "frame_size": 512}.items():
        setattr(talker, name, value)
    request = addon.jobs.steps.read_preprocess(talker.id_data)
    script = (
        "import json, sys; from backend.command.arguments import preprocess_arguments as read;"
        "s = read(json.load(sys.stdin)).settings; print(s.start_s, s.speaker, s.sequence_fps, s.size)"
    )
    done = subprocess.run(
        [backend_python, "-c", script], input=json.dumps(request.arguments), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1.5", "2", "29.97", "512"]


def test_the_command_tells_of_everything_in_lines_of_json(talker, connection, execute, tmp_path):
    status, events, _ = execute("preprocess", "--json")
    kinds = [event["event"] for event in events]
    assert status == 0 and kinds[-3:] == ["result", "notice", "notice"] and "progress" in kinds
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["verb"], last["job"], last["jobs"]) == ("preprocess", 1, 1)
    assert {"phase", "step", "total", "done", "left_s", "state"} <= last.keys()
    assert events[-3]["result"]["frames"] == 4
    (tmp_path / "clip.mp4").write_bytes(b"")
    status, events, err = execute("preprocess", "--json")
    told = {"event": "error", "what": "The footage is empty.", "do": "Use another clip.", "status": 2}
    assert status == 2 and events[-1] == told and "The footage is empty." in err
