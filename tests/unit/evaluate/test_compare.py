"""Models beside each other: the same frames, known differences, and the page that shows them."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from backend.command import cli
from backend.evaluate import bootstrap
from backend.evaluate.compare import Contender, compare, contender, distinct, markdown_tables
from backend.evaluate.kept import Evaluation
from backend.evaluate.page import write_page
from backend.evaluate.scores import SCORES
from backend.evaluate.trained import fingerprint, kind
from backend.subject.model_folder import ModelFolder
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.evaluations import evaluation, keep

FRAMES = np.arange(300, 450)
BASE = 30 + np.random.default_rng(0).standard_normal(150)
BY_NAME = {score.name: score for score in SCORES}


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 200)


def of(name: str, *evaluations: Evaluation) -> Contender:
    return Contender(name, [], list(evaluations))


def compared(*contenders: Contender) -> dict:
    return compare(contenders, Reporter())


def test_a_known_difference_is_found_and_called_what_it_is():
    a = evaluation(FRAMES, {"psnr_head": BASE, "lmd": BASE})
    b = evaluation(FRAMES, {"psnr_head": BASE + 0.5, "lmd": BASE + 0.5})
    scores = compared(of("a", a), of("b", b))["pictures"]["recorded"]
    head = scores["psnr_head"][1]
    assert head["value"] == pytest.approx(BASE.mean() + 0.5, abs=1e-4)
    assert (head["difference"], head["difference_low"], head["difference_high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert distinct(head, BY_NAME["psnr_head"]) == "better"
    assert distinct(scores["lmd"][1], BY_NAME["lmd"]) == "worse"
    assert scores["psnr_mouth"][1]["difference"] == 0.0 and not distinct(scores["psnr_mouth"][1], BY_NAME["psnr_mouth"])


def test_a_model_beside_itself_differs_by_nothing_in_any_score_of_any_picture():
    one = evaluation(FRAMES, {})
    for scores in compared(of("a", one), of("b", one))["pictures"].values():
        for name, (_, entry) in scores.items():
            assert (entry["difference"], entry["difference_low"], entry["difference_high"]) == (0.0, 0.0, 0.0), name


def test_in_the_other_order_the_signs_are_the_other_ones():
    a, b = (of(n, evaluation(FRAMES, {"psnr": BASE + s * np.sin(FRAMES)})) for n, s in (("a", 0.0), ("b", 1.0)))
    there, back = compared(a, b), compared(b, a)
    there, back = (result["pictures"]["recorded"]["psnr"][1] for result in (there, back))
    assert back["difference"] == -there["difference"]
    assert (back["difference_low"], back["difference_high"]) == pytest.approx(
        (-there["difference_high"], -there["difference_low"])
    )


def test_only_frames_that_all_were_scored_on_count():
    a = evaluation(FRAMES, {"psnr": np.where(FRAMES < 350, 90.0, 30.0)})
    b = evaluation(np.arange(350, 500), {"psnr": np.where(np.arange(350, 500) < 450, 31.0, 90.0)})
    result = compared(of("a", a), of("b", b))
    assert result["frames"] == 100
    assert [entry["value"] for entry in result["pictures"]["recorded"]["psnr"]] == pytest.approx([30.0, 31.0])


def test_a_frame_that_one_could_not_be_scored_on_does_not_count_for_the_other():
    lmd = np.ones(150)
    lmd[:50] = 9.0
    failed = np.where(FRAMES < 350, np.nan, 2.0)
    result = compared(of("a", evaluation(FRAMES, {"lmd": lmd})), of("b", evaluation(FRAMES, {"lmd": failed})))
    assert [entry["value"] for entry in result["pictures"]["recorded"]["lmd"]] == pytest.approx([1.0, 2.0])


def test_folds_and_seeds_are_pooled():
    def model(name: str, gain: float, seeds: int) -> Contender:
        parts = np.split(np.arange(110), 11)
        return of(
            name, *(evaluation(part, {"psnr": BASE[part] + gain + s}, seed=s) for s in range(seeds) for part in parts)
        )

    result = compared(model("a", 0.0, 2), model("b", 1.0, 2))
    assert (result["frames"], result["folds"], result["blocks"]) == (110, 11, 11)
    entries = result["pictures"]["recorded"]["psnr"]
    assert [entry["value"] for entry in entries] == pytest.approx(
        [BASE[:110].mean() + 0.5, BASE[:110].mean() + 1.5], abs=1e-4
    )
    assert entries[1]["difference_low"] == pytest.approx(1.0)
    unequal = compared(model("a", 0.0, 1), model("b", 1.0, 2))
    assert unequal["pictures"]["recorded"]["psnr"][1]["difference"] == pytest.approx(1.5)
    assert any("a 11, b 22" in note for note in unequal["notes"])


def test_too_few_frames_have_figures_and_no_intervals():
    short = FRAMES[:40]
    entries = compared(of("a", evaluation(short, {})), of("b", evaluation(short, {})))["pictures"]["recorded"]["psnr"]
    assert entries[1]["difference"] == 0.0 and entries[1]["difference_low"] is None and entries[0]["low"] is None


@pytest.mark.parametrize(
    ("about", "word"),
    [
        ({"size": 64}, "sizes"),
        ({"driven_by": "track"}, "drives"),
        ({"smooth_s": 0.0}, "inputs"),
        ({"strength": 1.0}, "strengths"),
    ],
)
def test_models_that_were_scored_unlike_are_not_compared(about, word):
    with pytest.raises(InputError, match=word):
        compared(of("a", evaluation(FRAMES, {})), of("b", evaluation(FRAMES, {}, **about)))


def test_without_a_frame_in_common_or_a_second_model_there_is_nothing_to_compare():
    one = of("a", evaluation(FRAMES, {}))
    with pytest.raises(InputError, match="in common"):
        compared(one, of("b", evaluation(FRAMES, {}, footage="other")))
    with pytest.raises(InputError, match="two models"):
        compared(one)


def test_a_score_that_an_older_evaluation_lacks_is_left_out():
    a, b = evaluation(FRAMES, {}), evaluation(FRAMES, {})
    for rows in b.rows.values():
        del rows["lmd"]
    result = compared(of("a", a), of("b", b))
    assert "lmd" not in result["pictures"]["recorded"] and "psnr" in result["pictures"]["recorded"]
    assert "| lmd |" not in markdown_tables(result)


def test_unequal_times_and_copies_are_told():
    b = evaluation(FRAMES, {"copies": np.r_[1.0, np.zeros(149)]}, minutes=2.0)
    notes = compared(of("a", evaluation(FRAMES, {})), of("b", b))["notes"]
    assert notes == [
        "The trainings did not take the same time: a 1.00 min, b 2.00 min.",
        "b shows 1 frames whose head is the recorded one.",
    ]


def test_the_tables_have_a_row_for_every_score_and_mark_what_is_distinct():
    a, b = (of(n, evaluation(FRAMES, {"psnr_head": BASE + s})) for n, s in (("a", 0.0), ("b", 0.5)))
    text = markdown_tables(compared(a, b))
    rows = [line for line in text.splitlines() if line.startswith("| psnr_head ")]
    assert len(rows) == 2 and rows[0].endswith("| **+0.50 [+0.50, +0.50]** better |")
    names = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")} - {"score", "---"}
    assert names == {score.name for score in SCORES if score.compared}


def test_what_is_kept_is_read_again(tmp_path):
    one = evaluation(FRAMES, {"psnr": np.where(FRAMES < 310, np.nan, 30.0)})
    read = Evaluation.load(keep(one, tmp_path / "evaluation"))
    assert np.array_equal(read.frames, FRAMES) and read.about == one.about | {"schema": 2}
    for picture, rows in one.rows.items():
        assert {n: v.shape for n, v in rows.items()} == {n: v.shape for n, v in read.rows[picture].items()}
        assert all(np.array_equal(v, read.rows[picture][n], equal_nan=True) for n, v in rows.items())


def test_scores_of_lips_from_before_they_were_freed_of_all_motion_are_left_out(tmp_path):
    one = evaluation(FRAMES, {})
    folder = keep(one, tmp_path / "evaluation")
    with np.load(folder / "scores.npz") as data:
        values = dict(data)
    values["about"] = np.array(json.dumps(one.about | {"schema": 1}))
    np.savez(folder / "scores.npz", **values)
    for rows in Evaluation.load(folder).rows.values():
        assert "lip_correlation" not in rows and "voice_sync" in rows and "psnr_head" in rows


def test_scores_that_are_missing_damaged_or_newer_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no scores"):
        Evaluation.load(tmp_path)
    (tmp_path / "scores.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="cannot be read"):
        Evaluation.load(tmp_path)
    np.savez(tmp_path / "scores.npz", about=np.array(json.dumps({"schema": 99})), frames=FRAMES)
    with pytest.raises(InputError, match="newer version"):
        Evaluation.load(tmp_path)


DAMAGE = {
    "about is no object": {"about": np.array("[]")},
    "no recipe": {"about": np.array(json.dumps({"schema": 1, "model": "m"}))},
    "frames of words": {"frames": np.array(["a", "b"])},
    "frames out of order": {"frames": FRAMES[::-1]},
    "no picture": None,
    "a score that is too short": {"recorded/psnr": np.zeros(3)},
    "a score of words": {"recorded/psnr": np.array(["x"] * len(FRAMES))},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_scores_that_cannot_be_an_evaluation_s_are_refused_in_words(tmp_path, damage):
    path = keep(evaluation(FRAMES, {}), tmp_path / "evaluation") / "scores.npz"
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    changes = DAMAGE[damage]
    if changes is None:
        arrays = {name: value for name, value in arrays.items() if "/" not in name}
    np.savez(path, **arrays | (changes or {}))
    with pytest.raises(InputError, match="cannot be read.*evaluate again"):
        Evaluation.load(path.parent)


@pytest.mark.parametrize("name, value", [("fps", "x"), ("fps", 0), ("minutes", "q"), ("footage", None), ("size", True)])
def test_an_evaluation_that_tells_of_itself_what_cannot_be_is_refused(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        Evaluation.load(keep(evaluation(FRAMES, {}, **{name: value}), tmp_path / "evaluation"))


def test_scores_with_bytes_changed_or_lost_are_refused_or_read(tmp_path):
    path = keep(evaluation(FRAMES, {}), tmp_path / "evaluation") / "scores.npz"
    whole, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            Evaluation.load(path.parent)
    for _ in range(40):
        damaged = bytearray(whole)
        at = int(random.integers(0, len(whole) - 300))
        damaged[at : at + 300] = random.bytes(300)
        path.write_bytes(bytes(damaged))
        try:
            Evaluation.load(path.parent)
        except InputError:
            refused += 1
    assert refused > 20


SETTINGS: dict[str, object] = {"seed": 0, "model": "ours", "size": 32}
RECORD: dict[str, object] = {"recipe": "m2dao", "settings": SETTINGS, "rounds": [{"steps": 10}], "steps": 10}


def stored(root, name: str, record: dict | None = None, **values: np.ndarray):
    model = ModelFolder.of(root, name)
    about = {} if record is None else {"training": fingerprint(record), "kind": kind(record)}
    keep(evaluation(FRAMES[:60], values, model=name, **about), model.evaluation_folder, {300: 120, 330: 60})
    if record is not None:
        model.update_config({"training": record})
    return model


def with_settings(**changes: object) -> dict:
    return RECORD | {"settings": SETTINGS | changes}


def test_scores_of_a_model_that_was_trained_again_since_are_refused(subject):
    model = stored(subject.root, "ours", RECORD)
    assert len(contender("ours", subject).evaluations) == 1
    model.update_config({"training": RECORD | {"steps": 20}})
    with pytest.raises(InputError, match="'ours' was trained again.*evaluate again"):
        contender("ours", subject)


def test_folds_that_were_trained_otherwise_are_left_out_and_named(subject):
    stored(subject.root, "ours", RECORD)
    stored(subject.root, "ours_fold2", with_settings(seed=3, holdout_fold=2, model="ours_fold2"))
    stored(subject.root, "ours_fold3", with_settings(size=64, model="ours_fold3"))
    found = contender("ours", subject)
    assert [one.about["model"] for one in found.evaluations] == ["ours", "ours_fold2"]
    assert found.others == ("ours_fold3",)
    assert any("ours_fold3" in note and "left out" in note for note in compared(found, found)["notes"])


def test_a_contender_is_a_model_with_its_folds_or_a_folder(subject):
    model = stored(subject.root, "ours")
    for fold in ("ours_fold2", "ours_fold2_seed1", "ours_fold", "ours2_fold3"):
        stored(subject.root, fold)
    found = contender("ours", subject)
    assert (found.name, [folder.parent.name for folder in found.folders]) == (
        "ours", ["ours", "ours_fold2", "ours_fold2_seed1"]
    )  # fmt: skip
    assert len(contender(str(model.path), None).folders) == 3
    assert contender(str(model.evaluation_folder), None).folders == [model.evaluation_folder]
    with pytest.raises(InputError, match="Nothing was scored"):
        contender("other", subject)
    with pytest.raises(InputError, match="--subject"):
        contender("other", None)


def test_the_command_compares_and_writes_a_page_that_needs_nothing_else(subject, tmp_path, capsys):
    stored(subject.root, "a", psnr_head=BASE[:60])
    stored(subject.root, "b", psnr_head=BASE[:60] + 1)
    page = tmp_path / "made" / "page.html"
    given = ["compare", "a", "b", "--subject", str(subject.root), "--page", str(page)]
    assert cli.main([*given, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["pictures"]["recorded"]["psnr_head"][1]["difference"] == pytest.approx(1.0)
    assert cli.main(given) == 0
    assert "| psnr_head | higher |" in capsys.readouterr().out
    check_page(page.read_text(encoding="utf-8"))


def check_page(text: str) -> None:
    """Well-formed, self-contained, with curves and pictures."""

    class Reader(HTMLParser):
        opened: list[str] = []
        sources: list[str] = []

        def handle_startendtag(self, tag, attributes) -> None:
            pass

        def handle_starttag(self, tag, attributes) -> None:
            if tag not in ("meta", "img"):
                self.opened.append(tag)
            self.sources += [value for name, value in attributes if name in ("src", "href") and value]

        def handle_endtag(self, tag) -> None:
            assert self.opened.pop() == tag

    reader = Reader()
    reader.feed(text)
    assert reader.opened == []
    assert len(reader.sources) == 2 * 5 and all(s.startswith("data:image/png;base64,") for s in reader.sources)
    assert not re.search(r"https?://|url\(|@import|<script", text)
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(s.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        for s in reader.sources[:5]
    ]
    assert [int(np.mean(picture)) for picture in shown if picture is not None] == [
        100,
        120,
        128 + 4 * 20,
        120,
        128 + 4 * 20,
    ]
    curves = re.findall(r"<polyline points='([^']+)'", text)
    assert len(curves) == 4 * 2 and all(len(points.split()) == 60 for points in curves)


def test_names_with_markup_are_only_text(tmp_path):
    folders = [keep(evaluation(FRAMES[:60], {}), tmp_path / name / "e") for name in "ab"]
    odd = [Contender(f"<b>{f.parent.name}&", [f], [Evaluation.load(f)]) for f in folders]
    write_page(tmp_path / "page.html", compare(odd, Reporter()), odd)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>" not in text and "&lt;b&gt;a&amp;" in text
