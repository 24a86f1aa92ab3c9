using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Chat;

/// <summary>The types of this room that cross the wire. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ActivateBranch))]
[JsonSerializable(typeof(ChangeSession))]
[JsonSerializable(typeof(CreateSession))]
[JsonSerializable(typeof(BulkChange))]
[JsonSerializable(typeof(BulkChanged))]
[JsonSerializable(typeof(DraftForm))]
[JsonSerializable(typeof(DraftResponse))]
[JsonSerializable(typeof(ForkSession))]
[JsonSerializable(typeof(PromptForm))]
[JsonSerializable(typeof(PromptPage))]
[JsonSerializable(typeof(PromptResponse))]
[JsonSerializable(typeof(SummaryForm))]
[JsonSerializable(typeof(WrittenSummary))]
[JsonSerializable(typeof(OwnSharePage))]
[JsonSerializable(typeof(ShareForm))]
[JsonSerializable(typeof(ShareResponse))]
[JsonSerializable(typeof(SharedChat))]
[JsonSerializable(typeof(FoundMessages))]
[JsonSerializable(typeof(MessagePage))]
[JsonSerializable(typeof(SessionPage))]
[JsonSerializable(typeof(SessionResponse))]
[JsonSerializable(typeof(ChatAgainRequest))]
[JsonSerializable(typeof(ChatStopRequest))]
[JsonSerializable(typeof(ChatStreamRequest))]
[JsonSerializable(typeof(List<RunResponse>))]
[JsonSerializable(typeof(CreatedImageResponse))]
[JsonSerializable(typeof(ImageLinksResponse))]
internal sealed partial class ChatJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static ChatJson Wire { get; } = new(JsonDefaults.Create());
}
