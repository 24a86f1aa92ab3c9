using System.Text.Json;
using AiChat.Data.Imports;
using AiChat.Endpoints.Runs;

namespace AiChat.Endpoints.Imports;

/// <summary>Gathers what one message says, shows and did.</summary>
/// <param name="files">Puts its texts aside.</param>
internal sealed class MessageText(IChatFiles files)
{
    private readonly List<ImportedText> _content = [];
    private readonly List<ImportedText> _reasoning = [];
    private readonly List<Tool> _tools = [];

    public List<ImportedImage> Images { get; } = [];

    public string? Model { get; set; }

    public long? ReasoningMs { get; set; }

    public bool IsEmpty => _content.Count == 0 && _reasoning.Count == 0 && _tools.Count == 0 && Images.Count == 0;

    /// <summary>A copy, which grows on its own.</summary>
    public MessageText Fork()
    {
        var copy = new MessageText(files) { Model = Model, ReasoningMs = ReasoningMs };
        copy._content.AddRange(_content);
        copy._reasoning.AddRange(_reasoning);
        copy._tools.AddRange(_tools);
        copy.Images.AddRange(Images);
        return copy;
    }

    /// <summary>Adds a paragraph.</summary>
    public void Add(string? text) => Append(_content, text);

    public void Reason(string? text) => Append(_reasoning, text);

    /// <summary>Adds a text of its own, such as a file or a canvas, below its name.</summary>
    public void AddBlock(string name, string language, string text)
    {
        var fence = "```";
        while (text.Contains(fence, StringComparison.Ordinal))
        {
            fence += "`";
        }

        Add($"**{name.Replace('\n', ' ')}**\n\n{fence}{language}\n{text.TrimEnd()}\n{fence}");
    }

    /// <summary>Names a file whose bytes cannot be kept.</summary>
    public void AddFile(string name) => Add($"[{name.Replace('\n', ' ')}]");

    public void Call(string? id, string? name, string? arguments) => _tools.Add(new Tool(
        id is { Length: > 0 } ? id : $"call-{_tools.Count + 1}", name is { Length: > 0 } ? name : "tool", Keep(arguments), null, null));

    /// <summary>Adds the result to its call, or to the newest call without one.</summary>
    public void Result(string? id, string? name, string? result, string? error = null)
    {
        var at = id is null ? -1 : _tools.FindIndex(call => call.Id == id);
        at = at < 0 ? _tools.FindLastIndex(call => call.Result is null && call.Error is null) : at;
        if (at < 0)
        {
            Call(id, name, null);
            at = _tools.Count - 1;
        }

        _tools[at] = _tools[at] with { Result = Keep(result), Error = Keep(error) };
    }

    public ImportedMessage Message(string key, string? parentKey, string role, long? createdAt) => new()
    {
        Key = key,
        ParentKey = parentKey,
        Role = role,
        Content = Joined(_content),
        Reasoning = _reasoning.Count == 0 ? null : Joined(_reasoning),
        ReasoningMs = _reasoning.Count == 0 ? null : ReasoningMs,
        ToolCalls = _tools.Count == 0 ? null : ImportedText.From(() => JsonSerializer.Serialize(
            [.. _tools.Select(call => new StoredToolEvent(0, call.Read()))], RunsJson.Wire.IReadOnlyListStoredToolEvent)),
        Model = role == "assistant" ? Model : null,
        CreatedAt = createdAt,
        Images = Images,
    };

    /// <summary>Most messages are one text, which is not copied.</summary>
    private static ImportedText Joined(List<ImportedText> paragraphs) => paragraphs.Count switch
    {
        0 => ImportedText.Empty,
        1 => paragraphs[0],
        _ => ImportedText.From(() => string.Join("\n\n", paragraphs.Select(paragraph => paragraph.Read()))),
    };

    private ImportedText? Keep(string? text) => text is null ? null : files.Keep(text);

    private void Append(List<ImportedText> to, string? text)
    {
        if (text?.TrimEnd().TrimStart('\r', '\n') is { Length: > 0 } paragraph)
        {
            to.Add(files.Keep(paragraph));
        }
    }

    private sealed record Tool(string Id, string Name, ImportedText? Arguments, ImportedText? Result, ImportedText? Error)
    {
        public ToolCallResponse Read() => new(
            Id, Name, Error is null ? "succeeded" : "failed", Arguments?.Read(), Result?.Read(), Error?.Read());
    }
}
