"""What grpcio-tools generates for grpc.testing, generated once."""
from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Tuple

import grpc

ROOT = Path(__file__).resolve().parents[3]
PROTOS = ("empty", "messages", "test")


def load() -> Tuple[Any, Any, Any]:
    """The modules `empty_pb2`, `messages_pb2` and `test_pb2_grpc`."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "interop-stubs"
    if not target.is_dir():
        generate(target)
    # the generated package has grpcio's name: its modules are loaded beside grpcio's
    grpc.__path__.append(str(target / "grpc"))
    modules = (importlib.import_module(f"grpc.testing.{name}") for name in ("empty_pb2", "messages_pb2", "test_pb2_grpc"))
    empty, messages, test = modules
    return empty, messages, test


def generate(target: Path) -> None:
    proto = ROOT / "proto"
    files = [str(proto / f"grpc/testing/{name}.proto") for name in PROTOS]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        out = Path(scratch, "stubs")
        out.mkdir()
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto}", f"--python_out={out}"]
        subprocess.run([*command, f"--grpc_python_out={out}", *files], check=True)
        try:
            out.rename(target)
        except OSError:
            # another client was faster
            if not target.is_dir():
                raise
