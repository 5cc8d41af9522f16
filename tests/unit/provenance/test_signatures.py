"""Takes signed by an identity: C2PA in movie, pictures and sound, one signature over all files, and their check."""

import base64
import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile

from backend.command import cli
from backend.deliver import render as rendering
from backend.provenance import packages
from backend.provenance.chain import is_chain
from backend.provenance.credentials import Credentials, check
from backend.provenance.identity import (
    _certificate,
    configured_identity,
    load_identity,
    new_identity,
    read_chain,
)
from backend.provenance.marks import DRAWN, DRAWN_OVER_FOOTAGE, OF_PARTS, Marks
from backend.provenance.verify import verify
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage
from tests.support.places import ROOT

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is optional: requirements/credentials.txt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("signed")


@pytest.fixture(scope="module")
def identity(folder):
    """An identity for trying, in the folder `identity`."""
    return new_identity(folder / "identity", "The Studio")


@pytest.fixture(scope="module")
def settings(identity, folder):
    return RenderSettings(
        certificates=str(folder / "identity" / "certificates.pem"),
        signing_key=str(folder / "identity" / "key.pem"),
        frames="1:3",
    )


@pytest.fixture(scope="module")
def stage(folder):
    with pytest.MonkeyPatch.context() as patch:
        yield make_stage(folder, patch)


@pytest.fixture(scope="module")
def rendered(stage, folder, settings):
    subject, _, sound, _ = stage
    for layers in ("exr", "png"):
        rendering.render(subject, sound, folder / "takes" / layers, replace(settings, layers=layers), Reporter())
    return folder / "takes"


@pytest.fixture
def take(rendered, tmp_path):
    """A signed take of EXR frames, with one of PNG frames beside it: copies, to be changed."""
    shutil.copytree(rendered, tmp_path / "takes")
    return tmp_path / "takes" / "exr"


def found(path, trust=None):
    return verify(path, trust, Reporter())


SIGNED = {
    "preview.mp4": DRAWN_OVER_FOOTAGE,
    "contact_sheet.png": DRAWN_OVER_FOOTAGE,
    "audio.wav": OF_PARTS,
    "../png/head.000002.png": DRAWN,
}


def test_movie_pictures_and_sound_are_signed_with_marks_and_source_type(take):
    for name, source_type in SIGNED.items():
        read = check(take / name, (take / name).suffix)
        assert read is not None and read.is_whole and not read.is_trusted
        assert (read.signed_by, read.source_types) == ("The Studio (self-made)", (source_type,))
        assert read.marks["subject"] == "0" * 16 and read.marks["consent"] == "none recorded"
        told = found(take / name)
        assert (told["signature"], told["trusted"]) == ("holds", False) and "anybody can sign" in told["notice"]


def test_signed_files_open_as_before(take):
    with av.open(str(take / "preview.mp4")) as movie:
        assert len(list(movie.decode(video=0))) == 3 and movie.streams.audio
    assert soundfile.info(str(take / "audio.wav")).frames == 26 * 640


def test_a_take_is_signed_as_a_whole_and_known_by_the_certificates_that_one_trusts(take, folder, identity, tmp_path):
    told = found(take)
    assert (told["signed_by"], told["certificate"], told["trusted"]) == (identity.name, identity.fingerprint, False)
    trust = folder / "identity" / "certificates.pem"
    assert found(take, trust)["trusted"] is found(take / "preview.mp4", trust)["trusted"] is True
    new_identity(tmp_path / "other", "The Studio")
    for path in (take, take / "preview.mp4"):
        with pytest.raises(InputError, match="signed by The Studio .*; no certificate in .* vouches for it"):
            found(path, tmp_path / "other" / "certificates.pem")
    with pytest.raises(InputError, match="is not signed; no certificate"):
        found(take / "head.000001.exr", trust)
    with pytest.raises(InputError, match="holds no certificates"):
        found(take, folder / "identity" / "key.pem")


def change_frame(take):
    data = bytearray((take / "head.000002.exr").read_bytes())
    data[-9] ^= 1
    (take / "head.000002.exr").write_bytes(data)


def change_curves(take):
    (take / "performance.json").write_text((take / "performance.json").read_text() + " ")


