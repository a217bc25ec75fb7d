"""A stand-in for an Ollama server: for tests, benchmarks, demonstrations and bug reports."""
