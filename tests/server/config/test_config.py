"""Configuration: the form, its errors, its defaults, and who may connect."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec.inspect import StructType, UnionType, type_info

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.principal import Principal, Role
from agentgate_server.assembly import policy_of
from agentgate_server.config import (
    Config,
    ConfigFile,
    check_exposure,
    config_from_dict,
    form,
    load_config,
    override,
    who_is_missing,
)
from agentgate_server.config.texts import Host
from agentgate_server.documents import DocumentError
from agentgate_server.identity.tokens import Tokens, hash_token, new_token
from agentgate_server.secrets.secret import Secret

ROOT = Path(__file__).parents[3]
AGENT = "agent: {token: an-agents-long-token}\n"
OWNER = "principals:\n- {name: owner, role: approver, token: an-owners-long-token}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, text: str, **environment: str) -> Config:
    path = folder / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return load_config(path, environment=environment)


def refusal(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(DocumentError) as caught:
        load(folder, text, **environment)
    assert str(caught.value).startswith(f"{folder}/")
    return str(caught.value).removeprefix(f"{folder}/")


def who(config: Config) -> list[Principal]:
    return [identity.principal for identity in config.identities]


def config_of(**data: Any) -> Config:
    return config_from_dict({"agent": {"token": "an-agents-long-token"}, **data})


# -- The form -------------------------------------------------------------------------------------


def test_the_smallest_configuration_is_one_agent(folder: Path) -> None:
    config = load(folder, AGENT)
    assert who(config) == [Principal(name="agent", role=Role.AGENT)]
    assert (config.gateway.host, config.gateway.port) == ("127.0.0.1", 8443)
    assert not config.gateway.serves_tls
    assert config.storage.path == folder / "data" / "agent-gate.db"
    assert config.permissions == folder / "permissions.yaml"
    assert config.approval_timeout_s == 900


def test_the_limits_of_the_ledger_are_the_configured_ones(folder: Path) -> None:
    assert load(folder, AGENT).ledger_limits() == LedgerLimits()
    text = (
        "approval_timeout: 60\nrate_limit: {max_pending_approvals: 2, max_requests_per_minute: 3}\n"
        "storage: {keep_undelivered_days: 0.5}\n"
    )
    assert load(folder, AGENT + text).ledger_limits() == LedgerLimits(
        approval_s=60, waiting_max=2, requests_per_minute=3, retention_s=43_200
    )


def test_the_form_of_seed_001_loads(folder: Path) -> None:
    text = """\
gateway:
  host: "0.0.0.0"
  port: ${PORT}
  tls:
    cert: "./certs/cert.pem"
    key: "/etc/key.pem"
agent:
  token: "${AGENT_TOKEN}"
storage:
  type: sqlite
  path: "./data/agent_gate.db"
approval_timeout: 900
rate_limit:
  max_pending_approvals: 10
  max_requests_per_minute: 60
