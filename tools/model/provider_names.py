"""Which names of models mean a provider of LangChain's, and which an Ollama model with a tag."""

OLLAMA = "ollama"
PROVIDERS = frozenset(
    {
        "anthropic",
        "anthropic_bedrock",
        "azure_ai",
        "azure_openai",
        "baseten",
        "bedrock",
        "bedrock_converse",
        "bedrock_mantle_anthropic",
        "bedrock_mantle_openai",
        "cohere",
        "deepseek",
        "fireworks",
        "google_anthropic_vertex",
        "google_genai",
        "google_vertexai",
        "groq",
        "huggingface",
        "ibm",
        "langsmith",
        "litellm",
        "meta",
        "mistralai",
        "nvidia",
        OLLAMA,
        "openai",
        "openrouter",
        "perplexity",
        "together",
        "upstage",
        "xai",
    }
)
"""Those of `init_chat_model` in langchain 1.4; kept here since to ask it takes seconds."""


def provider_of(name: str) -> tuple[str, str] | None:
    """Provider and model of a name such as `openai:gpt-5`; None for a name that has none.

    An Ollama model with a tag, such as `qwen2.5-coder:7b`, has none. Where a model in Ollama is
    called as a provider is, `ollama:` before its name makes it plain.
    """
    provider, colon, model = name.partition(":")
    return (provider, model) if colon and model and provider in PROVIDERS else None
