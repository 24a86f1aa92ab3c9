using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Runs;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(MessageResponse))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(DoneEvent))]
[JsonSerializable(typeof(IReadOnlyList<StoredToolEvent>))]
[JsonSerializable(typeof(ToolCallResponse))]
[JsonSerializable(typeof(QuotaResponse))]
[JsonSerializable(typeof(ReasoningDoneEvent))]
[JsonSerializable(typeof(RetryEvent))]
[JsonSerializable(typeof(SessionParameters))]
[JsonSerializable(typeof(ReasoningRequest))]
[JsonSerializable(typeof(StartEvent))]
[JsonSerializable(typeof(TitleEvent))]
[JsonSerializable(typeof(UsageResponse))]
internal sealed partial class RunsJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static RunsJson Wire { get; } = new(JsonDefaults.Create(
        new OptionalConverter<SessionParameters?>(),
        new OptionalConverter<ReasoningRequest?>()));
}