"""
    config = load(folder, text, AGENT_TOKEN="x" * 40, PORT="9000")
    assert config.gateway.port == 9000
    assert config.gateway.tls is not None
    assert config.gateway.tls.cert == folder / "certs" / "cert.pem"
    assert config.gateway.tls.key == Path("/etc/key.pem")
    assert config.gateway.serves_tls
    assert config.rate_limit.max_requests_per_minute == 60
    assert Tokens(config.identities).identify("x" * 40) == who(config)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway: {prot: 1}", "gateway.prot: unknown key 'prot'; did you mean 'port'?"),
        ("aproval_timeout: 5", "unknown key 'aproval_timeout'; did you mean 'approval_timeout'?"),
        ("gateway: {port: http}", "gateway.port: needs a whole number, found the text 'http'"),
        ("gateway: {port: 65536}", "gateway.port: must be at most 65535, found the number 65536"),
        ("gateway: {host: ''}", "gateway.host: must be an address or a host name alone"),
        ("gateway: {host: '0.0.0.0:80'}", "gateway.host: must be an address or a host name"),
        ("gateway: {host: 'http://x'}", "gateway.host: must be an address or a host name alone"),
        ("gateway: {host: '*'}", "gateway.host: must be an address or a host name alone"),
        ("gateway: {tls: {cert: a}}", "gateway.tls.key: is missing: add 'key'"),
        ("gateway: {allowed_origins: ['https://x/']}", "allowed_origins[0]: must be an origin"),
        ("gateway: {allowed_origins: ['*']}", "allowed_origins[0]: must be an origin"),
        ("gateway: {allowed_origins: ['null']}", "allowed_origins[0]: must be an origin"),
        ("gateway:", "gateway: needs keys (host, port, tls, "),
        ("storage: {type: postgres}", "storage.type: 'postgres' is not one of sqlite"),
        ("storage: {keep_days: 0}", "storage.keep_days: must be more than 0"),
        ("approval_timeout: 0", "approval_timeout: must be more than 0, found the number 0"),
        ("approval_timeout: 2592001", "approval_timeout: must be at most 2592000 (30d)"),
        ("rate_limit: {max_pending_approvals: 0}", "must be at least 1, found the number 0"),
        ("tools: {python: house.tools}", "tools.python: needs a list, found text"),
        ("tools: {python: ['']}", "tools.python[0]: must not be empty"),
    ],
)
def test_a_wrong_key_or_value_stops_the_start_with_its_line(
    folder: Path, text: str, message: str
) -> None:
    error = refusal(folder, f"{AGENT}{text}\n")
    assert error.startswith("config.yaml:2: ")
    assert message in error


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(DocumentError, match=r"config\.yaml: file not found"):
        load_config(folder / "config.yaml", environment={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permissions: p.yaml", "config.yaml:2: permissions: {}/p.yaml: file not found: create it"),
        ("permissions: .", "config.yaml:2: permissions: {}: is a folder: give the path of a file"),
        ("", "config.yaml: permissions: {}/permissions.yaml: file not found: create it, or give"),
        (
            "tools:\n  http:\n  - config.yaml/a.yaml",
            "config.yaml:4: tools.http[0]: {}/config.yaml/a.yaml: cannot be read: Not a directory",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_is_named_with_the_line_that_names_it(
    folder: Path, text: str, said: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        policy_of(load(folder, AGENT + text))
    assert said.format(folder) in str(caught.value)


def test_what_is_wrong_in_a_file_is_told_of_that_file(folder: Path) -> None:
    (folder / "permissions.yaml").write_text("rules: 5\n")
    config = load(folder, AGENT)
    with pytest.raises(DocumentError, match=r"^\S*permissions\.yaml:1: rules: needs a list"):
        policy_of(config)
    other = override(config, permissions=Path("nope.yaml"))
    with pytest.raises(DocumentError, match=r"^nope\.yaml: file not found"):
        policy_of(other)
    (folder / "a.yaml").write_text("tools: 5\n")
    with pytest.raises(DocumentError, match=r"^\S*a\.yaml:1: tools: needs"):
        load(folder, AGENT + "tools: {http: [a.yaml]}\n")


def test_paths_start_at_the_folder_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    text = (
        "permissions: p/rules.yaml\nstorage: {path: ~/gate.db}\n"
        "tools: {python: [house.tools, more/tools.py, /abs/tools.py]}\n"
    )
    config = load(folder, AGENT + text)
    assert config.permissions == folder / "p" / "rules.yaml"
    assert config.storage.path == Path("/home/someone/gate.db")
    assert config.tools.python == ("house.tools", f"{folder}/more/tools.py", "/abs/tools.py")


def test_a_program_gives_the_same_form_as_a_dict(folder: Path) -> None:
    config = config_from_dict(
        {"agent": {"token": "an-agents-long-token"}, "tools": {"python": ["a.py"]}}, folder=folder
    )
    loaded = load(folder, AGENT + "tools: {python: [a.py]}")
    for field in ("gateway", "storage", "rate_limit", "tools", "permissions"):
        assert getattr(config, field) == getattr(loaded, field)
    assert who(config) == who(loaded)
    with pytest.raises(DocumentError) as caught:
        config_from_dict({"gateway": {"prot": 1}})
    assert str(caught.value) == "config: gateway.prot: unknown key 'prot'; did you mean 'port'?"
    assert config_of().permissions == Path("permissions.yaml")


# -- Who may connect ------------------------------------------------------------------------------


def test_principals_have_a_name_a_role_and_a_token_or_its_hash(folder: Path) -> None:
    text = f"""\
