"""The gateway's configuration: the form of ``config.yaml``, its checks, the checked result."""

from agentgate_server.config.agents import NamedAgentConfig, principals_of
from agentgate_server.config.exposure import check_exposure
from agentgate_server.config.faces import (
    AgentSpaceConfig,
    FacesConfig,
    UniversalAgentConfig,
    everybody,
)
from agentgate_server.config.form import (
    AgentConfig,
    AuditConfig,
    ConfigFile,
    GatewayConfig,
    LogConfig,
    MetricsConfig,
    PrincipalConfig,
    RateLimitConfig,
    StorageConfig,
    TlsConfig,
    ToolsConfig,
    TracingConfig,
)
from agentgate_server.config.identities import who_is_missing
from agentgate_server.config.load import Config, config_from_dict, load_config, override
from agentgate_server.config.messenger import (
    CompanionConfig,
    MessengerConfig,
    NtfyConfig,
    TelegramConfig,
    TelegramUser,
)
from agentgate_server.config.sessions import (
    BudgetConfig,
    ModelConfig,
    PriceConfig,
    SessionsConfig,
)

__all__ = [
    "AgentConfig",
    "AgentSpaceConfig",
    "AuditConfig",
    "BudgetConfig",
    "CompanionConfig",
    "Config",
    "ConfigFile",
    "FacesConfig",
    "GatewayConfig",
    "LogConfig",
    "MessengerConfig",
    "MetricsConfig",
    "ModelConfig",
    "NamedAgentConfig",
    "NtfyConfig",
    "PriceConfig",
    "PrincipalConfig",
    "RateLimitConfig",
    "SessionsConfig",
    "StorageConfig",
    "TelegramConfig",
    "TelegramUser",
    "TlsConfig",
    "ToolsConfig",
    "TracingConfig",
    "UniversalAgentConfig",
    "check_exposure",
    "config_from_dict",
    "everybody",
    "load_config",
    "override",
    "principals_of",
    "who_is_missing",
]
