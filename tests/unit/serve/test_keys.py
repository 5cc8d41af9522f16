"""Keys that a person makes and hands over, for clients on other machines."""

import json
import stat
import sys
import threading

import pytest

from backend.command.key_verb import host_and_port
from backend.serve.keys import THIS_MACHINE, KeyFolder, KeyPair, Keyring
from backend.serve.server import Server
from backend.settings import ServeSettings
from shared import protocol
from shared.errors import InputError
from shared.ready import ReadyFile
from tests.support.keyed import LIMIT_S, Keyed
from tests.support.serving import wait_until


@pytest.fixture
def keys(tmp_path):
    return KeyFolder(tmp_path / "keys")


def test_the_pair_of_the_backend_is_made_once_and_is_private(keys):
    pair = keys.make()
    assert keys.make() == pair == keys.server()
    if sys.platform != "win32":
        assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((keys.folder / "server.json").stat().st_mode) == 0o600


def test_the_secret_of_a_client_is_in_what_is_handed_over_and_nowhere_else(keys, tmp_path):
    out = keys.add("anna", "192.168.1.20", 5600, tmp_path / "anna.json")
    handed = ReadyFile.read(out)
    assert (handed.endpoint, handed.server_key) == ("tcp://192.168.1.20:5600", keys.server().public)
    assert keys.clients() == {handed.client_key: "anna"}
    kept = "".join(path.read_text() for path in keys.folder.rglob("*.json"))
    assert handed.client_secret not in kept
    if sys.platform != "win32":
        assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_who_is_removed_may_not_come_in(keys, tmp_path):
    anna = ReadyFile.read(keys.add("anna", "h", 1, tmp_path / "a.json"))
    keyring = Keyring(keys)
    assert keyring.name_of(anna.client_key) == "anna"
    keys.remove("anna")
    assert keyring.name_of(anna.client_key) is None
    assert keyring.name_of(keyring.client.public) == THIS_MACHINE
    assert keyring.server == keys.server()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 65, "ä"])
def test_what_could_mean_something_in_a_path_is_no_name(keys, tmp_path, name):
    with pytest.raises(InputError, match="is no name"):
        keys.add(name, "h", 1, tmp_path / "out.json")
    with pytest.raises(InputError, match="There is no client"):
        keys.remove(name)


def test_nothing_is_written_over(keys, tmp_path):
    keys.add("anna", "h", 1, tmp_path / "a.json")
    for name, out in (("anna", "b.json"), ("berta", "a.json")):
        with pytest.raises(InputError, match="is there already"):
            keys.add(name, "h", 1, tmp_path / out)


def test_damaged_keys_are_named_and_let_nobody_in(keys, tmp_path):
    with pytest.raises(InputError, match=r"server\.json cannot be read"):
        keys.server()
    pair = keys.make()
    (keys.folder / "clients" / "x.json").write_text("{half")
    (keys.folder / "clients" / "y.json").write_text("{}")
    assert keys.clients() == {}
    for text in ("[]", "{", "{}", json.dumps({"public": KeyPair.make().public, "secret": pair.secret})):
        (keys.folder / "server.json").write_text(text)
        with pytest.raises(InputError, match="damaged"):
            keys.server()


def test_other_machines_are_not_listened_to_without_keys(tmp_path):
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org"):
        with pytest.raises(InputError, match="nobody has a key"):
            Server(tmp_path / "state", tmp_path / "r.json", ServeSettings(host=host), "tests.support.fake_verbs", "")


def test_a_client_whose_keys_were_handed_over_is_served(keys, tmp_path):
    keys.make()
    state, ready_file = tmp_path / "state", tmp_path / "ready.json"
    server = Server(state, ready_file, ServeSettings(), "tests.support.fake_verbs", "", keys.folder)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(ready_file.exists)
        port = ReadyFile.read(ready_file).port
        handed = ReadyFile.read(keys.add("anna", "127.0.0.1", port, tmp_path / "a.json"))
        with Keyed(handed) as client, Keyed(ReadyFile.read(ready_file)) as own:
            client.greet()
            own.greet()
        keys.remove("anna")
        with Keyed(handed) as client:
            client.send(protocol.Hello())
            assert client.hear(limit_s=0.5) is None
    finally:
        server.stop("the test is over")
        thread.join(LIMIT_S)


def test_an_address_is_read_with_its_port_and_nothing_else_is_one():
    assert host_and_port("tcp://192.168.1.20:5600") == ("192.168.1.20", 5600)
    assert host_and_port("tcp://[::1]:5600") == ("::1", 5600)
    for text in ("192.168.1.20:5600", "tcp://host", "tcp://host:0", "tcp://host:99999", "tcp://:5", "udp://host:5"):
        with pytest.raises(InputError, match="is no address"):
            host_and_port(text)
