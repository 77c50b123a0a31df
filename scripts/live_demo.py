"""A web application in a container, `livepush watch` on it, and two edits: a source file's, a
dependency's. Shows the page that is served before and after, and the time from save to page.

Run by scripts/demo. Ends with 0, or with what went wrong, and takes all away that it made.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

FIXTURE = Path(__file__).parent.parent / "fixtures" / "node-server"
NAME = f"livepush-demo-{uuid.uuid4().hex[:8]}"
LIVEPUSH = str(Path(sys.executable).with_name("livepush"))
POLL = 0.003  # seconds between two looks at the page
# A connection made while the container's network comes up waits a second to be tried again:
# it is given up, and another one made.
LOOK = 0.1  # seconds for one look
PATIENCE = 120.0  # seconds until a page that does not come counts as a failure


def main() -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupted)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{NAME}-")))
        context, dockerfile = work / "context", work / "Dockerfile"
        shutil.copytree(FIXTURE / "context", context)
        shutil.copy(FIXTURE / "Dockerfile", dockerfile)
        say("$ livepush dockerfile … > Dockerfile.live && docker build … && docker run …")
        port = stack.enter_context(application(context, dockerfile))
        show(port, "Hello")
        say("$ livepush watch --container …")
        stack.enter_context(watch(context, dockerfile))

        page = context / "src" / "page.js"
        saved = save(page, page.read_text().replace("Hello", "Good morning"))
        show(port, "Good morning", saved)

        manifest = context / "package.json"
        told = json.loads(manifest.read_text())
        told["dependencies"]["ms"] = "2.1.3"
        saved = save(manifest, json.dumps(told, indent=2) + "\n")
        show(port, "ms", saved)
    say("Stopped livepush, removed the container and its image.")


@contextmanager
def application(context: Path, dockerfile: Path) -> Iterator[int]:
    """The application in a container, built as any other; the port of its page."""
    live = dockerfile.with_name("Dockerfile.live")
    live.write_text(run(LIVEPUSH, "dockerfile", "--file", str(dockerfile), str(context)))
    with ExitStack() as stack:
        stack.callback(remove, "image", "rm", "--force", NAME)
        run("docker", "build", "--force-rm", "--tag", NAME, "--file", str(live), str(context))
        stack.callback(remove, "rm", "--force", "--volumes", NAME)
        port = free_port()
        publish = f"--publish=127.0.0.1:{port}:3000"
        run("docker", "run", "--detach", f"--name={NAME}", publish, NAME)
        yield port


@contextmanager
def watch(context: Path, dockerfile: Path) -> Iterator[None]:
    """`livepush watch` from when it is ready; what it tells is shown as it comes."""
    command = [LIVEPUSH, "watch", "--container", NAME, "--progress", "json"]
    with subprocess.Popen(
        [*command, "--file", str(dockerfile), str(context)],
        stdout=subprocess.PIPE,
        text=True,
        # A Ctrl-C is passed on below, once.
        start_new_session=True,
    ) as livepush:
        ready = threading.Event()
        telling = threading.Thread(target=tell, args=(livepush, ready))
        telling.start()
        try:
            while not ready.wait(POLL):
                if livepush.poll() is not None:
                    raise SystemExit("livepush watch has ended")
            yield
        finally:
            livepush.send_signal(signal.SIGINT)
            livepush.wait()
            telling.join()


def tell(livepush: subprocess.Popen[str], ready: threading.Event) -> None:
    """Shows the events that a watch tells until it ends."""
    for line in livepush.stdout or ():
        event = json.loads(line)
        match event["event"]:
            case "ready":
                ready.set()
            case "filesSynced":
                say(f"  copied {event['written']} file(s), {event['bytes']} bytes")
            case "commandExecute":
                say(f"  RUN {event['command']}")
            case "commandReturn":
                say(f"  ended with {event['returnCode']}")
            case "containerRestart":
                say("  restarted the application")
            case "error":
                say(f"  {event['message']}")


def save(path: Path, content: str) -> float:
    """Saves a file as an editor does; when, on the monotonic clock."""
    say(f"Saved {path.name}")
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(content)
    saved = time.monotonic()
    os.replace(beside, path)
    return saved


def show(port: int, wanted: str, saved: float | None = None) -> None:
    """Waits until the page has `wanted` in it, and shows it with the time since `saved`."""
    began = time.monotonic() if saved is None else saved
    while True:
        page = fetch(port)
        passed = time.monotonic() - began
        if wanted in page:
            break
        if passed > PATIENCE:
            raise SystemExit(f"the page does not say {wanted!r}, but {page!r}")
        time.sleep(POLL)
    say(f"  {' '.join(page.split())}")
    if saved is not None:
        say(f"  {passed * 1000:.0f} ms from save to page")
    say("")


def fetch(port: int) -> str:
    """The page; nothing while no application answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LOOK)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to connections.

    Which the engine would choose, and choose anew at every restart.
    """
    for port in range(3000, 4000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("no port from 3000 to 3999 is free")


def run(*command: str) -> str:
    """What the command prints; one that fails ends the demo with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def remove(*arguments: str) -> None:
    """Takes away what may not have been made."""
    subprocess.run(["docker", *arguments], capture_output=True, check=False)


def say(line: str) -> None:
    print(line, flush=True)


def _interrupted(number: int, _: object) -> None:
    # Only once: what has been made is being removed.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
