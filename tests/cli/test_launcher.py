"""An instance from nothing to ready and back: started, harmed, seen, ended, never left behind."""

import json
import os
import re
import signal
import stat
from pathlib import Path

import pytest

from pressroom.cli.data_folder import InstanceFacts
from pressroom.cli.errors import CommandFailed
from pressroom.cli.main import build

from .conftest import Instance, is_running, pressroom, processes_of, wait_until

PROGRAMS = {"nats-server", "mongod", "sandbox", "gateway", "image-worker", "batch-poller", "publisher"}


def test_a_detached_instance_is_seen_ends_without_a_trace_and_comes_back_at_the_same_address(tmp_path: Path) -> None:
    facts = started(tmp_path)
    assert {program.name for program in facts.programs} == PROGRAMS
    status = json.loads(pressroom("status", "--json", "--data", str(tmp_path)).stdout)
    assert status["ready"] is True
    ended = pressroom("down", "--data", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    wait_until(lambda: processes_of(tmp_path) == [])
    again = started(tmp_path)
    assert (again.url, again.token, again.nats_url) == (facts.url, facts.token, facts.nats_url)
    pressroom("down", "--data", str(tmp_path))


def started(path: Path) -> InstanceFacts:
    up = pressroom("up", "--detach", "--json", "--data", str(path))
    assert up.returncode == 0, up.stderr
    return InstanceFacts.model_validate_json(up.stdout)


def test_a_killed_launcher_leaves_no_process_and_its_neighbour_in_peace(
    instance: Instance, own_instance: Instance
) -> None:
    urls = [program.url for program in (*instance.facts.programs, *own_instance.facts.programs)]
    assert len(set(urls)) == len(urls)
    assert len(processes_of(own_instance.path)) > len(PROGRAMS)
    os.kill(own_instance.facts.launcher_pid, signal.SIGKILL)
    wait_until(lambda: processes_of(own_instance.path) == [])
    assert instance.now().programs == instance.facts.programs


def test_what_dies_is_started_again_at_the_same_address(own_instance: Instance) -> None:
    before = {program.name: program for program in own_instance.facts.programs}
    for name in PROGRAMS:
        os.kill(own_instance.pid(name), signal.SIGKILL)
    wait_until(
        lambda: all(program.restarts == 1 and program.state == "ready" for program in own_instance.now().programs)
    )
    after = {program.name: program for program in own_instance.now().programs}
    assert {name: program.url for name, program in after.items()} == {
        name: program.url for name, program in before.items()
    }
    assert all(after[name].pid != before[name].pid for name in PROGRAMS)
    shown = own_instance.run("status").stdout.splitlines()
    assert [line.split()[:2] for line in shown[1 : len(PROGRAMS) + 1]] == [[name, "ready"] for name in after]
    made = own_instance.run("submit", "a calm sea", "--profile", "none", "--width", "256", "--height", "320", "--wait")
    assert made.returncode == 0, made.stdout + made.stderr


def test_a_folder_has_one_launcher(instance: Instance) -> None:
    second = instance.run("up")
    assert second.returncode == 1
    assert f"Pressroom runs already in {instance.path}" in second.stderr
    assert f"./run down --data {instance.path}" in second.stderr


def test_only_the_owner_may_read_the_token(instance: Instance) -> None:
    for name in ("token", "instance.json"):
        assert stat.S_IMODE((instance.path / name).stat().st_mode) == 0o600


def test_ctrl_c_ends_everything_in_order(own_instance: Instance) -> None:
    pids = [program.pid for program in own_instance.facts.programs if program.pid]
    os.kill(own_instance.facts.launcher_pid, signal.SIGINT)
    wait_until(lambda: own_instance.own.launcher is not None and own_instance.own.launcher.exit_code == 0)
    assert not any(is_running(pid) for pid in pids)
    assert "was killed" not in (own_instance.path / "logs" / "launcher.log").read_text()


def test_a_wrong_setting_ends_the_start_with_its_name(tmp_path: Path) -> None:
    failed = pressroom("up", "--data", str(tmp_path), environment={"PRESSROOM_LEASE_S": "soon"})
    assert failed.returncode == 1
    assert "PRESSROOM_LEASE_S" in failed.stderr
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("command", [["status"], ["submit", "a fox"], ["tail"], ["audit"], ["dead", "list"]])
def test_a_command_without_an_instance_says_how_to_start_one(command: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    words = [*command, "--data", str(folder)]
    with pytest.raises(CommandFailed, match=f"./run up --detach --data {re.escape(str(folder))}"):
        build(words)(args=words, standalone_mode=False)
