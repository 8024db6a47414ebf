"""A small language model behind HTTP, for ``make real-model``: ``serve.py MODEL PORT``.

Runs on a Python of its own, which has xllamacpp and nothing of ours. It serves until its standard
input ends, so that it can't outlive who started it.
"""

import sys

import xllamacpp

CONTEXT_TOKENS = 2_048
STREAMS = 2


def main() -> None:
    model, port = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = CONTEXT_TOKENS * STREAMS
    params.n_parallel = STREAMS
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.warmup = False
    params.endpoint_slots = True
    params.sampling.temp = 0.0  # the same every time
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


main()
