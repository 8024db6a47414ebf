"""A model of your own as a command: it reads requests as lines of JSON, and answers in such lines.

In config.yaml, with this file beside it::

    sessions:
      models:
        own: {backend: process, command: [python3, model_command.py]}

This one only spells what it is told, letter by letter, and stops when it is asked to; put your
model where ``spell`` is. It needs nothing but Python. All that may be said stands at the top of
``src/agentgate_proto/models/process.py``.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator

saying = threading.Lock()
wanted: set[str] = set()
"""Ids of the requests that somebody waits for."""


def say(request_id: str, kind: str, **members: object) -> None:
    """Write one line. Answers to several requests may be mixed; lines may not."""
    with saying:
        print(json.dumps({"id": request_id, "type": kind, **members}), flush=True)


def spell(text: str) -> Iterator[str]:
    """The model: yields what it says, bit by bit."""
    for letter in text:
        time.sleep(0.02)
        yield letter


def answer(request_id: str, request: dict) -> None:
    """Answer one request, to its end or until nobody waits for it any more."""
    try:
        last = request["turns"][-1]
        if last["role"] == "tool":
            text = "; ".join(each["text"] for each in last["returns"])
        else:
            text = last["text"]
        output = 0
        for piece in spell(text):
            if request_id not in wanted:
                return
            say(request_id, "text", text=piece)
            output += 1
        say(request_id, "usage", input=len(json.dumps(request)) // 4, output=output)
        say(request_id, "end")
    except Exception as error:
        say(request_id, "error", message=f"{type(error).__name__}: {error}")
    finally:
        wanted.discard(request_id)


def main() -> None:
    """Answer each request in a thread of its own, until the gateway closes our input."""
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("cancel"):
            wanted.discard(message["id"])
        else:
            wanted.add(message["id"])
            request = message["id"], message["request"]
            threading.Thread(target=answer, args=request, daemon=True).start()


if __name__ == "__main__":
    main()
