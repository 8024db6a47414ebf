"""Other gateways behind this one: what the parts that use them see of the links to them."""
