"""Jobs of a render farm: what stands in their files, that they are valid, and that every frame is in one task."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backend.command import cli
from backend.command.arguments import chunk_arguments, join_arguments, train_arguments
from backend.farm import flamenco
from backend.farm.lists import read_lines
from shared.errors import EXIT_CALLER, EXIT_DONE, InputError
from shared.timing import parse_frame_range
from tests.support.disc_stage import make_stage

CHUNK = 10
FRAMES = 26


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """(subject's folder, sound, a folder for jobs)"""
    subject, _, sound, _ = make_stage(tmp_path, monkeypatch)
    return subject.root, sound, tmp_path / "job"


def write(job: Path, *arguments: object) -> dict[str, Any]:
    """Write a job; returns its template."""
    command = ["farm", *map(str, arguments), "--job", str(job), "--chunk", str(CHUNK)]
    assert cli.main([*command, "--json"]) == EXIT_DONE
    return json.loads((job / "template.json").read_text())


def write_line(stage, *options: str) -> dict[str, Any]:
    root, sound, job = stage
    return write(job, root, "--audio", sound, "--out", job.parent / "take", *options)


def write_list(stage, rows: str, *options: str) -> dict[str, Any]:
    root, sound, job = stage
    job.mkdir(exist_ok=True)
    (sound.parent / "lines.csv").write_text(rows)
    return write(job, root, "--lines", sound.parent / "lines.csv", *options)


TWO = "audio,out,take,performance\nline.wav,takes/a,first,\nline.wav,takes/b,second,edited.json\n"

PLAIN = "audio,out\nline.wav,takes/a\nline.wav,takes/b\n"


def arguments_of(step: dict) -> list[str]:
    return step["script"]["actions"]["onRun"]["args"]


def test_a_line_is_frames_and_a_join_with_paths_that_a_farm_can_map(stage):
    root, sound, job = stage
    template = write_line(stage)
    assert (template["specificationVersion"], template["extensions"]) == ("jobtemplate-2023-09", ["TASK_CHUNKING"])
    draw, join = template["steps"]
    (frame,) = draw["parameterSpace"]["taskParameterDefinitions"]
    assert frame == {
        "name": "Frame", "type": "CHUNK[INT]", "range": "{{Param.Frames}}",
        "chunks": {"defaultTaskCount": "{{Param.ChunkFrames}}", "rangeConstraint": "CONTIGUOUS"},
    }  # fmt: skip
    assert join["dependencies"] == [{"dependsOn": draw["name"]}]
    kinds = {parameter["name"]: parameter["type"] for parameter in template["parameterDefinitions"]}
    assert kinds == {
        "Talker": "STRING", "ChunkFrames": "INT", "Frames": "STRING",
        "Subject": "PATH", "Audio": "PATH", "Take": "PATH",
    }  # fmt: skip
    texts = "".join(itertools.chain(arguments_of(draw), arguments_of(join)))
    assert str(root.parent) not in texts
    values = json.loads((job / "parameters.json").read_text())
    assert values == {"Subject": str(root), "Audio": str(sound), "Take": str(job.parent / "take")}
    bundle = json.loads((job / "parameter_values.json").read_text())
    assert {one["name"]: one["value"] for one in bundle["parameterValues"]} == values


def test_a_list_has_its_paths_in_the_tasks_and_its_settings_by_line(stage):
    root, sound, job = stage
    (sound.parent / "edited.json").write_text('{"fps": "25/1", "curves": {"jawOpen": [0.5, 0.5]}}')
    template = write_list(stage, TWO)
    assert [step["name"] for step in template["steps"]] == [
        "Render 0001 a", "Join 0001 a", "Render 0002 b", "Join 0002 b",
    ]  # fmt: skip
    definitions = template["steps"][2]["parameterSpace"]["taskParameterDefinitions"]
    assert {one["name"]: one["range"] for one in definitions if one["type"] == "PATH"} == {
        "Subject": [str(root)], "Audio": [str(sound)], "Take": [str(sound.parent / "takes/b")],
        "Performance": [str(sound.parent / "edited.json")],
    }  # fmt: skip
    assert "take=first" in arguments_of(template["steps"][0])
    references = json.loads((job / "asset_references.json").read_text())["assetReferences"]
    assert references["inputs"] == {
        "filenames": [str(sound.parent / "edited.json"), str(sound)], "directories": [str(root)],
    }  # fmt: skip
    assert references["outputs"]["directories"] == [str(sound.parent / "takes" / name) for name in "ab"]


@pytest.mark.parametrize("begin", ["", "\ufeff"], ids=["plain", "marked"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_list_is_read_as_spreadsheets_write_it(tmp_path, begin, separator, newline):
    rows = ["audio,out,strength,performance,pose", "line.wav,takes/a,1.5,edited.json,moves.json", "b.wav,b,1,,life"]
    text = begin + newline.join(rows).replace(",", separator) + newline
    (tmp_path / "lines.csv").write_bytes(text.encode())
    first, second = read_lines(tmp_path / "lines.csv")
    assert (first.audio, first.out) == (str(tmp_path / "line.wav"), str(tmp_path / "takes/a"))
    assert first.settings == {
        "strength": "1.5", "performance": str(tmp_path / "edited.json"), "pose": str(tmp_path / "moves.json"),
    }  # fmt: skip
    assert second.settings == {"strength": "1", "pose": "life"}


def test_a_project_that_is_written_again_leaves_no_job_of_the_one_before(stage, capsys):
    write_list(stage, PLAIN)
    folder = stage[2] / "flamenco"
    others = {"line-mine.json": "{}", "line-0009.json": '{"type": "render"}', "notes.json": "[]"}
    for name, text in others.items():
        (folder / name).write_text(text)
    (folder / "line-0001.json.12.34.partial").write_text("{")
    assert (folder / "line-0002.json").is_file()
    capsys.readouterr()
    write_list(stage, PLAIN.rsplit("line.wav", 1)[0])
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] == ["flamenco/line-0002.json", "flamenco/line-0001.json.12.34.partial"]
    assert {path.name for path in folder.glob("*.json*")} == {"line-0001.json", *others}
    write_list(stage, PLAIN)
    assert {path.name for path in folder.glob("line-00*")} == {"line-0001.json", "line-0002.json", "line-0009.json"}


def test_a_job_has_nothing_of_the_machine_that_wrote_it(stage):
    root, sound, job = stage
    own = ["certificates=/etc/mine.pem", "signing_key=/etc/mine.key", "time_stamp_server=http://mine"]
    write_line(stage, "--strength", "1.2", *(part for one in own for part in ("--set", one)))
    texts = "".join(path.read_text() for path in job.rglob("*.json"))
    assert "strength=1.2" in texts and "mine" not in texts and "signing_key" not in texts


def test_heads_are_trained_before_lines_are_drawn(stage):
    template = write_list(stage, TWO.replace("edited.json", ""), "--train", "draft", "--train-set", "steps=40")
    train, draw, *_ = template["steps"]
    assert draw["dependencies"] == [{"dependsOn": train["name"]}]
    assert train["parameterSpace"]["taskParameterDefinitions"][0]["range"] == [str(stage[0])]
    asked = train_arguments(parsed("train", arguments_of(train)))
    assert (asked.settings.steps, asked.settings.start) == (40, "auto"), "there may be no training to resume yet"


def test_a_line_whose_head_is_trained_first_names_its_subject_once(stage):
    train, draw, join = write_line(stage, "--train", "draft")["steps"]
    assert "parameterSpace" not in train
    for step in (train, draw, join):
        assert after(arguments_of(step), "--subject") == "{{Param.Subject}}"
    assert (draw["dependencies"], join["dependencies"]) == ([{"dependsOn": "Train"}], [{"dependsOn": "Render"}])


@pytest.mark.parametrize(
    "options", [(), ("--pose", "recorded", "--strength", "1.2", "--take", "a b", "--threads", "2")]
)
def test_what_a_task_runs_is_what_talker_takes(stage, options):
    """The same settings come out of the command line of a task as went into that of `farm`."""
    draw, join = write_line(stage, *options)["steps"]
    asked = chunk_arguments(parsed("chunk", arguments_of(draw)))
    assert asked.settings.model == "disc"
    if options:
        assert (asked.settings.pose, asked.settings.strength, asked.settings.take) == ("recorded", 1.2, "a b")
        assert asked.settings.threads == 2
    assert join_arguments(parsed("join", arguments_of(join))).out == Path("{{Param.Take}}")


def parsed(verb: str, arguments: list[str]) -> dict[str, Any]:
    """The options of a command, as a job would give them."""
    asked = cli.build_parser().parse_args(arguments)
    assert asked.verb == verb
    return cli._plain(asked)


def test_a_template_is_valid_and_its_tasks_have_every_frame_once(stage):
    model = pytest.importorskip("openjd.model", reason="openjd-model, which checks templates, is not installed")
    _, sound, job = stage
    for number, template in enumerate((
        write_line(stage, "--engine", "cuda"), write_list(stage, TWO.replace("edited.json", ""), "--train", "draft"),
    )):  # fmt: skip
        decoded = model.decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"])
        given = json.loads((job / "parameters.json").read_text())
        if not number:
            given = {"Subject": str(stage[0]), "Audio": str(sound), "Take": str(job.parent / "take")}
        values = model.preprocess_job_parameters(
            job_template=decoded, job_parameter_values=given, job_template_dir=job, current_working_dir=job,
        )  # fmt: skip
        made = model.create_job(job_template=decoded, job_parameter_values=values)
        drawn = [step for step in made.steps if step.name.startswith("Render")]
        assert len(drawn) == number + 1
        for step in drawn:
            tasks = model.StepParameterSpaceIterator(space=step.parameterSpace)
            ranges = [parse_frame_range(str(task["Frame"].value), FRAMES) for task in tasks]
            assert all(last - first < CHUNK for first, last in ranges)
            frames = [frame for first, last in ranges for frame in range(first, last + 1)]
            assert frames == list(range(1, FRAMES + 1))


def test_the_job_type_of_flamenco_draws_every_frame_in_one_task_and_joins_after_all(stage):
    write_line(stage, "--pose", "still", "--threads", "1")
    job = submitted(stage, "line-0001.json")
    tasks = compiled(job)
    *draws, join = tasks
    frames = [after(arguments_in(task), "--frames") for task in draws]
    assert frames == ["1-10", "11-20", "21-26"]
    assert join["after"] == [task["name"] for task in draws]
    for task in draws:
        asked = chunk_arguments(parsed("chunk", arguments_in(task)))
        assert (asked.subject, asked.audio, asked.settings.pose) == (*stage[:2], "still")
    joining = join_arguments(parsed("join", arguments_in(join)))
    assert (joining.out, joining.settings["frames"]) == (stage[2].parent / "take", "1-26")


def test_the_job_type_of_flamenco_trains_a_task_a_subject(stage):
    root, _, job = stage
    write(job, root, "--train", "draft", "--train-set", "steps=40")
    (task,) = compiled(submitted(stage, "train.json"))
    asked = train_arguments(parsed("train", arguments_in(task)))
    assert (asked.subject, asked.settings.steps, asked.settings.start) == (root, 40, "auto")


@pytest.mark.parametrize("name", flamenco.SCRIPTS)
def test_a_job_types_settings_are_those_that_are_sent(stage, name):
    root, sound, job = stage
    write(job, root, "--train", "draft", "--audio", sound, "--out", job.parent / "take")
    sent = submitted(stage, {"talker-line.js": "line-0001.json", "talker-train.js": "train.json"}[name])
    declared = {setting["key"]: setting for setting in described(flamenco.scripts()[name])}
    assert set(sent["settings"]) == set(declared)
    kinds = {"string": str, "int32": int}
    assert all(type(value) is kinds[declared[key]["type"]] for key, value in sent["settings"].items())
    assert all(setting.get("required") or "default" in setting for setting in declared.values())


def submitted(stage, name: str) -> dict[str, Any]:
    return json.loads((stage[2] / "flamenco" / name).read_text())


def arguments_in(task: dict) -> list[str]:
    (command,) = task["commands"]
    assert command["name"] == "exec"
    assert command["parameters"]["exe"] == "talker"
    return command["parameters"]["args"]


def after(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


MANAGER = """
const made = [];
const author = {
    Task: (name, type) => ({
        name, type, commands: [], after: [],
        addCommand(command) { this.commands.push(command); },
        addDependency(task) { this.after.push(task.name); },
    }),
    Command: (name, parameters) => ({ name, parameters }),
};
function frameChunker(frames, size) {
    const [first, last] = frames.split("-").map(Number), chunks = [];
    for (let at = first; at <= last; at += size) {
        const end = Math.min(at + size - 1, last);
        chunks.push(at === end ? String(at) : at + "-" + end);
    }
    return chunks;
}
"""
"""What Flamenco's manager gives a script: its documentation, "Job Types"."""


def compiled(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks that a job type makes of what was submitted, in order."""
    source = flamenco.scripts()[f"{job['type']}.js"]
    given = f"const job = {{settings: {json.dumps(job['settings'])}, addTask: (task) => made.push(task)}};"
    return evaluated(f"{MANAGER}{source}{given} compileJob(job); JSON.stringify(made)")


def described(source: str) -> list[dict[str, Any]]:
    return evaluated(f"{source}; JSON.stringify(JOB_TYPE.settings)")


def evaluated(source: str) -> Any:
    """The JSON that a script's last expression is, by an engine of its own or by node."""
    try:
        from py_mini_racer import MiniRacer
    except ImportError:
        node = shutil.which("node")
        if node is None:
            pytest.skip("neither mini-racer, which runs JavaScript, nor node is installed")
        body, last = source.rsplit(";", 1)
        script = f"{body}; console.log({last})"
        return json.loads(subprocess.run([node, "-e", script], check=True, capture_output=True, text=True).stdout)
    return json.loads(str(MiniRacer().eval(source)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--audio", "line.wav"), "both --audio and --out"),
        ((), "nothing to do"),
        (("--lines", "lines.csv", "--audio", "line.wav", "--out", "x"), "Both a list"),
        (("--audio", "line.wav", "--out", "x", "--layers", "mp4"), "movie alone"),
        (("--audio", "line.wav", "--out", "x", "--frames", "20:30"), "1:26"),
        (("--audio", "line.wav", "--out", "x", "--take", "{{Param.Take}}"), "Rename it"),
        (("--audio", "line.wav", "--out", "x", "--model", "nobody"), "nobody"),
        (("--audio", "line.wav", "--out", "x", "--chunk", "151"), "150"),
    ],
)
def test_what_no_farm_can_do_is_refused_before_anything_is_written(stage, options, said, monkeypatch, capsys):
    root, sound, job = stage
    monkeypatch.chdir(sound.parent)
    assert cli.main(["farm", str(root), "--job", str(job), *options]) == EXIT_CALLER
    assert said in capsys.readouterr().err
    assert not job.exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "lists no lines"),
        ("audio,out\n", "lists no lines"),
        ("audio\nline.wav\n", "no audio or no out"),
        ("audio,out\nline.wav\n", "another number of columns"),
        ("audio,out\nline.wav,a,b\n", "another number of columns"),
        ('audio,out\n"line.wav,a', "is no table"),
    ],
)
def test_a_table_that_is_none_is_named_with_its_row(tmp_path, table, said):
    (tmp_path / "lines.csv").write_text(table)
    with pytest.raises(InputError, match=said):
        read_lines(tmp_path / "lines.csv")


def test_a_column_that_is_no_setting_is_named(stage, capsys):
    root, sound, job = stage
    (sound.parent / "lines.csv").write_text("audio,out,strengths\nline.wav,a,2\n")
    assert cli.main(["farm", str(root), "--job", str(job), "--lines", str(sound.parent / "lines.csv")]) == EXIT_CALLER
    assert re.search(r"strengths.*\bstrength\b", capsys.readouterr().err)
