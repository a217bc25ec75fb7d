"""The state machine: edges, routing, and the runs that go through it."""
