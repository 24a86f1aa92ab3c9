using System.Collections.Frozen;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// The members of the pieces of a conversation, by the piece's type, that are translated or change nothing of the answer: marks of caches,
/// ids and states of earlier answers, and their sources. <see cref="ForeignMembers.AddUnknownOf"/> names all others.
/// </summary>
internal static class PartMembers
{
    /// <summary>The parts of a chat completion's messages; a tool call has the type function.</summary>
    public static readonly FrozenDictionary<string, FrozenSet<string>> Chat = Table(
        ("text", "text"),
        ("refusal", "refusal"),
        ("image_url", "image_url"),
        ("input_audio", "input_audio"),
        ("file", "file"),
        ("function", "id index function extra_content"));

    /// <summary>The items of a Responses request and the parts of their content.</summary>
    public static readonly FrozenDictionary<string, FrozenSet<string>> Responses = Table(
        ("message", "id role status phase content"),
        ("function_call", "id status call_id namespace name arguments"),
        ("custom_tool_call", "id status call_id namespace name input"),
        ("function_call_output", "id status call_id output"),
        ("custom_tool_call_output", "id status call_id output"),
        ("input_text", "text"),
        ("output_text", "text annotations logprobs"),
        ("text", "text"),
        ("refusal", "refusal"),
        ("input_image", "image_url detail"),
        ("input_file", "file_data filename"));

    /// <summary>The blocks of Anthropic's messages. The caller of a tool is a tool that is refused itself, or the model.</summary>
    public static readonly FrozenDictionary<string, FrozenSet<string>> Messages = Table(
        ("text", "text citations"),
        ("image", "source"),
        ("document", "source title context citations"),
        ("search_result", "source title content citations"),
        ("tool_reference", "tool_name"),
        ("tool_use", "id name input caller"),
        ("tool_result", "tool_use_id content is_error"));

    private static FrozenDictionary<string, FrozenSet<string>> Table(params (string Type, string Members)[] rows) =>
        rows.ToFrozenDictionary(row => row.Type, row => Set(row.Members), StringComparer.Ordinal);

    private static FrozenSet<string> Set(string members) =>
        $"type cache_control {members}".Split(' ').ToFrozenSet(StringComparer.Ordinal);
}
