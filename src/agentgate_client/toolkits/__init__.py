"""The gate's tools for programs that talk to a model themselves: one kit for each vendor's form."""
