"""Minds: who thinks when, what is said, pledged and remembered. The rules' side of deliberation; no model is here."""
