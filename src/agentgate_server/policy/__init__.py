"""Policy: whether a request is allowed, denied, or a person is asked.

``engine`` loads ``permissions.yaml`` and decides, by asking each rule about a ``case``;
``explaining`` says why. A request is compared with rules by all that it may be taken for
(``readings``), which takes the forms of texts (``spelling``, ``confusables``), the values of
arguments (``leaves``) and the things that they name (``entities``, ``naming``). Rules (``rules``)
consist of patterns (``globs``, ``patterns``), conditions on arguments (``conditions``), ``hours``
and ``rates``; ``form`` and ``compiling`` make them of a file. ``linting`` finds what is most
likely not meant, ``shadows`` which rules never decide.
"""

from agentgate_server.policy.engine import Policy
from agentgate_server.policy.naming import Resolver
from agentgate_server.policy.signature import display_of, person_sees, signature_of

__all__ = ["Policy", "Resolver", "display_of", "person_sees", "signature_of"]
