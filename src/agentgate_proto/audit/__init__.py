"""What the audit says of what happens, and the chain that binds its entries."""
