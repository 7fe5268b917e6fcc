"""Adapters behind the ports: the Postgres store, embedded servers, clients of models, settings."""
