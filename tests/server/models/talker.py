"""A command that answers in JSON lines, for tests: what it does, the last message says.

It runs by itself: it imports nothing of ours.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

waiting = {}
"""Requests that are answered later, by their last message."""


def say(request_id, **members):
    print(json.dumps({"id": request_id, **members}), flush=True)


def answer(request_id, *texts):
    for text in texts:
        say(request_id, type="text", text=text)
    say(request_id, type="end")


def act(request_id, text):
    word, _, rest = text.partition(" ")
    ACTS[word](request_id, rest)


def echo(request_id, rest):
    say(request_id, type="usage", input=3)
    answer(request_id, *(f"{piece} " for piece in rest.split()))


def wait(request_id, rest):
    say(request_id, type="text", text="waiting")
    waiting[rest] = request_id


def release(request_id, rest):
    answer(waiting.pop(rest), "released")
    answer(request_id, "done")


def die(request_id, rest):
    if rest:
        say(request_id, type="text", text=rest)
    sys.exit(3)


def noise(request_id, rest):
    print(rest, flush=True)
    print(rest, file=sys.stderr, flush=True)
    answer(request_id, "ok")


def deaf(request_id, rest):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    answer(request_id, str(child.pid))
    time.sleep(600)


def last(request_id, rest):
    answer(request_id, "bye")
    sys.exit(0)


def close(request_id, rest):
    os.close(1)
    time.sleep(600)


def fill(request_id, rest):
    try:
        answer(request_id, str(len(bytearray(int(rest) * 1_048_576)) > 0))
    except MemoryError:
        answer(request_id, "no room")


def child(request_id, rest):
    line = f"import sys; bytearray({rest} * 1_048_576); print('room')"
    run = subprocess.run([sys.executable, "-c", line], check=False, capture_output=True, text=True)
    answer(request_id, run.stdout.strip() or run.stderr.split()[-1])


ACTS = {
    "fill": fill,
    "child": child,
    "echo": echo,
    "many": lambda request_id, rest: answer(request_id, *(f"{n} " for n in range(int(rest)))),
    "environment": lambda request_id, rest: answer(
        request_id, json.dumps([dict(os.environ), str(Path.cwd()), sys.argv[1:], os.getsid(0)])
    ),
    "pid": lambda request_id, rest: answer(request_id, str(os.getpid())),
    "wait": wait,
    "release": release,
    "waiting": lambda request_id, rest: answer(request_id, json.dumps(sorted(waiting))),
    "die": die,
    "kill": lambda request_id, rest: os.kill(os.getpid(), signal.SIGTERM),
    "nonsense": lambda request_id, rest: print("{nonsense", flush=True),
    "noise": noise,
    "deaf": deaf,
    "last": last,
    "close": close,
    "error": lambda request_id, rest: say(request_id, type="error", message=rest, retryable=True),
}


def main():
    if "--dead" in sys.argv:
        sys.exit(4)
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("cancel"):
            for text, request_id in list(waiting.items()):
                if request_id == message["id"]:
                    del waiting[text]
        else:
            act(message["id"], message["request"]["turns"][-1]["text"])


main()