def change_manifest(take):
    values = json.loads((take / "manifest.json").read_text())
    (take / "manifest.json").write_text(json.dumps({**values, "consent": "for anything"}))


def add_frame(take):
    shutil.copy(take / "head.000003.exr", take / "head.000004.exr")


def add_other_file(take):
    (take / "head.000002.jpg").write_bytes(b"anything")


def add_folder(take):
    (take / "better").mkdir()


def drop_voice(take):
    (take / "voice.json").unlink()


def drop_signature(take):
    (take / "signature.json").unlink()


def sign_other_hashes(take):
    values = json.loads((take / "signature.json").read_text())
    values["signed"] = values["signed"].replace('"head.000002.exr": "', '"head.000002.exr": "0')
    (take / "signature.json").write_text(json.dumps(values))


def no_signature_in_it(take):
    values = json.loads((take / "signature.json").read_text())
    values["signature"] = base64.b64encode(bytes(64)).decode()
    (take / "signature.json").write_text(json.dumps(values))


def damage_signature(take):
    (take / "signature.json").write_text("{}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_frame, "head.000002.exr was changed"),
        (change_curves, "performance.json was changed"),
        (change_manifest, "manifest.json was changed"),
        (add_frame, "head.000004.exr was added"),
        (add_other_file, "head.000002.jpg was added"),
        (add_folder, "better was added"),
        (drop_voice, "voice.json was gone"),
        (drop_signature, "signature.json is gone"),
        (sign_other_hashes, "does not hold"),
        (no_signature_in_it, "does not hold"),
        (damage_signature, "is damaged"),
    ],
)
def test_what_was_changed_since_a_take_was_signed_is_named(take, change, told):
    change(take)
    with pytest.raises(InputError, match=told):
        found(take)


def test_what_file_managers_and_renders_leave_is_not_taken_for_added(take):
    for name in (".DS_Store", "Thumbs.db", "._head.000001.exr"):
        (take / name).write_bytes(b"x")
    (take / "unfinished").mkdir()
    assert found(take)["signature"] == "holds"


