"""One testbed for all tests, and stubs as grpcio-tools generates them."""
from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ("causewire/testbed/v1/testbed.proto", "google/rpc/status.proto")


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dict[str, Any]]:
    """The testbed's addresses."""
    directory = tmp_path_factory.mktemp("testbed")
    command = [os.environ["CAUSEWIRE_TESTBED"], "serve", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def target(places: Dict[str, Any]) -> str:
    return str(places["target"])


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The testbed's messages and its stub class, generated now by the installed grpcio-tools."""
    out = tmp_path_factory.mktemp("stubs")
    proto = ROOT / "proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto}", f"--python_out={out}", f"--grpc_python_out={out}"]
    subprocess.run([*command, str(proto / PROTOS[0])], check=True)
    sys.path.insert(0, str(out))
    package = "causewire.testbed.v1"
    # the generated package has our package's name: its modules are loaded beside ours
    import causewire

    causewire.__path__.append(str(out / "causewire"))
    messages = importlib.import_module(f"{package}.testbed_pb2")
    services = importlib.import_module(f"{package}.testbed_pb2_grpc")
    return SimpleNamespace(messages=messages, Stub=services.TestbedStub)


def run(code: str, *arguments: str, timeout: float = 60, env: Any = None) -> subprocess.CompletedProcess[str]:
    """Runs a program of its own, for what concerns a whole process."""
    # Python 3.12 and later warn of every fork of a program with threads, which is what some of these programs are about
    quiet = ["-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *quiet, "-X", "faulthandler", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
