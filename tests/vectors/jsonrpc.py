"""JSON-RPC 2.0: the examples of the specification, and texts that are no messages."""


def call(members: str) -> str:
    """Make a call with id 1, whose further members are given as JSON text."""
    return '{"jsonrpc":"2.0","method":"m","id":1' + (f",{members}" if members else "") + "}"


SECTION_7 = {
    "positional parameters": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        '{"jsonrpc": "2.0", "result": 19, "id": 1}',
    ),
    "positional parameters, the other way round": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        '{"jsonrpc": "2.0", "result": -19, "id": 2}',
    ),
    "named parameters": (
        """{"jsonrpc": "2.0", "method": "subtract",
            "params": {"subtrahend": 23, "minuend": 42}, "id": 3}""",
        '{"jsonrpc": "2.0", "result": 19, "id": 3}',
    ),
    "named parameters in another order": (
        """{"jsonrpc": "2.0", "method": "subtract",
            "params": {"minuend": 42, "subtrahend": 23}, "id": 4}""",
        '{"jsonrpc": "2.0", "result": 19, "id": 4}',
    ),
    "a notification": (
        '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
        "",
    ),
    "a notification of an unknown method": (
        '{"jsonrpc": "2.0", "method": "foobar"}',
        "",
    ),
    "a non-existent method": (
        '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
        '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}',
    ),
    "invalid JSON": (
        '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
    ),
    "an invalid request object": (
        '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
        '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
    ),
    "a batch of invalid JSON": (
        """[
  {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
  {"jsonrpc": "2.0", "method"
]""",
        '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
    ),
    "an empty array": (
        "[]",
        '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
    ),
    "an invalid batch, but not empty": (
        "[1]",
        """[
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
]""",
    ),
    "an invalid batch": (
        "[1,2,3]",
        """[
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
  {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
]""",
    ),
    "a batch": (
        """[
        {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]""",
        """[
        {"jsonrpc": "2.0", "result": 7, "id": "1"},
        {"jsonrpc": "2.0", "result": 19, "id": "2"},
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
        {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
        {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
    ]""",
    ),
    "a batch of nothing but notifications": (
        """[
        {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]""",
        "",
    ),
}
"""The examples of section 7 (https://www.jsonrpc.org/specification#examples), verbatim: what the
client sends and what the server answers; "" for nothing."""

NO_MESSAGE = [
    ("{}", '"jsonrpc" must be "2.0"'),
    ('{"method":"m","id":1}', '"jsonrpc" must be "2.0"'),
    ('{"jsonrpc":"1.0","method":"m","id":1}', '"jsonrpc" must be "2.0"'),
    ('{"jsonrpc":2.0,"method":"m","id":1}', '"jsonrpc" must be "2.0"'),
    ('{"jsonrpc":{"a":[]},"method":"m","id":1}', '"jsonrpc" must be "2.0"'),
    (call('"params":null'), "params must be an object or an array"),
    (call('"params":"bar"'), "params must be an object or an array"),
    (call('"params":7'), "params must be an object or an array"),
    (call('"result":1'), "both a call and an answer"),
    (call('"error":{"code":1,"message":"m"}'), "both a call and an answer"),
    ('{"jsonrpc":"2.0"}', "no method and no id"),
    ('{"jsonrpc":"2.0","result":1}', "no method and no id"),
    ('{"jsonrpc":"2.0","id":1}', "no method, no result and no error"),
    ('{"jsonrpc":"2.0","error":null,"id":1}', "no method, no result and no error"),
    (
        '{"jsonrpc":"2.0","result":1,"error":{"code":1,"message":"m"},"id":1}',
        "both a result and an error",
    ),
    ('{"jsonrpc":"2.0","error":"oops","id":1}', "$.error"),
    ('{"jsonrpc":"2.0","error":{"code":"x","message":"m"},"id":1}', "$.error.code"),
    ('{"jsonrpc":"2.0","method":null,"id":1}', "$.method"),
    ("7", "Expected `object`"),
    ('"text"', "Expected `object`"),
    ("null", "Expected `object`"),
]
"""JSON that is no message, and what is said of it."""

NO_JSON = [
    "",
    " ",
    "{",
    "nonsense",
    "\ufeff{",
    "{} {}",
    "7 7",
    '{"jsonrpc":"2.0","method":7,"id":1',
    "[1,",
    "[1]]",
    " [",
    '{"jsonrpc":"2.0","method":"m","id":1}garbage',
    '{"jsonrpc":"2.0","method":"\\ud800","id":1}',
    '{"jsonrpc":"2.0","method":"m","id":"\\udc00"}',
    '{"jsonrpc":"2.0","result":"\\ud800","id":1}',
    '{"jsonrpc":"2.0","method":"m\ud800","id":1}',
    '["\ud800"]',
    call('"x":1').replace('"id":1', '"id":' + "1" * 5_000),
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"jsonrpc":' + "[" * 100_000,
    call('"params":' + "[" * 100_000 + "]" * 100_000),
]
"""Text that is not JSON, or lies far beyond what any decoder can hold."""