principals:
  - {{name: Gärtner 2, role: agent, token: the-gardeners-token}}
  - name: owner
    role: approver
    token_hash: {hash_token("owner").upper().replace("SHA", "sha")}
  - name: root
    role: operator
    token: ${{ROOT_TOKEN}}
"""
    config = load(folder, AGENT + text, ROOT_TOKEN="the-roots-long-token")
    assert who(config) == [
        Principal(name="agent", role=Role.AGENT),
        Principal(name="Gärtner 2", role=Role.AGENT),
        Principal(name="owner", role=Role.APPROVER),
        Principal(name="root", role=Role.OPERATOR),
    ]
    tokens = Tokens(config.identities)
    given = ("an-agents-long-token", "the-gardeners-token", "owner", "the-roots-long-token")
    assert [tokens.identify(token) for token in given] == who(config)
    assert all(type(principal.name) is str for principal in who(config))
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, role: agent}", "principals[0]: needs exactly one of token and token_hash"),
        (
            f"{{name: a, role: agent, token: x, token_hash: 'sha256:{'0' * 64}'}}",
            "principals[0]: needs exactly one of token and token_hash",
        ),
        ("{name: '', role: agent, token: x}", "principals[0].name: must not be empty"),
        ("{name: ' a', role: agent, token: x}", "principals[0].name: must be printable"),
        ('{name: "a\\n", role: agent, token: x}', "principals[0].name: must be printable"),
        (f"{{name: {'a' * 257}, role: agent, token: x}}", "must have at most 256 characters"),
        ("{role: agent, token: x}", "principals[0].name: is missing: add 'name'"),
        ("{name: a, role: admin, token: x}", "'admin' is not one of agent, approver, operator"),
        (
            f"{{name: a, role: agent, token: x, totp: {'A' * 32}}}",
            "principals[0].totp: the role agent answers no approvals: remove it",
        ),
        (
            "{name: a, role: approver, token: x, totp: 'no base32!'}",
            "principals[0].totp: is not base32: letters A to Z and digits 2 to 7",
        ),
        (
            f"{{name: a, role: approver, token: x, totp: {'A' * 16}}}",
            "principals[0].totp: has fewer than 14 bytes: make one of 32 base32 letters",
        ),
        ("{name: a, role: agent, token_hash: x}", "must be 'sha256:' and 64 hexadecimal digits"),
        ("{name: a, role: agent, token: 123456}", "principals[0].token: needs text: put it in"),
        ("{name: a, role: agent, token: ''}", "principals[0].token: the token is empty: put a"),
        ("{name: a, role: agent, token: ' xyz'}", "the token has spaces around it"),
        (f"{{name: a, role: agent, token: {'x' * 4097}}}", "has more than 4096 characters"),
        ("{name: agent, role: agent, token: x}", "name 'agent' is already used by agent.token"),
        ("{name: a, role: agent, token: an-agents-long-token}", "same token as that of 'agent'"),
        (
            f"{{name: a, role: agent, token_hash: '{hash_token('an-agents-long-token')}'}}",
            "principals[0].token_hash: is the same token as that of 'agent': give each its own",
        ),
    ],
)
def test_a_wrong_principal_stops_the_start_and_no_token_is_shown(
    folder: Path, entry: str, message: str
) -> None:
    error = refusal(folder, f"{AGENT}principals:\n- {entry}\n")
    assert error.startswith("config.yaml:3: principals[0]")
    assert message in error
    assert not re.search("123456|xyz|xxx|an-agents", error)


def test_two_principals_of_one_name_are_refused(folder: Path) -> None:
    entry = "- {name: a, role: agent, token: %s}\n"
    text = f"principals:\n{entry % 'one'}{entry % 'two'}"
    assert refusal(folder, text) == (
        "config.yaml:3: principals[1].name: name 'a' is already used: choose another"
    )


@pytest.mark.parametrize(
    "text", ["gateway: {port: 1}", "principals:\n- {name: o, role: operator, token: abc}"]
)
def test_a_gateway_that_nobody_could_use_says_what_to_add(folder: Path, text: str) -> None:
    principals = who(load(folder, text))
    with pytest.raises(DocumentError, match=r"^c\.yaml: nobody could use this gateway: add agent"):
        who_is_missing("c.yaml", principals)


def test_agents_whom_nobody_answers_are_warned_of(folder: Path) -> None:
    assert who_is_missing("c.yaml", who(load(folder, AGENT + OWNER))) == ()
    (warning,) = who_is_missing("c.yaml", who(load(folder, AGENT)))
    assert warning.startswith("c.yaml: nobody can answer approvals, so each will expire: add a")


def test_no_token_shows_in_a_repr(folder: Path) -> None:
    text = AGENT + OWNER
    config = load(folder, text)
    decoded = msgspec.convert({}, form.ConfigFile)
    secret = form.AgentConfig(token=form.Secret("an-agents-long-token"))
    for shown in (repr(config), repr(decoded), repr(secret)):
        assert "long-token" not in shown
        assert hash_token("an-agents-long-token")[7:] not in shown


# -- The environment ------------------------------------------------------------------------------


def test_the_environment_wins_over_dotenv_and_dotenv_over_nothing(folder: Path) -> None:
    (folder / ".env").touch(mode=0o600)
    (folder / ".env").write_text("A=from-the-dotenv-file\nB=from-the-dotenv-too\n")
    text = "agent: {token: '${A}'}\nprincipals:\n- {name: b, role: approver, token: '${B}'}\n"
    tokens = Tokens(load(folder, text, A="from-the-environment").identities)
    assert tokens.identify("from-the-environment") is not None
    assert tokens.identify("from-the-dotenv-too") is not None
    assert tokens.identify("from-the-dotenv-file") is None


def test_a_variable_that_is_not_set_is_named(folder: Path) -> None:
    assert refusal(folder, "agent:\n  token: ${AGENT_TOKEN}\n") == (
        "config.yaml:2: agent.token: environment variable AGENT_TOKEN is not set: "
        "export it or put it into .env"
    )


def test_a_wrong_line_in_dotenv_stops_the_start(folder: Path) -> None:
    (folder / ".env").write_text("oops-a-daisy\n")
    assert refusal(folder, AGENT) == ".env:1: needs NAME=value"


# -- Warnings -------------------------------------------------------------------------------------


def test_a_sound_configuration_warns_of_nothing(folder: Path) -> None:
    assert load(folder, AGENT + OWNER).warnings == ()


def test_the_secret_of_one_time_codes_belongs_to_its_principal(folder: Path) -> None:
    secret = "ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567"
    text = f"{AGENT}{OWNER.replace('}', f', totp: {secret}}}')}"
    config = load(folder, text)
    assert config.totp == {"owner": Secret(secret)}
    assert Secret(secret) in config.secrets, "it is masked"
    assert secret not in repr(config)


def test_weak_tokens_are_warned_of(folder: Path) -> None:
    text = """\
