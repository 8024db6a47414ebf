"""Approvals: where people are asked, and how their answers come back."""
