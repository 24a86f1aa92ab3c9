using System.Globalization;
using System.Text.Json;
using AiChat.Data.NodePlatform;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>What an administrator of the Node.js platform decided about a model.</summary>
internal static class NodePlatformModels
{
    public static NodePlatformModel Map(SourceModel source)
    {
        using var meta = ConnectionMapping.Parse(source.Meta);
        return new NodePlatformModel(
            source.Model!,
            [.. ConnectionMapping.Names(source.Tags).Where(tag => tag.Length <= 40).Distinct().Take(20)],
            ConnectionMapping.Capabilities(source.Capabilities, denies: true),
            Number(meta, "context_window"),
            Number(meta, "custom_max_output_tokens"));
    }

    /// <summary>Null for a trace of nobody who was taken.</summary>
    /// <param name="users">The accounts here by their numbers there.</param>
    /// <param name="events">What was recorded. What the platform noted of the whole trace is put before them.</param>
    public static NodePlatformTrace? Map(
        SourceTrace source, IReadOnlyDictionary<long, long?> users, IReadOnlyList<NodePlatformTraceEvent> events)
    {
        if (source.Started is not { } started || source.Actor?.Split(':') is not ["user", var number]
            || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var there)
            || !users.TryGetValue(there, out var here))
        {
            return null;
        }

        using var meta = ConnectionMapping.Parse(source.Metadata);
        NodePlatformTraceEvent[] summary = meta?.RootElement.ValueKind == JsonValueKind.Object
            ? [new NodePlatformTraceEvent("summary", source.Ended ?? started, source.Metadata!)] : [];
        return new NodePlatformTrace
        {
            Key = ChatMapping.KeyOf(source.Id, source.Started),
            UserId = here ?? 0,
            ChatKey = source.ChatId is { } chat ? ChatMapping.KeyOf(chat, source.ChatCreated) : null,
            MessageKey = source.MessageId is { } message ? ChatMapping.KeyOf(message, source.MessageCreated) : null,
            ClientMessageId = source.ClientId,
            Provider = Text(meta, "provider"),
            Model = Text(meta, "model"),
            Status = source.Status?.Trim().ToLowerInvariant() switch
            {
                "error" or "failed" => "failed",
                "cancelled" or "running" => "stopped",
                _ => "completed",
            },
            StartedAt = started,
            EndedAt = source.Ended ?? started,
            EventCount = Math.Max(source.Events ?? 0, events.Count) + summary.Length,
            Events = [.. summary, .. events.Select(item => item with { At = item.At > 0 ? item.At : started })],
        };
    }

    private static string? Text(JsonDocument? meta, string name) =>
        meta?.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int? Number(JsonDocument? meta, string name) =>
        meta?.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0
            ? number : null;
}
