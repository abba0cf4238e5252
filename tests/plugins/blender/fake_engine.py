"""Stands in for the `amb3r` command: answers as its contract says, or misbehaves in the way that FAKE_ENGINE names."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import kit


def emit(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def progress(stage: str, done: int, total: int) -> None:
    emit("progress", stage=stage, done=done, total=total, progress=done / total, message=f"{done} of {total}")


def fail(kind: str, message: str) -> int:
    emit("error", kind=kind, message=message)
    print(f"error: {message}", file=sys.stderr)
    return 1


def garbage() -> None:
    """Things a program may print between its lines."""
    sys.stdout.buffer.write(b'plain words\n{not json\n[1, 2]\n{"event": 7}\n\xff\xfe no text \x80\n\n')
    sys.stdout.buffer.write(b'{"event": "progress", "stage": 3, "progress": "half"}\n' + b"x" * 200_000 + b"\n")
    sys.stdout.flush()
    sys.stderr.buffer.write("wärning \u2603\n".encode("latin-1", "replace"))


def reconstruct(output: Path) -> int:
    for stage in ("read photos", "poses", "depth"):
        for done in range(3):
            progress(stage, done, 3)
            time.sleep(float(os.environ.get("FAKE_DELAY", "0.01")))
    kit.simple_scene(output)
    emit("result", scene=str(output), exports=[], views=3)
    return 0


def hang() -> int:
    """Never ends, has a child, and does not listen to polite requests."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code])
    Path(os.environ["FAKE_PIDS"]).write_text(f"{os.getpid()} {child.pid}")
    progress("poses", 1, 3)
    time.sleep(600)
    return 0


def main(arguments: list[str]) -> int:
    mode = os.environ.get("FAKE_ENGINE", "good")
    if arguments == ["--version"]:
        print("amb3r 9.9.9")
        return 0
    if arguments == ["doctor"]:
        print("amb3r    9.9.9\ndevices  cpu, toaster")
        return 0
    if arguments == ["options", "--json"]:
        facts = {"name": "seed", "flag": "--seed", "type": "int", "choices": None, "default": 0, "help": "Chance, tamed."}
        print(json.dumps([facts, {**facts, "name": "masks", "flag": "--masks", "help": "In the panel."}], indent=2))
        return 0
    output = Path(arguments[arguments.index("--output") + 1])
    if os.environ.get("FAKE_ARGUMENTS"):
        Path(os.environ["FAKE_ARGUMENTS"]).write_text(json.dumps({"arguments": arguments, "environment": dict(os.environ)}))
    match mode:
        case "garbage":
            garbage()
            return reconstruct(output)
        case "hang":
            return hang()
        case "crash":
            progress("poses", 1, 3)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            return fail("ResourceError", "the GPU has 8 GB and 11 are needed; use --long-side 320")
        case "weights":
            return fail("WeightsError", "no weights of model amb3r: run amb3r weights import FILE")
        case "images":
            return fail("InputError", "IMG_1.jpg is no image")
        case "traceback":
            raise ZeroDivisionError("a bug\nin two lines")
        case "silent":
            return 0
        case "usage":
            print("unrecognized options: --progress", file=sys.stderr)
            return 2
        case "no scene":
            emit("result", scene=str(output / "nowhere"))
            return 0
        case _:
            return reconstruct(output)
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