agent:
  token: short
principals:
- {name: b, role: agent, token: a b c d e f g h}
- {name: c, role: agent, token: "'0123456789abcdef'"}
"""
    warnings = [warning.removeprefix(f"{folder}/") for warning in load(folder, text).warnings]
    short = "the token has fewer than 16 characters: use a long random text"
    spaces = "the token has characters that HTTP cannot carry: it works over WebSocket only"
    assert warnings == [
        f"config.yaml:2: agent.token: {short}",
        f"config.yaml:4: principals[0].token: {short}",
        f"config.yaml:4: principals[0].token: {spaces}",
        (
            "config.yaml:5: principals[1].token: the token begins and ends with a quote, which is "
            "taken for a part of it: remove both"
        ),
    ]


def test_a_file_with_a_token_that_others_can_read_is_warned_of(folder: Path) -> None:
    path = folder / "config.yaml"
    load(folder, AGENT + OWNER)
    path.chmod(0o640)
    assert load(folder, AGENT + OWNER).warnings == (
        f"{path} holds a token and others can read it: chmod 600 {path}",
    )
    harmless = AGENT.replace("an-agents-long-token", "'${T}'") + OWNER.replace(
        "token: an-owners-long-token", f"token_hash: '{hash_token('owner')}'"
    )
    assert load(folder, harmless, T="an-agents-long-token").warnings == ()
    (folder / ".env").touch()
    (folder / ".env").chmod(0o604)
    assert load(folder, harmless, T="an-agents-long-token").warnings == (
        f"{folder}/.env can be read by others: chmod 600 {folder}/.env",
    )


# -- Flags and exposure ---------------------------------------------------------------------------


def test_flags_win_over_the_file_and_absent_flags_change_nothing() -> None:
    config = config_of(gateway={"host": "localhost", "port": 1, "insecure": True})
    assert override(config) == config
    changed = override(
        config, host="::1", port=0, insecure=True, permissions=Path("other/rules.yaml")
    )
    assert (changed.gateway.host, changed.gateway.port) == ("::1", 0)
    assert changed.permissions == Path("other/rules.yaml")
    assert override(config_of(), insecure=True).gateway.insecure


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"host": "a b"}, "--host: must be an address or a host name alone"),
        ({"port": 65_536}, "--port: must be 0 to 65535, found 65536"),
        ({"port": -1}, "--port: must be 0 to 65535, found -1"),
    ],
)
def test_a_wrong_flag_is_named(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        override(config_of(), **flags)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST.", "::ffff:127.0.0.1"],
)
def test_loopback_needs_no_tls(host: str) -> None:
    assert Host(host).is_loopback
    assert check_exposure(config_of(gateway={"host": host})) == ()


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.2", "::ffff:8.8.8.8", "127.1", "0", "gateway", "x.localhost"],
)
def test_any_other_host_needs_tls_or_insecure(host: str) -> None:
    config = config_of(gateway={"host": host})
    with pytest.raises(DocumentError) as caught:
        check_exposure(config)
    assert str(caught.value) == (
        f"config: gateway.host {host} is reachable from other machines: set gateway.tls.cert and "
        "gateway.tls.key, or gateway.insecure behind a proxy that adds TLS (--insecure)"
    )
    names, warning = check_exposure(override(config, insecure=True))
    assert names.startswith("gateway.allowed_hosts is empty")
    assert f"gateway.host {host} is reachable from other machines and tokens travel" in warning
    known = config_of(gateway={"host": host, "insecure": True, "allowed_hosts": ["gate.example"]})
    assert len(check_exposure(known)) == 1


def test_certificate_and_key_must_be_there(folder: Path) -> None:
    tls = {"cert": str(folder / "cert.pem"), "key": str(folder)}
    config = config_of(gateway={"host": "0.0.0.0", "tls": tls})
    with pytest.raises(DocumentError) as caught:
        check_exposure(config)
    assert [str(error) for error in (caught.value, *caught.value.others)] == [
        f"config: gateway.tls.cert: {folder}/cert.pem: file not found",
        f"config: gateway.tls.key: {folder}: is a folder, not a file",
    ]
    (folder / "cert.pem").touch()
    for key, message in (
        (folder / "cert.pem" / "key", "cannot be read: Not a directory"),
        (folder / "k\0", "cannot be read: embedded null byte"),
    ):
        gateway = {"tls": {"cert": str(folder / "cert.pem"), "key": str(key)}}
        with pytest.raises(DocumentError, match=message):
            check_exposure(config_of(gateway=gateway))
    (folder / "key.pem").touch()
    tls["key"] = str(folder / "key.pem")
    gateway = {"host": "0.0.0.0", "tls": tls, "allowed_hosts": ["gate.example"]}
    assert check_exposure(config_of(gateway=gateway)) == ()


@pytest.mark.parametrize("name", ["", "a b", "https://x", "x:1", "x/", "é", "a" * 300])
def test_a_name_of_the_gateway_is_a_host_name_alone(name: str) -> None:
    with pytest.raises(DocumentError, match="must be a host name alone"):
        config_of(gateway={"allowed_hosts": [name]})


def test_names_of_the_gateway_are_compared_in_small_letters_without_the_last_dot() -> None:
    config = config_of(gateway={"allowed_hosts": ["Gate.Example.", "*", "gate_1"]})
    assert config.gateway.allowed_hosts == ("gate.example", "*", "gate_1")


@pytest.mark.parametrize("network", ["", "proxy", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0"])
def test_a_trusted_proxy_is_an_address_or_a_network_and_not_everybody(network: str) -> None:
    with pytest.raises(DocumentError, match=r"trusted_proxies\[0\]: must "):
        config_of(gateway={"trusted_proxies": [network]})


def test_insecure_leaves_certificates_alone_and_says_so() -> None:
    gateway = {"tls": {"cert": "no/cert.pem", "key": "no/key.pem"}, "insecure": True}
    config = config_of(gateway=gateway)
    assert check_exposure(config) == ("gateway.tls is not used, because of insecure",)
    assert not config.gateway.serves_tls


# -- The example and the reference ----------------------------------------------------------------


def example_folder(folder: Path) -> Path:
    (folder / "config.yaml").write_text((ROOT / "config.example.yaml").read_text())
    dotenv = (ROOT / ".env.example").read_text()
    filled = re.sub(r"(?m)^(\w+)=$", lambda name: f"{name[1]}={new_token()}", dotenv)
    (folder / ".env").touch(mode=0o600)
    (folder / ".env").write_text(filled)
    return folder / "config.yaml"


def test_the_example_loads_with_the_example_dotenv_filled_in(folder: Path) -> None:
    config = load_config(example_folder(folder), environment={})
    assert who(config) == [
        Principal(name="agent", role=Role.AGENT),
        Principal(name="owner", role=Role.APPROVER),
    ]
    assert config.warnings == ()
    assert check_exposure(config) == ()


def test_the_example_with_an_empty_dotenv_says_what_to_fill_in(folder: Path) -> None:
    text = (ROOT / "config.example.yaml").read_text()
    (folder / ".env").write_text((ROOT / ".env.example").read_text())
    assert "agent.token: the token is empty: put a long random text there" in refusal(folder, text)


def test_the_example_shows_the_real_defaults() -> None:
    shown = yaml.safe_load((ROOT / "config.example.yaml").read_text())
    for key in ("agent", "principals"):
        del shown[key]
    assert msgspec.convert(shown, Shown) == msgspec.convert({}, Shown)
    assert len(shown) == len(Shown.__struct_fields__)


class Shown(msgspec.Struct, forbid_unknown_fields=True):
    """What the example gives defaults for, with plain types in the place of our texts."""

    gateway: dict[str, Any] = msgspec.field(
        default_factory=lambda: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in msgspec.structs.asdict(form.GatewayConfig()).items()
            if key != "tls" and value is not None
        }
    )
    storage: dict[str, Any] = msgspec.field(
        default_factory=lambda: {
            key: str(value) if isinstance(value, Path) else value
            for key, value in msgspec.structs.asdict(form.StorageConfig()).items()
        }
    )
    agents: dict[str, Any] = {}
    audit: dict[str, Any] = msgspec.field(
        default_factory=lambda: {
            key: value
            for key, value in msgspec.structs.asdict(form.AuditConfig()).items()
            if key != "head_file"
        }
    )
    approval_timeout: float = ConfigFile().approval_timeout
    rate_limit: dict[str, Any] = msgspec.field(
        default_factory=lambda: msgspec.structs.asdict(form.RateLimitConfig())
    )
    tools: dict[str, Any] = msgspec.field(
        default_factory=lambda: {
            **msgspec.structs.asdict(form.ToolsConfig()),
            "python": [],
            "http": [],
        }
    )
    sessions: dict[str, Any] = msgspec.field(
        default_factory=lambda: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in msgspec.structs.asdict(form.SessionsConfig()).items()
            if value is not None
        }
    )
    log: dict[str, Any] = msgspec.field(
        default_factory=lambda: msgspec.structs.asdict(form.LogConfig())
    )
    metrics: dict[str, Any] = msgspec.field(
        default_factory=lambda: msgspec.structs.asdict(form.MetricsConfig())
    )
    tracing: dict[str, Any] = msgspec.field(
        default_factory=lambda: msgspec.structs.asdict(form.TracingConfig())
    )
    permissions: str = str(ConfigFile().permissions)


def keys_of(kind: Any, above: str = "") -> dict[str, str]:
    """Every key of the form by its path, with the class that documents it."""
    found = {}
    for field in kind.fields:
        path = f"{above}{field.encode_name}"
        found[path] = f"{kind.cls.__name__}.{field.name}"
        members = field.type.types if isinstance(field.type, UnionType) else (field.type,)
        for item in ("item_type", "value_type"):
            members = tuple(getattr(member, item, member) for member in members)
        for member in members:
            if isinstance(member, StructType):
                found |= keys_of(member, f"{path}.")
    return found


def test_every_key_is_in_the_example_and_has_a_docstring() -> None:
    example = (ROOT / "config.example.yaml").read_text()
    here = Path(form.__file__).parent
    files = [*here.glob("*.py"), *(here.parent / "tools").rglob("form.py")]
    sources = [path.read_text() for path in files]
    classes = [
        node
        for source in sources
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
    ]
    documented = {
        f"{cls.name}.{statement.target.id}"
        for cls in classes
        for statement, after in zip(cls.body, cls.body[1:], strict=False)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
    keys = keys_of(type_info(ConfigFile))
    known = {"gateway.tls.key", "principals.token_hash", "sessions.models.price.cache_read"}
    assert known <= keys.keys()
    for path, place in keys.items():
        assert place in documented, f"{place} has no docstring"
        key = path.rpartition(".")[2]
        assert re.search(rf"(?m)^[ #-]*{key}:", example), f"{path} is not in config.example.yaml"


def test_a_database_is_a_file_and_no_folder(folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_text(f"{AGENT}{OWNER}storage: {{path: data/}}\n")
    with pytest.raises(DocumentError) as raised:
        load_config(path, environment={})
    assert (raised.value.path, raised.value.line) == ("storage.path", 4)
    assert raised.value.message.endswith("write the name of a file in it, data/agent-gate.db")


@pytest.mark.parametrize(
    "origin",
    [
        "https://x.example:8443",
        "http://[::1]:80",
        "capacitor://localhost",
        "chrome-extension://abc",
    ],
)
def test_pages_and_apps_may_be_let_in_by_their_origins(origin: str) -> None:
    assert config_of(gateway={"allowed_origins": [origin]}).gateway.allowed_origins == (origin,)
