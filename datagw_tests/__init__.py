"""The tests of datagw. Shared fixtures stand in conftest.py; the promise that every gateway keeps in gateways/promise.py."""