@pytest.mark.parametrize("name", SIGNED)
def test_a_byte_changed_after_signing_is_found(take, name):
    data = bytearray((take / name).read_bytes())
    data[len(data) * 9 // 10] ^= 1
    (take / name).write_bytes(data)
    with pytest.raises(InputError, match="changed after it was signed|is not whole"):
        found(take / name)


MEDIA = {".mp4": b"mdat", ".png": b"IDAT", ".wav": b"data"}
"""What stands before the picture or the sound."""


@pytest.mark.parametrize("name", SIGNED)
def test_any_byte_of_picture_or_sound_that_is_changed_is_found(take, name):
    rng = np.random.default_rng(1)
    whole = (take / name).read_bytes()
    begin = whole.index(MEDIA[(take / name).suffix]) + 8
    for _ in range(20):
        data = bytearray(whole)
        data[rng.integers(begin, begin + 200)] ^= rng.integers(1, 256)
        (take / name).write_bytes(data)
        with pytest.raises(InputError, match="is not whole"):
            found(take / name)


@pytest.mark.parametrize("name", SIGNED)
def test_a_damaged_signed_file_never_ends_in_a_fault(take, name):
    """Also where the damage lies in the manifest, whose reader then tells odd things. (Not all of a manifest is signed:
    it is padded.)"""
    rng = np.random.default_rng(1)
    whole = (take / name).read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            data[at] ^= rng.integers(1, 256)
        (take / name).write_bytes(data[: rng.integers(1, len(whole))] if rng.random() < 0.3 else data)
        with contextlib.suppress(InputError):
            found(take / name)


def test_a_signature_that_another_program_took_out_is_missed(take):
    data = (take / "preview.mp4").read_bytes()
    at = data.index(bytes.fromhex("d8fec3d61b0e483c92975828877ec481")) - 8
    length = int.from_bytes(data[at : at + 4], "big")
    (take / "preview.mp4").write_bytes(data[: at + 4] + b"free" + data[at + 8 :])
    assert length > 1000
    with pytest.raises(InputError, match="its signature is gone"):
        found(take / "preview.mp4")


@pytest.mark.parametrize(
    "said", [{}, {"active_manifest": "a", "manifests": {}}, {"active_manifest": 1, "manifests": []}]
)
def test_what_the_reader_tells_of_a_damaged_manifest_is_damage(take, said, monkeypatch):
    monkeypatch.setattr(c2pa.Reader, "json", lambda reader: json.dumps(said))
    with pytest.raises(InputError, match="is damaged"):
        found(take / "preview.mp4")


def test_a_certificate_that_may_not_sign_others_makes_no_chain(identity, folder, tmp_path):
    """Who holds any certificate of a known authority could else sign under every name."""
    ed25519 = packages.cryptography("hazmat.primitives.asymmetric.ed25519")
    serialization = packages.cryptography("hazmat.primitives.serialization")
    chain = read_chain(identity.chain_pem, "")
    assert is_chain(chain)
    own = serialization.load_pem_private_key(identity.key_pem, None)
    forged = _certificate("Somebody Famous", ed25519.Ed25519PrivateKey.generate(), chain[0], own)
    assert not is_chain([forged, *chain])


def test_when_who_signs_changes_no_signature_is_left_that_does_not_hold(stage, settings, tmp_path):
    subject, portrait, sound, _ = stage
    out = tmp_path / "take"
    plain = RenderSettings(frames="1:3", layers="png")
    for settings_now, signed in ((plain, False), (replace(settings, layers="png"), True), (plain, False)):
        rendering.render(subject, sound, out, settings_now, Reporter())
        assert (found(out)["signature"] == "holds") is (out / "signature.json").exists() is signed
        assert (check(out / "head.000002.png", ".png") is not None) is signed
        portrait.drawn.clear()
        assert rendering.render(subject, sound, out, settings_now, Reporter()).rendered == 0
        assert (found(out)["signature"] == "holds") is signed


def test_exr_frames_are_kept_when_who_signs_changes(stage, settings, tmp_path):
    subject, _, sound, _ = stage
    rendering.render(subject, sound, tmp_path / "take", RenderSettings(frames="1:3"), Reporter())
    assert rendering.render(subject, sound, tmp_path / "take", settings, Reporter()).rendered == 0
    assert found(tmp_path / "take")["signature"] == "holds"


def test_no_delivered_file_has_the_key_or_the_place_where_it_lies(take, identity, folder):
    secret = identity.key_pem.splitlines()[1]
    for path in take.parent.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes() and str(folder).encode() not in path.read_bytes(), path


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa"])
def test_keys_of_other_kinds_sign_takes_too(stage, tmp_path, kind, monkeypatch):
    asymmetric = "hazmat.primitives.asymmetric"
    ec, rsa = packages.cryptography(f"{asymmetric}.ec"), packages.cryptography(f"{asymmetric}.rsa")
    ed25519 = packages.cryptography(f"{asymmetric}.ed25519")
    serialization = packages.cryptography("hazmat.primitives.serialization")
    own = {
        "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    authority = ed25519.Ed25519PrivateKey.generate()
    root = _certificate("root", authority, None, authority)
    leaf = _certificate("An Office", own, root, authority)
    pem = serialization.Encoding.PEM
    (tmp_path / "c.pem").write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "k.pem").write_bytes(private)
    subject, _, sound, _ = stage
    by_other = RenderSettings(certificates=str(tmp_path / "c.pem"), signing_key=str(tmp_path / "k.pem"), frames="1:1")
    rendering.render(subject, sound, tmp_path / "take", by_other, Reporter())
    assert (found(tmp_path / "take")["signed_by"], found(tmp_path / "take")["signature"]) == ("An Office", "holds")
    change_curves(tmp_path / "take")
    with pytest.raises(InputError, match="performance.json was changed"):
        found(tmp_path / "take")


def test_the_verb_makes_an_identity_once_and_says_that_nobody_vouches_for_it(tmp_path, capsys, monkeypatch):
    assert cli.main(["identity", "--new", str(tmp_path / "me"), "--name", "Me", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["self_made"] is True and "Nobody else vouches" in told["notice"]
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "me" / "key.pem").stat().st_mode) == 0o600
    assert cli.main(["identity", "--new", str(tmp_path / "me")]) == 2
    for variable in told["use"]:
        monkeypatch.setenv(*variable.split("=", 1))
    assert cli.main(["identity", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == told["fingerprint"]
    assert configured_identity(RenderSettings()) is not None
    monkeypatch.delenv("TALKER_SIGNING_KEY")
    with pytest.raises(InputError, match="one is missing"):
        configured_identity(RenderSettings())


def test_an_identity_that_cannot_sign_is_refused_before_anything_is_drawn(stage, identity, folder, tmp_path):
    subject, portrait, sound, _ = stage
    mine = folder / "identity"
    new_identity(tmp_path / "other", "Other")
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "empty.pem").touch()
    pairs = [
        (mine / "certificates.pem", tmp_path / "other" / "key.pem"),
        (mine / "certificates.pem", tmp_path / "nothing.pem"),
        (mine / "certificates.pem", tmp_path),
        (tmp_path / "text.pem", mine / "key.pem"),
        (mine / "certificates.pem", tmp_path / "empty.pem"),
        (mine / "key.pem", mine / "key.pem"),
    ]
    portrait.drawn.clear()
    for certificates, key in pairs:
        with pytest.raises(InputError) as refused:
            load_identity(certificates, key)
        assert refused.value.what and refused.value.do
        settings = RenderSettings(certificates=str(certificates), signing_key=str(key))
        with pytest.raises(InputError):
            rendering.render(subject, sound, tmp_path / "take", settings, Reporter())
    assert portrait.drawn == [] and not (tmp_path / "take").exists()


def test_without_the_package_a_sentence_says_how_to_get_it(take, settings, stage, tmp_path, monkeypatch):
    subject, _, sound, _ = stage
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(InputError, match="c2pa-python") as refused:
        rendering.render(subject, sound, tmp_path / "take", settings, Reporter())
    assert "requirements/credentials.txt" in refused.value.do
    with pytest.raises(InputError, match="c2pa-python"):
        found(take / "preview.mp4")
    rendering.render(subject, sound, tmp_path / "take", RenderSettings(frames="1:1"), Reporter())
    assert found(tmp_path / "take")["signature"] == "none"


def test_no_manifest_is_fetched_from_the_address_that_a_file_names(take, identity, tmp_path):
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1.0)

        def listen():
            try:
                server.accept()[0].close()
                asked.set()
            except TimeoutError:
                return

        listener = threading.Thread(target=listen)
        listener.start()
        source = take.with_name("png") / "head.000001.png"
        plain = tmp_path / "elsewhere.png"
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("ed25519", identity.chain_pem, identity.key_pem, None))
        created = {"actions": [{"action": "c2pa.created", "digitalSourceType": DRAWN}]}
        definition = {
            "claim_generator_info": [{"name": "x", "version": "1"}],
            "assertions": [{"label": "c2pa.actions", "data": created}],
        }
        with signer, c2pa.Builder(definition) as builder:
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.getsockname()[1]}/far.c2pa")
            with open(source, "rb") as read, open(plain, "w+b") as written:
                builder.sign(signer, "image/png", read, written)
        assert b"far.c2pa" in plain.read_bytes()
        with contextlib.suppress(InputError):  # there is no manifest to be had
            check(plain, ".png")
        listener.join()
    assert not asked.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_signing_and_checking_open_no_connection(take, folder, tmp_path):
    program = (
        "import sys; from pathlib import Path; from backend.provenance.credentials import Credentials, check;"
        "from backend.provenance.identity import load_identity; from backend.provenance.marks import DRAWN, Marks;"
        "d, f = map(Path, sys.argv[1:]); c = Credentials(load_identity(d / 'certificates.pem', d / 'key.pem'));"
        "c.sign(f, Marks('s', 't', 'c', DRAWN)); assert check(f, '.mp4').is_whole"
    )
    log = tmp_path / "strace"
    traced = ["strace", "-f", "-e", "trace=connect,sendto", "-o", str(log), sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*traced, str(folder / "identity"), str(take / "preview.mp4")], check=True, env=environment)
    assert "AF_INET" not in log.read_text()


def test_credentials_sign_in_several_threads_at_once(identity, take):
    credentials = Credentials(identity)
    data = (take / "contact_sheet.png").read_bytes()
    marks = Marks("s", "t", "c", DRAWN)
    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(lambda _: credentials.signed(data, ".png", marks), range(12)))
    for index, picture in enumerate(signed):
        path = take / f"{index}.png"
        path.write_bytes(picture)
        read = check(path, ".png")
        assert read is not None and read.is_whole
