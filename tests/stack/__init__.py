"""The whole appliance in containers, on a Docker Engine of its own: `./scripts/test-system compose`."""
