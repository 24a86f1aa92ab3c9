namespace AiChat.Endpoints.Compat;

/// <summary>What the answer of an endpoint is made of, to estimate its tokens when the provider does not count them.</summary>
internal enum MeteredAnswer
{
    /// <summary>Scores or sound, which cost what the question costs.</summary>
    Other,
    Text,
    Images,
}

/// <summary>
/// An endpoint of OpenAI's API beside the chat. Its requests go to a provider that has it, and its replies come back as they are; the
/// members that the server owns are the model, the key and where the call goes.
/// </summary>
/// <param name="Path">The path below /v1, the same here and at the provider.</param>
internal sealed record MeteredEndpoint(string Path)
{
    /// <summary>Members whose text is the prompt.</summary>
    public required IReadOnlyList<string> Prompt { get; init; }

    public MeteredAnswer Answer { get; init; }

    /// <summary>The body is a form with a file, not JSON.</summary>
    public bool IsForm { get; init; }

    /// <summary>The vendor's model when the request names none.</summary>
    public string? DefaultModel { get; init; }

    /// <summary>A person asks for it, so that it counts as a message; the others serve programs between two questions.</summary>
    public bool IsAsked { get; init; } = true;

    /// <summary>A stream counts its tokens only when it is asked to.</summary>
    public bool StreamsUsageOnRequest { get; init; }

    /// <summary>
    /// All of them (OpenAI API reference: "Completions", "Audio", "Images", "Moderations"; the rerank API of Jina, Cohere, vLLM and
    /// llama.cpp). Embeddings are not among them, because they are translated for providers of other protocols.
    /// </summary>
    public static IReadOnlyList<MeteredEndpoint> All { get; } =
    [
        new("completions") { Prompt = ["prompt", "suffix"], Answer = MeteredAnswer.Text, StreamsUsageOnRequest = true },
        new("audio/speech") { Prompt = ["input", "instructions"] },
        new("audio/transcriptions") { Prompt = ["prompt"], Answer = MeteredAnswer.Text, IsForm = true },
        new("audio/translations") { Prompt = ["prompt"], Answer = MeteredAnswer.Text, IsForm = true },
        new("images/generations") { Prompt = ["prompt"], Answer = MeteredAnswer.Images },
        new("images/edits") { Prompt = ["prompt"], Answer = MeteredAnswer.Images, IsForm = true },
        new("images/variations") { Prompt = [], Answer = MeteredAnswer.Images, IsForm = true, DefaultModel = "dall-e-2" },
        new("rerank") { Prompt = ["query", "documents"], IsAsked = false },
        new("moderations") { Prompt = ["input"], IsAsked = false, DefaultModel = "omni-moderation-latest" },
    ];
}
