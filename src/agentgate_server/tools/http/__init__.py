"""HTTP tools: declared in YAML, run by a backend's HTTP client.

``form`` is what the files say, ``templates`` puts arguments into a request so that they can't
break out of their place, ``answers`` makes a result of what came back, ``files`` reads and checks,
``tool`` runs.
"""
